"""The CRT screen as data: committed files are valid, complete, and their draws repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import ParameterError, ScenarioError
from heart.core.validation import as_yaml_data, validate
from heart.core.yaml import read_text
from heart.electro.velocity import ConductionVelocity
from heart.scenario.crt import CrtScenario
from heart.scenario.load import KINDS, load_scenario, resolved_text
from heart.scenario.priors import Priors, draw_members
from heart.scenario.schema import schema_text
from heart.scenario.sources import sources_of

MINIMAL = """\
heart_twin: 1
kind: crt_screen
name: minimal
case: meshes/ct_four_chamber
candidates: [{kind: rv_apex}, {kind: his}]
"""


def committed(root: Path) -> list[Path]:
    """Every scenario file of the repository."""
    return sorted(
        path for path in (root / "scenarios").rglob("*.yaml") if "expected" not in path.parts
    )


def test_committed_scenarios_are_valid_and_resolve_to_themselves(repo_root: Path) -> None:
    """A scenario in the repository is an example; its resolved text must mean the same run."""
    files = committed(repo_root)
    assert len(files) >= 2
    for path in files:
        scenario = load_scenario(path).scenario
        again = validate(type(scenario), read_text(resolved_text(scenario)))
        assert as_yaml_data(again) == as_yaml_data(scenario), path.name


def test_committed_schema_is_up_to_date(repo_root: Path) -> None:
    """Editors use the file; renew it by `heart schema KIND > scenarios/schema/KIND.json`."""
    for kind in KINDS:
        stored = (repo_root / "scenarios" / "schema" / f"{kind}.json").read_text(encoding="utf-8")
        assert stored == schema_text(kind), f"renew scenarios/schema/{kind}.json"


def test_demo_asks_what_it_promises(repo_root: Path) -> None:
    """At least 48 epicardial sites, 30 members and VV delays from -80 to 80 ms by 20."""
    demo = load_scenario(repo_root / "scenarios" / "crt" / "ct_lbbb_screen.yaml").scenario
    grid = next(one for one in demo.candidates if one.kind == "lv_epicardial_grid")
    assert len(grid.apicobasal) * grid.rotations >= 48
    assert demo.ensemble.members >= 30
    assert demo.pacing.vv_delays == tuple(np.arange(-80.0, 81.0, 20.0))
    kinds = {one.kind for one in demo.candidates}
    assert kinds >= {"lv_endocardial_grid", "rv_apex", "rv_septum", "lbb_area", "his"}


def test_defaults_hold_their_own_ranges() -> None:
    """Pydantic does not validate defaults; a default out of its range would pass unseen."""
    scenario = validate(CrtScenario, read_text(MINIMAL))
    assert validate(CrtScenario, read_text(resolved_text(scenario))) == scenario


def test_ensemble_without_a_seed_is_refused() -> None:
    """A random answer that cannot be repeated is no answer."""
    with pytest.raises(ParameterError, match="no seed"):
        validate(CrtScenario, read_text(MINIMAL + "ensemble: {members: 2}\n"))


def test_point_has_one_place() -> None:
    """Coordinates, millimetres and segment at once would be three different leads."""
    place = "aha: 11, position: [1 mm, 2 mm, 3 mm]"
    point = f"candidates:\n- kind: rv_apex\n- {{kind: point, label: mine, {place}}}\n"
    text = MINIMAL.replace("candidates: [{kind: rv_apex}, {kind: his}]\n", point)
    with pytest.raises(ScenarioError, match="one of coordinates"):
        validate(CrtScenario, read_text(text))
    scenario = validate(CrtScenario, read_text(text.replace("aha: 11, ", "")))
    assert scenario.candidates[1].kind == "point"


def test_member_is_the_same_in_a_larger_ensemble() -> None:
    """More members refine the answer; they must not change the members there were."""
    few = draw_members(Priors(), ConductionVelocity(), "lbbb", 3, 7)
    many = draw_members(Priors(), ConductionVelocity(), "lbbb", 9, 7)
    other = draw_members(Priors(), ConductionVelocity(), "lbbb", 3, 8)
    assert [one.velocity for one in few] == [one.velocity for one in many[:3]]
    assert [one.generator.normal() for one in few] == [one.generator.normal() for one in many[:3]]
    assert few[0].velocity != other[0].velocity


def test_draws_follow_their_priors() -> None:
    """Uniform speeds inside their bounds with fibre >= sheet >= normal; factors inside theirs."""
    members = draw_members(Priors(), ConductionVelocity(), "lbbb", 400, 1)
    fibre = np.array([one.velocity.fibre for one in members])
    assert 0.5 <= fibre.min() < 0.52
    assert 0.73 < fibre.max() <= 0.75
    assert all(v.fibre >= v.sheet >= v.normal for v in (one.velocity for one in members))
    factor = np.array([one.lv_endocardium for one in members])
    # standard error of the mean of uniform(0.5, 1): 0.144 / sqrt(400) = 0.0072
    assert factor.mean() == pytest.approx(0.75, abs=4 * 0.0072)


def test_impossible_priors_are_refused() -> None:
    """Priors without any ordered set of speeds would draw for ever."""
    text = "velocity: {fibre: {kind: uniform, low: 0.2 m/s, high: 0.25 m/s}}"
    with pytest.raises(ParameterError, match="out of order"):
        draw_members(validate(Priors, read_text(text)), ConductionVelocity(), "lbbb", 1, 1)


def test_sources_name_states_and_speeds() -> None:
    """`heart cite` must list what the numbers rest on, and nothing that is not used."""
    keys = sources_of(validate(CrtScenario, read_text(MINIMAL)))
    assert {"Bayer2012", "Durrer1970", "Strocchi2020"} <= set(keys)
    assert "assumed" not in keys
