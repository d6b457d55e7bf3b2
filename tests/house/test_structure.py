"""The shape of the code that readers rely on: direction of imports, size of files."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

LONGEST = 500


def modules(root: Path) -> list[Path]:
    return sorted((root / "heart").rglob("*.py"))


def test_imports_go_down_only(repo_root: Path) -> None:
    """A study never reaches into a form and a form never reads YAML: the contract says so."""
    pytest.importorskip("importlinter")
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"]
    done = subprocess.run(
        command, cwd=repo_root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_module_is_longer_than_a_reader_can_hold(repo_root: Path) -> None:
    """One noun per file; beyond this it is two nouns."""
    lengths = {
        str(path.relative_to(repo_root)): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules(repo_root)
    }
    assert lengths
    assert not {path: n for path, n in lengths.items() if n > LONGEST}


def test_every_module_says_what_it_is_for(repo_root: Path) -> None:
    """The docstring of the file is where a newcomer starts."""
    silent = [
        path
        for path in modules(repo_root)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def test_test_files_have_unique_names(repo_root: Path) -> None:
    """Failures are reported by file name: two of the same name send readers to the wrong one."""
    names = [path.name for path in (repo_root / "tests").rglob("test_*.py")]
    assert len(names) == len(set(names)), sorted(n for n in set(names) if names.count(n) > 1)


def test_shipped_folders_exist_and_are_in_the_wheel(repo_root: Path) -> None:
    """An installed `heart` looks its hearts, profiles and questions up in its own package."""
    with (repo_root / "pyproject.toml").open("rb") as stream:
        settings = tomllib.load(stream)
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert set(included) == {"meshes", "solvers", "scenarios", "docs/refs.bib"}
    for source, target in included.items():
        assert target == f"heart/_data/{source}"
        path = repo_root / source
        assert path.is_file() or any(path.rglob("*.yaml")), source


def test_version_is_the_same_everywhere(repo_root: Path) -> None:
    """A result names the version it came from; the citation must name the same."""
    import heart

    with (repo_root / "pyproject.toml").open("rb") as stream:
        version = tomllib.load(stream)["project"]["version"]
    assert heart.__version__ == version
    assert f'version: "{version}"' in (repo_root / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{version}]" in (repo_root / "CHANGELOG.md").read_text(encoding="utf-8")


def test_no_machine_path_is_committed(repo_root: Path) -> None:
    """A path of somebody's home or mount works on one machine only."""
    git = shutil.which("git")
    if git is None:
        pytest.skip("needs git to know what is committed")
    listing = subprocess.run(
        [git, "-C", str(repo_root), "ls-files", "-z"], capture_output=True, check=False
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout")
    suffixes = {".py", ".toml", ".yaml", ".yml", ".lock", ".md", ".sh", ".cff", ""}
    for name in filter(None, listing.stdout.decode().split("\0")):
        path = repo_root / name
        if path.suffix not in suffixes or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for folder in ("/home/" + "runner", "/root" + "/", "/Users" + "/"):
            assert folder not in text, f"{name} contains {folder}"
