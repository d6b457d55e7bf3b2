"""Repair of label maps: small functions, each of which says what it changed.

A segmentation has holes, spurs and crumbs that a mesher turns into wrong anatomy without a word.
Every step here returns a new map and one line per kind of change, in voxels and millilitres, so
that the report can show what was drawn and what was made. Cavities keep their voxels unless
smoothing is asked for: their volumes are measurements, the wall around them is often a guess.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from heart.anatomy.label_checks import largest_leak, name
from heart.anatomy.labels import LEFT_BLOOD, LV_MUSCLE, RIGHT_BLOOD, Label, LabelVolume
from heart.anatomy.recipe import Repair
from heart.anatomy.valves import Plane
from heart.core.errors import LabelError
from heart.core.parameters import Parameter

Mask = NDArray[np.bool_]
Repaired = tuple[LabelVolume, list[str]]

TOUCHING = ndimage.generate_binary_structure(3, 3)
LIP = Parameter(
    1.0, "1", 0.0, 1.0, "assumed",
    "how far, in wall thicknesses, the wall reaches round a valve; 0 ends it in a knife edge",
)  # fmt: skip
MARGIN = 21.0
"""mm around the ventricles; the thickest wall that a recipe may ask for is 20 mm."""
BLOOD = (*LEFT_BLOOD, *RIGHT_BLOOD)


def repair(volume: LabelVolume, recipe: Repair, plane: Plane | None = None) -> Repaired:
    """Apply the whole recipe to a label map.

    Parameters
    ----------
    volume
        Canonical labels, near-isotropic (interpolate stacks of slices first).
    recipe
        What the case asks for.
    plane
        Basal plane of a map without atria: nothing is added beyond it.

    Returns
    -------
    LabelVolume
        The repaired map on the same grid.
    list of str
        One line per change.

    Raises
    ------
    LabelError
        A cavity leaks through a hole that is larger than the recipe allows to close.
    """
    changes: list[str] = []
    if recipe.keep_largest:
        volume, lines = keep_largest(volume)
        changes += lines
    volume, lines = fill_enclosed(volume)
    changes += lines
    box = _around_ventricles(volume)
    part = _part(volume, box)
    if recipe.smoothing > 0.0:
        part, lines = smooth_cavities(part, recipe.smoothing)
        changes += lines
    if recipe.spur_radius > 0.0:
        part, lines = remove_spurs(part, recipe.spur_radius, plane, spared=_wanted(part, recipe))
        changes += lines
    refuse_large_leak(part, recipe.largest_hole, plane)
    part, lines = minimum_wall(part, recipe.minimum_lv_wall, recipe.minimum_rv_wall, plane)
    voxels = volume.voxels.copy()
    voxels[box] = part.voxels
    return LabelVolume(voxels, volume.affine), changes + lines


def keep_largest(volume: LabelVolume) -> Repaired:
    """Keep the largest component of each label.

    A crumb becomes what surrounds it: muscle when it is buried in muscle, background otherwise.
    Scar and border zone may lie in several places and are left alone.
    """
    voxels = volume.voxels.copy()
    crumbs = np.zeros(voxels.shape, bool)
    for label in Label:
        if label in (Label.BACKGROUND, Label.SCAR, Label.BORDER_ZONE):
            continue
        parts, count = ndimage.label(voxels == label, TOUCHING)
        if count > 1:
            sizes = np.bincount(parts.ravel())
            sizes[0] = 0
            crumbs |= (parts > 0) & (parts != sizes.argmax())
    if crumbs.any():
        voxels[crumbs] = _majority_around(voxels, crumbs)
    return _changed(volume, voxels, "crumbs removed")


def fill_enclosed(volume: LabelVolume) -> Repaired:
    """Fill background that no path connects to the edge of the image, with the label around it."""
    voxels = volume.voxels.copy()
    inside = ndimage.binary_fill_holes(voxels > 0) & (voxels == 0)
    if inside.any():
        voxels[inside] = _majority_around(voxels, inside)
    return _changed(volume, voxels, "enclosed holes filled")


def remove_spurs(
    volume: LabelVolume, radius: float, plane: Plane | None = None, *, spared: Mask | None = None
) -> Repaired:
    """Remove wall that a ball of `radius` (mm) inside the labelled region cannot reach.

    What lies beyond the basal plane counts as labelled: the rim of a cut base is no spur. Nor is
    what lies in `spared`, the wall that the recipe asks for.
    """
    labelled = (volume.voxels > 0) | ~_below(volume, plane)
    if labelled.all():
        return volume, []
    core = _distance(labelled, volume) > radius
    if not core.any():
        return volume, []
    opened = _distance(~core, volume) <= radius
    spur = labelled & ~opened & volume.mask(*LV_MUSCLE, Label.RV_WALL)
    if spared is not None:
        spur &= ~spared
    voxels = volume.voxels.copy()
    voxels[spur] = Label.BACKGROUND
    return _changed(volume, voxels, "spurs removed")


def smooth_cavities(volume: LabelVolume, width: float) -> Repaired:
    """Smooth the cavities by a Gaussian of `width` (mm); the valves stay where they are.

    Left and right blood are smoothed as wholes, so that no cavity retreats from its valves, and
    only voxels of a cavity and its wall may change.
    """
    voxels = volume.voxels.copy()
    sigma = width / volume.spacing
    sides: tuple[tuple[Label, tuple[Label, ...], tuple[Label, ...], Label], ...] = (
        (Label.LV_CAVITY, LEFT_BLOOD, LV_MUSCLE, Label.LV_WALL),
        (Label.RV_CAVITY, RIGHT_BLOOD, (Label.RV_WALL,), Label.RV_WALL),
    )
    for cavity, blood, muscle, wall in sides:
        own = voxels == cavity
        if not own.any():
            continue
        blurred = ndimage.gaussian_filter(np.isin(voxels, blood).astype(np.float32), sigma)
        others = np.isin(voxels, [label for label in blood if label is not cavity])
        far = np.ones(voxels.shape, bool)
        if others.any():
            far = _distance(~others, volume) > 2.0 * width
        voxels[own & (blurred < 0.5) & far] = wall
        voxels[np.isin(voxels, muscle) & (blurred > 0.5) & far & _near(own, volume, width)] = cavity
    return _changed(volume, voxels, "cavities smoothed")


def minimum_wall(
    volume: LabelVolume, lv_wall: float, rv_wall: float, plane: Plane | None = None
) -> Repaired:
    """Add wall where less than the minimum (mm) lies between a cavity and the outside.

    Only background (and, around the left ventricle, the right ventricle's wall) is turned into
    wall: neither the septum nor the other cavity is moved. Background that is clearly nearer to an
    atrium or a great vessel than to the cavity stays, so that the wall ends at the valves with a
    blunt lip.
    """
    voxels = volume.voxels.copy()
    below = _below(volume, plane)
    synthetic = bool((voxels == Label.RV_CAVITY).any()) and not (voxels == Label.RV_WALL).any()
    for cavity, wall, thickness, takes in (
        (Label.LV_CAVITY, Label.LV_WALL, lv_wall, (Label.BACKGROUND, Label.RV_WALL)),
        (Label.RV_CAVITY, Label.RV_WALL, rv_wall, (Label.BACKGROUND,)),
    ):
        if thickness <= 0.0 or not (voxels == cavity).any():
            continue
        distance = _distance(voxels != cavity, volume)
        zone = (distance <= thickness + 1e-6) & np.isin(voxels, takes) & below
        beyond = np.isin(voxels, [x for x in BLOOD if x not in (Label.LV_CAVITY, Label.RV_CAVITY)])
        if beyond.any():
            zone &= distance <= _distance(~beyond, volume) + LIP.value * thickness
        voxels[zone] = wall
    repaired, lines = _changed(volume, voxels, "wall added")
    if synthetic and rv_wall > 0.0:
        lines.append(f"the RV wall was not segmented: it is synthetic, {rv_wall:g} mm thick")
    return repaired, lines


def refuse_large_leak(volume: LabelVolume, largest: float, plane: Plane | None = None) -> None:
    """Raise LabelError when the LV cavity meets the outside through more than a hole.

    Parameters
    ----------
    volume
        Map before the wall is thickened.
    largest
        Diameter (mm) of the largest hole that may be closed.
    plane
        Basal plane of a map without atria; the opening there is no leak.
    """
    leak = largest_leak(volume, plane)
    if leak is not None and leak.diameter > largest:
        at = ", ".join(f"{value:.0f}" for value in leak.centre)
        raise LabelError(
            f"the LV cavity leaks through a hole of {leak.area / 100:.1f} cm2 "
            f"({leak.diameter:.0f} mm across) in its wall",
            where=f"RAS ({at}) mm",
            expected=f"at most {largest:g} mm",
            fix="close the wall in the segmentation, or raise repair.largest_hole",
        )


def dice(first: LabelVolume, second: LabelVolume, *labels: Label) -> float:
    """Return the Dice overlap of `labels` in two maps on the same grid, 0 to 1."""
    one, two = first.mask(*labels), second.mask(*labels)
    total = int(one.sum() + two.sum())
    return 2.0 * float((one & two).sum()) / total if total else 1.0


def _wanted(volume: LabelVolume, recipe: Repair) -> Mask:
    """Return where the recipe wants wall, whatever is there now."""
    wanted = np.zeros(volume.voxels.shape, bool)
    for cavity, thickness in (
        (Label.LV_CAVITY, recipe.minimum_lv_wall),
        (Label.RV_CAVITY, recipe.minimum_rv_wall),
    ):
        mask = volume.mask(cavity)
        if mask.any():
            wanted |= _distance(~mask, volume) <= thickness + 1e-6
    return wanted


def _around_ventricles(volume: LabelVolume) -> tuple[slice, ...]:
    """Return the box of the ventricles with a margin that no step reaches beyond."""
    found = np.argwhere(volume.mask(Label.LV_CAVITY, Label.RV_CAVITY, Label.RV_WALL, *LV_MUSCLE))
    if not found.size:
        return tuple(slice(0, length) for length in volume.voxels.shape)
    margin = np.ceil(MARGIN / volume.spacing).astype(int)
    start = np.maximum(found.min(axis=0) - margin, 0)
    stop = np.minimum(found.max(axis=0) + 1 + margin, volume.voxels.shape)
    return tuple(slice(int(a), int(b)) for a, b in zip(start, stop, strict=True))


def _part(volume: LabelVolume, box: tuple[slice, ...]) -> LabelVolume:
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.array([side.start for side in box], dtype=float)
    return LabelVolume(volume.voxels[box], affine)


def _distance(mask: Mask, volume: LabelVolume) -> NDArray[np.float64]:
    """Return the distance in mm of every voxel of `mask` to the nearest voxel outside it."""
    return np.asarray(ndimage.distance_transform_edt(mask, sampling=volume.spacing))


def _near(mask: Mask, volume: LabelVolume, distance: float) -> Mask:
    return np.asarray(_distance(~mask, volume) <= distance + float(volume.spacing.max()))


def _below(volume: LabelVolume, plane: Plane | None) -> Mask:
    """Return where voxel centres lie on the ventricular side of the basal plane."""
    if plane is None:
        return np.ones(volume.voxels.shape, bool)
    direction = volume.affine[:3, :3].T @ plane.normal
    offset = float((volume.affine[:3, 3] - plane.centre) @ plane.normal)
    i, j, k = np.ogrid[tuple(slice(0, length) for length in volume.voxels.shape)]
    return np.asarray(i * direction[0] + j * direction[1] + k * direction[2] + offset <= 0.0)


def _majority_around(voxels: NDArray[np.uint8], holes: Mask) -> NDArray[np.uint8]:
    """Return for the voxels in `holes` the label that their connected part touches most."""
    parts, count = ndimage.label(holes, TOUCHING)
    filled = voxels.copy()
    for number, region in enumerate(ndimage.find_objects(parts), start=1):
        if region is None:
            continue
        grown = tuple(slice(max(s.start - 1, 0), s.stop + 1) for s in region)
        part = parts[grown] == number
        rim = ndimage.binary_dilation(part) & ~holes[grown]
        around = np.bincount(voxels[grown][rim], minlength=1)
        filled[grown][part] = around.argmax()
    return filled[holes] if count else voxels[holes]


def _changed(volume: LabelVolume, voxels: NDArray[np.uint8], step: str) -> Repaired:
    """Return the new map and a line for every kind of change, largest first."""
    moved = voxels != volume.voxels
    if not moved.any():
        return volume, []
    size = len(Label)
    pairs = np.bincount(
        volume.voxels[moved].astype(int) * size + voxels[moved], minlength=size * size
    )
    order: Sequence[int] = [int(pair) for pair in np.argsort(-pairs) if pairs[pair]]
    lines = [
        f"{step}: {pairs[pair]} voxels ({pairs[pair] * volume.voxel_volume / 1000:.2f} mL) of "
        f"{name(Label(pair // size))} became {name(Label(pair % size))}"
        for pair in order
    ]
    return LabelVolume(voxels, volume.affine), lines
