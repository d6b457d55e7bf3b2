"""Active tension along the fibre, and a share of it across.

S_active = Ta (f₀⊗f₀ + η_s s₀⊗s₀ + η_n n₀⊗n₀), that is Ψ = ½ Ta Σ η_i (I₄i − 1) with the full C
(docs/notation.md). A law that gives the tension per actual area of the fibre (S = Ta/λ) has to be
converted at its own edge: the two differ by the stretch.
"""

from __future__ import annotations

from dataclasses import dataclass

from heart.core.parameters import Parameter
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, i4

ACROSS = Parameter(
    0.0, "1", 0.0, 1.0, "assumed", "share of the tension across the fibre: none; up to 0.4 is used"
)


@dataclass(frozen=True)
class ActiveStress:
    """Tension in kPa (UFL, changes in time) and its shares along sheet and normal."""

    tension: Expression
    sheet: float = ACROSS.value
    normal: float = ACROSS.value

    def __post_init__(self) -> None:
        ACROSS.check(self.sheet, name="share of the tension along the sheet")
        ACROSS.check(self.normal, name="share of the tension along the normal")

    def energy(self, C: Expression, axes: Axes) -> Expression:
        """Return ½ Ta Σ η_i (I₄i − 1), a potential at fixed tension."""
        pull = i4(C, axes.fibre) - 1.0
        if self.sheet:
            pull = pull + self.sheet * (i4(C, axes.sheet) - 1.0)
        if self.normal:
            pull = pull + self.normal * (i4(C, axes.normal) - 1.0)
        return 0.5 * self.tension * pull
