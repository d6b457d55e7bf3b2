"""Orders of convergence of the tissue solvers against closed forms: slopes, not just small errors.

Space: the solution of [Pathmanathan2014] on three meshes of the unit cube. Time: on one small
mesh, against the exact solution of the same semi-discrete equations, so that no spatial floor
hides the slope. The time test of the linear problem uses an eigenvector of the mesh itself in
place of cos 2πx cos 2πy, for which the closed form then holds to round-off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from heart.core.progress import Telemetry
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.scheme import Diffusion, Scheme, Splitting
from heart.electro.tissue.space import TissueSpace
from heart.study.verification.benchmark import EXACT, Benchmark, Check, between, shown
from heart.study.verification.manufactured_bidomain import PARTS as BIDOMAIN
from heart.study.verification.manufactured_cells import (
    PathmanathanGray,
    SmoothCells,
    excitable,
    forced,
)
from heart.study.verification.orders import (
    EULER,
    GODUNOV,
    SOURCE,
    TIGHT,
    Norms,
    norms,
    product_of_cosines,
    slope,
)
from heart.study.verification.shapes import box

Float = NDArray[np.float64]


def run(telemetry: Telemetry) -> list[Check]:
    """Run all parts."""
    checks: list[Check] = []
    for name, part in PARTS.items():
        with telemetry.step(name):
            checks += part()
    return checks


def space_orders(
    degree: int,
    boxes: tuple[int, ...],
    scheme: Scheme = TIGHT,
    until: float = 0.25,
) -> tuple[float, float, list[Norms]]:
    """Return the orders in L2 and H1 of the monodomain, and the errors behind them.

    Parameters
    ----------
    degree
        Of the elements.
    boxes
        Cubes per edge of each mesh; six tetrahedra each, all diagonals parallel.
    scheme
        Numerics; its dt small enough not to be seen.
    until
        Time in ms at which errors are taken.
    """
    case, errors = PathmanathanGray(), []
    for count in boxes:
        points, cells = box((1.0, 1.0, 1.0), 1.0 / count)
        space = TissueSpace(points, cells, degree)
        problem = monodomain(space, case, scheme)
        problem.run(until)
        errors.append(norms(space, problem.voltage(), product_of_cosines(until)))
    edges = tuple(1.0 / count for count in boxes)
    return (
        slope(edges, [one.l2 for one in errors]),
        slope(edges, [one.h1 for one in errors]),
        errors,
    )


def monodomain(space: TissueSpace, case: PathmanathanGray, scheme: Scheme) -> Monodomain:
    """Return the manufactured monodomain problem at t = 0."""
    tensors = np.tile(np.diag(case.sigma), (len(space.cells), 1, 1))
    # Only the product χ C_m enters; this pair of plausible values has that of the manufactured one.
    capacitance = case.surface_to_volume * case.capacitance / 100.0
    model = MonodomainModel(None, tensors, 100.0, capacitance)
    return Monodomain(
        space, model, scheme,
        reaction=lambda nodes: SmoothCells(case.states(space.points[nodes], 0.0), case.rates),
    )  # fmt: skip


def time_order(
    scheme: Scheme, problem: TimeProblem, counts: tuple[int, ...]
) -> tuple[float, list[float]]:
    """Return the order in time of a scheme and the errors for runs of so many steps."""
    errors = []
    for count in counts:
        run_ = problem.make(replace(scheme, dt=problem.until / count))
        run_.run(problem.until)
        gap = run_.voltage() - problem.exact(scheme.lumped)
        errors.append(float(np.sqrt(np.mean(gap**2))))
    return slope(tuple(problem.until / count for count in counts), errors), errors


class TimeProblem:
    """A small mesh with a semi-discrete solution that is known.

    Parameters
    ----------
    linear
        The forced linear problem with a closed form; else an excitable cell against an integrator
        of order 8 at 1e-11.
    degree
        Of the elements.
    """

    def __init__(self, *, linear: bool, degree: int = 1) -> None:
        count = 8 if degree == 1 else 4
        points, cells = box((1.0, 1.0, 1.0 / count), 1.0 / count)
        self.space = TissueSpace(points, cells, degree)
        self.linear, self.until = linear, 1.0
        size = 0.03 if linear else 0.01
        self._model = MonodomainModel(
            None, np.tile(np.diag([size, 0.5 * size, size]), (len(cells), 1, 1)), 100.0, 0.01
        )
        self._known: dict[bool, Float] = {}

    def make(self, scheme: Scheme) -> Monodomain:
        """Return the problem at t = 0."""
        if self.linear:
            mode, rate = self._mode(scheme.lumped)
            start = np.stack([0.0 * mode, -0.5 * mode])

            def cells(nodes: NDArray[np.integer]) -> SmoothCells:
                return SmoothCells(start[:, nodes], forced(mode[nodes], rate))

        else:

            def cells(nodes: NDArray[np.integer]) -> SmoothCells:
                return SmoothCells(self._start()[:, nodes], excitable)

        return Monodomain(self.space, self._model, scheme, reaction=cells)

    def exact(self, lumped: bool) -> Float:
        """Return the voltage of all nodes at the end."""
        if lumped not in self._known:
            self._known[lumped] = self._closed(lumped) if self.linear else self._fine(lumped)
        return self._known[lumped]

    def _start(self) -> Float:
        x, y, _ = self.space.points.T
        v = np.exp(-8.0 * ((x - 0.2) ** 2 + (y - 0.3) ** 2))
        return np.stack([v, 0.2 * np.cos(np.pi * x)])

    def _matrices(self, lumped: bool) -> tuple[Float, Float]:
        operators = assemble(self.space, self._model.diffusivity, single=False)
        mass, stiffness = (matrix.toarray() for matrix in operators.matrices())
        return (np.diag(mass.sum(axis=1)) if lumped else mass), stiffness

    def _mode(self, lumped: bool) -> tuple[Float, float]:
        """Return the eigenvector of diffusion that is nearest to cos 2πx cos 2πy."""
        import scipy.linalg

        mass, stiffness = self._matrices(lumped)
        rates, modes = scipy.linalg.eigh(stiffness, mass)
        wanted = np.cos(2.0 * np.pi * self.space.points[:, :2]).prod(axis=1)
        nearest = int(np.argmax(np.abs(modes.T @ mass @ wanted)))
        mode = modes[:, nearest] / np.abs(modes[:, nearest]).max()
        return mode, float(rates[nearest])

    def _closed(self, lumped: bool) -> Float:
        mode, _ = self._mode(lumped)
        return mode * np.exp(self.until) * np.sin(self.until)

    def _fine(self, lumped: bool) -> Float:
        from scipy.integrate import solve_ivp

        mass, stiffness = self._matrices(lumped)
        decay = np.linalg.solve(mass, stiffness)
        start = self._start()

        def rates(time: float, flat: Float) -> Float:
            states = flat.reshape(start.shape)
            slopes = excitable(time, states)
            slopes[0] -= decay @ states[0]
            return slopes.ravel()

        found = solve_ivp(
            rates, (0.0, self.until), start.ravel(), method="DOP853", rtol=1e-11, atol=1e-12
        )
        return found.y[:, -1].reshape(start.shape)[0]


EXPLICIT = replace(TIGHT, diffusion=Diffusion.RKC, lumped=True)
UNSPLIT = replace(EULER, splitting=Splitting.UNSPLIT)
BDF2 = replace(UNSPLIT, diffusion=Diffusion.BDF2)
COUNTS = (8, 16, 32)

SCHEMES: dict[str, tuple[Scheme, float]] = {
    "Godunov, implicit Euler": (EULER, 1.0),
    "Godunov, Crank–Nicolson": (GODUNOV, 1.0),
    "Strang, Crank–Nicolson": (TIGHT, 2.0),
    "Strang, Crank–Nicolson, lumped": (replace(TIGHT, lumped=True), 2.0),
    "Strang, Runge–Kutta–Chebyshev": (EXPLICIT, 2.0),
    "unsplit, implicit Euler": (UNSPLIT, 1.0),
    "unsplit, BDF2": (BDF2, 2.0),
}
_LINEAR = ("Godunov, Crank–Nicolson", "Strang, Crank–Nicolson", "Strang, Runge–Kutta–Chebyshev")


def _space(degree: int, boxes: tuple[int, ...]) -> Callable[[], list[Check]]:
    def part() -> list[Check]:
        l2, h1, errors = space_orders(degree, boxes)
        name = f"monodomain, P{degree}"
        return [
            between(f"order in L2, {name}", l2, degree + 0.8, degree + 1.5, "1", SOURCE),
            between(f"order in H1, {name}", h1, degree - 0.2, degree + 0.5, "1", SOURCE),
            shown(f"error in L2 on the finest mesh, {name}", errors[-1].l2, "mV", EXACT),
        ]

    return part


def _time() -> list[Check]:
    problem, checks = TimeProblem(linear=False), []
    for name, (scheme, order) in SCHEMES.items():
        found, _ = time_order(scheme, problem, COUNTS)
        checks.append(
            between(f"order in time, {name}", found, order - 0.15, order + 0.5, "1", EXACT)
        )
    return checks


def _forced() -> list[Check]:
    checks = []
    for degree in (1, 2):
        problem = TimeProblem(linear=True, degree=degree)
        for name in _LINEAR:
            scheme, order = SCHEMES[name]
            if degree == 2 and scheme.lumped:
                continue
            found, _ = time_order(scheme, problem, COUNTS)
            label = f"order in time, forced mode, P{degree}, {name}"
            checks.append(between(label, found, order - 0.15, order + 0.5, "1", EXACT))
    return checks


PARTS: dict[str, Callable[[], list[Check]]] = {
    "Monodomain, P1, three meshes": _space(1, (8, 16, 32)),
    "Monodomain, P2, three meshes": _space(2, (4, 8, 16)),
    "Time steps, excitable cells": _time,
    "Time steps, forced mode": _forced,
    **BIDOMAIN,
}
"""Name and function of each part; other problems add theirs here."""

BENCHMARK = Benchmark(
    "manufactured_ep",
    "Orders of convergence of the tissue solvers",
    60.0,
    run,
    (
        "Space: V = √(1+t) cos πx cos 2πy cos 3πz on the unit cube [Pathmanathan2014], the factor "
        "β = −Σ σ_ii (n_i π)² derived here; six tetrahedra per box, all diagonals parallel; Strang "
        "with Crank–Nicolson at dt = 0.05 ms up to 0.25 ms; norms by quadrature of degree 6.",
        "Time: one mesh, errors against the exact solution of the same semi-discrete equations, "
        "so that no spatial error hides the slope; steps of 1/8, 1/16 and 1/32 ms.",
        "Bidomain: φ_e = −k V with k = 1/√2 in space; in time tensors that are not proportional, "
        "one elliptic solve per step. Electrograms: the integral of σ∇V·r/|r|³ over the cube at "
        "five points outside it, against Gauss–Legendre quadrature of order 96.",
    ),
)
