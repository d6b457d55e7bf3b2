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
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_fit import UnloadSection
from heart.study.mechanics.fitted import FittedLaw
from heart.study.mechanics.model import acting, model_of, pressing, supports_of
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
    scenario
        With the law that belongs to the reference: as given, or fitted.
    fitted
        What a fit of the law found; None without.
    """

    specimen: Specimen
    image: Float
    volumes: Mapping[str, float]
    distance: float
    scenario: MechanicsScenario
    fitted: FittedLaw | None = None


def posed(
    scenario: MechanicsScenario,
    section: UnloadSection,
    specimen: Specimen,
    space: MechanicsSpace,
    axes: Axes,
) -> tuple[StaticProblem, dict[str, float]]:
    """Return the problem with the loads that the image bears, and its volumes by name in mm³.

    Collective.
    """
    pressures = {str(name): value for name, value in section.pressure.items()}
    loads = [
        *supports_of(scenario, specimen, space),
        *pressing(pressures, acting(scenario, specimen)),
    ]
    problem = StaticProblem(model_of(scenario, specimen, space, None), space, axes, loads)
    volumes = {
        name: VolumeFunctional(space, problem.state, tag).volume()
        for name in specimen.chambers
        for tag in specimen.tags(name)
    }
    return problem, volumes


def to_reference(
    scenario: MechanicsScenario,
    section: UnloadSection,
    specimen: Specimen,
    space: MechanicsSpace,
    axes: Axes,
    numbering: Numbering,
    ladder: Sequence[Profile],
    watch: Telemetry,
) -> Reference:
    """Move the mesh of `space` to its reference. Collective.

    Parameters
    ----------
    scenario, section
        What is asked.
    specimen, space, axes
        The image; axes are functions per cell or point (`heart.mechanics.configuration.cell_axes`).
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
    problem, image = posed(scenario, section, specimen, space, axes)
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
    return Reference(
        specimen=specimen.moved(numbering.geometry(), fibres_on(axes, numbering)),
        image=np.array(specimen.nodes),
        volumes=image,
        distance=distance,
        scenario=scenario,
    )
