"""From a protocol to pulses at nodes: each stimulus of each branch, where and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Tissue
from heart.core.errors import ParameterError
from heart.electro.activation import ActivationModel
from heart.electro.conduction import REGISTRY as STATES
from heart.electro.conduction import ConductionState
from heart.electro.tissue.shock import ExtracellularStimulus
from heart.electro.tissue.stimulus import PARAMETERS, TissueStimulus, amplitude, nodes_within
from heart.scenario.crt import CaptureSection
from heart.scenario.electro import MembraneSection
from heart.scenario.electro_places import SITES, EarlySites
from heart.scenario.electro_protocol import ElectrodeSection, StimulusSection
from heart.study.crt.candidates import place_all
from heart.study.electro.body import Muscle
from heart.study.electro.places import nodes_in
from heart.therapy.protocol import Protocol
from heart.therapy.sites import Placement

Int = NDArray[np.integer]


Pulse = TissueStimulus | ExtracellularStimulus


@dataclass(frozen=True)
class Placed:
    """A stimulus on this mesh: patches of nodes, each with its delay after the onset in ms.

    Attributes
    ----------
    label, duration, amplitude
        Name, ms and mV/ms.
    patches
        (nodes, delay) of each patch.
    """

    label: str
    duration: float
    amplitude: float
    patches: tuple[tuple[Int, float], ...]

    def at(self, times: Sequence[float]) -> list[Pulse]:
        """Return the pulses that begin at `times` in ms."""
        return [
            TissueStimulus(
                nodes, time + delay, self.duration, self.amplitude, name=f"stimulus {self.label!r}"
            )
            for time in times
            for nodes, delay in self.patches
        ]


@dataclass(frozen=True)
class Wired:
    """Electrodes on this mesh.

    Attributes
    ----------
    label, duration, current
        Name, ms and uA.
    cathode, anode
        Nodes.
    """

    label: str
    duration: float
    current: float
    cathode: Int
    anode: Int

    def at(self, times: Sequence[float]) -> list[Pulse]:
        """Return the pulses that begin at `times` in ms."""
        name = f"stimulus {self.label!r}"
        return [
            ExtracellularStimulus(
                self.cathode, self.anode, time, self.duration, self.current, name=name
            )
            for time in times
        ]


def place(
    muscle: Muscle,
    sections: Sequence[StimulusSection],
    membrane: MembraneSection,
    files: Mapping[str, Path],
) -> dict[str, Placed | Wired]:
    """Return all stimuli of a scenario on a mesh, by label.

    Raises
    ------
    ParameterError
        A stimulus outside the tissue, of no nodes, or wholly in scar that does not conduct.
    MissingDataError
        A place that this muscle does not have.
    """
    placed: dict[str, Placed | Wired] = {}
    for section in sections:
        name = f"stimulus {section.label!r}"
        if section.electrodes is not None:
            placed[section.label] = _wired(muscle, section, section.electrodes)
            continue
        patches = _patches(muscle, section, name, files)
        alive = muscle.node_tissue != Tissue.CORE
        kept = tuple((nodes[alive[nodes]], delay) for nodes, delay in patches)
        if not any(len(nodes) for nodes, _ in kept):
            raise ParameterError(
                f"{name} lies wholly in scar core, which does not conduct", fix="move it"
            )
        placed[section.label] = Placed(
            section.label,
            section.duration,
            _amplitude(section, membrane),
            tuple((nodes, delay) for nodes, delay in kept if len(nodes)),
        )
    return placed


def state_of(sections: Sequence[StimulusSection]) -> ConductionState | None:
    """Return the conduction state whose exits are stimulated; None where none are.

    Raises
    ------
    ParameterError
        Exits of two states: one heart has one.
    """
    names = {one.where.state: None for one in sections if isinstance(one.where, EarlySites)}
    if len(names) > 1:
        raise ParameterError(
            f"stimuli are the exits of several conduction states: {', '.join(names)}",
            expected="one state, which also says how fast the wave runs",
        )
    return STATES[next(iter(names))] if names else None


def given(placed: Mapping[str, Placed | Wired], protocol: Protocol) -> list[Pulse]:
    """Return the pulses of one branch of a protocol."""
    return [
        pulse
        for label, stimulus in placed.items()
        for pulse in stimulus.at(protocol.times_of(label))
    ]


def _wired(muscle: Muscle, section: StimulusSection, electrodes: ElectrodeSection) -> Wired:
    if isinstance(section.where, (EarlySites, *SITES)):
        raise ParameterError(f"the cathode of stimulus {section.label!r} is a site, not a place")
    cathode, anode = (
        np.flatnonzero(nodes_in(muscle, where, f"{end} of stimulus {section.label!r}"))
        for end, where in (("cathode", section.where), ("anode", electrodes.anode))
    )
    return Wired(section.label, section.duration, electrodes.current, cathode, anode)


def _amplitude(section: StimulusSection, membrane: MembraneSection) -> float:
    """Return the stimulus in mV/ms; the current per volume spreads over the membrane in it."""
    if section.current is not None:
        return amplitude(section.current, membrane.surface_to_volume, membrane.capacitance)
    if section.amplitude is not None:
        return section.amplitude
    return PARAMETERS["amplitude"].value


def _patches(
    muscle: Muscle, section: StimulusSection, name: str, files: Mapping[str, Path]
) -> list[tuple[Int, float]]:
    where, points = section.where, muscle.mesh.points
    reach = max(section.radius, muscle.edge)
    if isinstance(where, EarlySites):
        state = STATES[where.state].starting_at_zero()
        model = ActivationModel.of(muscle.heart_for(name), muscle.locator_for(name))
        early = model.early(state.sites)
        return [
            (nodes_within(points, list(point), reach, name), float(time))
            for point, time in zip(early.points, early.times, strict=True)
        ]
    if isinstance(where, SITES):
        placement = Placement(muscle.heart_for(name), muscle.locator_for(name))
        sites = place_all(placement, [where], files, CaptureSection())
        if not sites[0].captured:
            raise ParameterError(f"{name} does not capture: {sites[0].note}", fix="move it")
        return [
            (nodes_within(points, list(site.point), reach, name), site.exit_delay) for site in sites
        ]
    return [(np.flatnonzero(nodes_in(muscle, where, name)), 0.0)]
