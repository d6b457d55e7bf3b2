"""The packaged mechanics scenarios as a user runs them, against their expected results."""

from __future__ import annotations

from pathlib import Path

import pytest

from heart.numerics import series
from tests.packaged import ROOT, check_page, missed, run_packaged

QUICK = ["benchmarks/land2015_p1"]
SLOW = sorted(
    f"{folder}/{path.stem}"
    for folder, pattern in (
        ("benchmarks", "land2015_p*"),
        ("benchmarks", "elastodynamics_*"),
        ("mechanics", "*"),
    )
    for path in (ROOT / "scenarios" / folder).glob(f"{pattern}.yaml")
    if f"{folder}/{path.stem}" not in QUICK
)
# A beat with inertia takes minutes; the first of its kind stands for all in every run of the tests,
# and a small ventricle (test_mechanics_wall) for the heart that contracts.
_BEATS = ("mono_0a", "mono_0b", "mono_2a", "mono_2b", "mono_2c", "pair")
LONG = ("contract", "fit_klotz", *(f"elastodynamics_{name}" for name in _BEATS))


def _marked(name: str) -> object:
    mark = pytest.mark.long if name.endswith(LONG) else pytest.mark.slow
    return pytest.param(name, marks=mark)


@pytest.mark.parametrize("name", [*QUICK, *map(_marked, SLOW)])
def test_scenario_gives_its_expected_results(name: str, tmp_path: Path) -> None:
    """A change of these numbers is a change of the answer, and somebody has to explain it."""
    run = run_packaged(name, tmp_path)
    assert missed(name, run) == []
    steps, _, grid = series.read(run / "fields" / "deformation.vtkhdf", 1)
    assert steps > 1
    assert "fibre_stretch" in grid.array_names
    check_page(run)
