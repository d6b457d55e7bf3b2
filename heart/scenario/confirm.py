"""Whether the first of a screen are computed again by reaction–diffusion, and how.

The screen runs on the eikonal equation because it asks about hundreds of leads; a confirmation
asks about a few of them with cells that are excited by current. A bare word is enough:
``confirm: monodomain``.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, GetJsonSchemaHandler, model_validator
from pydantic_core import CoreSchema

from heart.core.errors import ScenarioError
from heart.core.validation import Count, OneOf, Quantity, Section, did_you_mean, fault
from heart.electro.ionic.registry import REGISTRY
from heart.electro.tissue import scheme


class ConfirmEngine(StrEnum):
    """Equations that confirm a screen."""

    MONODOMAIN = "monodomain"
    REACTION_EIKONAL = "reaction_eikonal"


ENGINES = tuple(kind.value for kind in ConfirmEngine)
# A consistent mass is nearer to the speed, but undershoots before the front on a heart's mesh.
PROFILE = "lumped"


class ConfirmSection(Section):
    """The engine that computes the baseline and the first leads of the nominal heart again."""

    engine: ConfirmEngine = ConfirmEngine.MONODOMAIN
    sites: Annotated[int, Count(1, 50, "first leads of the ranking")] = 3
    cells: Annotated[str, OneOf(tuple(REGISTRY))] = "tt2006_epi"
    profile: str | None = Field(
        default=None,
        max_length=64,
        description=f"solvers/electro/NAME.yaml of the monodomain; null: {PROFILE}.",
    )
    dt: (
        Annotated[
            float, Quantity("ms", 0.005, 0.5, note="time step; null: 0.05 ms, reaction-eikonal 0.2")
        ]
        | None
    ) = None
    duration: (
        Annotated[
            float,
            Quantity(
                "ms", 10.0, 2000.0, note="ends a run whose wave has died; null: twice the screen's"
            ),
        ]
        | None
    ) = None

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        """Show that a bare word is enough."""
        made = super().__get_pydantic_json_schema__(schema, handler)
        if "properties" in made:
            section = dict(made)
            made.clear()
            made |= {"anyOf": [{"enum": list(ENGINES), "type": "string"}, section]}
        return made

    @model_validator(mode="before")
    @classmethod
    def _word(cls, data: Any) -> Any:
        """Return the section that a bare word stands for."""
        given = {"engine": data} if isinstance(data, str) else data
        word = given.get("engine", ENGINES[0]) if isinstance(given, dict) else ENGINES[0]
        if word not in ENGINES:
            raise fault(
                "value", f"unknown engine {word!r}", fix=did_you_mean(str(word), list(ENGINES))
            )
        return given

    @model_validator(mode="after")
    def _known(self) -> ConfirmSection:
        if self.profile is None:
            return self
        if self.engine is ConfirmEngine.REACTION_EIKONAL:
            raise fault(
                "value", "reaction_eikonal has no profile", fix="remove profile, or give dt"
            )
        try:
            scheme.load(self.profile)
        except ScenarioError as error:
            raise fault("value", error.what, fix=error.fix) from error
        return self
