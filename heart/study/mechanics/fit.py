"""The passive law fitted to a filling curve while the reference of an image is found.

Afterwards the law of the run is the fitted one: its parameters are written into the scenario that
the problems of the run are made from, so that places keep their ratio to the rest.
"""

from __future__ import annotations

import time as clock
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heart.core.progress import Step, Telemetry
from heart.mechanics.axes import Axes
from heart.mechanics.configuration import Configuration
from heart.mechanics.fit_factors import Factor, multiplied
from heart.mechanics.materials.registry import REGISTRY
from heart.mechanics.passive_fit import FitStep, fit_passive
from heart.mechanics.space import MechanicsSpace
from heart.mechanics.unloading import reload
from heart.numerics.profiles import Profile
from heart.scenario.mechanics import MechanicsScenario
from heart.scenario.mechanics_fit import LEFT, FitSection, UnloadSection
from heart.scenario.mechanics_material import MaterialSection, read
from heart.study.mechanics.fitted import FittedLaw, FittedParameter
from heart.study.mechanics.numbering import Numbering
from heart.study.mechanics.specimen import Specimen, fibres_on
from heart.study.mechanics.unload import Reference, posed

Float = NDArray[np.float64]

CURVES, LONG = 12.0, 60.0


def fitted_scenario(
    scenario: MechanicsScenario, factors: Mapping[Factor, float]
) -> MechanicsScenario:
    """Return the scenario with a law whose parameters are multiplied, everywhere."""
    sections = scenario.material
    name = str(sections[0].law)
    table = {
        key: one for factor, one in factors.items() for key in multiplied(REGISTRY[name], factor)
    }
    return scenario.model_copy(
        update={"material": tuple(_multiplied(one, name, table) for one in sections)}
    )


def _multiplied(section: MaterialSection, law: str, table: Mapping[str, float]) -> MaterialSection:
    known = REGISTRY[law].PARAMETERS
    given = {key: known[key].value for key in table} if section.where is None else {}
    given |= {key: one for key, one in read(law, section.parameters).items() if key in table}
    changed = {
        key: table[key] * value
        if known[key].unit == "1"
        else f"{table[key] * value!r} {known[key].unit}"
        for key, value in given.items()
    }
    return section.model_copy(update={"parameters": {**section.parameters, **changed}})


@dataclass
class _Progress:
    """Tells a user how far the fit is."""

    watch: Telemetry
    bar: Step
    began: float = field(default_factory=clock.perf_counter)

    def told(self, step: FitStep) -> None:
        """Say where the fit is; after the first curve also how long it may take."""
        if step.number == 0:
            seconds = CURVES * (clock.perf_counter() - self.began)
            if seconds > LONG:
                self.watch.say(f"  at most about {max(1.0, seconds / 60.0):.0f} min")
        else:
            self.bar.advance()
        self.watch.say(f"  step {step.number}: {step.line()}")
        self.watch.event(
            "fit", step=step.number, curves=step.curves, error=step.error,
            **{key.value: value for key, value in step.factors.items()},
        )  # fmt: skip


def fitted_reference(
    scenario: MechanicsScenario,
    section: UnloadSection,
    fit: FitSection,
    specimen: Specimen,
    space: MechanicsSpace,
    axes: Axes,
    numbering: Numbering,
    ladder: Sequence[Profile],
    watch: Telemetry,
) -> Reference:
    """Fit the law and move the mesh of `space` to the reference that belongs to it. Collective.

    Parameters
    ----------
    scenario, section, fit
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
        No parameters give the curve, or there is no reference.
    """
    configuration = Configuration(space, axes)
    problem, image = posed(scenario, section, specimen, space, axes)
    with watch.step("Fitting the law to Klotz's curve", float(fit.iterations)) as bar:
        found = fit_passive(
            problem, configuration, specimen.tags(LEFT)[0], section.pressure[LEFT], ladder,
            pressures=fit.pressures, factors=fit.chosen, error=fit.error,
            iterations=fit.iterations, told=_Progress(watch, bar).told,
        )  # fmt: skip
    with watch.step("Loading the reference again"):
        distance = reload(problem, configuration, ladder)
    return Reference(
        specimen=specimen.moved(numbering.geometry(), fibres_on(axes, numbering)),
        image=np.array(specimen.nodes),
        volumes=image,
        distance=distance,
        scenario=fitted_scenario(scenario, found.factors),
        fitted=FittedLaw(
            law=str(scenario.material[0].law),
            factors={key.value: value for key, value in found.factors.items()},
            parameters=_parameters(scenario, found.factors),
            pressures=found.pressures,
            volumes=found.volumes,
            targets=found.targets,
            rest=found.filling.rest,
            klotz=found.klotz,
            steps=found.iterations,
            curves=found.curves,
        ),
    )


def _parameters(
    scenario: MechanicsScenario, factors: Mapping[Factor, float]
) -> tuple[FittedParameter, ...]:
    first = scenario.material[0]
    law = REGISTRY[str(first.law)]
    given = read(str(first.law), first.parameters)
    found = []
    for factor, value in factors.items():
        for name in multiplied(law, factor):
            known = law.PARAMETERS[name]
            start = given.get(name, known.value) * first.scale.get(name, 1.0)
            found.append(
                FittedParameter(name, known.unit, start, value * start, known.low, known.high)
            )
    return tuple(found)
