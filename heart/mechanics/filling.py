"""The filling curve of a ventricle of which only an image under pressure is known.

For the law's present parameters the reference is found from the image, and loaded to a list of
pressures. A fit asks for this again and again with slightly other parameters, so every solve
starts from the result of the last curve; only where that fails are loads walked in steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from dolfinx import fem
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import RINGS, Boundary
from heart.core.errors import LinearSolveError, NonFiniteError, NonlinearSolveError
from heart.mechanics.cavity_volume import VolumeFunctional
from heart.mechanics.configuration import Configuration
from heart.mechanics.inverse import InverseProblem
from heart.mechanics.static import StaticProblem
from heart.mechanics.unloading import POLICY, RATIO, unload_inverse
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Policy, StepController

Float = NDArray[np.float64]

FAILURES = (NonlinearSolveError, LinearSolveError, NonFiniteError)
# Beside the aortic ring the septum of an image can be so thin that both endocardia meet.
BORDERS = (*RINGS, Boundary.EPI, Boundary.RV_ENDO)
# A law of exponentials is soft at rest: small first steps there cost less than failed ones.
LOADING = Policy(first=0.05, largest=0.25, least_ratio=RATIO.value, cuts=4)


@dataclass(frozen=True)
class Filling:
    """One curve.

    Attributes
    ----------
    rest
        Volume of the reference, mm³.
    volumes
        At the fractions asked for, mm³.
    reference
        (n, 3) nodes of this rank in mm.
    """

    rest: float
    volumes: Float
    reference: Float


class FillingCurve:
    """Finds the reference for the present parameters and fills it. Any ranks.

    Parameters
    ----------
    problem
        Loads are those that the image bears; its mesh is the image.
    configuration
        Moves that mesh.
    cavity
        Tag of the endocardium whose volume is wanted.
    fractions
        Loads at which it is wanted, ascending, as fractions of the image's.
    ladder
        Solver profiles from the usual to the most robust.

    Attributes
    ----------
    solves, walks
        Curves and references found directly from the last one, and those walked in load steps.

    Raises
    ------
    ParameterError, MeshInputError
        As `InverseProblem` and `VolumeFunctional`.
    """

    def __init__(
        self,
        problem: StaticProblem,
        configuration: Configuration,
        cavity: int,
        fractions: Sequence[float],
        ladder: Sequence[Profile],
    ) -> None:
        self.problem, self.configuration = problem, configuration
        self.fractions, self.ladder = tuple(fractions), tuple(ladder)
        configuration.to_image()
        self.inverse = InverseProblem(problem, configuration)
        self._placed: Any = fem.Function(problem.space.space)
        self._functional = VolumeFunctional(problem.space, self._placed, cavity, base=BORDERS)
        self.solves = self.walks = 0
        self._back: Float | None = None
        self._states: list[tuple[Float, Float]] = []
        self.image_volume = self.volume(configuration.image)

    def volume(self, points: Float) -> float:
        """Return the volume of the cavity in mm³ with the nodes at `points`.

        Measured from the image, because the lid over the rim is set up there.
        """
        here = self.configuration.points()
        self.configuration.geometry.x[:] = self.configuration.image
        self.configuration.set_motion(self._placed, points - self.configuration.image)
        found = self._functional.volume()
        self.configuration.geometry.x[:] = here
        return found

    def fill(self) -> Filling:
        """Return the curve for the present parameters. Collective.

        The problem is left in the reference, without load.

        Raises
        ------
        NonlinearSolveError, LinearSolveError, NonFiniteError
            There is no reference, or it cannot be filled.
        """
        reference = self._reference()
        self.configuration.to_reference(reference)
        places = self._again(reference) or self._walk()
        volumes = np.array([self.volume(place) for place in places])
        self.rest()
        return Filling(self.volume(reference), volumes, reference)

    def rest(self) -> None:
        """Take the loads off."""
        self.problem.apply(0.0)
        self.problem.set_values(np.zeros_like(self.problem.values()))

    def _reference(self) -> Float:
        inverse = self.inverse
        if self._back is not None:
            inverse.set_values(self._back)
            inverse.apply(1.0)
            try:
                inverse.solve(self.ladder[0])
            except FAILURES:
                pass
            else:
                if inverse.worst().ratio > RATIO.value:
                    self.solves += 1
                    self._back = inverse.values()
                    return inverse.reference()
        self.walks += 1
        inverse.set_values(np.zeros_like(inverse.values()))
        found = unload_inverse(inverse, self.ladder, POLICY)
        self._back = inverse.values()
        return found.points

    def _again(self, reference: Float) -> list[Float]:
        """Return the places at all loads, starting from the last ones; nothing if one fails."""
        states, places = [], []
        for fraction, (values, place) in zip(self.fractions, self._states, strict=False):
            self.problem.set_values(values)
            self.configuration.set_motion(self.problem.state, place - reference)
            self.problem.apply(fraction)
            try:
                self.problem.solve(self.ladder[0])
            except FAILURES:
                return []
            if not self.problem.worst().ratio > RATIO.value:
                return []
            places.append(reference + self.configuration.motion(self.problem.state))
            states.append((self.problem.values(), places[-1]))
        if len(states) == len(self.fractions):
            self.solves += 1
            self._states = states
        return places

    def _walk(self) -> list[Float]:
        self.walks += 1
        self.rest()
        controller = StepController(self.problem, self.ladder, LOADING)
        reference, states = self.configuration.points(), []
        for fraction in self.fractions:
            controller.run(until=fraction)
            place = reference + self.configuration.motion(self.problem.state)
            states.append((self.problem.values(), place))
        self._states = states
        return [place for _, place in states]
