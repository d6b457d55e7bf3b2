"""Orders of convergence of the bidomain and of electrograms, against closed forms and integrals.

Space: V and φ_e of [Pathmanathan2014], where both conductivities are proportional and the wave is
that of a monodomain. Time: one small mesh with conductivities that are not, against the same
semi-discrete equations with φ_e eliminated, so that the coupling itself is what is measured.
Electrograms: sums of weights over a mesh against Gauss–Legendre quadrature of the same integral.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.electro.tissue.bidomain import Bidomain
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.coupling import Coupling
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.space import TissueSpace
from heart.observe.electrogram import electrogram_weights
from heart.study.verification.benchmark import EXACT, Check, between, shown, zero
from heart.study.verification.manufactured_cells import PathmanathanGray, SmoothCells, excitable
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

K = 1.0 / np.sqrt(2.0)
"""σ_e = (1 − k)/k σ_i, and φ_e = −k V up to a constant."""


def effective(case: PathmanathanGray) -> PathmanathanGray:
    """Return the cells of the bidomain: β = −(1 − k) Σ σ_i,ii (n_i π)².

    With φ_e = −k V the intracellular flux is σ_i∇(V + φ_e) = (1 − k) σ_i∇V, which is also the
    harmonic combination of both spaces; the elliptic equation holds because σ_i + σ_e = σ_i/k.
    """
    reduced = tuple((1.0 - K) * value for value in case.sigma)
    return replace(case, sigma=(reduced[0], reduced[1], reduced[2]))


def bidomain(space: TissueSpace, scheme: Scheme, coupling: Coupling) -> Bidomain:
    """Return the manufactured problem at t = 0; φ_e has zero mean, as the exact one has."""
    case = PathmanathanGray()
    intra = np.tile(np.diag(case.sigma), (len(space.cells), 1, 1))
    capacitance = case.surface_to_volume * case.capacitance / 100.0
    model = BidomainModel(None, intra, (1.0 - K) / K * intra, 100.0, capacitance)
    cells = effective(case)
    return Bidomain(
        space, model, scheme, coupling=coupling,
        reaction=lambda nodes: SmoothCells(cells.states(space.points[nodes], 0.0), cells.rates),
    )  # fmt: skip


def space_orders(
    boxes: tuple[int, ...],
    *,
    degree: int = 1,
    scheme: Scheme = TIGHT,
    until: float = 0.25,
) -> dict[str, list[Norms]]:
    """Return the errors of V and φ_e on meshes of so many cubes per edge.

    Parameters
    ----------
    boxes
        Cubes per edge of each mesh.
    degree
        Of the elements.
    scheme
        Numerics; its dt small enough not to be seen.
    until
        Time in ms at which errors are taken.
    """
    wave = product_of_cosines(until)
    found: dict[str, list[Norms]] = {"V": [], "φ_e": []}
    for count in boxes:
        points, cells = box((1.0, 1.0, 1.0), 1.0 / count)
        space = TissueSpace(points, cells, degree)
        problem = bidomain(space, scheme, Coupling())
        problem.run(until)
        found["V"].append(norms(space, problem.voltage(), wave))
        found["φ_e"].append(norms(space, problem.extracellular(), lambda x: -K * wave(x)))
    return found


class TimeProblem:
    """A small mesh, unequal anisotropy, excitable cells, and the solution to 1e-11."""

    def __init__(self) -> None:
        points, cells = box((1.0, 1.0, 0.125), 0.125)
        self.space, self.until = TissueSpace(points, cells), 1.0
        self.model = BidomainModel(
            None,
            np.tile(np.diag([0.08, 0.01, 0.02]), (len(cells), 1, 1)),
            np.tile(np.diag([0.04, 0.03, 0.02]), (len(cells), 1, 1)),
            100.0,
            0.01,
        )
        self._known: tuple[Float, Float] | None = None

    def make(self, scheme: Scheme, coupling: Coupling | None = None) -> Bidomain:
        """Return the problem at t = 0."""
        return Bidomain(
            self.space, self.model, scheme, coupling=coupling,
            reaction=lambda nodes: SmoothCells(self._start()[:, nodes], excitable),
        )  # fmt: skip

    def exact(self) -> tuple[Float, Float]:
        """Return voltage and extracellular potential of all nodes at the end."""
        if self._known is None:
            self._known = self._fine()
        return self._known

    def _start(self) -> Float:
        x, y, _ = self.space.points.T
        v = np.exp(-8.0 * ((x - 0.2) ** 2 + (y - 0.3) ** 2))
        return np.stack([v, 0.2 * np.cos(np.pi * x)])

    def _matrices(self) -> tuple[Float, Float, Float]:
        """Return mass, and the two stiffnesses over χ C_m."""
        mass, inner = assemble(
            self.space, self.model.intracellular.diffusivity, single=False
        ).matrices()
        product = self.model.surface_to_volume * self.model.capacitance
        _, whole = assemble(self.space, self.model.bulk / product, single=False).matrices()
        return mass.toarray(), inner.toarray(), whole.toarray()

    def _fine(self) -> tuple[Float, Float]:
        from scipy.integrate import solve_ivp

        mass, inner, whole = self._matrices()
        weights = mass.sum(axis=1)
        # One column of the inverse's null space is fixed by the zero mean.
        back = -np.linalg.solve(whole + np.outer(weights, weights), inner)
        decay = np.linalg.solve(mass, inner + inner @ back)
        start = self._start()

        def rates(time: float, flat: Float) -> Float:
            states = flat.reshape(start.shape)
            slopes = excitable(time, states)
            slopes[0] -= decay @ states[0]
            return slopes.ravel()

        found = solve_ivp(
            rates, (0.0, self.until), start.ravel(), method="DOP853", rtol=1e-11, atol=1e-12
        )
        voltage = found.y[:, -1].reshape(start.shape)[0]
        return voltage, back @ voltage


def time_orders(
    scheme: Scheme, problem: TimeProblem, counts: tuple[int, ...], coupling: Coupling | None = None
) -> tuple[float, float, list[tuple[float, float]]]:
    """Return the orders in time of V and φ_e, and the errors for runs of so many steps."""
    errors = []
    for count in counts:
        run = problem.make(replace(scheme, dt=problem.until / count), coupling)
        run.run(problem.until)
        gaps = [
            ours - exact
            for ours, exact in zip(
                (run.voltage(), run.extracellular()), problem.exact(), strict=True
            )
        ]
        errors.append(tuple(float(np.sqrt(np.mean(gap**2))) for gap in gaps))
    steps = tuple(problem.until / count for count in counts)
    first, second = (slope(steps, [pair[k] for pair in errors]) for k in range(2))
    return first, second, [(a, b) for a, b in errors]


ELECTRODES = np.array(
    [
        [-0.5, 0.5, 0.5],
        [1.5, 0.5, 0.5],
        [1.2, 0.23, 0.61],
        [1.35, 0.74, 0.28],
        [1.55, 0.41, 0.83],
    ]
)
"""mm, outside the unit cube."""


def electrogram_reference(order: int, electrodes: Float = ELECTRODES) -> Float:
    """Return ∫ σ∇F · r/|r|³ / (4π) over the unit cube with r = y − x, by Gauss–Legendre; (k,) mV.

    Parameters
    ----------
    order
        Points per axis.
    electrodes
        (k, 3) x in mm.
    """
    sigma = PathmanathanGray().sigma
    nodes, weights = np.polynomial.legendre.leggauss(order)
    nodes, weights = 0.5 * (nodes + 1.0), 0.5 * weights
    waves = np.pi * np.arange(1, 4)
    cosines = [np.cos(wave * nodes) for wave in waves]
    sines = [-wave * np.sin(wave * nodes) for wave in waves]
    results = np.zeros(len(electrodes))
    for k, place in enumerate(electrodes):
        gaps = np.meshgrid(*(nodes - place[axis] for axis in range(3)), indexing="ij")
        inverse = (gaps[0] ** 2 + gaps[1] ** 2 + gaps[2] ** 2) ** -1.5
        for axis in range(3):
            factors: list[Any] = [
                weights * (sines[other] if other == axis else cosines[other]) for other in range(3)
            ]
            flux = sigma[axis] * gaps[axis] * inverse
            results[k] += np.einsum("i,j,k,ijk->", *factors, flux, optimize=True)
    return results / (4.0 * np.pi)


def electrogram_errors(boxes: tuple[int, ...], reference: Float) -> list[float]:
    """Return the largest error over the electrodes on meshes of so many cubes per edge, in mV."""
    errors, case = [], PathmanathanGray()
    for count in boxes:
        points, cells = box((1.0, 1.0, 1.0), 1.0 / count)
        sigma = np.tile(np.diag(case.sigma), (len(cells), 1, 1))
        weights = electrogram_weights(points, cells, sigma, ELECTRODES, bath=1.0, radius=0.05)
        errors.append(float(np.abs(weights @ case.voltage(points, 0.0) - reference).max()))
    return errors


def _space() -> list[Check]:
    boxes = (8, 16, 32)
    found, checks = space_orders(boxes), []
    edges = tuple(1.0 / count for count in boxes)
    for name, errors in found.items():
        l2, h1 = slope(edges, [one.l2 for one in errors]), slope(edges, [one.h1 for one in errors])
        checks += [
            between(f"order in L2, bidomain, {name}", l2, 1.8, 2.5, "1", SOURCE),
            between(f"order in H1, bidomain, {name}", h1, 0.8, 1.5, "1", SOURCE),
            shown(f"error in L2 on the finest mesh, bidomain, {name}", errors[-1].l2, "mV", EXACT),
        ]
    return checks


SCHEMES: dict[str, tuple[Scheme, float]] = {
    "Godunov, implicit Euler": (EULER, 1.0),
    "Godunov, Crank–Nicolson": (GODUNOV, 1.0),
    "Strang, Crank–Nicolson": (TIGHT, 2.0),
}


def _time() -> list[Check]:
    problem, checks = TimeProblem(), []
    for name, (scheme, order) in SCHEMES.items():
        voltage, potential, _ = time_orders(scheme, problem, (8, 16, 32))
        for quantity, found in (("V", voltage), ("φ_e", potential)):
            label = f"order in time, bidomain, {name}, {quantity}"
            checks.append(between(label, found, order - 0.15, order + 0.5, "1", EXACT))
    return checks


def _electrograms() -> list[Check]:
    boxes = (8, 16, 32)
    values = {order: electrogram_reference(order) for order in (6, 12, 24, 48, 96)}
    reference = values[96]
    checks = [
        shown(
            f"quadrature of order {order}, largest distance from order 96",
            float(np.abs(values[order] - reference).max()), "mV", EXACT,
        )
        for order in (6, 12, 24)
    ]  # fmt: skip
    gap = float(np.abs(values[48] - reference).max())
    errors = electrogram_errors(boxes, reference)
    order = slope(tuple(1.0 / count for count in boxes), errors)
    return [
        *checks,
        zero("quadrature of order 48, largest distance from order 96", gap, 1e-12, "mV", EXACT),
        between("order of electrograms in h", order, 1.8, 2.5, "1", SOURCE),
        shown("error of electrograms on the finest mesh", errors[-1], "mV", EXACT),
        shown("largest electrogram", float(np.abs(reference).max()), "mV", EXACT),
    ]


PARTS: dict[str, Callable[[], list[Check]]] = {
    "Bidomain, P1, three meshes": _space,
    "Bidomain, time steps, unequal anisotropy": _time,
    "Electrograms, three meshes": _electrograms,
}
"""Rows for `manufactured_ep`."""
