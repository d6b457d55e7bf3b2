"""No file outside a case's folder is ever read, whatever the YAML says."""

import os

import pytest

from heart.core.errors import ScenarioError, UnsafeInputError
from heart.core.paths import inside, packaged


def test_files_inside_are_found(tmp_path):
    """The normal case."""
    (tmp_path / "a.nii").write_text("x")
    assert inside(tmp_path / "a.nii", tmp_path).name == "a.nii"


def test_every_way_out_is_refused(tmp_path):
    """Dots, absolute paths, links and pipes are how a case from a stranger reads your files."""
    root, outside = tmp_path / "case", tmp_path / "secret"
    root.mkdir()
    outside.write_text("x")
    (root / "link").symlink_to(outside)
    os.mkfifo(root / "pipe")
    for name in ("../secret", str(outside), "link", "pipe", "."):
        with pytest.raises(UnsafeInputError):
            inside(root / name, root)
    with pytest.raises(ScenarioError):
        inside(root / "absent", root)


@pytest.mark.parametrize("folder", ["meshes", "solvers", "scenarios"])
def test_packaged_folders_are_found(folder):
    """The same code finds them in a checkout and in an installed wheel."""
    assert any(packaged(folder).iterdir())
