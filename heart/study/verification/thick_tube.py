"""A thick tube under inner pressure, plane strain, incompressible: closed form and our solver.

r² = R² + a keeps the volume; the pressure is ∫ (s_tt − s_rr) dr/r through the wall, with Cauchy
stresses of the isotropic Guccione law (bf = bt = bfs = b).
"""

from __future__ import annotations

import numpy as np
import ufl
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.optimize import brentq

from heart.anatomy import idealised
from heart.anatomy.curved import second_order
from heart.mechanics.axes import Axes
from heart.mechanics.loads import FollowerPressure, Load, sliding
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.numerics import tetrahedra
from heart.numerics.profiles import load
from heart.numerics.step_controller import Policy, StepController

Float = NDArray[np.float64]

INNER, OUTER, SCALE, EXPONENT, PRESSURE = 7.0, 10.0, 10.0, 1.0, 4.0
HEIGHT = 0.5
PLANE_X, PLANE_Y, FLOOR, ROOF, CAVITY = 1, 2, 3, 4, 5


def closed_form() -> tuple[float, float]:
    """Return the deformed inner and outer radius in mm."""

    def difference(radius: float, a: float) -> float:
        start = np.sqrt(radius**2 - a)
        hoop, radial = 0.5 * ((radius / start) ** 2 - 1.0), 0.5 * ((start / radius) ** 2 - 1.0)
        growth = SCALE * EXPONENT * np.exp(EXPONENT * (hoop**2 + radial**2))
        stress = growth * (hoop * (radius / start) ** 2 - radial * (start / radius) ** 2)
        return float(stress / radius)

    def excess(a: float) -> float:
        inner, outer = np.sqrt(INNER**2 + a), np.sqrt(OUTER**2 + a)
        return float(quad(difference, inner, outer, args=(a,), epsrel=1e-12)[0]) - PRESSURE

    a = brentq(excess, 0.0, 300.0, xtol=1e-12)
    return float(np.sqrt(INNER**2 + a)), float(np.sqrt(OUTER**2 + a))


def solve(layers: int, around: int) -> tuple[float, float]:
    """Return the deformed radii of a quarter tube with so many curved cells.

    Parameters
    ----------
    layers, around
        Cells through the wall and along the quarter circle.
    """
    grid = idealised.slab((float(layers), float(around), 1.0), 1.0)
    unit, cells = grid.points / np.array([layers, around, 1.0]), grid.cells

    def place(parameters: Float) -> Float:
        radius = INNER + (OUTER - INNER) * parameters[:, 0]
        angle = 0.5 * np.pi * parameters[:, 1]
        return np.column_stack(
            [radius * np.cos(angle), radius * np.sin(angle), HEIGHT * parameters[:, 2]]
        )

    cells = tetrahedra.oriented(place(unit), cells)
    points, curved = second_order(unit, cells, place)
    facets, _ = tetrahedra.boundary_faces(cells)
    tags = np.zeros(len(facets), np.int32)
    for tag, axis, value in (
        (CAVITY, 0, 0.0), (PLANE_Y, 1, 0.0), (PLANE_X, 1, 1.0), (FLOOR, 2, 0.0), (ROOF, 2, 1.0),
    ):  # fmt: skip
        tags[(np.abs(unit[facets][:, :, axis] - value) < 1e-9).all(axis=1)] = tag
    mesh, marks = tetrahedral(points, curved, facets[tags > 0], tags[tags > 0], MPI.COMM_WORLD)
    space = MechanicsSpace(mesh, marks, quadrature_degree=5)
    axes = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
    law = Guccione(SCALE, EXPONENT, EXPONENT, EXPONENT)
    loads: list[Load] = [
        sliding(PLANE_Y, 1), sliding(PLANE_X, 0), sliding(FLOOR, 2), sliding(ROOF, 2),
        FollowerPressure(CAVITY, PRESSURE),
    ]  # fmt: skip
    problem = StaticProblem(MechanicsModel(law), space, axes, loads)
    ladder = (load("mechanics/direct"), load("mechanics/direct_l2"))
    StepController(problem, ladder, Policy(first=0.25, largest=0.5)).run()
    u = problem.displacement()
    places = u.function_space.tabulate_dof_coordinates()
    moved = np.linalg.norm((places + u.x.array.reshape(-1, 3))[:, :2], axis=1)
    radii = np.linalg.norm(places[:, :2], axis=1)
    means = []
    for radius in (INNER, OUTER):
        ours = moved[np.abs(radii - radius) < 1e-9]
        total = space.comm.allreduce(np.array([ours.sum(), len(ours)]))
        means.append(float(total[0] / total[1]))
    return means[0], means[1]
