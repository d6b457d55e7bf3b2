"""The first leads of a screen computed again: same beats, honest comparison, in every output."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.block import Grain
from heart.anatomy.heart import Heart
from heart.core import records
from heart.core.errors import HeartError, ParameterError, ScenarioError
from heart.core.validation import as_yaml_data
from heart.electro.tissue.tuning import Tuned
from heart.numerics import fields
from heart.report.confirm_section import section
from heart.scenario.confirm import ConfirmEngine
from heart.scenario.crt import CrtScenario
from heart.scenario.load import load_scenario
from heart.study.crt import confirm_tissue, qoi, screen_hearts, write_outputs
from heart.study.crt.confirm_words import words
from heart.study.crt.confirmation import Confirmation, Confirmed
from heart.study.crt.result import CrtResult

ROOT = Path(__file__).resolve().parents[2]
PLAIN = {
    "heart_twin": 1,
    "kind": "crt_screen",
    "name": "small",
    "case": "case.yaml",
    "ecg": {"method": "infinite_medium"},
    "candidates": [
        {"kind": "lv_epicardial_grid", "apicobasal": [0.6], "rotations": 3},
        {"kind": "rv_apex"},
        {"kind": "lbb_area"},
    ],
    "pacing": {"vv_delays": ["0 ms"], "multipoint": None},
}


@pytest.fixture(scope="module")
def small() -> SimpleNamespace:
    """A coarse idealised heart."""
    mesh = idealised.biv_ellipsoid(5.0)
    where = coordinates.compute(mesh)
    heart = Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))
    quality = SimpleNamespace(as_dict=lambda: {"lv_cavity_volume": 9e4, "radius_ratio_min": 0.2})
    return SimpleNamespace(heart=heart, quality=quality, changes=[], label_volumes={})


LATENCY = 1.5


def screened(small: SimpleNamespace, confirm: Any, grain: Grain | None = None) -> CrtResult:
    """Return the screen of the small heart with a confirmation."""
    scenario = CrtScenario.model_validate(PLAIN | {"confirm": confirm})
    return screen_hearts(scenario, small, small, grain=grain)


@pytest.fixture(scope="module")
def front(small: SimpleNamespace) -> CrtResult:
    """Confirmed by reaction-eikonal, whose front runs at the screen's own speeds."""
    return screened(
        small, {"engine": "reaction_eikonal", "cells": "mitchell_schaeffer", "sites": 3}
    )


@pytest.fixture(scope="module")
def diffused(small: SimpleNamespace) -> CrtResult:
    """Confirmed by a monodomain whose tuning, tested elsewhere, is given."""

    def given(*_: object, **__: object) -> Tuned:
        return Tuned((1.0, 1.0, 1.0), (2.5, 1.8, 1.5), (0.6, 0.4, 0.3), 0, LATENCY)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(confirm_tissue, "tune", given)
        patch.setattr(confirm_tissue, "tune_sheet", lambda *_: (2.0, 1.0))
        return screened(small, {"cells": "mitchell_schaeffer", "sites": 2, "dt": "0.1 ms"}, Grain())


def confirmation(result: CrtResult) -> Confirmation:
    """Return the confirmation of a result that has one."""
    assert result.confirmation is not None
    return result.confirmation


def test_nothing_is_confirmed_unless_asked(small: SimpleNamespace) -> None:
    """The demo has to stay as fast as it was, and its numbers have the same names."""
    result = screened(small, None)
    assert result.confirmation is None
    assert not [name for name in qoi.quantities(result) if name.startswith("confirm")]


def test_front_with_the_screens_speeds_agrees_with_the_screen(front: CrtResult) -> None:
    """Same sources, delays and speeds: what differs is the foot of the cells, a few ms at most.

    Left bundle pacing may differ more: the screen gives each wave its own endocardium, one tissue
    has one; it is left out here.
    """
    found = confirmation(front)
    assert [row.label for row in found.rows[1:]] == [row.label for row in front.ranking[:3]]
    for row in found.rows:
        assert row.missed == 0.0
        assert row.screen["bivat90"] > 0.0
        if row.kind != "conduction":
            assert row.within >= 0.95, row.label
            assert row.engine["bivat90"] == pytest.approx(row.screen["bivat90"], abs=3.0)
    metrics = front.metrics["baseline"]
    assert found.baseline.screen["bivat90"] == pytest.approx(metrics["bivat90"].value, abs=1e-6)


def test_difference_is_what_lies_between_the_maps(front: CrtResult) -> None:
    """The map, the share and the percentile tell of the same nodes."""
    for row in confirmation(front).rows:
        assert row.activation.shape == (len(front.heart.mesh.points),)
        assert np.nanmin(row.activation) == 0.0
        assert row.within == pytest.approx(float((np.abs(row.difference) <= 5.0).mean()))
        assert row.mean == pytest.approx(float(np.nanmean(row.difference)))
    best = confirmation(front).rows[1]
    np.testing.assert_allclose(
        best.activation - best.difference, front.activation["best"], atol=1e-3
    )


def test_monodomain_activates_all_that_conducts_and_stops(diffused: CrtResult) -> None:
    """Activation is compared, so that nobody waits for repolarisation."""
    found = confirmation(diffused)
    assert found.engine == "monodomain"
    assert found.profile == "lumped"
    assert len(found.rows) == 3
    for row in found.rows:
        assert row.missed == 0.0
        assert np.isfinite(row.activation).all()
        assert 20.0 < row.engine["tat"] < 400.0
        assert row.seconds > 0.0
    assert sorted(found.by_screen) == sorted(found.by_engine)
    assert set(found.tuning) >= {"fibre_0.6", "lv_endocardium_0.87"}


def test_tuning_in_a_block_is_told(diffused: CrtResult) -> None:
    """Kind of mesh in the report; its latency is no part of the times, whose first is 0."""
    found = confirmation(diffused)
    assert found.tuning["latency"] == LATENCY
    for row in found.rows:
        assert np.nanmin(row.activation) == 0.0
    page = section(found)
    assert page is not None
    assert "kind of mesh" in str(page)


def test_result_goes_into_every_output(diffused: CrtResult, tmp_path: Path) -> None:
    """Numbers, fields, report and record: what is not written cannot be looked at."""
    write_outputs(diffused, tmp_path)
    named = json.loads((tmp_path / "qoi.json").read_text())
    for number in range(3):
        for name in ("bivat90", "bivat90_screen", "within_5_ms", "percentile_95", "seconds"):
            assert named[f"confirm.{number}.{name}"]["value"] is not None
    assert named["confirm"]["engine"] == "monodomain"
    grid = fields.read(tmp_path / "fields" / "heart.vtkhdf")
    for name in ("baseline", "lead_1", "lead_2"):
        assert f"confirm_activation_{name}" in grid.point_data
        assert f"confirm_difference_{name}" in grid.point_data
    records.save(tmp_path / "result.npz", diffused)
    again = confirmation(records.load(tmp_path / "result.npz", CrtResult))
    np.testing.assert_array_equal(
        again.rows[1].activation, confirmation(diffused).rows[1].activation
    )
    page = section(again)
    assert page is not None
    assert len(page["rows"]) == 3
    assert page["words"]
    assert section(None) is None


def beat(label: str, screen: float, engine: float, within: float = 1.0) -> Confirmed:
    """Return a row with the numbers that the words are made of."""
    none = np.zeros(1)
    rank = None if label == "own" else 1
    return Confirmed(
        label, rank, "biv", 0.0, none, none, {"bivat90": screen}, {"bivat90": engine},
        within, 1.0, -3.0, 0.0, 1.0,
    )  # fmt: skip


def test_words_say_where_the_two_disagree() -> None:
    """A swapped order within 2 ms is a tie, beyond it a warning; a lost benefit is the headline."""
    own, kind = beat("own", 100.0, 95.0), ConfirmEngine.MONODOMAIN
    alike = words(kind, [own, beat("a", 60.0, 61.0), beat("b", 70.0, 72.0)])
    assert "alike" in " ".join(alike)
    assert "at least 100 %" in " ".join(alike)
    tie = words(kind, [own, beat("a", 60.0, 61.0), beat("b", 61.0, 60.0)])
    assert "2 ms or less" in " ".join(tie)
    swapped = words(kind, [own, beat("a", 60.0, 75.0, 0.8), beat("b", 70.0, 65.0)])
    assert "differently: a; b against b; a" in " ".join(swapped)
    assert "not told apart" in " ".join(swapped)
    assert "80 % of the nodes" in " ".join(swapped)
    assert "earlier" in " ".join(swapped)
    lost = words(kind, [own, beat("a", 60.0, 99.0)])
    assert "disagree on whether pacing shortens" in lost[0]


def written(folder: Path, confirm: str) -> CrtScenario:
    """Return the packaged scenario with another confirmation, read from a file."""
    path = folder / "bad.yaml"
    base = ROOT / "scenarios" / "crt" / "ct_lbbb_coarse.yaml"
    for name in ("ct_lbbb_coarse.yaml", "ct_lbbb_screen.yaml"):
        (folder / name).write_text((base.parent / name).read_text())
    path.write_text(f"extends: ct_lbbb_coarse.yaml\nname: bad\nconfirm: {confirm}\n")
    return load_scenario(path).scenario


def test_bare_word_is_the_engine(tmp_path: Path) -> None:
    """`confirm: monodomain` is what people write; the resolved scenario shows everything."""
    found = written(tmp_path, "monodomain").confirm
    assert found is not None
    assert (found.engine, found.sites, found.cells) == ("monodomain", 3, "tt2006_epi")
    again = CrtScenario.model_validate(
        as_yaml_data(written(tmp_path, "{engine: reaction_eikonal, dt: 0.1 ms}"))
    )
    assert again.confirm is not None
    assert again.confirm.dt == 0.1


@pytest.mark.parametrize(
    ("confirm", "kind", "word"),
    [
        ("eikonal", ScenarioError, "reaction_eikonal"),
        ("{engine: bidomain}", ScenarioError, "unknown engine 'bidomain'"),
        ("{engine: monodomain, sites: 0}", ParameterError, "1 to 50"),
        ("{engine: monodomain, sites: 2.5}", ScenarioError, "whole number"),
        ("{engine: monodomain, leads: 3}", ScenarioError, "unknown key 'leads'"),
        ("{engine: monodomain, cells: tt2007}", ScenarioError, "tt2006_epi"),
        ("{engine: monodomain, profile: quick}", ScenarioError, "quick"),
        ("{engine: reaction_eikonal, profile: lumped}", ScenarioError, "has no profile"),
        ("{engine: monodomain, duration: 100}", HeartError, "unit"),
        ("7", ScenarioError, "confirm"),
    ],
)
def test_bad_confirmations_are_refused(
    tmp_path: Path, confirm: str, kind: type[HeartError], word: str
) -> None:
    """One line that names the key and the way out, before anything is computed."""
    with pytest.raises(kind) as caught:
        written(tmp_path, confirm)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_purkinje_network_is_refused() -> None:
    """Its exits are not early sites; running without it would confirm another heart."""
    network = {"kind": "grown", "seed": 1}
    data = PLAIN | {"confirm": "monodomain", "conduction": {"network": network}}
    with pytest.raises(ValueError, match="network replaces them"):
        CrtScenario.model_validate(data)


def test_sources_of_a_beat_are_those_of_its_leads(front: CrtResult) -> None:
    """The earliest muscle of a paced beat lies at its electrodes."""
    row = confirmation(front).rows[1]
    lead = front.ranking[0]
    first = front.heart.mesh.points[int(np.nanargmin(row.activation))]
    sites = [front.sites[k] for k in lead.poles]
    exits = [] if any(site.is_conduction for site in sites) else sites
    for_this = [np.linalg.norm(site.point - first) for site in exits] or [0.0]
    assert min(for_this) <= 6.0
    assert dataclasses.is_dataclass(row)
