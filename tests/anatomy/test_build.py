"""Image or surface to mesh in one call: the numbers that make the example heart believable."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from heart.anatomy.build import MeshResult, build_heart, build_mesh
from heart.anatomy.case import Case, load_case
from heart.anatomy.fibres import FibreAngles
from heart.anatomy.heart_mesh import RINGS, Boundary, Region
from heart.core.cache import content_hash
from heart.core.errors import ParameterError, UsageError
from heart.numerics import tetrahedra

GEO1 = """
name: geo1
source:
  surfaces:
    file: heart.vtp
    unit: mm
    regions: {array: class, values: {base: 1, epi: 2, lv_endo: 3, rv_endo: 4}}
"""
GEO2 = """
name: geo2
source:
  surfaces:
    unit: mm
    files:
      base: heart_base.ply
      epi: heart_epi.ply
      lv_endo: heart_endo_lv.ply
      rv_endo: heart_endo_rv.ply
"""
BIV = """
name: biv
source:
  surfaces:
    unit: mm
    files:
      mitral: mv.vtp
      aortic: av.vtp
      tricuspid: tv.vtp
      pulmonary: pv.vtp
      epi: epi.vtp
      lv_endo: endo_lv.vtp
      rv_endo: endo_rv.vtp
"""
SUNNYBROOK = """
name: sunnybrook
source: {image: ed_label.nii.gz, preset: sunnybrook}
"""


@pytest.fixture(scope="module")
def ct(repo_root: Path) -> Case:
    return load_case(repo_root / "meshes" / "ct_four_chamber")


@pytest.fixture(scope="module")
def fine(ct: Case) -> MeshResult:
    return build_mesh(ct, 1.5)


@pytest.fixture(scope="module")
def coarse(ct: Case) -> MeshResult:
    return build_mesh(ct, 3.0)


def folder_with(source: Path, folder: Path, text: str) -> Case:
    """Copy the files beside a case.yaml: a case reads nothing outside its folder."""
    for file in source.iterdir():
        if file.is_file() and file.suffix in (".vtp", ".ply", ".gz"):
            shutil.copy(file, folder / file.name)
    (folder / "case.yaml").write_text(text)
    return load_case(folder)


def test_real_heart_at_1_5_mm(fine: MeshResult):
    """The numbers asked of the example: no flat cell, volumes those of the label map."""
    report, labels = fine.report, fine.label_volumes
    assert report.radius_ratio_min > 0.05
    assert report.radius_ratio_mean > 0.6
    assert report.lv_cavity_volume == pytest.approx(labels["lv_cavity"], rel=0.02)
    assert report.rv_cavity_volume == pytest.approx(labels["rv_cavity"], rel=0.03)
    assert report.wall_volume == pytest.approx(labels["lv_wall"] + labels["rv_wall"], rel=0.05)


def test_real_heart_has_its_parts(fine: MeshResult):
    """Four rings, three regions, and a right ventricle: what the layers above ask for by name."""
    mesh = fine.mesh
    assert set(np.unique(mesh.facet_tags)) == {1, 2, 3, 4, 5, 6, 7}
    assert set(np.unique(mesh.regions)) == set(Region)
    volume = tetrahedra.volumes(mesh.points, mesh.cells)
    share = {r: volume[mesh.regions == r].sum() / volume.sum() for r in Region}
    assert share[Region.LV_WALL] > 0.5
    assert 0.1 < share[Region.SEPTUM] < 0.3
    assert 0.15 < share[Region.RV_WALL] < 0.35


def test_rings_are_where_the_valves_are(fine: MeshResult):
    """In RAS the aortic ring is above the mitral, the tricuspid right of it, the PA in front."""
    mesh = fine.mesh
    at = {ring: mesh.points[mesh.nodes_of(ring)].mean(axis=0) for ring in RINGS[:4]}
    assert at[Boundary.AORTIC][2] > at[Boundary.MITRAL][2]
    assert at[Boundary.TRICUSPID][0] > at[Boundary.MITRAL][0]
    assert at[Boundary.PULMONARY][1] > at[Boundary.AORTIC][1]


def test_coarse_heart_keeps_shape(coarse: MeshResult):
    """At 3 mm, as thick as the RV wall, nothing crosses and the volumes stay."""
    labels = coarse.label_volumes
    assert coarse.report.radius_ratio_min > 0.05
    assert coarse.report.lv_cavity_volume == pytest.approx(labels["lv_cavity"], rel=0.02)
    assert coarse.report.wall_volume == pytest.approx(
        labels["lv_wall"] + labels["rv_wall"], rel=0.05
    )


def test_same_case_same_mesh(
    ct: Case, coarse: MeshResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Without the cache the mesh comes out the same, bit by bit: results can be compared."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    again = build_mesh(ct, 3.0)
    first, second = coarse.mesh.arrays(), again.mesh.arrays()
    assert content_hash(*first.values()) == content_hash(*second.values())
    assert len(list(tmp_path.rglob("*.npz"))) == 2


def test_whole_heart(ct: Case):
    """One call to coordinates, segments and fibres; the report then knows the wall by segment."""
    built = build_heart(ct, 3.0, FibreAngles())
    assert set(np.unique(built.heart.segments)) == set(range(18))
    assert len(built.heart.fibres.fibre) == len(built.heart.mesh.cells)
    assert set(built.quality.wall_thickness) == set(range(1, 18))
    assert all(4.0 < t < 14.0 for t in built.quality.wall_thickness.values())


@pytest.mark.parametrize(
    ("source", "text", "edge", "rings", "said"),
    [
        ("cobiveco/geo1", GEO1, 3.0, {8}, ""),
        ("cobiveco/geo2", GEO2, 3.5, {8}, "stitched the rims"),
        ("svmultiphysics_biv/biv_with_outflow_tracts", BIV, 2.5, {4, 5, 6, 7}, ""),
        ("sunnybrook/SC-HF-I-4", SUNNYBROOK, 3.0, {8}, "slices 8.0 mm apart"),
        ("sunnybrook/SC-HF-I-5", SUNNYBROOK, 3.0, {8}, "slices 8.0 mm apart"),
    ],
    ids=["geo1", "geo2", "outflow tracts", "SC-HF-I-4", "SC-HF-I-5"],
)
def test_hearts_of_others(
    shared_data: Path,
    tmp_path: Path,
    source: str,
    text: str,
    edge: float,
    rings: set[int],
    said: str,
):
    """Surfaces with rims that do not meet, separate valve rings, thick slices: all must mesh."""
    made = build_mesh(folder_with(shared_data / source, tmp_path, text), edge)
    assert made.report.radius_ratio_min > 0.05
    assert made.report.radius_ratio_mean > 0.6
    assert set(np.unique(made.mesh.facet_tags)) - {1, 2, 3} == rings
    assert any(said in line for line in [*made.changes, ""])
    assert 50e3 < made.report.lv_cavity_volume < 300e3


def test_other_mesher(shared_data: Path, tmp_path: Path):
    """fTetWild meshes a real heart too: there is a way without the GPL."""
    case = folder_with(shared_data / "sunnybrook/SC-HF-I-5", tmp_path, SUNNYBROOK)
    made = build_mesh(case, 6.0, backend="tetwild")
    assert made.report.radius_ratio_min > 0.05
    assert made.report.lv_cavity_volume == pytest.approx(made.label_volumes["lv_cavity"], rel=0.06)
    assert set(np.unique(made.mesh.facet_tags)) == {1, 2, 8}


def test_idealised_case(tmp_path: Path):
    """An idealised heart goes the same way, without a mesher."""
    (tmp_path / "case.yaml").write_text(
        "name: ellipsoid\nsource: {idealised: {kind: lv_ellipsoid}}\n"
    )
    made = build_mesh(load_case(tmp_path), 2.0)
    assert made.report.lv_cavity_volume > 0
    assert made.label_volumes == {}


def test_wrong_edge_or_mesher(ct: Case):
    """Metres for millimetres and misspelt backends are caught before any work."""
    with pytest.raises(ParameterError, match="edge length"):
        build_mesh(ct, 0.0015)
    with pytest.raises(UsageError, match="mesher"):
        build_mesh(ct, 2.0, backend="netgen")
