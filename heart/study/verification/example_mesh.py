"""The packaged CT heart as a mesh, beside the label map that it was made from.

Once as it is, and once from what a scanner with thick slices would have left of it: a
double-oblique short-axis stack, 8 mm apart, that goes through the whole pipeline as a case of its
own.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from heart.anatomy.build import build_mesh
from heart.anatomy.case import Case, load_case
from heart.anatomy.labels import LV_MUSCLE, Label, LabelVolume
from heart.anatomy.prepare import prepare
from heart.core.paths import packaged
from heart.core.progress import Telemetry
from heart.study.verification.benchmark import Benchmark, Check, between, near, shown

EXAMPLE = "ct_four_chamber"
EDGE, SLICES, PIXEL = 1.5, 8.0, 1.5
PIXELS, LENGTH = 120, 200.0
SOURCE = "assumed"


def run(telemetry: Telemetry) -> list[Check]:
    """Mesh both and compare."""
    folder = packaged("meshes") / EXAMPLE
    case = load_case(folder)
    prepared = prepare(case, telemetry=telemetry)
    repaired = prepared.labels
    cavity = repaired.volume(Label.LV_CAVITY) / 1000.0
    wall = repaired.volume(*LV_MUSCLE, Label.RV_WALL) / 1000.0
    made = build_mesh(case, EDGE, telemetry=telemetry)
    report = made.report
    with tempfile.TemporaryDirectory() as place:
        thick = _as_stack(folder, short_axis(prepared.drawn, SLICES), Path(place))
        stack = build_mesh(thick, EDGE, telemetry=telemetry).report
    return [
        shown("nodes", report.nodes, "1", SOURCE),
        shown("tetrahedra", report.cells, "1", SOURCE),
        near("mean edge", report.edge_mean, EDGE, None, "mm", SOURCE, relative=True),
        between("worst radius ratio", report.radius_ratio_min, 0.05, None, "1", SOURCE),
        between("mean radius ratio", report.radius_ratio_mean, 0.6, None, "1", SOURCE),
        near(
            "LV cavity, repaired label map", report.lv_cavity_volume / 1000.0, cavity,
            0.02, "mL", SOURCE, relative=True,
        ),
        near(
            "wall, repaired label map", report.wall_volume / 1000.0, wall,
            0.05, "mL", SOURCE, relative=True,
        ),
        near(
            "LV cavity, from 8 mm slices", stack.lv_cavity_volume / 1000.0, cavity,
            0.06, "mL", SOURCE, relative=True,
        ),
        between(
            "worst radius ratio, from 8 mm slices", stack.radius_ratio_min, 0.05, None, "1", SOURCE
        ),
    ]  # fmt: skip


def short_axis(volume: LabelVolume, spacing: float) -> LabelVolume:
    """Return a stack of short-axis slices, `spacing` mm apart, along LV to left atrium.

    Voxels take the nearest label, as a slice drawn by hand on the original would have it.
    """
    centre, atrium = (_centroid(volume, label) for label in (Label.LV_CAVITY, Label.LEFT_ATRIUM))
    along = (atrium - centre) / np.linalg.norm(atrium - centre)
    across = np.cross(along, [1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    affine = np.eye(4)
    affine[:3, :3] = np.stack([across, np.cross(along, across), along], axis=1)
    affine[:3, :3] *= [PIXEL, PIXEL, spacing]
    shape = (PIXELS, PIXELS, round(LENGTH / spacing))
    affine[:3, 3] = centre - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    change = np.linalg.inv(volume.affine) @ affine
    voxels = ndimage.affine_transform(
        volume.voxels, change[:3, :3], change[:3, 3], output_shape=shape, order=0
    )
    return LabelVolume(voxels, affine)


def _centroid(volume: LabelVolume, label: Label) -> np.ndarray:
    index = np.argwhere(volume.mask(label)).mean(axis=0)
    return np.asarray(volume.affine[:3, :3] @ index + volume.affine[:3, 3])


def _as_stack(folder: Path, volume: LabelVolume, place: Path) -> Case:
    """Return the case of `folder` with its image replaced by `volume`, written to `place`."""
    nibabel.save(nibabel.Nifti1Image(volume.voxels, volume.affine), place / "stack.nii")
    text = (folder / "case.yaml").read_text(encoding="utf-8")
    text = text.replace("label_map.nii.gz", "stack.nii")
    (place / "case.yaml").write_text(text, encoding="utf-8")
    return load_case(place)


BENCHMARK = Benchmark(
    "example_mesh",
    "Mesh of the packaged CT heart beside its label map",
    60.0,
    run,
    (
        "Labels drawn semi-automatically, RV wall synthetic, no expert checked them: what is "
        "verified is that the mesh keeps what was drawn.",
        "The stack of 8 mm slices is resampled from the same label map and goes through the whole "
        "pipeline; its LV cavity is compared with the full map's.",
    ),
)
