"""Active tension along the fibre, and a share of it across.

S_active = Ta (f₀⊗f₀ + η_s s₀⊗s₀ + η_n n₀⊗n₀) with the full C (docs/notation.md). A law that gives
the tension per actual area of the fibre (S = Ta/λ) has to be converted at its own edge: the two
differ by the stretch.

Tension that depends on the stretch λ = √I₄f at the end of a time step, Ta = T + K (λ − λ₀), comes
from the potential with 2 ∂Ψ/∂I₄f = Ta(λ),

    Ψ = ½ (T − K λ₀)(λ² − 1) + ⅓ K (λ³ − 1),

so the same derivatives give the residual and a symmetric tangent that contains K. The shares
across follow T alone: with Ta(λ) across the fibre there would be no potential.
"""

from __future__ import annotations

from dataclasses import dataclass

from heart.core.errors import ParameterError
from heart.core.parameters import Parameter
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression, i4

ACROSS = Parameter(
    0.0, "1", 0.0, 1.0, "assumed", "share of the tension across the fibre: none; up to 0.4 is used"
)


@dataclass(frozen=True)
class ActiveStress:
    """Tension in kPa and its shares along sheet and normal.

    Attributes
    ----------
    tension
        T in kPa (UFL, changes in time).
    sheet, normal
        Shares across; numbers, or UFL where they differ from place to place.
    stiffness, stretch
        K in kPa and λ₀ (UFL), both or neither.
    """

    tension: Expression
    sheet: Expression = ACROSS.value
    normal: Expression = ACROSS.value
    stiffness: Expression | None = None
    stretch: Expression | None = None

    def __post_init__(self) -> None:
        for share, name in ((self.sheet, "sheet"), (self.normal, "normal")):
            if isinstance(share, int | float):
                ACROSS.check(float(share), name=f"share of the tension along the {name}")
        if (self.stiffness is None) != (self.stretch is None):
            raise ParameterError("active stiffness and its stretch belong together")

    def energy(self, C: Expression, axes: Axes) -> Expression:
        """Return the potential in kPa, zero at C = I."""
        squared = i4(C, axes.fibre)
        pull = squared - 1.0
        across: Expression = 0.0
        for share, axis in ((self.sheet, axes.sheet), (self.normal, axes.normal)):
            # Terms that are not there need not be compiled.
            if not isinstance(share, int | float) or share > 0.0:
                across = across + share * (i4(C, axis) - 1.0)
        total = 0.5 * self.tension * (pull + across)
        if self.stiffness is not None and self.stretch is not None:
            bend = (squared**1.5 - 1.0) / 3.0 - 0.5 * self.stretch * pull
            total = total + self.stiffness * bend
        return total
