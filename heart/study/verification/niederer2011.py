"""The slab of the N-version benchmark [Niederer2011]: nine points, three quadratures, one limit.

What is tested is not one number at one mesh but the direction of convergence: with row sums of the
mass waves on coarse meshes are too slow and arrivals come down to the limit; with state-variable
interpolation they are too fast and come up to it; the consistent mass with nodal currents starts
above and passes below. The limit itself is bounded from below: no wave of the converged plane
speeds can be at the far corner before 40.8 ms. It is found three times: from lumped runs of the
tissue engine, and from a tensor grid that shares nothing with it but the cells, with cosines and
with consistent elements, which are early where lumped runs are late.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

from heart.core.progress import Telemetry
from heart.electro.tissue import scheme as schemes
from heart.electro.tissue.scheme import Multirate, Scheme
from heart.study.verification import niederer2011_limit as limits
from heart.study.verification.benchmark import Benchmark, Check, between, near, shown
from heart.study.verification.niederer2011_limit import PROBES, TENSOR_STEPS
from heart.study.verification.niederer2011_slab import Case, Triple
from heart.study.verification.niederer2011_tensor import Derivative

SOURCE = "Niederer2011"
BOUND = 40.8

CHASTE: dict[str, float] = dict(
    zip(
        PROBES,
        (1.22584, 27.9116, 37.4343, 38.15, 7.945, 25.0817, 36.3801, 36.2962, 17.6153),
        strict=True,
    )
)
"""State-variable interpolation at 0.5 mm and 0.01 ms: the map that code A sent to the paper."""

LUMPED_05: dict[str, float] = dict(
    zip(
        PROBES,
        (1.229, 114.198, 44.944, 125.240, 27.199, 115.627, 50.148, 126.168, 55.657),
        strict=True,
    )
)
"""Seven-point differences at 0.5 mm and 0.005 ms, computed for this project: lumped P1 inside this
mesh, while at edges and corners the masses differ."""


def _scheme(name: str, dt: float) -> Scheme:
    return replace(schemes.load(name), dt=dt, tolerance=1e-3)


def cube(step: float) -> Triple:
    """Return a grid of cubes."""
    return (step, step, step)


def _quiet(name: str, dt: float) -> Scheme:
    """Return a scheme with long steps where no wave is."""
    return replace(_scheme(name, dt), multirate=Multirate())


def _refined(steps: Triple, dt: float, until: float) -> Case:
    """Return a run towards the limit: lumped, and with a charge that the grid does not change."""
    return Case(steps, _quiet("lumped", dt), until, shared=True)


CASES: dict[str, Case] = {
    "consistent, 0.5 mm, 0.05 ms": Case(cube(0.5), _scheme("accurate", 0.05), 60.0),
    "consistent, 0.5 mm, 0.01 ms": Case(cube(0.5), _scheme("accurate", 0.01), 60.0),
    "consistent, 0.5 mm, 0.005 ms": Case(cube(0.5), _scheme("accurate", 0.005), 60.0),
    "consistent, 0.2 mm, 0.01 ms": Case(cube(0.2), _scheme("accurate", 0.01), 42.0),
    "states interpolated, 0.5 mm, 0.01 ms": Case(cube(0.5), schemes.load("state_variable"), 39.0),
    "lumped, 0.5 mm, 0.005 ms": Case(cube(0.5), _scheme("lumped", 0.005), 130.0),
    "lumped, 0.2 mm, 0.01 ms": Case(cube(0.2), _scheme("lumped", 0.01), 56.0),
    "lumped, 0.2 mm, 0.01 ms, long steps": Case(cube(0.2), _quiet("lumped", 0.01), 56.0),
    "lumped, 0.2 × 0.1 × 0.1 mm, 0.02 ms": _refined((0.2, 0.1, 0.1), 0.02, 48.0),
    "lumped, 0.2 × 0.1 × 0.1 mm, 0.01 ms": _refined((0.2, 0.1, 0.1), 0.01, 48.0),
    "lumped, 0.1 mm, 0.02 ms": _refined(cube(0.1), 0.02, 47.0),
    "lumped, 0.1 mm, 0.01 ms": _refined(cube(0.1), 0.01, 46.5),
    "lumped, 0.2 × 0.05 × 0.05 mm, 0.02 ms": _refined((0.2, 0.05, 0.05), 0.02, 47.0),
    "lumped, 0.2 × 0.05 × 0.05 mm, 0.01 ms": _refined((0.2, 0.05, 0.05), 0.01, 46.5),
}
"""Every run of the tissue engine by name."""

TENSOR: dict[str, tuple[Derivative, float]] = {
    "cosines, tensor grid, 0.02 ms": (Derivative.COSINES, 0.02),
    "cosines, tensor grid, 0.01 ms": (Derivative.COSINES, 0.01),
    "consistent, tensor grid, 0.02 ms": (Derivative.ELEMENTS, 0.02),
}
"""Runs on a tensor grid of 0.133 × 0.067 × 0.067 mm."""

REFINED = ("0.2 × 0.1 × 0.1 mm", "0.1 mm", "0.2 × 0.05 × 0.05 mm")
CHAINS: dict[str, tuple[str, ...]] = {
    "lumped, cubes": (
        "lumped, 0.5 mm, 0.005 ms", "lumped, 0.2 mm, 0.01 ms", "lumped, 0.1 mm, 0.01 ms",
    ),
    "lumped, across the fibre": (
        "lumped, 0.2 mm, 0.01 ms", "lumped, 0.2 × 0.1 × 0.1 mm, 0.01 ms",
        "lumped, 0.2 × 0.05 × 0.05 mm, 0.01 ms",
    ),
}  # fmt: skip
LIMITS: dict[str, tuple[float, float]] = {
    "P8": (41.7, 1.2), "P3": (31.8, 0.8), "P2": (26.7, 0.8), "P5": (8.2, 0.3), "P9": (18.8, 0.6),
}  # fmt: skip
"""Estimates of the limit from before, and how far from them it may be."""

LONG_STEPS = 0.05
"""ms that long steps of quiet cells may move an arrival."""


def run(telemetry: Telemetry) -> list[Check]:
    """Run the matrix."""
    found: dict[str, dict[str, float]] = {}
    for name, case in CASES.items():
        with telemetry.step(name):
            found[name] = case.probes()
    for name, (derivative, dt) in TENSOR.items():
        with telemetry.step(name):
            found[name] = limits.tensor_arrivals(derivative, TENSOR_STEPS, dt)
    return judged(found)


def judged(found: dict[str, dict[str, float]]) -> list[Check]:
    """Return the rows for the probes of each case."""
    checks: list[Check] = []
    for name, times in found.items():
        checks += _rows(name, times)
    for kind, chain in CHAINS.items():
        arrivals = [found[name]["P8"] for name in chain]
        checks += [
            between(
                f"{kind}: P8 comes down, refinement {k}", before - after, 0.0, None, "ms", SOURCE
            )
            for k, (before, after) in enumerate(itertools.pairwise(arrivals), start=1)
        ]
    late = found["lumped, 0.1 mm, 0.01 ms"]["P8"] - BOUND
    early = BOUND - found["states interpolated, 0.5 mm, 0.01 ms"]["P8"]
    checks += [
        between("lumped, 0.1 mm: P8 late", late, 0.0, None, "ms", SOURCE),
        between("states interpolated: P8 is early", early, 0.0, None, "ms", SOURCE),
        near(
            "consistent, 0.5 mm: P8 from 0.01 to 0.005 ms",
            found["consistent, 0.5 mm, 0.005 ms"]["P8"],
            found["consistent, 0.5 mm, 0.01 ms"]["P8"],
            0.6, "ms", SOURCE,
        ),
        near(
            "lumped, 0.2 mm: P8 with long steps of quiet cells",
            found["lumped, 0.2 mm, 0.01 ms, long steps"]["P8"],
            found["lumped, 0.2 mm, 0.01 ms"]["P8"],
            LONG_STEPS, "ms", "assumed",
        ),
    ]  # fmt: skip
    return checks + _limits(found)


def _limits(found: dict[str, dict[str, float]]) -> list[Check]:
    """Return the arrivals in the limit from each side, each by the same gates."""
    checks: list[Check] = []
    sides = {family: method(found) for family, method in FAMILIES.items()}
    for family, times in sides.items():
        suffix = "" if family == MAIN else f", {family}"
        for probe, (value, tolerance) in LIMITS.items():
            name = f"{probe} in the limit{suffix}"
            checks.append(near(name, times[probe], value, tolerance, "ms", "assumed"))
            if probe == "P8":
                checks.append(
                    between(f"{name}, above the bound", times[probe], BOUND, None, "ms", SOURCE)
                )
    for probe in LIMITS:
        ends = [times[probe] for times in sides.values()]
        checks.append(shown(f"{probe} in the limit, spread", max(ends) - min(ends), "ms", SOURCE))
    return checks


def lumped_limit(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the limit of lumped runs of the tissue engine: dt on each grid, then the grids."""
    grids = [
        limits.without_dt(found[f"lumped, {name}, 0.02 ms"], found[f"lumped, {name}, 0.01 ms"])
        for name in REFINED
    ]
    steps = [CASES[f"lumped, {name}, 0.01 ms"].steps for name in REFINED]
    return {probe: limits.extrapolated(steps, [g[probe] for g in grids]) for probe in LIMITS}


def cosine_limit(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the limit of cosines: dt, and less than 0.2 ms that cables say is left."""
    times = limits.without_dt(
        found["cosines, tensor grid, 0.02 ms"], found["cosines, tensor grid, 0.01 ms"]
    )
    return {
        probe: times[probe] - limits.delay(Derivative.COSINES, TENSOR_STEPS, probe)
        for probe in LIMITS
    }


def element_limit(found: dict[str, dict[str, float]]) -> dict[str, float]:
    """Return the limit of consistent elements, early on the grid; dt as cosines have it."""
    share = {
        probe: found["cosines, tensor grid, 0.02 ms"][probe] - time
        for probe, time in found["cosines, tensor grid, 0.01 ms"].items()
    }
    times = found["consistent, tensor grid, 0.02 ms"]
    return {
        probe: times[probe]
        - 2.0 * share[probe]
        - limits.delay(Derivative.ELEMENTS, TENSOR_STEPS, probe)
        for probe in LIMITS
    }


MAIN = "lumped"
FAMILIES = {MAIN: lumped_limit, "cosines": cosine_limit, "consistent elements": element_limit}


def _rows(name: str, times: dict[str, float]) -> list[Check]:
    """Return the nine points of a run beside those of a published or computed run of its kind."""
    rows: list[Check] = []
    for probe, time in times.items():
        label = f"{probe}, {name}"
        if probe == "P1":
            # The first-order cell step shifts P1 by 0.005 ms per 0.01 ms of dt.
            gate = 0.03 if "0.01 ms" in name or "0.005 ms" in name else None
            rows.append(near(label, time, 1.23, gate, "ms", SOURCE))
        elif name.startswith("states"):
            rows.append(near(label, time, CHASTE[probe], 0.05, "ms", SOURCE, relative=True))
        elif name.startswith("lumped, 0.5 mm"):
            rows.append(near(label, time, LUMPED_05[probe], None, "ms", "assumed", relative=True))
        else:
            rows.append(shown(label, time, "ms", SOURCE))
    return rows


BENCHMARK = Benchmark(
    "niederer2011",
    "Activation of the N-version slab",
    2000.0,
    run,
    (
        "Slab 20 × 7 × 3 mm, fibres along x, ten Tusscher–Panfilov 2006 epicardium from the "
        "prescribed state; grids of boxes cut into six tetrahedra with parallel diagonals (Kuhn); "
        "arrival when V first exceeds 0 mV, linear in time; Strang splitting, Crank–Nicolson.",
        "Inside this mesh lumped P1 is the seven-point difference scheme, whose numbers at 0.5 mm "
        "were computed for this project; at edges and corners the lumped masses differ, which "
        "shows at P5, near the stimulus.",
        "No wave with the converged plane speeds of 0.611 and 0.223 mm/ms can be at P8 before "
        "40.8 ms; tables that converge below that are not aimed at.",
        "The limit is taken thrice: from lumped runs, late on every grid (dt by Richardson on each "
        "grid; steps along and across by what a cable of the same differences loses); from a "
        "program without elements on a tensor grid of 0.133 × 0.067 × 0.067 mm with cosines; and "
        "from that with consistent linear elements per axis, early on every grid. Runs towards the "
        "limit share the current of nodes on the faces of the stimulated cube, so that the charge "
        "does not depend on the grid (0.2 ms at P8 with 0.1 mm).",
        "Gates of the limit are estimates made before from coarser runs; they are not moved, and "
        "what they are worth at P9 is in docs/decisions/0021-limit-of-the-slab.md.",
    ),
)
