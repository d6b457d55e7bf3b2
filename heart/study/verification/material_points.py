"""Laws at a point and in the simplest bodies: tables, finite differences, a cube, a thick tube."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from heart.core.progress import Telemetry
from heart.mechanics.material_point import MaterialPoint
from heart.mechanics.materials.holzapfel_ogden import TRANSVERSELY_ISOTROPIC, HolzapfelOgden
from heart.mechanics.materials.registry import REGISTRY
from heart.mechanics.model import MechanicsModel
from heart.study.verification import active_cube, thick_tube
from heart.study.verification.benchmark import EXACT, Benchmark, Check, near, zero

Float = NDArray[np.float64]

COMPUTED = "HolzapfelOgden2009"
# Cauchy stresses in kPa computed apart from this code: equibiaxial stretch with no stress along
# the normal, and simple shear of the plane that is named first towards the second.
EQUIBIAXIAL = {
    "elastodynamics set": (HolzapfelOgden(), {1.10: (19.103, 2.130), 1.15: (83.688, 6.980)}),
    "transversely isotropic": (
        TRANSVERSELY_ISOTROPIC,
        {1.10: (4.990, 3.272), 1.15: (21.510, 14.092)},
    ),
}
SHEAR = {0.3: (0.3644, 1.3536), 0.4: (1.0458, 4.1874)}
TABLE = 1e-3
STEP = 1e-6


def run(telemetry: Telemetry) -> list[Check]:
    """Run all parts."""
    checks: list[Check] = []
    with telemetry.step("tables"):
        checks += tables()
    with telemetry.step("finite differences"):
        checks += [
            zero(f"{name}: P against dΨ/dF", slope_error(name), 1e-5, "1", EXACT)
            for name in REGISTRY
        ]
    with telemetry.step("active cube"):
        checks += active_cube.checks()
    with telemetry.step("thick tube"):
        exact, ours = thick_tube.closed_form(), thick_tube.solve(3, 6)
    for name, reference, radius in zip(("inner", "outer"), exact, ours, strict=True):
        checks.append(
            near(f"thick tube, {name} radius", radius, reference, 1e-4, "mm", EXACT, relative=True)
        )
    return checks


def tables() -> list[Check]:
    """Return the Holzapfel–Ogden law beside its tables."""
    checks: list[Check] = []
    for name, (law, rows) in EQUIBIAXIAL.items():
        point = MaterialPoint(MechanicsModel(law))
        for stretch, expected in rows.items():
            stress = point.cauchy(np.diag([stretch, stretch, stretch**-2]))[0]
            for axis, reference in zip((0, 1), expected, strict=True):
                ours = float(stress[axis, axis] - stress[2, 2])
                title = f"{name}, λ = {stretch:g}, σ_{'fs'[axis] * 2}"
                checks.append(near(title, ours, reference, TABLE, "kPa", COMPUTED, relative=True))
    point = MaterialPoint(MechanicsModel(HolzapfelOgden()))
    for amount, expected in SHEAR.items():
        for (i, j), title, reference in zip(((0, 1), (1, 0)), ("fs", "sf"), expected, strict=True):
            F = np.eye(3)
            F[i, j] = amount
            ours = float(point.cauchy(F)[0, 0, 1])
            checks.append(
                near(
                    f"shear {title}, γ = {amount:g}",
                    ours,
                    reference,
                    TABLE,
                    "kPa",
                    COMPUTED,
                    relative=True,
                )
            )
    return checks


def slope_error(name: str, seed: int = 5) -> float:
    """Return the largest error of P = FS against a central difference of the energy, relative."""
    point = MaterialPoint(MechanicsModel(REGISTRY[name]()))
    F = np.eye(3) + np.random.default_rng(seed).uniform(-0.08, 0.08, (3, 3))
    P = F @ point.second_piola_kirchhoff(F)[0]
    steps = STEP * np.eye(9).reshape(9, 3, 3)
    slopes = (point.energy(F + steps) - point.energy(F - steps)) / (2.0 * STEP)
    return float(np.abs(slopes - P.ravel()).max() / np.abs(P).max())


BENCHMARK = Benchmark(
    name="material_points",
    title="Laws at a point, an active cube, and a thick tube under pressure",
    seconds=60,
    run=run,
    notes=(
        "The tables multiply the stress by the tension switch instead of differentiating it; the "
        "rows shown are those where the switch is closed.",
    ),
)
