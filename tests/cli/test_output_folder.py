"""Output folders appear whole or not at all, and nothing else is ever replaced."""

from __future__ import annotations

from pathlib import Path

import pytest

from heart.cli.folder import MANIFEST, check_free, new_folder
from heart.core.errors import InterruptedRunError, StorageError


def old_run(folder: Path) -> Path:
    """An older run with a file that must survive failures."""
    folder.mkdir()
    (folder / MANIFEST).write_text("{}")
    (folder / "qoi.json").write_text("old")
    return folder


def test_folder_appears_at_the_end(tmp_path: Path) -> None:
    """A reader that finds the folder finds all of it."""
    target = tmp_path / "runs" / "a"
    with new_folder(target, overwrite=False) as folder:
        (folder / "qoi.json").write_text("new")
        assert not target.exists()
    assert (target / "qoi.json").read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["a"]


@pytest.mark.parametrize("error", [ValueError, MemoryError, InterruptedRunError, KeyboardInterrupt])
def test_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    """A run that fails in its last second must not cost the one before it."""
    target = old_run(tmp_path / "a")

    def fail() -> None:
        with new_folder(target, overwrite=True) as folder:
            (folder / "qoi.json").write_text("half")
            raise error("stop")

    with pytest.raises(error):
        fail()
    assert (target / "qoi.json").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_older_run_is_replaced_only_when_asked(tmp_path: Path) -> None:
    """Results are somebody's work."""
    target = old_run(tmp_path / "a")
    with pytest.raises(StorageError, match="--overwrite"), new_folder(target, overwrite=False):
        pass
    with new_folder(target, overwrite=True) as folder:
        (folder / "report.html").write_text("new")
    assert [path.name for path in target.iterdir()] == ["report.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_folder_that_is_no_run_is_never_replaced(tmp_path: Path) -> None:
    """`-o ~ --overwrite` must not remove a home."""
    (tmp_path / "thesis.tex").write_text("years")
    with pytest.raises(StorageError, match="not the folder of a run"):
        check_free(tmp_path, overwrite=True)
    file = tmp_path / "thesis.tex"
    with pytest.raises(StorageError):
        check_free(file, overwrite=True)
    (tmp_path / "empty").mkdir()
    check_free(tmp_path / "empty", overwrite=False)


def test_a_failure_leaves_no_empty_parents(tmp_path: Path) -> None:
    """Nothing is written means nothing: not even the folders that would have held it."""
    with (
        pytest.raises(ValueError, match="stop"),
        new_folder(tmp_path / "runs" / "deep" / "one", overwrite=False),
    ):
        raise ValueError("stop")
    assert list(tmp_path.iterdir()) == []
