"""Every passive law by name."""

from __future__ import annotations

from heart.mechanics.materials.fung import Fung
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.holzapfel_ogden import HolzapfelOgden
from heart.mechanics.materials.law import Material
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.materials.usyk import Usyk

REGISTRY: dict[str, type[Material]] = {
    "holzapfel_ogden": HolzapfelOgden,
    "guccione": Guccione,
    "usyk": Usyk,
    "neo_hookean": NeoHookean,
    "fung": Fung,
}
