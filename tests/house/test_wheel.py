"""What users of `pip install` get is what the checkout has: code, hearts, profiles, questions."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    pytest.importorskip("hatchling")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(
        command, cwd=repo_root, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return zipfile.ZipFile(next(folder.glob("*.whl")))


def test_wheel_ships_the_folders_people_edit(wheel: zipfile.ZipFile, repo_root: Path) -> None:
    """Without them an installed `heart run` has no heart, no solver profile and no question."""
    names = set(wheel.namelist())
    for folder in ("meshes", "solvers", "scenarios"):
        files = [p for p in (repo_root / folder).rglob("*.yaml") if p.is_file()]
        assert files
        for path in files:
            assert f"heart/_data/{path.relative_to(repo_root).as_posix()}" in names


def test_wheel_is_one_import_package_without_caches(wheel: zipfile.ZipFile) -> None:
    """Top-level `meshes` or `tests` in somebody's site-packages collide; caches are not ours."""
    names = wheel.namelist()
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"heart"}
    assert not [n for n in names if "__pycache__" in n or n.endswith((".nbi", ".nbc", ".pyc"))]


def test_wheel_has_the_command_and_keeps_gmsh_optional(wheel: zipfile.ZipFile) -> None:
    """`heart` is the command, and a plain install brings neither gmsh nor a second DOLFINx."""
    info = next(n.split("/")[0] for n in wheel.namelist() if n.endswith(".dist-info/METADATA"))
    assert "heart = heart.cli.app:main" in wheel.read(f"{info}/entry_points.txt").decode()
    metadata = wheel.read(f"{info}/METADATA").decode()
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert any("gmsh" in line and "extra == 'mesh'" in line for line in needed)
    assert any("dolfinx" in line and "extra == 'solver'" in line for line in needed)
    plain = [line for line in needed if "extra ==" not in line]
    assert not [line for line in plain if "gmsh" in line or "dolfinx" in line]
