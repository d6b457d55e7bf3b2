"""Before a body is loaded: the reference that its pressures bring into the image.

The mesh of the space is moved in place, fibres carried along; every problem made on the space
afterwards has the reference as its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.progress import Telemetry
from heart.mechanics.axes import Axes
from heart.mechanics.cavity_volume import VolumeFunctional
from heart.mechanics.configuration import Configuration
from heart.mechanics.inverse import InverseProblem
from heart.mechanics.loads import Load
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


def pressed(scenario: MechanicsScenario, section: UnloadSection, specimen: Specimen) -> list[Load]:
    """Return the pressures that the image bears."""
    pressures = {str(name): value for name, value in section.pressure.items()}
    return pressing(pressures, acting(scenario, specimen))


def volumes_in(specimen: Specimen, space: MechanicsSpace, state: Any) -> dict[str, float]:
    """Return the volumes of the cavities in a state, by name, in mm³. Collective."""
    return {
        name: VolumeFunctional(space, state, tag).volume()
        for name in specimen.chambers
        for tag in specimen.tags(name)
    }


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
    model = model_of(scenario, specimen, space, None)
    loads = [*supports_of(scenario, specimen, space), *pressed(scenario, section, specimen)]
    problem = StaticProblem(model, space, axes, loads)
    image = volumes_in(specimen, space, problem.state)
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
        scenario=scenario,
    )
