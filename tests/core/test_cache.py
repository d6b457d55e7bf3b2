"""The cache returns what was stored, makes it once, and never trusts a damaged entry."""

import numpy as np
import pytest

from heart.core import cache


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))


def test_second_call_reads_the_same_arrays_and_does_not_make_them():
    """A mesh of a minute is made once per content."""
    calls = []

    def make():
        calls.append(1)
        return {"a": np.arange(5.0), "b": np.array([[1, 2]])}

    first = cache.cached_arrays("mesh", "k", make)
    second = cache.cached_arrays("mesh", "k", make)
    assert len(calls) == 1
    assert all(np.array_equal(first[name], second[name]) for name in ("a", "b"))


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04 not a zip", b"noise" * 100])
def test_a_damaged_entry_is_made_again(tmp_path, damage):
    """A killed process or a full disk must not poison later runs."""
    cache.cached_arrays("mesh", "k", lambda: {"a": np.ones(3)})
    (tmp_path / "mesh" / "k.npz").write_bytes(damage)
    again = cache.cached_arrays("mesh", "k", lambda: {"a": np.full(3, 2.0)})
    assert np.array_equal(again["a"], np.full(3, 2.0))


def test_objects_are_refused():
    """Pickled objects can run code when read: only plain arrays go in."""
    with pytest.raises(ValueError, match="allow_pickle"):
        cache.cached_arrays("mesh", "k", lambda: {"a": np.array([{}, None], dtype=object)})
    assert not list(cache.cache_root().glob("mesh/*"))


def test_the_key_depends_on_content_type_and_order(tmp_path):
    """Two different inputs must never share an entry."""
    file = tmp_path / "x"
    file.write_bytes(b"abc")
    keys = {
        cache.content_hash(np.arange(3)),
        cache.content_hash(np.arange(3.0)),
        cache.content_hash(np.arange(3).reshape(1, 3)),
        cache.content_hash(1, 2),
        cache.content_hash(2, 1),
        cache.content_hash("12"),
        cache.content_hash(file),
    }
    assert len(keys) == 7
    assert cache.content_hash({"a": 1, "b": 2}) == cache.content_hash({"b": 2, "a": 1})
