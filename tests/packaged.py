"""A packaged scenario run as a user runs it, and what of its expected results is missed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from heart.study import expected

ROOT = Path(__file__).resolve().parents[1]


def run_packaged(name: str, folder: Path) -> Path:
    """Run scenarios/NAME.yaml, check that it ends well, and return the folder of the run."""
    ended = subprocess.run(
        [sys.executable, "-m", "heart", "run", str(ROOT / "scenarios" / f"{name}.yaml"),
         "-o", "out"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=3600, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return folder / "out"


def missed(name: str, run: Path) -> list[tuple[str, object, float, float]]:
    """Return (quantity, found, expected, tolerance) of all that is not as expected."""
    found = json.loads((run / "qoi.json").read_text(encoding="utf-8"))
    return [
        (item.name, expected.value_of(found, item.name), item.value, item.tolerance)
        for item in expected.load(Path(name).name)
        if not item.holds(expected.value_of(found, item.name))
    ]


def check_page(run: Path) -> None:
    """Check that the report says what it is for and loads nothing from elsewhere."""
    page = (run / "report.html").read_text(encoding="utf-8")
    assert "esearch use only" in page
    assert 'src="http' not in page
