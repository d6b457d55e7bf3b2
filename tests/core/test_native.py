"""Compiled code is made once, and never taken for that of another kind of machine."""

from __future__ import annotations

from pathlib import Path

import pytest

from heart.core import native
from heart.core.errors import StorageError

ANSWER = "long answer(void) { return 42; }"


def test_a_library_belongs_to_text_flags_and_processor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Instructions of this processor may be unknown to the next one that shares the cache."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))

    def count(text: str = ANSWER, flags: tuple[str, ...] = ("-O1",)) -> int:
        assert native.load(text, flags).answer() == 42
        return len(list((tmp_path / "kernels").glob("*.so")))

    assert [count(), count()] == [1, 1]
    assert count(flags=("-O2",)) == 2
    assert count(ANSWER + "int other;") == 3
    monkeypatch.setattr(native, "processor", lambda: "another")
    assert count() == 4


def test_a_failure_says_what_was_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A user who sees it has to know which part of a run asked for a compiler."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    with pytest.raises(StorageError, match="cannot compile a law"):
        native.load("this is no C", (), what="a law")
