"""Myokit is a reader here: importing it must leave home folders alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

CODE = "from heart.electro.ionic.text import read_text; print(read_text('mitchell_schaeffer').name)"


def read_text_with_home(home: Path, root: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, "-c", CODE],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_nothing_is_written_to_the_home_folder(tmp_path: Path, repo_root: Path) -> None:
    """A solver that drops settings files into a home folder surprises its user."""
    ended = read_text_with_home(tmp_path, repo_root)
    assert ended.stdout.strip() == "mitchell_schaeffer", ended.stderr
    assert not list(tmp_path.iterdir())


def test_a_home_folder_that_cannot_be_written_is_enough(repo_root: Path) -> None:
    """Containers and batch jobs often have no writable home; a cell model needs none."""
    ended = read_text_with_home(Path("/proc/no/home"), repo_root)
    assert ended.stdout.strip() == "mitchell_schaeffer", ended.stderr
