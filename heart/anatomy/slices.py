"""From a stack of thick slices to near-cubic voxels: shapes are interpolated, not voxels.

Between two contours 8 mm apart the voxels say nothing, but the shapes do. Every structure becomes
a signed distance in each slice, and the distances are interpolated along the stack after the
centroids were brought together, because a heart that leans, or a breath-hold that moved, must not
shrink between slices. Nested bodies are interpolated (left blood, right blood, LV with its muscle,
everything), never the thin walls between them: the walls are what is left over.

Below the last contoured slice the apex is closed by a rounded cap; at the base the stack ends half
a slice above its last contour, and without atria that plane is where the heart is cut.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from heart.anatomy.image import to_closest_ras
from heart.anatomy.label_checks import is_stack
from heart.anatomy.labels import LEFT_BLOOD, LV_MUSCLE, RIGHT_BLOOD, Label, LabelVolume
from heart.anatomy.valves import Plane, basal_opening, find_valves
from heart.core.errors import LabelError
from heart.core.parameters import Parameter

Float = NDArray[np.float64]
Voxels = NDArray[np.uint8]

SPACING = Parameter(1.5, "mm", 0.5, 3.0, "assumed", "largest spacing of the interpolated slices")
FINEST = Parameter(1.0, "mm", 0.2, 3.0, "assumed", "finer slices cost memory and add no shape")
CAP = Parameter(
    0.75, "1", 0.5, 1.0, "assumed",
    "height of the apical cap in slice spacings: an ellipsoid of this height has the volume of "
    "half a slice, which is what the end slice of a Simpson sum counts",
)  # fmt: skip
APEX = Parameter(
    0.75, "1", 0.3, 1.0, "assumed", "thickness of the wall at the apex over that of the last slice"
)
THINNEST_APEX = Parameter(3.0, "mm", 1.0, 10.0, "assumed", "least wall below the last slice")
LARGEST_SHIFT = Parameter(
    8.0, "mm", 0.0, 20.0, "assumed",
    "centroids of adjacent slices are aligned up to this; beyond it the shapes differ",
)  # fmt: skip
ALIGNED = Parameter(
    1.5, "mm", 0.2, 5.0, "assumed", "a centre this far from the axis counts half in its fit"
)
VENTRICLES = (Label.LV_CAVITY, Label.RV_CAVITY, *LV_MUSCLE, Label.RV_WALL)
BEHIND_VALVES = (Label.LEFT_ATRIUM, Label.AORTA, Label.RIGHT_ATRIUM, Label.PULMONARY_ARTERY)


@dataclass(frozen=True)
class _Stack:
    """Slices (x, y, k), base at high k, and how their indices map to those of the volume."""

    voxels: Voxels
    spacing: Float
    to_volume: Float


def interpolate_slices(
    volume: LabelVolume, *, plane: Plane | None = None, align: bool = False
) -> tuple[LabelVolume, Plane | None, list[str]]:
    """Interpolate the shapes of a stack of thick slices; other maps come back unchanged.

    Parameters
    ----------
    volume
        Canonical labels as drawn, a stack along one voxel axis.
    plane
        Basal plane given by the case; otherwise it is found where it is needed.
    align
        Whether slices are moved onto a smooth axis first.

    Returns
    -------
    LabelVolume
        Labels on a grid whose slices are at most `SPACING` apart.
    Plane or None
        The basal plane, where no atrium or artery says where the ventricles end.
    list of str
        What was made: one line per fact.

    Raises
    ------
    LabelError
        The LV cavity is in fewer than three slices.
    """
    if not is_stack(volume):
        return volume, plane or basal_plane(volume), []
    stack = _oriented(volume)
    cavity = (stack.voxels == Label.LV_CAVITY).any(axis=(0, 1))
    if cavity.sum() < 3:
        raise LabelError(
            f"the LV cavity is in {cavity.sum()} slices only",
            expected="at least 3",
            fix="segment every slice from base to apex",
        )
    moves: list[str] = []
    if align:
        stack, moves = _aligned(stack)
    parts = max(1, round(stack.spacing[2] / _target(stack.spacing)))
    low = -int(np.ceil((CAP.value * stack.spacing[2] + 20.0) / stack.spacing[2]))
    count = (stack.voxels.shape[2] + 1 - low) * parts
    heights = (np.arange(count) + 0.5) / parts - 0.5 + low
    voxels = _compose(stack, heights)
    index = np.eye(4)
    index[2, 2] = 1.0 / parts
    index[2, 3] = heights[0]
    turned, affine = to_closest_ras(
        voxels.astype(np.int32), volume.affine @ stack.to_volume @ index
    )
    filled = _cropped(LabelVolume(turned.astype(np.uint8), affine))
    plane = plane or basal_plane(volume)
    lines = [
        *moves,
        f"{int(cavity.sum())} slices {stack.spacing[2]:.1f} mm apart: shapes interpolated to "
        f"{stack.spacing[2] / parts:.2f} mm, apex closed by a rounded cap (assumed)",
    ]
    missed = int(np.ptp(np.flatnonzero(cavity))) + 1 - int(cavity.sum())
    if missed:
        lines.append(f"{missed} slices between base and apex have no LV cavity: bridged")
    if plane is not None:
        lines.append("the base is cut at a plane: no atrium or artery is labelled")
    return filled, plane, lines


def basal_plane(volume: LabelVolume) -> Plane | None:
    """Return the plane where ventricles without atria end; None where the labels show valves.

    In a stack it lies half a slice above the last slice with an LV cavity; elsewhere it is
    fitted to the faces through which the LV cavity meets the background.

    Raises
    ------
    LabelError
        Neither valve, nor stack, nor opening: nothing says where the base is.
    """
    if any(valve.cavity is Label.LV_CAVITY for valve in find_valves(volume)):
        return None
    if is_stack(volume):
        stack = _oriented(volume)
        top = int(np.flatnonzero((stack.voxels == Label.LV_CAVITY).any(axis=(0, 1)))[-1])
        middle = np.argwhere(stack.voxels[..., top] == Label.LV_CAVITY).mean(axis=0)
        matrix = volume.affine @ stack.to_volume
        centre = matrix[:3] @ np.array([*middle, top + 0.5, 1.0])
        return Plane(centre, matrix[:3, 2] / np.linalg.norm(matrix[:3, 2]))
    opening = basal_opening(volume, Label.LV_CAVITY)
    if opening is None:
        raise LabelError(
            "the LV cavity meets no atrium, no artery and no open base",
            expected="atrial labels, or a map that is cut at the base",
            fix="add these labels, or give base_plane in case.yaml",
        )
    return opening.plane


def _target(spacing: Float) -> float:
    in_plane = float(spacing[:2].max())
    return min(max(in_plane, FINEST.value), SPACING.value)


def _oriented(volume: LabelVolume) -> _Stack:
    """Put the stack along the last axis with the base at its high end."""
    axis = int(np.argmax(volume.spacing))
    order = [other for other in range(3) if other != axis] + [axis]
    voxels = volume.voxels.transpose(order)
    to_volume = np.zeros((4, 4))
    to_volume[[*order, 3], range(4)] = 1.0
    if _base_is_low(voxels):
        flip = np.diag([1.0, 1.0, -1.0, 1.0])
        flip[2, 3] = voxels.shape[2] - 1
        voxels, to_volume = voxels[..., ::-1], to_volume @ flip
    return _Stack(voxels, volume.spacing[order], to_volume)


def _aligned(stack: _Stack) -> tuple[_Stack, list[str]]:
    """Move slices by whole pixels so that the centres of the LV lie on a parabola.

    The parabola is fitted robustly (each slice weighted by how well it agrees), because one
    breath-hold that went wrong must not bend the axis of the others.
    """
    body = np.isin(stack.voxels, (Label.LV_CAVITY, *LV_MUSCLE))
    levels = np.flatnonzero(body.any(axis=(0, 1)))
    if len(levels) < 5:
        return stack, []
    centres = np.array([np.argwhere(body[..., k]).mean(axis=0) for k in levels])
    weights = np.ones(len(levels))
    residual = np.zeros_like(centres)
    for _ in range(5):
        fit = np.polynomial.polynomial.polyfit(levels, centres, 2, w=np.sqrt(weights))
        residual = centres - np.polynomial.polynomial.polyval(levels, fit).T
        weights = 1.0 / (1.0 + (residual * stack.spacing[:2] / ALIGNED.value) ** 2).sum(axis=1)
    moved = stack.voxels.copy()
    steps = -np.rint(residual).astype(int)
    for level, step in zip(levels, steps, strict=True):
        moved[..., level] = ndimage.shift(stack.voxels[..., level], step, order=0)
    largest = float(np.linalg.norm(steps * stack.spacing[:2], axis=1).max())
    lines = [f"slices moved onto a smooth axis, by up to {largest:.1f} mm"] if largest else []
    return _Stack(moved, stack.spacing, stack.to_volume), lines


def _base_is_low(voxels: Voxels) -> bool:
    """Return whether the base is at low k: atria and arteries tell, else the wider cavity end."""
    k = np.arange(voxels.shape[2])
    areas = (voxels == Label.LV_CAVITY).sum(axis=(0, 1))
    beyond = np.isin(voxels, BEHIND_VALVES).sum(axis=(0, 1))
    if beyond.sum() and areas.sum():
        return bool((beyond @ k) / beyond.sum() < (areas @ k) / areas.sum())
    found = areas[areas > 0]
    return bool(found.size > 1 and found[:2].sum() > found[-2:].sum())


def _compose(stack: _Stack, heights: Float) -> Voxels:
    """Interpolate the nested bodies and put them together: blood wins over muscle."""
    voxels, spacing = stack.voxels, stack.spacing
    lowest = np.isin(voxels, (Label.LV_CAVITY, Label.RV_CAVITY)).any(axis=(0, 1)).argmax()
    cap = CAP.value * float(spacing[2])
    apex = _apex_thickness(voxels, spacing)
    left, right = np.isin(voxels, LEFT_BLOOD), np.isin(voxels, RIGHT_BLOOD)
    epicardium = np.isin(voxels, (Label.LV_CAVITY, *LV_MUSCLE))
    out = np.zeros((*voxels.shape[:2], len(heights)), np.uint8)
    if (voxels == Label.RV_WALL).any():
        whole = np.isin(voxels, VENTRICLES)
        closed = cap + (apex if whole.any(axis=(0, 1)).argmax() == lowest else 0.0)
        out[_body(whole, spacing, heights, closed) < 0.0] = Label.RV_WALL
    closed = cap + (apex if epicardium.any(axis=(0, 1)).argmax() == lowest else 0.0)
    out[_body(epicardium, spacing, heights, closed) < 0.0] = Label.LV_WALL
    _mark_scar(out, voxels, heights)
    field_left = _body(left, spacing, heights, cap)
    field_right = _body(right, spacing, heights, cap)
    for field, other, labels in (
        (field_right, field_left, RIGHT_BLOOD),
        (field_left, field_right, LEFT_BLOOD),
    ):
        inside = (field < 0.0) & (field <= other)
        out[inside] = _nearest_of(labels, voxels, spacing, heights)[inside]
    return out


def _apex_thickness(voxels: Voxels, spacing: Float) -> float:
    """Return the wall to put below the last slice with an LV cavity, in mm."""
    last = int((voxels == Label.LV_CAVITY).any(axis=(0, 1)).argmax())
    inner = float((voxels[..., last] == Label.LV_CAVITY).sum())
    outer = inner + float(np.isin(voxels[..., last], LV_MUSCLE).sum())
    pixel = float(spacing[0] * spacing[1])
    radial = np.sqrt(outer * pixel / np.pi) - np.sqrt(inner * pixel / np.pi)
    return max(THINNEST_APEX.value, APEX.value * float(radial))


def _body(mask: NDArray[np.bool_], spacing: Float, heights: Float, cap: float) -> Float:
    """Return the signed distance (mm, negative inside) of one body at all `heights`.

    Parameters
    ----------
    mask
        (x, y, k) slices of the body.
    spacing
        Of x, y and k in mm.
    heights
        Positions in units of k.
    cap
        Height in mm of the rounded end below its lowest slices.
    """
    far = float(np.linalg.norm(np.array(mask.shape[:2]) * spacing[:2]))
    out = np.full((*mask.shape[:2], len(heights)), far)
    present = np.flatnonzero(mask.any(axis=(0, 1)))
    if not present.size:
        return out
    distances = [_signed_distance(mask[..., k], spacing) for k in present]
    centres = [np.argwhere(mask[..., k]).mean(axis=0) for k in present]
    for number, height in enumerate(heights):
        after = int(np.searchsorted(present, height, side="right"))
        if 0 < after < len(present):
            gap = float(present[after] - present[after - 1])
            weight = float(height - present[after - 1]) / gap
            shift = centres[after] - centres[after - 1]
            if np.linalg.norm(shift * spacing[:2]) > LARGEST_SHIFT.value * gap:
                shift = np.zeros(2)
            out[..., number] = (1.0 - weight) * _moved(
                distances[after - 1], weight * shift
            ) + weight * _moved(distances[after], (weight - 1.0) * shift)
        elif after == len(present) and height - present[-1] < 0.5:
            out[..., number] = distances[-1]
        elif after == 0:
            drop = float(present[0] - height) * float(spacing[2]) / cap
            if drop < 1.0:
                depth = -float(distances[0].min())
                out[..., number] = distances[0] + depth * (1.0 - np.sqrt(1.0 - drop**2))
    return out


def _signed_distance(mask: NDArray[np.bool_], spacing: Float) -> Float:
    """Return the signed distance in mm of a slice, zero between the pixels at the contour."""
    inside = ndimage.distance_transform_edt(mask, sampling=spacing[:2])
    if mask.all():
        return np.asarray(-inside)
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing[:2])
    half = 0.5 * float(spacing[:2].mean())
    return np.asarray(np.where(mask, half - inside, outside - half))


def _moved(field: Float, shift: Float) -> Float:
    """Return the field moved by `shift` pixels."""
    if not np.any(shift):
        return field
    return np.asarray(ndimage.shift(field, shift, order=1, mode="nearest"))


def _nearest_of(
    labels: tuple[Label, ...], voxels: Voxels, spacing: Float, heights: Float
) -> Voxels:
    """Return at every fine voxel which of `labels` it belongs to, were it blood.

    Each label's clipped signed distance is interpolated along the stack; the smallest wins, so
    that an oblique valve plane stays oblique between slices.
    """
    reach = float(spacing[2])
    k = np.clip(heights, 0, voxels.shape[2] - 1)
    below = np.minimum(np.floor(k).astype(int), voxels.shape[2] - 2)
    weight = k - below
    best = np.full((*voxels.shape[:2], len(heights)), np.inf)
    out = np.full(best.shape, labels[0], np.uint8)
    for label in labels:
        mask = voxels == label
        if not mask.any():
            continue
        clipped = np.full(mask.shape, reach)
        for number in np.flatnonzero(mask.any(axis=(0, 1))):
            clipped[..., number] = _signed_distance(mask[..., number], spacing)
        clipped = np.clip(clipped, -reach, reach)
        field = (1.0 - weight) * clipped[..., below] + weight * clipped[..., below + 1]
        closer = field < best
        best[closer], out[closer] = field[closer], label
    return out


def _mark_scar(out: Voxels, voxels: Voxels, heights: Float) -> None:
    """Carry scar and border zone from the nearest slice into the interpolated LV wall."""
    nearest = np.clip(np.rint(heights).astype(int), 0, voxels.shape[2] - 1)
    for label in (Label.SCAR, Label.BORDER_ZONE):
        if (voxels == label).any():
            out[(voxels[..., nearest] == label) & (out == Label.LV_WALL)] = label


def _cropped(volume: LabelVolume, margin: int = 6) -> LabelVolume:
    """Drop empty voxels around the labels, keeping a margin for walls that are added later."""
    found = np.argwhere(volume.voxels > 0)
    start = np.maximum(found.min(axis=0) - margin, 0)
    stop = np.minimum(found.max(axis=0) + 1 + margin, volume.voxels.shape)
    kept = volume.voxels[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))]
    affine = volume.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ start
    return LabelVolume(np.ascontiguousarray(kept), affine)
