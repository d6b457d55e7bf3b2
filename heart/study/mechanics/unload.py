"""Before a body is loaded: the reference that its pressures bring into the image.

The mesh of the space is moved in place, fibres carried along; every problem made on the space
afterwards has the reference as its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.core.progress import Telemetry
from heart.mechanics.axes import Axes
from heart.mechanics.cavity_volume import VolumeFunctional
from heart.mechanics.configuration import Configuration
from heart.mechanics.inverse import InverseProblem
from heart.mechanics.loads import FollowerPressure, Load
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import MechanicsSpace
from heart.mechanics.static import StaticProblem
from heart.mechanics.unloading import (
    FixedPoint,
    UnloadSettings,
    reload,
    unload,
    unload_inverse,
)
from heart.numerics.profiles import Profile
from heart.scenario.mechanics import UnloadSection
from heart.study.mechanics.numbering import Numbering
from heart.study.mechanics.specimen import Specimen, fibres_on

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Reference:
    """What unloading found.

    Attributes
    ----------
    specimen
        The body in its reference.
    image
        (N, 3) nodes of the image, mm.
    volumes
        Of the image by name of the endocardium, mm³.
    distance
        Largest distance in mm of a node from the image when the reference is loaded again.
    """

    specimen: Specimen
    image: Float
    volumes: Mapping[str, float]
    distance: float


def to_reference(
    section: UnloadSection,
    specimen: Specimen,
    space: MechanicsSpace,
    axes: Axes,
    model: MechanicsModel,
    supports: Sequence[Load],
    numbering: Numbering,
    ladder: Sequence[Profile],
    watch: Telemetry,
) -> Reference:
    """Move the mesh of `space` to its reference. Collective.

    Parameters
    ----------
    section
        Pressures of the image and method.
    specimen, space, axes
        The image; axes are functions per cell or point (`heart.mechanics.configuration.cell_axes`).
    model, supports
        As for the problems that follow.
    numbering
        Of the space.
    ladder
        Profiles.
    watch
        Told about the steps.

    Raises
    ------
    NonlinearSolveError
        Not converged; says how far it came and where.
    """
    pressures: list[Load] = [
        FollowerPressure(tag, value)
        for name, value in section.pressure.items()
        for tag in specimen.tags(name)
    ]
    problem = StaticProblem(model, space, axes, [*supports, *pressures])
    functionals = {
        name: VolumeFunctional(space, problem.state, tag)
        for name in specimen.chambers
        for tag in specimen.tags(name)
    }
    image = {name: one.volume() for name, one in functionals.items()}
    configuration = Configuration(space, axes)
    with watch.step("Unloading the image"):
        if section.method == "inverse":
            unload_inverse(InverseProblem(problem, configuration), ladder)
        else:
            settings = UnloadSettings(distance=section.tolerance)
            fixed = FixedPoint(problem, configuration, settings)
            unload(fixed, ladder)
    with watch.step("Loading the reference again"):
        distance = reload(problem, configuration, ladder)
    nodes = numbering.geometry()
    return Reference(
        specimen=specimen.moved(nodes, fibres_on(axes, numbering)),
        image=np.array(specimen.nodes),
        volumes=image,
        distance=distance,
    )
