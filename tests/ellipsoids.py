"""A ventricle that can contract: the benchmark's ellipsoid with fibres of any two angles."""

from __future__ import annotations

from typing import Any

import basix.ufl
import numpy as np
from dolfinx import fem
from mpi4py import MPI

from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.anatomy.idealised import lv_ellipsoid, lv_ellipsoid_transmural
from heart.mechanics.axes import Axes
from heart.mechanics.contraction import Contraction, QuasiStatic
from heart.mechanics.feedback import Muscle, TensionField
from heart.mechanics.loads import Direction, FollowerPressure, Robin
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.mechanics.tension_law import ActiveLaw
from heart.mechanics.waveform import Sampled
from heart.observe.cavity import Cavity

UP = np.array([0.0, 0.0, 1.0])
# Filling to 1.5 kPa, isovolumetric rise, ejection against 12 kPa, fall.
PRESSURE = Sampled(
    np.array([-50.0, 0.0, 40.0, 100.0, 200.0, 300.0]), np.array([0.0, 1.5, 1.5, 8.0, 12.0, 1.5])
)


class Ventricle:
    """The fast tier on a coarse ellipsoid, held by springs at base and epicardium.

    Parameters
    ----------
    law
        Of the tension.
    edge
        mm
    endo, epi
        Fibre angles in degrees, linear in depth between.
    activation
        Takes points (n, 3), returns times (n,) in ms.
    """

    def __init__(
        self,
        law: ActiveLaw,
        edge: float = 3.0,
        endo: float = 60.0,
        epi: float = -60.0,
        activation: Any = None,
        comm: Any = MPI.COMM_SELF,
    ) -> None:
        heart = self.heart = lv_ellipsoid(edge)
        mesh, tags = tetrahedral(heart.points, heart.cells, heart.facets, heart.facet_tags, comm)
        self.space = MechanicsSpace(mesh, tags, Element.P1_P1_STABILISED, 2)
        self.axes = helical_axes(self.space, endo, epi)
        self.field = TensionField.on(self.space)
        self.pressure = fem.Constant(mesh, 0.0)
        self.problem = StaticProblem(
            MechanicsModel(Guccione(2.0, 8.0, 2.0, 4.0), active=self.field.stress()),
            self.space,
            self.axes,
            [
                FollowerPressure(Boundary.LV_ENDO, self.pressure),
                Robin(Boundary.EPI, 1.0),
                Robin(Boundary.BASE, 5.0, direction=Direction.FULL),
            ],
        )
        times: Any = 0.0
        if activation is not None:
            times = self.field.points.of_vertices(activation(heart.points))
        self.muscle = Muscle(law, self.field, self.problem.u, self.axes, activation=times)
        inner = QuasiStatic(self.problem, {self.pressure: lambda t: float(PRESSURE(t))}, -50.0)
        self.beat = Contraction(inner, self.muscle)
        self._cavity = Cavity(self.space, self.problem.u, Boundary.LV_ENDO)

    @property
    def volume(self) -> float:
        """Cavity in mm³."""
        return self._cavity.volume()

    def positions(self) -> np.ndarray:
        """Return where the points of the heart are, in their order (one rank only)."""
        u = self.problem.displacement()
        places = u.function_space.tabulate_dof_coordinates()
        ours, theirs = (np.lexsort(np.round(x, 6).T) for x in (self.heart.points, places))
        moved = self.heart.points.copy()
        moved[ours] += u.x.array.reshape(-1, 3)[theirs]
        return moved


def helical_axes(space: MechanicsSpace, endo: float, epi: float) -> Axes:
    """Return axes per cell: fibres at an angle linear in depth, positive right-handed."""
    mesh = space.mesh
    values = fem.functionspace(mesh, basix.ufl.element("DG", mesh.basix_cell(), 0, shape=(3,)))
    centres = mesh.geometry.x[mesh.geometry.dofmaps[0]].mean(axis=1)
    depth = lv_ellipsoid_transmural(centres)
    short, long = 7.0 + 3.0 * depth, 17.0 + 3.0 * depth
    out = centres / np.column_stack([short, short, long]) ** 2
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    around = np.cross(UP, out)
    around /= np.linalg.norm(around, axis=1, keepdims=True)
    turn = np.radians(endo + (epi - endo) * depth)[:, None]
    fibre = np.cos(turn) * around + np.sin(turn) * np.cross(out, around)
    functions = []
    for field in (fibre, out, np.cross(fibre, out)):
        function = fem.Function(values)
        function.x.array.reshape(-1, 3)[np.asarray(values.dofmap.list).ravel()] = field
        functions.append(function)
    return Axes(*functions)


def helix(mesh: HeartMesh) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Fibres that wind around the long axis, sheets across the wall."""
    out = mesh.points[mesh.cells].mean(axis=1)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    around = np.cross([0.0, 0.0, 1.0], out)
    fibre = around + 0.7 * np.cross(out, around)
    fibre /= np.linalg.norm(fibre, axis=1, keepdims=True)
    sheet = out - np.sum(out * fibre, axis=1, keepdims=True) * fibre
    sheet /= np.linalg.norm(sheet, axis=1, keepdims=True)
    return fibre, sheet, np.cross(fibre, sheet)
