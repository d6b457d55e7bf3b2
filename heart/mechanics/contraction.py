"""A beat: equilibrium after equilibrium while tension and pressures change, or with inertia.

`QuasiStatic` makes a static problem something that advances in time, with pressures that are
functions of time; `Contraction` adds the muscle to anything that advances, so that the same
stepper (`time_stepper`) halves a step that fails, with the tension of the shorter step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import HeartError
from heart.mechanics.feedback import Muscle
from heart.mechanics.static import StaticProblem
from heart.mechanics.time_stepper import Advancing
from heart.numerics.newton import NonlinearOutcome
from heart.numerics.profiles import Profile
from heart.numerics.step_controller import Worst

Float = NDArray[np.float64]


class QuasiStatic:
    """A static problem through time.

    Parameters
    ----------
    problem
        In equilibrium at `time`.
    pressures
        Constants of its follower pressures, and the pressure in kPa at a time in ms.
    time
        Where it starts, ms.
    """

    def __init__(
        self,
        problem: StaticProblem,
        pressures: Mapping[Any, Callable[[float], float]] | None = None,
        time: float = 0.0,
    ) -> None:
        self.problem, self.pressures, self.time = problem, dict(pressures or {}), time
        self._good = problem.values()
        self._older: tuple[float, Float] | None = None
        self._trial = time

    def trial(self, step: float, profile: Profile, *, predict: bool = True) -> NonlinearOutcome:
        """Solve at the loads of a step in ms later, from the present state or its extrapolation."""
        self._trial = self.time + step
        for constant, pressure in self.pressures.items():
            constant.value = pressure(self._trial)
        start = self._good
        if predict and self._older is not None:
            earlier, state = self._older
            start = self._good + (self._good - state) * (step / (self.time - earlier))
        self.problem.set_values(start)
        try:
            return self.problem.solve(profile)
        except HeartError:
            self.restore()
            raise

    def restore(self) -> None:
        """Put the last accepted state and its pressures back."""
        for constant, pressure in self.pressures.items():
            constant.value = pressure(self.time)
        self.problem.set_values(self._good)

    def accept(self) -> None:
        """Take the state of the last trial."""
        self._older = (self.time, self._good)
        self.time, self._good = self._trial, self.problem.values()

    def worst(self) -> Worst:
        """Return the cell that is squeezed most."""
        return self.problem.worst()

    def jump(self) -> float:
        """Return how far the last trial moved the body, in sizes of the body."""
        return self.problem.jump(self._good)


class Contraction:
    """Anything that advances, with a muscle whose tension answers to the stretch.

    Parameters
    ----------
    inner
        `QuasiStatic` or a dynamic problem, whose model has the stress of the muscle's field.
    muscle
        Its states belong to the time of `inner`.
    """

    def __init__(self, inner: Advancing, muscle: Muscle) -> None:
        self.inner, self.muscle = inner, muscle

    @property
    def time(self) -> float:
        """Time of the present state in ms."""
        return self.inner.time

    def trial(self, step: float, profile: Profile, *, predict: bool = True) -> NonlinearOutcome:
        """Solve a step in ms with the tension of its end."""
        self.muscle.begin(self.inner.time + step, step)
        return self.inner.trial(step, profile, predict=predict)

    def accept(self) -> None:
        """Take the state of the last trial and advance the muscle to it."""
        self.inner.accept()
        self.muscle.commit()

    def worst(self) -> Worst:
        """Return the cell that is squeezed most."""
        return self.inner.worst()

    def jump(self) -> float:
        """Return how far the last trial moved the body, in sizes of the body."""
        return self.inner.jump()
