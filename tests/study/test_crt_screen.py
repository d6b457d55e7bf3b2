"""A whole CRT screen on a small idealised biventricle: physiology, seeds, invariance, files."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace

import numpy as np
import pytest

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.heart import FibreField, Heart
from heart.anatomy.heart_mesh import HeartMesh
from heart.numerics import fields
from heart.scenario.crt import CrtScenario
from heart.study.crt import qoi, screen_hearts, write_outputs
from heart.study.crt.members import ensemble

MEMBERS = 3


def scenario(**changes) -> CrtScenario:
    plain = {
        "heart_twin": 1,
        "kind": "crt_screen",
        "name": "small",
        "case": "case.yaml",
        "seed": 7,
        "ecg": {"method": "infinite_medium"},
        "candidates": [
            {"kind": "lv_epicardial_grid", "apicobasal": [0.5, 0.75], "rotations": 4},
            {"kind": "rv_apex"},
            {"kind": "rv_septum"},
            {"kind": "lbb_area"},
        ],
        "pacing": {"vv_delays": ["-20 ms", "0 ms", "20 ms"], "multipoint": {"best": 2}},
        "ensemble": {"members": MEMBERS},
    }
    return CrtScenario.model_validate(plain | changes)


def built(edge: float) -> SimpleNamespace:
    mesh = idealised.biv_ellipsoid(edge)
    where = coordinates.compute(mesh)
    heart = Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))
    quality = SimpleNamespace(as_dict=lambda: {"lv_cavity_volume": 9e4, "radius_ratio_min": 0.2})
    return SimpleNamespace(heart=heart, quality=quality, changes=[], label_volumes={})


@pytest.fixture(scope="module")
def fine():
    return built(4.5)


@pytest.fixture(scope="module")
def coarse():
    return built(6.0)


@pytest.fixture(scope="module")
def result(fine, coarse):
    return screen_hearts(scenario(), fine, coarse)


def test_best_site_shortens_bivat90(result):
    """The first row must be better than the block it treats, by more than the mesh's error."""
    own, best = result.metrics["baseline"], result.best.metrics
    error = result.mesh_check.difference["bivat90"][0]
    assert best["bivat90"].value < own["bivat90"].value - error
    assert own["lvat95"].value > result.metrics["normal"]["lvat95"].value


def test_screening_mesh_ranks_as_the_fine_one(result):
    """The ensemble is only worth its name if the coarse mesh orders the leads alike."""
    assert result.mesh_check.spearman > 0.9
    assert result.mesh_check.fine_nodes > result.mesh_check.screening_nodes


def test_quantities_have_the_agreed_names(result):
    """Scripts and other tests read these names; all finite numbers, JSON without NaN."""
    named = qoi.quantities(result)
    for state in ("normal", "baseline", "best"):
        for name in ("tat", "lvat95", "bivat90", "qrs_duration", "qrs_area"):
            entry = named[f"{state}.{name}"]
            assert entry["value"] > 0.0
            low, high = entry["interval"]
            assert low <= high
    for name in ("mesh.nodes", "mesh.cells", "candidates", "members", "timing.screen_s"):
        assert named[name]["value"] is not None
    assert named["members"]["value"] == MEMBERS
    json.dumps(named, allow_nan=False)
    row = named["ranking"][0]
    assert {
        "rank", "label", "aha", "coordinates", "kind", "vv_delay_ms", "captured",
        "bivat90_ms", "lvat95_ms", "qrs_duration_ms", "p_best", "regret",
    } <= set(row)  # fmt: skip
    assert [row["rank"] for row in named["ranking"]] == list(range(1, len(result.ranking) + 1))
    assert sum(row["p_best"] for row in named["ranking"]) == pytest.approx(1.0)


def test_same_seed_same_answer(fine, coarse, result):
    """A twin that answers differently on Tuesday is not one; only timings may differ."""
    again = qoi.quantities(screen_hearts(scenario(), fine, coarse))
    first = qoi.quantities(result)
    del again["timing.screen_s"], first["timing.screen_s"]
    assert json.dumps(again) == json.dumps(first)


def test_members_do_not_depend_on_their_number():
    """Member 1 is the same in an ensemble of 2 and of 5, so that ensembles can grow."""
    few = ensemble(scenario(ensemble={"members": 2}))
    many = ensemble(scenario(ensemble={"members": 5}))
    for a, b in zip(few, many, strict=False):
        assert (a.velocity, a.disease, a.pr) == (b.velocity, b.disease, b.pr)


def test_members_are_plausible():
    """Every draw keeps fibre >= sheet >= normal, starts at zero and leaves the block a block."""
    for member in ensemble(scenario(ensemble={"members": 20})):
        speed = member.velocity
        assert speed.fibre >= speed.sheet >= speed.normal
        assert min(site.time for site in member.disease.sites) == 0.0
        assert not member.disease.lv_sites
        assert len(member.healthy.lv_sites) in (3, 4)


def test_rigid_motion_keeps_the_ranking(fine, coarse):
    """Where the scanner put the patient must not change the activation ranking."""
    turn = np.array([[0.8, -0.6, 0.0], [0.6, 0.8, 0.0], [0.0, 0.0, 1.0]])
    shift = np.array([30.0, -20.0, 55.0])

    def moved(one):
        heart = one.heart
        mesh = dataclasses.replace(heart.mesh, points=heart.mesh.points @ turn.T + shift)
        axes = FibreField(
            heart.fibres.fibre @ turn.T, heart.fibres.sheet @ turn.T, heart.fibres.normal @ turn.T
        )
        new = Heart(HeartMesh.from_arrays(mesh.arrays()), heart.coordinates, heart.segments, axes)
        return SimpleNamespace(**{**vars(one), "heart": new})

    weights = {"weights": {"bivat90": 0.7, "lvat95": 0.3, "qrs_duration": 0.0, "qrs_area": 0.0}}
    asked = scenario(ranking=weights)
    here = screen_hearts(asked, fine, coarse)
    there = screen_hearts(asked, moved(fine), moved(coarse))
    assert [row.label for row in here.ranking[:5]] == [row.label for row in there.ranking[:5]]
    after = {row.label: row.metrics["bivat90"].value for row in there.ranking}
    for row in here.ranking:
        assert row.metrics["bivat90"].value == pytest.approx(after[row.label], abs=1.0)


def test_site_on_scar_is_reported_as_not_captured(fine, coarse):
    """A scarred lateral wall: its sites stay in the table, without rank, with the reason."""
    centre = {"apicobasal": 0.75, "transmural": 0.5, "rotational": 0.3, "chamber": -1}
    scar = [{"label": "lateral", "tissue": "core", "centre": centre, "radius": "16 mm"}]
    found = screen_hearts(scenario(scar=scar), fine, coarse)
    silent = [row for row in found.ranking if not row.captured]
    assert silent
    assert all(row.rank is None and "scar core" in row.note for row in silent)
    assert found.metrics["baseline"]["inactive"].value > 0.0
    assert not {row.label for row in silent} & {row.label for row in found.ranking if row.rank}


def test_files_are_written_and_readable(result, tmp_path):
    """qoi.json, fields and traces are the contract with every other program."""
    write_outputs(result, tmp_path)
    named = json.loads((tmp_path / "qoi.json").read_text())
    assert named["ranking"][0]["rank"] == 1
    grid = fields.read(tmp_path / "fields" / "heart.vtkhdf")
    assert grid.n_points == len(result.heart.mesh.points)
    for name in ("activation_normal", "activation_baseline", "activation_best", "aha"):
        assert name in grid.point_data
    assert grid.point_data["activation_baseline"].min() == pytest.approx(0.0, abs=1e-4)
    assert (tmp_path / "traces" / "ecg_best.csv").read_text().startswith("time_ms,I_mV")


def test_the_answer_is_a_sentence_with_numbers(result):
    """A ranking without an answer leaves the reader to guess how sure it is."""
    text = result.decision.sentence
    assert "BIVAT-90" in text
    assert "%" in text
    assert result.decision.clear or result.decision.equivalent
    assert result.latest is not None
    assert result.assumptions
    assert result.missing
