"""The licence list is complete and nothing that would bind our users has slipped in.

A copyleft package that arrives as the dependency of a dependency changes what a hospital may do
with the whole program, and nobody reads lock files: so a test does.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

FORBIDDEN = {
    "tetgen",
    "pymeshfix",
    "pymeshlab",
    "pygalmesh",
    "openep-py",
    "openep",
    "pyceps",
    "jax-fem",
    "fim-python",
    "fimpy",
}
PINNED = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;\\]+)", re.MULTILINE)
LOCKS = ("base", "dev", "build")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(root: Path, lock: str) -> dict[str, str]:
    text = (root / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    return {normal(name): version for name, version in PINNED.findall(text)}


def imported(path: Path) -> set[str]:
    """Return the top-level names of everything a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
        elif (
            isinstance(node, ast.Call)
            and getattr(node.func, "attr", getattr(node.func, "id", "")) == "import_module"
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            names.add(str(node.args[0].value).partition(".")[0])
    return names


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_is_listed_with_its_version(repo_root: Path, lock: str) -> None:
    """Whoever passes an installation on has to know what is in it: this very version of it."""
    text = (repo_root / "LICENSES.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([a-z0-9-]+) \| (\S+) \| \S.* \|$", text, re.MULTILINE))
    packages = pinned(repo_root, lock)
    assert packages
    unlisted = {n: v for n, v in packages.items() if rows.get(n) != v}
    assert not unlisted, "run `make licences`"


@pytest.mark.parametrize("lock", LOCKS)
def test_no_forbidden_package_is_locked(repo_root: Path, lock: str) -> None:
    """AGPL and GPL packages would put their terms on every user of a plain install."""
    assert not FORBIDDEN & set(pinned(repo_root, lock))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_hashes_and_comes_from_the_index(
    repo_root: Path, lock: str
) -> None:
    """A lock without hashes, or with somebody's local folder in it, locks nothing."""
    text = (repo_root / "requirements" / f"{lock}.lock").read_text(encoding="utf-8")
    blocks = re.split(r"^(?=[A-Za-z0-9])", text, flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"file:|find-links|index-url|@ |^/", text, re.MULTILINE)


def test_the_locks_agree(repo_root: Path) -> None:
    """What is tested (dev) is what is shipped (base)."""
    base, dev = pinned(repo_root, "base"), pinned(repo_root, "dev")
    assert base == {name: dev.get(name) for name in base}


def test_only_listed_packages_are_imported(repo_root: Path) -> None:
    """Reading a file format is fine, importing the AGPL library that wrote it is not."""
    modules = {name.replace("-", "_") for name in FORBIDDEN}
    for path in (repo_root / "heart").rglob("*.py"):
        found = {name.lower() for name in imported(path)} & modules
        assert not found, f"{path.relative_to(repo_root)} imports {found}"


def test_gmsh_is_imported_in_exactly_one_file(repo_root: Path) -> None:
    """The GPL boundary is one file wide: without gmsh everything else still works."""
    files = [p for p in (repo_root / "heart").rglob("*.py") if "gmsh" in imported(p)]
    assert len(files) == 1, [str(p.relative_to(repo_root)) for p in files]


def test_gmsh_is_imported_lazily(repo_root: Path) -> None:
    """Importing any of heart/ but that one file must not need gmsh: it may not be installed."""
    files = list((repo_root / "heart").rglob("*.py"))
    border = {p.stem for p in files if "gmsh" in imported(p)}
    for path in files:
        if path.stem in border:
            continue
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            named: set[str] = set()
            if isinstance(node, ast.Import):
                named = {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                named = {node.module or "", *(alias.name for alias in node.names)}
            ends = {name.rpartition(".")[2] for name in named}
            assert not ends & border, f"{path.relative_to(repo_root)} needs gmsh when imported"
