"""The same observations on several ranks as on one: ``mpiexec -n 2 python -m pytest -m mpi``.

Every rank observes the tube once together and once alone, and compares.
"""

from __future__ import annotations

import numpy as np
import pytest
import ufl
from dolfinx import fem
from mpi4py import MPI

from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.observe.projection import NodalProjection
from heart.observe.strain import Component, Strains
from heart.observe.stress import Stresses
from heart.observe.twist import Twist
from heart.observe.wall_motion import Landmark, PlaneMotion, WallThickness
from heart.observe.work import WorkDensity
from tests.tubes import INNER, INSIDE, OUTER, OUTSIDE, TOP, UP, Tube, about_axis, tube


def observed(comm: MPI.Intracomm) -> dict[str, np.ndarray]:
    """Return every number that is a property of the wall and not of a rank."""
    wall: Tube = tube(2, 12, 3, comm=comm)
    axes = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
    model = MechanicsModel(NeoHookean(10.0), Penalty(200.0))
    mine = wall.points.cell_means(wall.points.place)
    np.testing.assert_allclose(wall.points.per_cell(wall.centres), mine, atol=1e-12)
    stresses = Stresses(wall.points, model, axes, wall.u, None)
    work = WorkDensity(stresses)
    strains = Strains(wall.points, wall.directions)
    thickness = WallThickness(wall.points, wall.u, (INSIDE,), (OUTSIDE,), wall.quadrants)
    twist = Twist(wall.points, UP, 3)
    base = PlaneMotion(wall.space, wall.u, TOP)
    corner = Landmark(wall.space, wall.u, np.array([INNER, 0.1, 0.1]))
    wall.move(lambda x: about_axis(0.02 * x[:, 2], x * [1.05, 0.9, 1.1]))
    strains.observe()
    work.record()
    nodes = NodalProjection(wall.points)
    field = fem.Function(nodes.space)
    field.x.array[:] = nodes.project(stresses.cauchy())[:, 2, 2]
    square = fem.assemble_scalar(fem.form(field**2 * wall.space.volume))
    turned = twist.observe()
    by_segment = strains.by_segment(Component.RADIAL, wall.quadrants)
    return {
        "strain": np.array([strains.overall(one) for one in Component]),
        "by segment": np.array([by_segment[k] for k in range(4)]),
        "thickness": np.array([thickness.thickness()[k] for k in range(4)]),
        "twist": np.array([*turned.angle, *turned.height, *turned.radius]),
        "base": base.displacement(),
        "corner": np.array([*corner.place, *corner.displacement()]),
        "stress": wall.points.mean(stresses.cauchy()),
        "projected": np.array(comm.allreduce(square)),
        "work": np.array(work.total()),
    }


@pytest.mark.mpi
def test_observations_do_not_depend_on_ranks() -> None:
    """Sums over ranks change the order of additions only: 1e-9, the same on each rank."""
    together, alone = observed(MPI.COMM_WORLD), observed(MPI.COMM_SELF)
    for name, expected in alone.items():
        scale = np.abs(expected).max()
        np.testing.assert_allclose(together[name], expected, atol=1e-9 * scale, err_msg=name)
        for other in MPI.COMM_WORLD.allgather(together[name]):
            np.testing.assert_array_equal(other, together[name])
    assert np.hypot(*alone["corner"][:2]) == pytest.approx(INNER)
    assert alone["thickness"].max() < OUTER - INNER
