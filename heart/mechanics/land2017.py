"""Contraction of human muscle driven by calcium [Land2017], stepped at all points at once.

Calcium binds to troponin (CaTRPN), which unblocks tropomyosin (TmB); unblocked sites are unbound
(XU), weakly (XW) or strongly (XS) bound, and a change of the stretch distorts the bound bridges
(ζ_w, ζ_s). Tension is h(λ) T_ref/r_s (XS (1 + ζ_s) + XW ζ_w), active part only: the viscoelastic
passive part of the paper belongs to the passive law here.

The mechanics needs the slope of the tension at the end of a step by the stretch there.
Distortions take the change of stretch exactly (exponential step), the rest sees the stretch and
the distortions of before: the slope is then a closed form, A (XS, XW) damped over the step, plus
that of the overlap h. Bound states go by the implicit midpoint rule, their 3 × 3 system by hand, in
parts of at most 1 ms, which keeps them positive. Bridges are torn off at the distortion of before:
while a muscle shortens its distortion lasts, and letting it decay costs four times the error. At
constant stretch the step is of second order, else of first.

Two sets are in use. `Land2017()` has the numbers of the paper for intact cells at body temperature;
`TORORD_LAND` unblocks more slowly (k_u, n_tm) and is what the coupled cell of this package and its
reference trace have.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from heart.core.parameters import Parameter
from heart.mechanics.materials.law import check_parameters
from heart.mechanics.waveform import CalciumTransient, Waveform

Float = NDArray[np.float64]

_P = "Land2017"
PARAMETERS: Mapping[str, Parameter] = {
    "reference_tension": Parameter(120.0, "kPa", 1.0, 1000.0, _P, "T_ref, at λ = 1, saturated"),
    "half_calcium": Parameter(0.805, "µM", 0.05, 20.0, _P, "Ca50 of troponin at λ = 1"),
    "troponin_power": Parameter(2.0, "1", 0.5, 10.0, _P, "n_TRPN"),
    "troponin_rate": Parameter(0.1, "1/ms", 1e-3, 10.0, _P, "k_TRPN"),
    "half_troponin": Parameter(0.35, "1", 0.01, 0.99, _P, "TRPN50, troponin at half tension"),
    "tropomyosin_power": Parameter(5.0, "1", 0.5, 12.0, _P, "n_tm"),
    "unblocking": Parameter(1.0, "1/ms", 1e-4, 10.0, _P, "k_u"),
    "binding": Parameter(0.182, "1/ms", 1e-3, 10.0, _P, "k_uw, unbound to weakly bound"),
    "stroke": Parameter(0.012, "1/ms", 1e-4, 1.0, _P, "k_ws, weakly to strongly bound"),
    "weak_share": Parameter(0.5, "1", 0.05, 0.95, _P, "r_w, of what is not strongly bound"),
    "strong_share": Parameter(0.25, "1", 0.05, 0.95, _P, "r_s, when saturated"),
    "strong_detaching": Parameter(0.0085, "1/ms", 0.0, 1.0, _P, "γ_s, by distortion"),
    "weak_detaching": Parameter(0.615, "1/ms", 0.0, 10.0, _P, "γ_w, by distortion"),
    "distortion_decay": Parameter(2.23, "1", 0.01, 50.0, _P, "φ"),
    "distortion_gain": Parameter(25.0, "1", 0.0, 500.0, _P, "A_tot"),
    "length_tension": Parameter(2.3, "1", 0.0, 10.0, _P, "β₀, slope of the overlap"),
    "length_calcium": Parameter(-2.4, "µM", -10.0, 0.0, _P, "β₁, change of Ca50 with λ"),
}
LONGEST, DOUBLE_OVERLAP, MOST_BLOCKING = 1.2, 0.87, 100.0
LONGEST_STEP, ROUND_OFF = 1.0, 1e-9  # ms: 1/rate of the fastest blocking is 0.7 ms


@dataclass(frozen=True)
class Land2017:
    """The law with its calcium in µM; see `PARAMETERS`. States: CaTRPN, TmB, XW, XS, ζ_w, ζ_s."""

    PARAMETERS: ClassVar[Mapping[str, Parameter]] = PARAMETERS

    calcium: Waveform = field(default_factory=CalciumTransient)
    reference_tension: float = PARAMETERS["reference_tension"].value
    half_calcium: float = PARAMETERS["half_calcium"].value
    troponin_power: float = PARAMETERS["troponin_power"].value
    troponin_rate: float = PARAMETERS["troponin_rate"].value
    half_troponin: float = PARAMETERS["half_troponin"].value
    tropomyosin_power: float = PARAMETERS["tropomyosin_power"].value
    unblocking: float = PARAMETERS["unblocking"].value
    binding: float = PARAMETERS["binding"].value
    stroke: float = PARAMETERS["stroke"].value
    weak_share: float = PARAMETERS["weak_share"].value
    strong_share: float = PARAMETERS["strong_share"].value
    strong_detaching: float = PARAMETERS["strong_detaching"].value
    weak_detaching: float = PARAMETERS["weak_detaching"].value
    distortion_decay: float = PARAMETERS["distortion_decay"].value
    distortion_gain: float = PARAMETERS["distortion_gain"].value
    length_tension: float = PARAMETERS["length_tension"].value
    length_calcium: float = PARAMETERS["length_calcium"].value

    def __post_init__(self) -> None:
        check_parameters(self)

    @property
    def distortion(self) -> float:
        """A, the distortion of a bridge per change of the stretch."""
        strong, weak = self.strong_share, (1.0 - self.strong_share) * self.weak_share
        return self.distortion_gain * strong / (weak + strong)

    def states(self, count: int) -> Float:
        """Return the steady states (6, count) at the calcium of rest and λ = 1."""
        never = np.full(count, -np.inf)
        return self.steady(self.calcium(never), np.ones(count))

    def steady(self, calcium: Float, stretch: Float) -> Float:
        """Return the states (6, n) after a long time at calcium (n,) in µM and stretch (n,)."""
        full = self._saturation(calcium, stretch)
        troponin = full / (1.0 + full)
        block, unblock = self._tropomyosin(troponin)
        free = 1.0 / self.weak_share - 1.0
        strong = self.strong_share / (self.weak_share * (1.0 - self.strong_share))
        blocked = free * block / unblock
        weak = 1.0 / (free + 1.0 + strong + blocked)
        none = np.zeros_like(weak)
        return np.array([troponin, blocked * weak, weak, strong * weak, none, none])

    def advance(
        self, states: Float, since: Float, step: float, before: Float, after: Float
    ) -> Float:
        """Return the states a step later."""
        weak_distortion, strong_distortion = states[4], states[5]
        overstretched = np.maximum(strong_distortion, -1.0 - strong_distortion)
        tear = self.weak_detaching * np.abs(weak_distortion)
        rip = self.strong_detaching * np.maximum(overstretched, 0.0)
        count = max(1, math.ceil(step / LONGEST_STEP - ROUND_OFF))
        part = step / count
        kept = np.exp(-0.5 * part * tear), np.exp(-0.5 * part * rip)
        bound = states[:4]
        for k in range(count):
            bound = self._kinetics(bound, since - step + (k + 1) * part, part, before, kept)
        weak_decay, strong_decay = self._decays()
        change = self.distortion * (after - before)
        return np.array(
            [
                *bound,
                weak_distortion * np.exp(-step * weak_decay) + change * _mean(step * weak_decay),
                strong_distortion * np.exp(-step * strong_decay)
                + change * _mean(step * strong_decay),
            ]
        )

    def _kinetics(
        self, bound: Float, since: Float, step: float, stretch: Float, kept: tuple[Float, Float]
    ) -> Float:
        """Return CaTRPN, TmB, XW, XS (4, n) after a short step with calcium of its middle.

        Half of the loss by distortion (what is `kept` of weak and strong) comes before and half
        after a step of the linear rest by the implicit midpoint rule.
        """
        middle, troponin = self._troponin(bound[0], since, step, stretch)
        blocked, weak, strong = bound[1], bound[2] * kept[0], bound[3] * kept[1]
        half = 0.5 * step
        block, unblock = self._tropomyosin(middle)
        weak_loss, strong_loss = self._losses()
        # Backward Euler over half the step, in X_w: X_s and TmB are linear in it.
        keep_strong = 1.0 / (1.0 + half * strong_loss)
        keep_blocked = 1.0 / (1.0 + half * (block + unblock))
        strong_0, strong_1 = strong * keep_strong, half * self.stroke * keep_strong
        blocked_0 = (blocked + half * block * (1.0 - strong_0)) * keep_blocked
        blocked_1 = -half * block * (1.0 + strong_1) * keep_blocked
        bind = half * self.binding
        weak_mid = (weak + bind * (1.0 - blocked_0 - strong_0)) / (
            1.0 + half * weak_loss + bind * (1.0 + blocked_1 + strong_1)
        )
        blocked_mid, strong_mid = blocked_0 + blocked_1 * weak_mid, strong_0 + strong_1 * weak_mid
        return np.array(
            [
                troponin,
                2.0 * blocked_mid - blocked,
                (2.0 * weak_mid - weak) * kept[0],
                (2.0 * strong_mid - strong) * kept[1],
            ]
        )

    def tension(self, states: Float, since: Float, stretch: Float) -> Float:
        """Return the tension in kPa; negative only in a quick release."""
        del since
        return self._scale(stretch) * _bridges(states)

    def slope(self, states: Float, since: Float, step: float, stretch: Float) -> Float:
        """Return the derivative of the tension at the end of a step by the stretch there."""
        end = self.advance(states, since, step, stretch, stretch)
        weak_decay, strong_decay = self._decays()
        stiff = end[3] * _mean(step * strong_decay) + end[2] * _mean(step * weak_decay)
        return np.asarray(
            self._scale(stretch) * self.distortion * stiff
            + self.reference_tension / self.strong_share * self._steeper(stretch) * _bridges(end)
        )

    def stiffness(self, states: Float, stretch: Float) -> Float:
        """Return the instantaneous stiffness h T_ref/r_s A (XS + XW) in kPa."""
        return np.asarray(self._scale(stretch) * self.distortion * (states[3] + states[2]))

    def overlap(self, stretch: Float) -> Float:
        """Return h(λ) = max(0, 1 + β₀ (λ + min(λ, 0.87) − 1.87)), λ at most 1.2."""
        length = np.minimum(stretch, LONGEST)
        short = np.minimum(length, DOUBLE_OVERLAP)
        relative = 1.0 + self.length_tension * (length + short - 1.0 - DOUBLE_OVERLAP)
        return np.asarray(np.maximum(relative, 0.0))

    def _steeper(self, stretch: Float) -> Float:
        slope = self.length_tension * np.where(stretch < DOUBLE_OVERLAP, 2.0, 1.0)
        return np.where((stretch < LONGEST) & (self.overlap(stretch) > 0.0), slope, 0.0)

    def _scale(self, stretch: Float) -> Float:
        return self.overlap(stretch) * self.reference_tension / self.strong_share

    def _saturation(self, calcium: Float, stretch: Float) -> Float:
        change = self.length_calcium * (np.minimum(stretch, LONGEST) - 1.0)
        return np.asarray((calcium / (self.half_calcium + change)) ** self.troponin_power)

    def _troponin(
        self, troponin: Float, since: Float, step: float, stretch: Float
    ) -> tuple[Float, Float]:
        """Return bound troponin in the middle and at the end, exact for constant calcium."""
        full = self._saturation(self.calcium(since - 0.5 * step), stretch)
        rest = full / (1.0 + full)
        rate = self.troponin_rate * (1.0 + full)
        away = troponin - rest
        return rest + away * np.exp(-0.5 * step * rate), rest + away * np.exp(-step * rate)

    def _tropomyosin(self, troponin: Float) -> tuple[Float, Float]:
        """Return the rates of blocking and unblocking, 1/ms."""
        half = 0.5 * self.tropomyosin_power
        permissive = np.asarray(troponin**half)
        at_half = (1.0 - self.strong_share) * (1.0 - self.weak_share)
        rate = self.unblocking * self.half_troponin**self.tropomyosin_power / at_half
        hindered = np.minimum(1.0 / np.maximum(permissive, 1.0 / MOST_BLOCKING), MOST_BLOCKING)
        return rate * hindered, self.unblocking * permissive

    def _losses(self) -> tuple[float, float]:
        """Return the rates at which weakly and strongly bound bridges leave, undistorted."""
        weak = self.binding * (1.0 / self.weak_share - 1.0)
        return weak, self.stroke * self.weak_share * (1.0 / self.strong_share - 1.0)

    def _decays(self) -> tuple[float, float]:
        """Return the rates c_w and c_s at which distortions are forgotten."""
        weak = self.binding * (1.0 - self.weak_share) / self.weak_share
        strong = self.stroke * (1.0 - self.strong_share) * self.weak_share / self.strong_share
        return self.distortion_decay * weak, self.distortion_decay * strong


TORORD_LAND: Mapping[str, float] = {"unblocking": 0.04, "tropomyosin_power": 2.4}
"""What the coupled ToR-ORd-Land cell changes: ``Land2017(calcium, **TORORD_LAND)``.

From the public transcription that made the reference trace (tests/refdata/SOURCES.md);
[Margara2021] and others use further values.
"""


def _bridges(states: Float) -> Float:
    return np.asarray(states[3] * (1.0 + states[5]) + states[2] * states[4])


def _mean(decay: float) -> float:
    """Return (1 − e^(−x))/x, what is left of a distortion that grew evenly over a step."""
    return float(-np.expm1(-decay) / decay) if decay > 0.0 else 1.0
