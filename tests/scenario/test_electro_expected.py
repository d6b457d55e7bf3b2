"""The packaged scenarios of electrophysiology and CRT as a user runs them: expected results."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from heart.study import expected

ROOT = Path(__file__).resolve().parents[2]
# The coarse CRT run has a file of its own; the others take minutes.
QUICK = ["electro/virtual_electrodes"]
LONG = sorted(
    name
    for name in (
        "benchmarks/niederer2011",
        *(f"electro/{path.stem}" for path in (ROOT / "scenarios" / "electro").glob("*.yaml")),
        *(f"crt/{path.stem}" for path in (ROOT / "scenarios" / "crt").glob("*.yaml")),
    )
    if name not in (*QUICK, "crt/ct_lbbb_coarse")
)


@pytest.mark.parametrize(
    "name",
    [
        *(pytest.param(name, marks=pytest.mark.slow) for name in QUICK),
        *(pytest.param(name, marks=pytest.mark.long) for name in LONG),
    ],
)
def test_scenario_gives_its_expected_results(name: str, tmp_path: Path) -> None:
    """A change of these numbers is a change of the answer, and somebody has to explain it."""
    ended = subprocess.run(
        [sys.executable, "-m", "heart", "run", str(ROOT / "scenarios" / f"{name}.yaml"),
         "-o", "out"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=3600, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    folder = tmp_path / "out"
    found = json.loads((folder / "qoi.json").read_text(encoding="utf-8"))
    missed = [
        (item.name, expected.value_of(found, item.name), item.value, item.tolerance)
        for item in expected.load(Path(name).name)
        if not item.holds(expected.value_of(found, item.name))
    ]
    assert missed == []
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "esearch use only" in page
    assert 'src="http' not in page
