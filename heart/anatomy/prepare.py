"""From the files of a case to labels that can be meshed: read, check, interpolate, repair.

The order matters. Checks come first, so that nothing is made of a map that is wrong; slices are
interpolated before the repair, because distances in thick voxels mean nothing; the LV cavity is
measured on the map as drawn, so that the mesh is compared with what somebody measured.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from heart.anatomy.case import Case, load_labels
from heart.anatomy.label_checks import check_labels
from heart.anatomy.labels import Label, LabelVolume
from heart.anatomy.repair import repair
from heart.anatomy.slices import basal_plane, interpolate_slices
from heart.anatomy.valves import Plane
from heart.core.progress import Telemetry, silent


@dataclass(frozen=True)
class PreparedLabels:
    """Labels ready for meshing and everything that was done to them.

    Attributes
    ----------
    labels
        Repaired map on a near-cubic grid.
    drawn
        The map as drawn, for volumes.
    plane
        Basal plane, where the labels show no valves.
    lines
        Warnings and changes, one line each.
    """

    labels: LabelVolume
    drawn: LabelVolume
    plane: Plane | None
    lines: tuple[str, ...]

    def drawn_volumes(self) -> dict[str, float]:
        """Return the volume in mm3 of each label as drawn, by its name."""
        present = [Label(value) for value in np.unique(self.drawn.voxels) if value]
        return {label.name.lower(): self.drawn.volume(label) for label in present}


def prepare(case: Case, *, telemetry: Telemetry | None = None) -> PreparedLabels:
    """Read, check, interpolate and repair the label map of an image case.

    Parameters
    ----------
    case
        A case whose source is an image.
    telemetry
        Told about the steps.

    Raises
    ------
    ImageError, LabelError, UnitError, UnsafeInputError, ScenarioError
        As the steps; the case has no image.
    """
    telemetry = telemetry or silent()
    with telemetry.step("Reading the label map"):
        drawn, lines = load_labels(case)
        lines = lines + check_labels(drawn, keep_largest=case.repair.keep_largest)
    given = _given_plane(case)
    with telemetry.step("Repairing the label map"):
        labels, plane = drawn, given
        if case.repair.slices == "auto":
            labels, found, made = interpolate_slices(
                drawn, plane=given, align=case.repair.align_slices
            )
            plane, lines = given or found, lines + made
        elif given is None:
            plane = basal_plane(drawn)
        labels, changes = repair(labels, case.repair, plane)
    return PreparedLabels(labels, drawn, plane, (*lines, *changes))


def _given_plane(case: Case) -> Plane | None:
    if case.base_plane is None:
        return None
    normal = np.array(case.base_plane.normal)
    return Plane(np.array(case.base_plane.point), normal / np.linalg.norm(normal))
