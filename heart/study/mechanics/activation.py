"""Activation times of the vertices of a body, from the eikonal equation on its muscle."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import Tissue
from heart.core.errors import ParameterError
from heart.electro.activation import ActivationModel
from heart.electro.conduction import named
from heart.electro.velocity import ConductionVelocity
from heart.numerics.eikonal import solve
from heart.scenario.mechanics_activation import Activation, AtOnce, Conduction, Wave
from heart.study.electro.places import nodes_in
from heart.study.electro.wave import wave_of
from heart.study.mechanics.specimen import Specimen

Float = NDArray[np.float64]


def activation_of(section: Activation, specimen: Specimen) -> Float | float:
    """Return ms when muscle is activated: one number, or one for each vertex (n,).

    Raises
    ------
    ParameterError
        A site holds no vertex, or the wave reaches nothing else.
    MissingDataError
        A conduction system, and the body is no heart.
    """
    match section:
        case AtOnce():
            return section.at
        case Wave():
            return _wave(section, specimen)
        case Conduction():
            return _conduction(section, specimen)


def _wave(section: Wave, specimen: Specimen) -> Float:
    muscle = specimen.muscle
    nodes, times = [], []
    for number, site in enumerate(section.sites):
        held = np.flatnonzero(nodes_in(muscle, site.where, f"active.activation.sites[{number}]"))
        nodes.append(held)
        times.append(np.full(len(held), site.at))
    # Scar core is not excited, so it does not pull.
    conducting = muscle.mesh.tissue != Tissue.CORE
    speed = section.speed
    wave = wave_of(muscle, (speed.fibre, speed.sheet, speed.normal), conducting)
    found = solve(*wave, np.concatenate(nodes), np.concatenate(times))
    alive = np.unique(muscle.mesh.cells[conducting])
    missed = int((~np.isfinite(found[alive])).sum())
    if missed:
        raise ParameterError(
            f"the wave does not reach {missed} of {len(alive)} vertices",
            fix="give a site in each piece of muscle",
        )
    return np.asarray(found, np.float64)


def _conduction(section: Conduction, specimen: Specimen) -> Float:
    muscle = specimen.muscle
    state = named(section.state).starting_at_zero()
    model = ActivationModel.of(
        muscle.heart_for("a conduction system"), muscle.locator_for("a conduction system")
    )
    return np.asarray(section.at + model.activate(ConductionVelocity(), state), np.float64)


def words(section: Activation) -> str:
    """Return in words what a reader has to know of the activation."""
    match section:
        case AtOnce():
            return f"All muscle is activated at {section.at:g} ms: no wave."
        case Wave():
            return (
                "Activation is an eikonal wave from its sites, on the muscle before it is loaded; "
                "it does not answer to the motion."
            )
        case Conduction():
            return (
                f"Activation is that of the conduction state {section.state} (assumed sites and "
                "speeds), by the eikonal equation on the muscle before it is loaded."
            )
