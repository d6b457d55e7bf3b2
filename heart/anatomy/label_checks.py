"""Does the label map describe a heart? Asked before an hour is spent on meshing it.

Each check looks for one mistake that people make with label maps: the wrong preset, left and right
swapped, a wall in pieces, a wall too thin for its voxels, a heart cut by the edge of the image.
What can be lived with is returned as a line; what cannot is an error that says what was found.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from heart.anatomy.labels import LV_MUSCLE, Label, LabelVolume
from heart.anatomy.valves import Plane, contact
from heart.core.errors import LabelError
from heart.core.parameters import Parameter

ENCLOSED = Parameter(
    0.6, "1", 0.3, 0.9, "assumed", "share of a cavity's surface on the LV wall that makes it the LV"
)
PIECE = Parameter(
    0.05, "1", 0.0, 0.5, "assumed", "share of the LV wall that is a part of it, not a crumb"
)
THINNEST_IN_VOXELS = Parameter(
    2.0, "voxel", 1.0, 5.0, "assumed", "a thinner wall has no inside: nothing to interpolate"
)
TOUCHING = ndimage.generate_binary_structure(3, 3)


@dataclass(frozen=True)
class Leak:
    """Cavity surface on background: flat area in mm2, equivalent diameter and centre in mm."""

    area: float
    diameter: float
    centre: NDArray[np.float64]


def check_labels(volume: LabelVolume, *, keep_largest: bool = True) -> list[str]:
    """Run all checks on a map as drawn, before interpolation and repair.

    Parameters
    ----------
    volume
        Canonical labels.
    keep_largest
        Whether the recipe removes crumbs; without it, a wall in two pieces is an error.

    Returns
    -------
    list of str
        Warnings, one line each.

    Raises
    ------
    LabelError
        The map is empty, lacks the left ventricle, is swapped, falls apart or is too thin.
    """
    check_present(volume)
    check_sides(volume)
    check_connected(volume, keep_largest=keep_largest)
    check_thickness(volume)
    return edge_warnings(volume)


def check_present(volume: LabelVolume) -> None:
    """Raise LabelError when the map is empty or the left ventricle is missing."""
    present = [Label(value) for value in np.unique(volume.voxels) if value]
    if not present:
        raise LabelError(
            "the label map is empty", expected="an LV cavity and an LV wall", fix="check `labels`"
        )
    for label in (Label.LV_CAVITY, Label.LV_WALL):
        muscle = label is Label.LV_WALL and any(x in present for x in LV_MUSCLE)
        if label not in present and not muscle:
            raise LabelError(
                f"the {name(label)} is absent; found {', '.join(name(x) for x in present)}",
                expected="an LV cavity and an LV wall",
                fix="correct `labels` in case.yaml",
            )


def check_sides(volume: LabelVolume) -> None:
    """Raise LabelError when the left and right ventricle are swapped.

    Three signs: the LV wall surrounds the "RV" and not the "LV"; the "LV" cavity lies on the RV
    wall while the "RV" has its own all around (the septum belongs to the left ventricle); both
    cavities open into the other side's atrium.
    """
    if not volume.mask(Label.RV_CAVITY).any():
        return
    lv, rv = _neighbours(volume, Label.LV_CAVITY), _neighbours(volume, Label.RV_CAVITY)
    lv_in_wall, rv_in_wall = _share(lv, *LV_MUSCLE), _share(rv, *LV_MUSCLE)
    surrounds = rv_in_wall > ENCLOSED.value > lv_in_wall
    own_septum = _share(lv, Label.RV_WALL) > 0.1 and rv_in_wall < 0.05
    crossed = (
        lv[Label.RIGHT_ATRIUM] > lv[Label.LEFT_ATRIUM]
        and rv[Label.LEFT_ATRIUM] > rv[Label.RIGHT_ATRIUM]
    )
    if surrounds or own_septum or crossed:
        raise LabelError(
            f"left and right ventricle look swapped: the LV wall covers {100 * rv_in_wall:.0f} % "
            f"of the RV cavity and {100 * lv_in_wall:.0f} % of the LV cavity",
            expected="an LV cavity inside the LV wall",
            fix="exchange lv_cavity and rv_cavity in `labels`",
        )


def check_connected(volume: LabelVolume, *, keep_largest: bool = True) -> None:
    """Raise LabelError when the LV wall is in several pieces that are more than crumbs."""
    parts, count = ndimage.label(volume.mask(*LV_MUSCLE), TOUCHING)
    if count < 2:
        return
    sizes = np.sort(np.bincount(parts.ravel())[1:])[::-1]
    if keep_largest and sizes[1] < PIECE.value * sizes.sum():
        return
    shown = ", ".join(f"{size * volume.voxel_volume / 1000:.2f}" for size in sizes[:4])
    raise LabelError(
        f"the LV wall is disconnected: {count} pieces ({shown} mL)",
        expected="one piece",
        fix="join the pieces in the segmentation"
        if keep_largest
        else "set repair.keep_largest: true, or join the pieces in the segmentation",
    )


def check_thickness(volume: LabelVolume) -> None:
    """Raise LabelError when the LV wall is typically thinner than two voxels."""
    thickness = wall_thickness(volume)
    in_plane = float(np.sort(volume.spacing)[1])
    if thickness.size and np.median(thickness) < THINNEST_IN_VOXELS.value * in_plane:
        raise LabelError(
            f"the LV wall is {np.median(thickness):.1f} mm thick (median), "
            f"{np.median(thickness) / in_plane:.1f} voxels",
            expected=f"at least {THINNEST_IN_VOXELS.value:g} voxels of {in_plane:.2f} mm",
            fix="segment at a finer resolution",
        )


def wall_thickness(volume: LabelVolume) -> NDArray[np.float64]:
    """Return the LV wall thickness in mm at each cavity voxel that lies on the wall.

    The distance from the outermost cavity voxel to the nearest voxel that is neither cavity nor
    muscle nor blood behind a valve, less half a voxel at both ends.
    """
    cavity, muscle = volume.mask(Label.LV_CAVITY), volume.mask(*LV_MUSCLE)
    outside = ~(cavity | muscle | volume.mask(Label.LEFT_ATRIUM, Label.AORTA))
    if not outside.any() or not cavity.any():
        return np.zeros(0)
    # Along a stack of thick slices the nearest outside is rarely in the next slice.
    sampling = volume.spacing
    at_wall = cavity & ndimage.binary_dilation(muscle)
    distance = ndimage.distance_transform_edt(~outside, sampling=sampling)
    return np.asarray(distance[at_wall] - float(sampling.min()))


def edge_warnings(volume: LabelVolume) -> list[str]:
    """Return a line for every label of the ventricles that is cut by the edge of the image."""
    lines = []
    thick = int(np.argmax(volume.spacing))
    stack = is_stack(volume)
    for label in (Label.LV_CAVITY, Label.LV_WALL, Label.RV_CAVITY, Label.RV_WALL):
        mask = volume.mask(label)
        sides = [
            axis
            for axis in range(3)
            if mask.take(0, axis).any() or mask.take(-1, axis).any()
            if not (stack and axis == thick)
        ]
        if sides:
            lines.append(f"{name(label)} touches the edge of the image: it may be cut off")
    if float(volume.spacing.max()) > 12.0:
        lines.append(f"slices are {volume.spacing.max():.1f} mm apart: shapes between are a guess")
    return lines


def is_stack(volume: LabelVolume, ratio: float = 2.5) -> bool:
    """Return whether the slices are so far apart that shapes must be interpolated between them."""
    ordered = np.sort(volume.spacing)
    return bool(ordered[2] > ratio * ordered[1])


def largest_leak(volume: LabelVolume, plane: Plane | None = None) -> Leak | None:
    """Return the largest patch where the LV cavity meets the background, or None.

    Parameters
    ----------
    volume
        Canonical labels.
    plane
        Basal plane of a map without atria; faces at or above it are its opening, not a leak.
    """
    faces, directions = contact(volume, Label.LV_CAVITY, Label.BACKGROUND)
    if plane is not None and len(faces):
        slack = float(volume.spacing.max())
        kept = plane.height(faces) < -slack
        faces, directions = faces[kept], directions[kept]
    if len(faces) < 2:
        return None
    reach = 1.01 * float(volume.spacing.max())
    pairs = cKDTree(faces).query_pairs(reach, output_type="ndarray")
    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(len(faces), len(faces)))
    patch = connected_components(graph, directed=False)[1]
    # A staircase of faces is larger than the hole: its vector sum is the hole's flat area.
    per_length = np.linalg.norm(directions @ np.linalg.inv(volume.affine[:3, :3]).T, axis=1)
    cell = volume.voxel_volume * per_length
    vectors = np.stack(
        [np.bincount(patch, weights=cell * directions[:, axis]) for axis in range(3)], axis=1
    )
    areas = np.linalg.norm(vectors, axis=1)
    worst = int(areas.argmax())
    return Leak(
        float(areas[worst]),
        float(np.sqrt(4.0 * areas[worst] / np.pi)),
        faces[patch == worst].mean(axis=0),
    )


def name(label: Label) -> str:
    """Return the name of a label as it is written in case.yaml."""
    return label.name.lower()


def _neighbours(volume: LabelVolume, label: Label) -> NDArray[np.int64]:
    """Return how many voxels of each label touch `label`."""
    mask = volume.mask(label)
    rim = ndimage.binary_dilation(mask) & ~mask
    return np.bincount(volume.voxels[rim], minlength=len(Label))


def _share(counts: NDArray[np.int64], *labels: Label) -> float:
    """Return the share of `labels` in what a cavity touches, valves left out."""
    wall = counts[[Label.BACKGROUND, *LV_MUSCLE, Label.RV_WALL]].sum()
    return float(counts[list(labels)].sum()) / float(wall) if wall else 0.0
