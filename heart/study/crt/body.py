"""How the electrodes see the heart: a fine torso for the nominal one, a quick one for the rest.

In a member the electrodes are displaced and the heart is turned in the chest; turning the
electrodes the other way about the heart's centroid and putting them back on the skin says the
same without a new torso. Each electrode position costs a solve, so the ensemble shares a few
sets of positions, and solves them in a coarser torso; what that torso costs in accuracy is part of
the comparison of the two meshes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from heart.anatomy.heart import Heart
from heart.anatomy.recipe import Patient
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra
from heart.observe import electrodes as electrode_files
from heart.observe.electrodes import Electrodes
from heart.observe.infinite_medium import infinite_medium
from heart.observe.lead_field import LeadField, lead_fields
from heart.observe.torso import Grid, Torso, generate
from heart.observe.torso_shape import TorsoShape
from heart.scenario.crt import EcgSection
from heart.study.crt.members import Member

SETS = Parameter(6, "1", 1, 1000, "assumed", "electrode sets that the members share")
NEAR = Parameter(8.0, "mm", 2.0, 20.0, "assumed", "torso mesh around the heart: QRS within 1 ms")
QUICK = Grid(fine=10.0, coarse=40.0, growth=1.5)


@dataclass(frozen=True)
class Body:
    """Torso with nominal electrodes, and how leads are computed in it.

    Attributes
    ----------
    torso
        Volume conductor; with the infinite-medium method only its electrodes are used.
    quick
        The same torso, coarser, for the ensemble.
    method
        ``lead_field`` or ``infinite_medium``.
    """

    torso: Torso
    quick: Torso
    method: str

    def nominal(self, heart: Heart) -> LeadField:
        """Return the lead field of the nominal electrodes on the nodes of `heart`."""
        if self.method == "infinite_medium":
            return infinite_medium(heart, self.torso.electrodes)
        return lead_fields(self.torso, heart)[0]

    def ensemble(
        self, heart: Heart, members: Sequence[Member]
    ) -> tuple[LeadField, list[LeadField]]:
        """Return the nominal lead field and that of each member on the nodes of `heart`.

        Member m has the electrode set m modulo `SETS`.
        """
        sets = [self.quick.electrodes]
        sets += [self.member_electrodes(heart, one) for one in members[: int(SETS.value)]]
        if self.method == "infinite_medium":
            found = [infinite_medium(heart, one) for one in sets]
        else:
            found = lead_fields(self.quick, heart, sets)
        drawn = found[1:]
        return found[0], [drawn[m % len(drawn)] for m in range(len(members))]

    def member_electrodes(self, heart: Heart, member: Member) -> Electrodes:
        """Return the electrodes of a member: displaced, and turned against the heart's rotation."""
        nominal = self.torso.electrodes
        if member.generator is None:
            return nominal
        turn = Rotation.from_rotvec(
            member.heart_rotation * np.clip(member.generator.standard_normal(3), -3.0, 3.0)
        ).as_matrix()
        weight = tetrahedra.node_volumes(heart.mesh.points, heart.mesh.cells)
        centroid = weight @ heart.mesh.points / weight.sum()
        moved = nominal.jittered(member.generator, member.electrode_shift)
        return moved.moved(turn.T, centroid - turn.T @ centroid)


def prepare(
    heart: Heart, section: EcgSection, patient: Patient | None, files: Mapping[str, Path]
) -> Body:
    """Build the torso around `heart`.

    Parameters
    ----------
    heart
        The fine mesh.
    section
        The scenario's ECG section.
    patient
        Size and sex, from the scenario or the case; a mean adult when None.
    files
        Files that the scenario names.
    """
    who = section.torso.patient or patient
    shape = TorsoShape()
    if who is not None:
        sex = "male" if who.sex == "unknown" else who.sex
        shape = TorsoShape(height=who.height, weight=who.weight, sex=sex)
    quick = generate(heart.mesh, shape, grid=QUICK)
    torso = quick
    if section.method == "lead_field":
        torso = generate(
            heart.mesh, shape, grid=Grid(fine=NEAR.value, coarse=section.torso.edge_length)
        )
    if section.torso.electrodes is not None:
        given = electrode_files.read_csv(files[section.torso.electrodes], "mm")
        torso, quick = (replace(one, electrodes=given) for one in (torso, quick))
    return Body(torso, quick, section.method)
