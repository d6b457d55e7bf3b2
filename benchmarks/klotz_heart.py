"""The example heart: its reference and passive parameters found at once, against Klotz's curve.

Image at 1.5 kPa in the left ventricle, none across the right wall (assumed), rings held, Guccione
on stabilised linear elements of 4 mm. Prints the fit and how far reloading misses the image.

    python benchmarks/klotz_heart.py
"""

from __future__ import annotations

import logging
import time

from heart.anatomy.build import build_heart
from heart.anatomy.case import load_case
from heart.anatomy.fibres import FibreAngles
from heart.core.paths import packaged
from heart.mechanics.heart_filling import fit_heart
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element
from heart.numerics.profiles import load

EDGE, PRESSURE = 4.0, 1.5
START = Guccione(3.0, 6.0, 2.4, 2.1)
LADDER = ("direct_lagged", "direct", "direct_l2")


def main() -> None:
    """Fit and print."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    logging.getLogger("heart.mechanics").setLevel(logging.INFO)
    heart = build_heart(
        load_case(packaged("meshes") / "ct_four_chamber"), EDGE, FibreAngles()
    ).heart
    axes = (heart.fibres.fibre, heart.fibres.sheet, heart.fibres.normal)
    begin = time.perf_counter()
    fitted = fit_heart(
        heart.mesh, axes, MechanicsModel(START), [load(f"mechanics/{name}") for name in LADDER],
        left=PRESSURE, element=Element.P1_P1_STABILISED,
    )  # fmt: skip
    print(fitted.fit.line())
    print(fitted.fit.parameters)
    print("errors in % of volume:", 100.0 * fitted.fit.errors)
    print(f"reloaded, {fitted.returned:.2g} mm from the image")
    print(f"{time.perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
