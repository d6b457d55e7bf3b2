"""The demo's coarse variant, from the label map to the page, as a user runs it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from heart.study import expected

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = ROOT / "scenarios" / "crt" / "ct_lbbb_coarse.yaml"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of one run of the command."""
    folder = tmp_path_factory.mktemp("coarse")
    ended = subprocess.run(
        [sys.executable, "-m", "heart", "run", str(SCENARIO), "-o", "out"],
        cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    assert [path.name for path in folder.iterdir()] == ["out"]
    return folder / "out"


@pytest.fixture(scope="module")
def quantities(run_dir: Path) -> dict[str, Any]:
    """What the run found."""
    found: dict[str, Any] = json.loads((run_dir / "qoi.json").read_text(encoding="utf-8"))
    return found


def test_run_folder_is_complete(run_dir: Path) -> None:
    """Scripts and people look for these names."""
    names = {str(path.relative_to(run_dir)) for path in run_dir.rglob("*") if path.is_file()}
    assert names >= {
        "scenario.resolved.yaml", "run.json", "qoi.json", "report.html", "events.jsonl",
        "fields/heart.vtkhdf", "figures/lead_map.png",
    }  # fmt: skip
    record = json.loads((run_dir / "run.json").read_text(encoding="utf-8"))
    assert record["use"] == "research use only"
    assert record["seed"] == 20260
    page = (run_dir / "report.html").read_text(encoding="utf-8")
    assert "esearch use only" in page
    for outside in ('src="http', "src='http", 'href="http://cdn', "@import url(http"):
        assert outside not in page


def test_conduction_is_that_of_people(quantities: dict[str, Any]) -> None:
    """Normal QRS 70 to 110 ms; left bundle branch block 130 to 180 ms with LVAT-95 from 85 ms."""
    value = {name: one["value"] for name, one in quantities.items() if "." in name}
    assert 70.0 <= value["normal.qrs_duration"] <= 110.0
    assert 130.0 <= value["baseline.qrs_duration"] <= 180.0
    assert value["baseline.lvat95"] >= 85.0
    assert value["best.bivat90"] < value["baseline.bivat90"]


def test_block_looks_like_left_bundle_branch_block(run_dir: Path) -> None:
    """V1 mostly negative, V6 and I mostly positive: what a reader of the ECG expects."""
    lines = (run_dir / "traces" / "ecg_baseline.csv").read_text(encoding="utf-8").splitlines()
    head = lines[0].split(",")
    rows = [[float(word) for word in line.split(",")] for line in lines[1:]]
    qrs = [row for row in rows if 0.0 <= row[0] <= 140.0]
    area = {name: sum(row[head.index(f"{name}_mV")] for row in qrs) for name in ("I", "V1", "V6")}
    assert area["V1"] < 0.0
    assert area["V6"] > 0.0
    assert area["I"] > 0.0


def test_ranking_is_ordered_and_every_site_is_told(quantities: dict[str, Any]) -> None:
    """Ranks count from 1, probabilities add to one, and sites that do not capture are listed."""
    ranking = quantities["ranking"]
    ranked = [row for row in ranking if row["captured"]]
    assert [row["rank"] for row in ranked] == list(range(1, len(ranked) + 1))
    assert sum(row["p_best"] for row in ranked) == pytest.approx(1.0, abs=1e-6)
    assert quantities["members"] == 3 or quantities["members"]["value"] == 3


def test_run_gives_the_expected_results(quantities: dict[str, Any]) -> None:
    """A change of these numbers is a change of the answer, and somebody has to explain it."""
    missed = [
        (item.name, expected.value_of(quantities, item.name), item.value, item.tolerance)
        for item in expected.load("ct_lbbb_coarse")
        if not item.holds(expected.value_of(quantities, item.name))
    ]
    assert missed == []


def test_every_scenario_has_expected_results() -> None:
    """A question nobody knows the answer of is no example."""
    names = {path.stem for path in (ROOT / "scenarios").glob("*/*.yaml")}
    assert names == {path.stem for path in (ROOT / "scenarios" / "expected").glob("*.json")}
    assert all(expected.load(name) for name in names)
