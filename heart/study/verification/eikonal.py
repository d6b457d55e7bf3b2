"""The eikonal solver against closed forms: order, error at 20 mm, slab bound, bent path, head wave.

Speeds are those of the slab of [Niederer2011], 0.61 mm/ms along the fibre and 0.22 across; the
closed form of a point source in a homogeneous medium is T = sqrt(xᵀ D⁻¹ x), D = diag(v²).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from heart.core.progress import Telemetry
from heart.numerics.eikonal import (
    Accuracy,
    EikonalMesh,
    Lengths,
    point_source,
    solve,
    tetrahedron_lengths,
    triangle_lengths,
)
from heart.study.verification.benchmark import EXACT, Benchmark, Check, between, near
from heart.study.verification.shapes import box

Float = NDArray[np.float64]
Int = NDArray[np.integer]

FIBRE, ACROSS = 0.61, 0.22
FACES = ((0, 1, 2), (0, 1, 3), (0, 2, 3), (1, 2, 3))
SEED = 0
ALONG = "along the fibre"
ACCURACIES: tuple[Accuracy, Accuracy] = ("first", "second")
ISOTROPIC = np.eye(3) / FIBRE**2


def run(telemetry: Telemetry) -> list[Check]:
    """Run all parts."""
    checks: list[Check] = []
    for name, part in (
        ("Point source, three meshes", _order),
        ("Error at 20 mm", _twenty_millimetres),
        ("Slab bound", _slab),
        ("Way round a block", _bent_path),
        ("Fast sheet", _head_wave),
    ):
        with telemetry.step(name):
            checks += part()
    return checks


def _order() -> list[Check]:
    """Slope of the mean error over edges of 1, 0.5 and 0.25 mm."""
    checks = []
    for name, metric, jitter in (
        ("isotropic", ISOTROPIC, 0.0),
        ("fibre (2, 1, 0)", _metric((2, 1, 0)), 0.0),
        ("fibre (2, 1, 0.5), nodes moved", _metric((2, 1, 0.5)), 0.2),
    ):
        edges = (1.0, 0.5, 0.25)
        errors = []
        for edge in edges:
            points, cells = box((8.0, 8.0, 8.0), edge, jitter, np.random.default_rng(SEED))
            times, exact = _from_point(points, cells, metric, (2.1, 2.3, 1.9), 2.5)
            errors.append(float(np.abs(times - exact).mean()))
        slope = np.polyfit(np.log(edges), np.log(errors), 1)[0]
        checks.append(
            between(f"order of convergence, {name}", slope, 0.9, None, "1", "Bornemann2006")
        )
    return checks


def _twenty_millimetres() -> list[Check]:
    """Largest relative error of all nodes 20 ± 0.5 mm from the source, in both accuracies.

    First order along the fibre is shown without a gate: it is above 1 % (see the notes).
    """
    checks = []
    for name, metric, edge, jitter in (
        ("isotropic", ISOTROPIC, 0.5, 0.0),
        ("isotropic, nodes moved", ISOTROPIC, 0.5, 0.2),
        ("across the fibre", _metric((0, 1, 0)), 0.5, 0.0),
        ("oblique", _metric((1, 1, 0.5)), 0.5, 0.0),
        (ALONG, _metric((1, 0, 0)), 0.5, 0.0),
        ("along the fibre, h = 0.25 mm", _metric((1, 0, 0)), 0.25, 0.0),
    ):
        origin = np.array([0.6, 3.0, 3.0])
        points, cells = box((22.0, 6.0, 6.0), edge, jitter, np.random.default_rng(SEED))
        far = np.abs(np.linalg.norm(points - origin, axis=1) - 20.0) < 0.5
        for accuracy in ACCURACIES if edge == 0.5 else ACCURACIES[:1]:
            times, exact = _from_point(points, cells, metric, origin, 3.0, accuracy)
            worst = np.flatnonzero(far)[np.argmax((np.abs(times - exact) / exact)[far])]
            gated = edge == 0.5 and not (name == ALONG and accuracy == "first")
            checks.append(
                near(
                    f"worst arrival at 20 mm, {accuracy} order, {name}", times[worst],
                    exact[worst], 0.01 if gated else None, "ms", EXACT, relative=True,
                )
            )  # fmt: skip
    return checks


def _slab() -> list[Check]:
    """Far corner of the slab: never before the bound, and coming down to it."""
    metric = _metric((1, 0, 0))
    gap = np.array([20.0, 7.0, 3.0]) - 1.5
    bound = 1.2 + float(np.sqrt(gap @ metric @ gap))
    arrivals = []
    for edge in (0.5, 0.25):
        points, cells = box((20.0, 7.0, 3.0), edge)
        mesh, lengths = _problem(points, cells, metric)
        stimulus = np.flatnonzero((points <= 1.5 + 1e-9).all(axis=1))
        corner = int(np.argmax(points.sum(axis=1)))
        arrivals.append(float(solve(mesh, lengths, stimulus, 1.2)[corner]))
    return [
        between("slab: earliest possible arrival at P8", bound, 40.8, 41.1, "ms", "Niederer2011"),
        between("slab: P8 behind it, h = 0.5 mm", arrivals[0] - bound, 0.0, None, "ms", EXACT),
        near("slab: P8, h = 0.25 mm", arrivals[1], bound, 0.02, "ms", EXACT, relative=True),
        between("slab: P8 behind it, h = 0.25 mm", arrivals[1] - bound, 0.0, None, "ms", EXACT),
    ]  # fmt: skip


def _bent_path() -> list[Check]:
    """Behind a block the wave arrives along the shortest bent path, and nothing leaks through."""
    points, cells = box((12.0, 10.0, 1.0), 0.25)
    centre = points[cells].mean(axis=1)
    wall = (centre[:, 0] > 5.0) & (centre[:, 0] < 6.0) & (centre[:, 1] < 5.0)
    mesh, lengths = _problem(points, cells, np.eye(3), conducting=~wall)
    times = solve(mesh, lengths, *point_source(mesh, lengths, (2.0, 1.0, 0.5), radius=1.0))
    inside = (points[:, 0] > 5.0) & (points[:, 0] < 6.0) & (points[:, 1] < 5.0)
    shadow = (points[:, 0] >= 6.0) & (points[:, 1] <= 5.0)
    turn = np.hypot(points[shadow, 0] - 6.0, points[shadow, 1] - 5.0)
    exact = np.hypot(np.hypot(3.0, 4.0) + 1.0 + turn, points[shadow, 2] - 0.5)
    error = times[shadow] / exact - 1.0
    worst = int(np.argmax(np.abs(error)))
    leaked = float(np.isfinite(times[inside]).mean())
    return [
        near(
            "worst arrival behind a block", times[shadow][worst], exact[worst],
            0.03, "ms", EXACT, relative=True,
        ),
        between("share of the block that is activated", leaked, 0.0, 0.0, "1", EXACT),
    ]  # fmt: skip


def _head_wave() -> list[Check]:
    """Snell's law for a sheet at 2 mm/ms over muscle at 0.5 mm/ms, farther than 4 mm away."""
    slow, fast, depth = 0.5, 2.0, 2.0
    points, cells = box((16.0, 1.0, depth), 0.25, 0.2, np.random.default_rng(SEED))
    top = points[:, 2] > depth - 1e-9
    faces = cells[:, np.array(FACES)].reshape(-1, 3)
    mesh = EikonalMesh.from_cells(points, cells, sheets=faces[top[faces].all(axis=1)])
    lengths = Lengths(tetrahedron_lengths(mesh, np.eye(3) / slow**2), triangle_lengths(mesh, fast))
    times = solve(mesh, lengths, np.flatnonzero((points[:, 0] < 1e-9) & top), 0.0)
    down = depth - points[:, 2]
    direct = np.hypot(points[:, 0], down) / slow
    head = points[:, 0] / fast + down * np.sqrt(slow**-2 - fast**-2)
    refracted = points[:, 0] >= down * slow / np.sqrt(fast**2 - slow**2)
    exact = np.where(refracted, head, direct)
    far = np.flatnonzero(points[:, 0] > 4.0)
    worst = far[np.argmax(np.abs(times[far] / exact[far] - 1.0))]
    return [
        near(
            "worst arrival of a head wave", times[worst], exact[worst],
            0.01, "ms", EXACT, relative=True,
        ),
    ]  # fmt: skip


def _metric(fibre: ArrayLike) -> Float:
    axis = np.asarray(fibre, float) / np.linalg.norm(fibre)
    return np.eye(3) / ACROSS**2 + np.outer(axis, axis) * (FIBRE**-2 - ACROSS**-2)


def _problem(
    points: Float, cells: Int, metric: Float, conducting: NDArray[np.bool_] | None = None
) -> tuple[EikonalMesh, Lengths]:
    mesh = EikonalMesh.from_cells(points, cells, conducting=conducting)
    return mesh, Lengths(tetrahedron_lengths(mesh, metric), triangle_lengths(mesh, 0.0))


def _from_point(
    points: Float,
    cells: Int,
    metric: Float,
    origin: ArrayLike,
    radius: float,
    accuracy: Accuracy = "first",
) -> tuple[Float, Float]:
    """Return arrival times of a point source, ours and exact, (n,) ms each."""
    mesh, lengths = _problem(points, cells, metric)
    source = point_source(mesh, lengths, origin, radius=radius)
    times = solve(mesh, lengths, *source, accuracy=accuracy)
    gap = points - np.asarray(origin)
    return times, np.sqrt(np.einsum("ni,ij,nj->n", gap, metric, gap))


BENCHMARK = Benchmark(
    "eikonal",
    "Arrival times against closed forms",
    8.0,
    run,
    (
        "Speeds 0.61 and 0.22 mm/ms along and across the fibre [Niederer2011]; h = 0.5 mm where "
        "nothing else is said.",
        "Straight along the fibre the front is sharply curved across a mesh that is 2.8 times "
        "coarser there in the metric of the wave: first order is largest in that direction and "
        "above 1 % at 0.5 mm. The second-order option is below 1 % in every direction at about "
        "six times the cost; screens use first order.",
    ),
)
