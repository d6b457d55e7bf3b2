"""What a heart's wall does at each step: how it turns, thickens and descends, what it bears.

Measured by `heart.observe` at the points where the forms are integrated, so that the numbers are
those of the solution and not of what was drawn of it, and the same on any number of ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.aha import SEGMENT_NAMES
from heart.anatomy.heart_mesh import RINGS, Boundary
from heart.core.errors import CheckpointError, MeshInputError
from heart.mechanics.space import MechanicsSpace
from heart.observe.projection import NodalProjection
from heart.observe.stress import Stresses
from heart.observe.twist import Twist
from heart.observe.wall_motion import Landmark, PlaneMotion, WallThickness
from heart.observe.wall_points import WallPoints
from heart.observe.work import WorkDensity
from heart.study.mechanics.numbering import Numbering
from heart.study.mechanics.specimen import Specimen

Float = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

APEX = len(SEGMENT_NAMES) - 1
OUTER = (Boundary.EPI, Boundary.RV_ENDO)
ROTATIONS = ("rotation.apical", "rotation.basal")
LENGTH, STRESS, WORK = "length", "fibre_stress", "work"


@dataclass(frozen=True)
class _Ring:
    name: str
    centre: Float
    motion: PlaneMotion


class HeartWall:
    """Rotation, thickness and descent of a heart's left ventricle.

    Rotation is of the lowest and the highest of five slices of the left ventricle, the cap of the
    apex left out, where echocardiography puts its views. Descent is of each valve's ring, towards
    the apex along the axis from the apex to the middle of the mitral ring.

    Parameters
    ----------
    specimen
        A heart.
    space
        Of its problem.
    points
        Motion of the wall.
    displacement
        UFL expression.
    segments
        (m,) AHA segment of each cell of the whole mesh, 0 in the RV free wall.

    Attributes
    ----------
    names
        Of what `measured` returns.
    """

    def __init__(
        self,
        specimen: Specimen,
        space: MechanicsSpace,
        points: WallPoints,
        displacement: Any,
        segments: NDArray[np.integer],
    ) -> None:
        mesh, heart = specimen.mesh, specimen.muscle.heart_for("rotation of its wall")
        self._rings = [
            _Ring(tag.name.lower(), mesh.points[mesh.nodes_of(tag)].mean(axis=0),
                  PlaneMotion(space, displacement, int(tag)))
            for tag in RINGS
            if len(mesh.facets_of(tag))
        ]  # fmt: skip
        apex = mesh.points[int(np.argmin(heart.coordinates.apicobasal))]
        self._apex = Landmark(space, displacement, apex)
        # The mitral ring is the first where there is one; a cut base stands in for it.
        self._axis = self._rings[0].centre - self._apex.place
        here = points.per_cell(segments)
        body = (here > 0) & (here < APEX)
        self._twist = Twist(points, self._axis, within=body)
        try:
            outer = tuple(int(tag) for tag in OUTER if len(mesh.facets_of(tag)))
            self._thickness = WallThickness(
                points, displacement, (int(Boundary.LV_ENDO),), outer, np.where(here > 0, here, -1)
            )
            rows = self._thickness.reference
        except MeshInputError:
            # A segment of a coarse mesh without a surface of its own has no thickness.
            rows = {}
        self._segments = tuple(sorted(rows))
        self.names = (
            *ROTATIONS, LENGTH, *(f"descent.{ring.name}" for ring in self._rings),
            *(f"thickness.{segment}" for segment in self._segments),
        )  # fmt: skip

    def measured(self) -> dict[str, float]:
        """Return rad and mm by name for the present state. Collective."""
        angle = self._twist.observe().angle
        moved = [ring.motion.displacement() for ring in self._rings]
        along = self._axis / np.linalg.norm(self._axis)
        found = dict(zip(ROTATIONS, (float(angle[0]), float(angle[-1])), strict=True))
        now = self._axis + moved[0] - self._apex.displacement()
        found[LENGTH] = float(np.linalg.norm(now))
        for ring, way in zip(self._rings, moved, strict=True):
            found[f"descent.{ring.name}"] = -float(way @ along)
        if self._segments:
            thickness = self._thickness.thickness()
            found |= {f"thickness.{k}": thickness[k] for k in self._segments}
        return found


class MuscleStress:
    """Stress along the fibre and the work of the muscle, along the steps of a run.

    Without the viscous part. Work is counted from the step at which this was made, by the
    trapezoidal rule between the steps that are noted.

    Parameters
    ----------
    stresses
        Of the problem.
    numbering
        Of its space.
    left
        (m,) which of this rank's cells the mean is of; all by default.
    """

    names = (STRESS, WORK)

    def __init__(
        self, stresses: Stresses, numbering: Numbering, left: NDArray[np.bool_] | None = None
    ) -> None:
        self._stresses, self._numbering, self._left = stresses, numbering, left
        self._nodal = NodalProjection(stresses.points)
        self._work = WorkDensity(stresses)

    def record(self) -> tuple[dict[str, float], Arrays]:
        """Take the present state as the next step; return numbers and fields. Collective.

        Returns
        -------
        dict
            Mean Cauchy stress along the fibre in kPa, and work of all muscle in µJ.
        dict
            The stress projected on the vertices (n,) in kPa, work per volume (m,) in kPa.
        """
        self._work.record()
        stress = self._stresses.fibre()
        numbers = {
            STRESS: float(self._stresses.points.mean(stress, self._left)),
            WORK: self._work.total(),
        }
        fields = {
            STRESS: self._numbering.vertices(self._nodal.space, self._nodal.project(stress)),
            "work_density": self._numbering.gather_cells(self._work.per_cell()),
        }
        return numbers, fields

    def snapshot(self) -> Arrays:
        """Return what a run that goes on needs. Collective."""
        gather = self._numbering.gather_cells
        return {"work": gather(self._work.at_points), "stress": gather(self._work.stress)}

    def restore(self, arrays: Arrays) -> None:
        """Count on from the present state, which is that of `snapshot`.

        Stress is not computed again: loads are put back after the state.

        Raises
        ------
        CheckpointError
            It was written without stress.
        """
        if not {"work", "stress"} <= set(arrays):
            raise CheckpointError("holds no stress", expected="observe.stress as before")
        here = self._stresses.points.per_cell
        self._work.restart_from(here(arrays["stress"]), here(arrays["work"]))
