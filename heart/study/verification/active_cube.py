"""An active cube whose stretches and forces have closed forms: held, free, with feedback.

One incompressible neo-Hookean cell on rollers deforms evenly. Held at a stretch λ it pulls with
(µ(λ² − 1/λ) + T λ²)/λ per reference area; free, (µ + T) λ² = µ λ_n², and with a share η of the
tension along the sheet λ_n³ = √((µ + T)(µ + ηT))/µ; with T + K (λ − λ₀) the stretch is a root.
"""

from __future__ import annotations

import numpy as np
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI
from numpy.typing import NDArray
from scipy.optimize import brentq

from heart.mechanics.axes import Axes
from heart.mechanics.feedback import TensionField
from heart.mechanics.loads import Fixed, Load, sliding
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import MechanicsSpace, marked
from heart.mechanics.static import StaticProblem
from heart.numerics.newton import compiled
from heart.numerics.profiles import load
from heart.study.verification.benchmark import EXACT, Check, near

Float = NDArray[np.float64]

MU = 15.0
GATE = 1e-6
AXES = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
PARTS = (0.25, 0.5, 1.0)
LOW, STOP = 0.05, 2.0


class ActiveCube:
    """A cube of one cell with any tension.

    Parameters
    ----------
    held
        Stretch along the fibre that is prescribed; None leaves the far side free.
    """

    def __init__(self, held: float | None = None) -> None:
        mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [1, 1, 1]], [1] * 3, CellType.hexahedron)
        sides = {
            1 + 2 * axis + side: (lambda x, a=axis, s=side: np.isclose(x[a], s))
            for axis in range(3)
            for side in (0, 1)
        }
        self.space = MechanicsSpace(mesh, marked(mesh, sides))
        self.field = TensionField.on(self.space)
        self.share = fem.Constant(mesh, 0.0)
        model = MechanicsModel(NeoHookean(MU), active=self.field.stress(self.share))
        loads: list[Load] = [sliding(1, 0), sliding(3, 1), sliding(5, 2)]
        if held is not None:
            loads.append(Fixed(2, (0,), lambda x: np.full_like(x, held - 1.0)))
        self.problem = StaticProblem(model, self.space, AXES, loads)

    def pull(self, tension: float, stiffness: float = 0.0, stretch: float = 1.0) -> Float:
        """Solve with T + K (λ − λ₀) and return the stretches (3,)."""
        self.field.stiffness.x.array[:] = stiffness
        self.field.stretch.x.array[:] = stretch
        for part in PARTS:
            self.field.tension.x.array[:] = part * tension
            self.problem.solve(load("mechanics/direct"))
        return self.stretches()

    def stretches(self) -> Float:
        """Return the stretches (3,) along fibre, sheet and normal."""
        u = self.problem.displacement()
        far = np.linalg.norm(u.function_space.tabulate_dof_coordinates() - 1.0, axis=1)
        return np.asarray(1.0 + u.x.array.reshape(-1, 3)[np.argmin(far)])

    def reaction(self, side: int) -> float:
        """Return the force in mN along the fibre on a side, from the residual at its nodes."""
        component = self.space.displacement.sub(0)
        collapsed, _ = component.collapse()
        facets = self.space.facets.find(side)
        rows = fem.locate_dofs_topological((component, collapsed), 2, facets)[0]
        forces = (
            fem_petsc.assemble_vector(compiled(form)).array[rows] for form in self.problem.forms
        )
        return float(sum(force.sum() for force in forces))


def free_stretch(tension: float, stiffness: float, stretch: float) -> float:
    """Return λ of the free cube, µ(λ² − 1/λ) + (T + K (λ − λ₀)) λ² = 0, with a stop at 2."""

    def force(x: float) -> float:
        return MU * (x**2 - 1.0 / x) + (tension + stiffness * (x - stretch)) * x**2

    return float(brentq(force, LOW, STOP, xtol=1e-13)) if force(STOP) > 0.0 else STOP


def free_stretches(tension: float, share: float) -> Float:
    """Return the stretches (3,) of the free cube with a share of the tension along the sheet."""
    normal = (np.sqrt((MU + tension) * (MU + share * tension)) / MU) ** (1.0 / 3.0)
    return normal * np.sqrt([MU / (MU + tension), MU / (MU + share * tension), 1.0])


def held_force(tension: float, stretch: float) -> float:
    """Return the force in mN of the cube held at a stretch."""
    return (MU * (stretch**2 - 1.0 / stretch) + tension * stretch**2) / stretch


def checks() -> list[Check]:
    """Return held and free cubes beside their closed forms."""
    rows = []
    for stretch in (1.0, 1.1):
        cube = ActiveCube(held=stretch)
        cube.pull(60.0)
        name = f"active cube held at λ = {stretch:g}, force"
        rows.append(_near(name, cube.reaction(2), held_force(60.0, stretch), "mN"))
    free = ActiveCube()
    for share in (0.0, 0.3):
        free.share.value = share
        ours, exact = free.pull(60.0), free_stretches(60.0, share)
        for axis, letter in enumerate("fs"):
            name = f"active cube, free, share {share:g} across, λ_{letter}"
            rows.append(_near(name, ours[axis], exact[axis], "1"))
    free.share.value = 0.0
    for tension, stiffness, stretch in ((40.0, 200.0, 0.95), (10.0, 2000.0, 0.9)):
        ours, root = (
            free.pull(tension, stiffness, stretch),
            free_stretch(tension, stiffness, stretch),
        )
        name = f"active cube, free, stiffness {stiffness:g} kPa, λ_f"
        rows.append(_near(name, ours[0], root, "1"))
    return rows


def _near(name: str, ours: float, reference: float, unit: str) -> Check:
    return near(name, float(ours), float(reference), GATE, unit, EXACT, relative=True)
