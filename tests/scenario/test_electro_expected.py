"""The packaged scenarios of electrophysiology and CRT as a user runs them: expected results."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaged import ROOT, check_page, missed, run_packaged

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
    run = run_packaged(name, tmp_path)
    assert missed(name, run) == []
    check_page(run)
