"""How the reaction-eikonal problem is stepped: sizes of steps, trigger, patience of the front.

The potential does not have to carry the wave, so cells need short steps only in the milliseconds
after a trigger, where calcium is released and the notch is formed. In a plateau one step of second
order per window follows the potential, and cells at rest wait for several windows, block by block.
Diffusion takes short steps while a wave is anywhere, and one per window when none is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter

PARAMETERS: dict[str, Parameter] = {
    "dt": Parameter(0.25, "ms", 0.01, 1.0, "assumed", "step of diffusion; see 0022"),
    "upstroke_dt": Parameter(0.125, "ms", 0.001, 0.5, "assumed", "cells in an upstroke; see 0022"),
    "upstroke_duration": Parameter(
        10.0, "ms", 1.0, 100.0, "assumed", "after activation with short steps: upstroke, notch"
    ),
    "calm_rate": Parameter(
        3.0, "mV/ms", 0.0, 10.0, "assumed", "a slower plateau takes one step per window; see 0022"
    ),
    "rest_dt": Parameter(4.0, "ms", 0.1, 20.0, "assumed", "step of cells at rest; see 0022"),
    "window": Parameter(1.0, "ms", 0.1, 10.0, "assumed", "between exchanges of front and cells"),
    "patience": Parameter(
        10.0, "ms", 0.0, 200.0, "assumed", "a front waits for tissue that is still refractory"
    ),
    "trigger_amplitude": Parameter(
        60.0, "mV/ms", 10.0, 500.0, "assumed", "foot current, about twice the pulse of one cell"
    ),
    "trigger_duration": Parameter(2.0, "ms", 0.2, 10.0, "assumed", "longest foot current"),
    "threshold": Parameter(
        -40.0, "mV", -70.0, 0.0, "assumed", "potential that is crossed at the time of activation"
    ),
    "trigger_until": Parameter(
        -10.0, "mV", -60.0, 30.0, "assumed", "potential at which the foot current has done its work"
    ),
}


def _default(name: str) -> float:
    return PARAMETERS[name].value


@dataclass(frozen=True)
class ReactionEikonalScheme:
    """Numbers of the scheme; times in ms, potentials in mV, amplitude in mV/ms.

    Attributes
    ----------
    dt
        Step of diffusion while there is a wave.
    upstroke_dt, upstroke_duration
        Step of cells in an upstroke, and how long after activation it holds.
    calm_rate
        Change of the potential up to which cells take one step per window; 0 for short steps
        everywhere and always.
    rest_dt
        Step of cells at rest, a multiple of `window`; shorter than that counts as `window`.
    window
        Front and cells tell each other after each of these, a multiple of `dt`.
    patience
        How long a front waits for tissue that is still refractory.
    trigger_amplitude, trigger_duration, trigger_until
        The current that fires a cell where the front arrives; it ends at the potential.
    threshold
        Potential that counts as activation.
    """

    dt: float = _default("dt")
    upstroke_dt: float = _default("upstroke_dt")
    upstroke_duration: float = _default("upstroke_duration")
    calm_rate: float = _default("calm_rate")
    rest_dt: float = _default("rest_dt")
    window: float = _default("window")
    patience: float = _default("patience")
    trigger_amplitude: float = _default("trigger_amplitude")
    trigger_duration: float = _default("trigger_duration")
    threshold: float = _default("threshold")
    trigger_until: float = _default("trigger_until")

    def __post_init__(self) -> None:
        for name, parameter in PARAMETERS.items():
            parameter.check(getattr(self, name), name=f"reaction-eikonal: {name}")
        steps = self.window / self.dt
        if abs(steps - round(steps)) > 1e-9 or round(steps) < 1:
            raise ParameterError(
                f"window of {self.window:g} ms is no multiple of the step of {self.dt:g} ms",
                where="reaction-eikonal",
            )
        rest = self.rest_dt / self.window
        if rest > 1.0 and abs(rest - round(rest)) > 1e-9:
            raise ParameterError(
                f"step of {self.rest_dt:g} ms at rest is no multiple of the window of "
                f"{self.window:g} ms",
                where="reaction-eikonal",
            )
        if self.upstroke_dt > self.dt:
            raise ParameterError(
                f"steps in the upstroke of {self.upstroke_dt:g} ms are longer than the others",
                where="reaction-eikonal",
                expected=f"at most {self.dt:g} ms",
            )
        if not self.trigger_until > self.threshold:
            raise ParameterError(
                f"foot current ends at {self.trigger_until:g} mV, below the threshold of "
                f"{self.threshold:g} mV",
                where="reaction-eikonal",
            )

    @classmethod
    def stepped(cls, dt: float | None) -> ReactionEikonalScheme:
        """Return the defaults, or with steps of `dt` ms and none in an upstroke that is longer."""
        usual = cls()
        return (
            usual if dt is None else replace(usual, dt=dt, upstroke_dt=min(usual.upstroke_dt, dt))
        )

    @property
    def steps_per_window(self) -> int:
        """Steps between exchanges of front and cells."""
        return round(self.window / self.dt)

    @property
    def upstroke_substeps(self) -> int:
        """Parts into which a step is cut in an upstroke."""
        return max(1, round(self.dt / self.upstroke_dt))

    @property
    def windows_at_rest(self) -> int:
        """Windows that a step of cells at rest is long."""
        return max(1, round(self.rest_dt / self.window))
