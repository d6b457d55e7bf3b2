"""Every passive law, by what any of them must obey, and by published numbers."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import ParameterError
from heart.mechanics.active import ActiveStress
from heart.mechanics.balance import small_shear_modulus
from heart.mechanics.compressibility import Incompressible, Penalty, VolumeLaw
from heart.mechanics.material_point import MaterialPoint
from heart.mechanics.materials.fung import Fung
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.holzapfel_ogden import TRANSVERSELY_ISOTROPIC, HolzapfelOgden
from heart.mechanics.materials.law import Split
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.materials.registry import REGISTRY
from heart.mechanics.model import MechanicsModel

CURVES = Path(__file__).parents[1] / "refdata" / "holzapfel_ogden_curves_computed.csv"


def rotation(seed: int) -> np.ndarray:
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q if np.linalg.det(q) > 0 else q[:, ::-1]


def deformations(count: int = 3, size: float = 0.08) -> np.ndarray:
    rng = np.random.default_rng(5)
    return np.eye(3) + rng.uniform(-size, size, (count, 3, 3))


@pytest.fixture(scope="module", params=sorted(REGISTRY))
def point(request: pytest.FixtureRequest) -> MaterialPoint:
    return MaterialPoint(MechanicsModel(REGISTRY[request.param](), Incompressible()))


def test_a_rigid_rotation_gives_no_stress_and_no_energy(point: MaterialPoint) -> None:
    """A heart that only turns feels nothing: objectivity, and a stress-free reference."""
    turned = np.stack([np.eye(3), rotation(1), rotation(2)])
    np.testing.assert_allclose(point.energy(turned), 0.0, atol=1e-12)
    np.testing.assert_allclose(point.second_piola_kirchhoff(turned), 0.0, atol=1e-12)


def test_stress_is_the_derivative_of_the_energy(point: MaterialPoint) -> None:
    """P = FS equals the energy's finite difference: nothing is lost between law and form."""
    h = 1e-6
    for F in deformations():
        P = F @ point.second_piola_kirchhoff(F)[0]
        for i in range(3):
            for j in range(3):
                step = np.zeros((3, 3))
                step[i, j] = h
                up, down = point.energy(np.stack([F + step, F - step]))
                assert (up - down) / (2 * h) == pytest.approx(P[i, j], rel=2e-5, abs=2e-6)


def test_stress_turns_with_the_body(point: MaterialPoint) -> None:
    """σ(QF) = Q σ(F) Qᵀ: an observer who turns sees the same heart."""
    F, Q = deformations(1)[0], rotation(3)
    both = point.cauchy(np.stack([F, Q @ F]))
    np.testing.assert_allclose(both[1], Q @ both[0] @ Q.T, atol=1e-10)


def test_isochoric_laws_have_no_pressure(point: MaterialPoint) -> None:
    """With the isochoric split the law carries no mean stress: the pressure unknown has it all."""
    stress = point.cauchy(deformations())
    np.testing.assert_allclose(np.trace(stress, axis1=1, axis2=2), 0.0, atol=1e-9)


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_parameters_out_of_range_are_refused(name: str) -> None:
    """A stiffness in Pa where kPa are meant is a thousand times off: said, not computed."""
    law = REGISTRY[name]
    parameter = next(iter(law.PARAMETERS))
    with pytest.raises(ParameterError, match=parameter):
        law(**{parameter: law.PARAMETERS[parameter].high * 1000.0})


def curves(start: str) -> dict[str, np.ndarray]:
    with CURVES.open(encoding="utf-8") as stream:
        rows = [row for row in csv.reader(stream) if row[0].startswith(start)]
    return dict(
        zip(
            ("stretch", "ff", "ss", "gamma", "fs", "sf"),
            np.array([row[1:] for row in rows], float).T,
            strict=True,
        )
    )


@pytest.mark.parametrize(
    ("start", "law"),
    [("HO_Arostica", HolzapfelOgden()), ("HO_TI", TRANSVERSELY_ISOTROPIC)],
    ids=["arostica2025", "transversely_isotropic"],
)
def test_holzapfel_ogden_reproduces_the_tables(start: str, law: HolzapfelOgden) -> None:
    """Equibiaxial stretch and simple shear against an independent computation.

    The tables multiply the stress by the tension switch, the energy here is differentiated with
    it: they differ where I₄ is within about 0.05 of 1 and agree beyond.
    """
    table = curves(start)
    point = MaterialPoint(MechanicsModel(law))
    stretched = np.array([np.diag([x, x, x**-2]) for x in table["stretch"]])
    stress = point.cauchy(stretched)
    far = table["stretch"] >= 1.05
    for axis, name in ((0, "ff"), (1, "ss")):
        ours = stress[:, axis, axis] - stress[:, 2, 2]
        np.testing.assert_allclose(ours[far], table[name][far], rtol=3e-4)
    sheared = {}
    for name, (i, j) in {"fs": (0, 1), "sf": (1, 0)}.items():
        F = np.tile(np.eye(3), (len(table["gamma"]), 1, 1))
        F[:, i, j] = table["gamma"]
        sheared[name] = point.cauchy(F)[:, 0, 1]
        strong = table["gamma"] >= 0.3
        np.testing.assert_allclose(sheared[name][strong], table[name][strong], rtol=1e-3)
        middle = np.isclose(table["gamma"], 0.2)
        np.testing.assert_allclose(sheared[name][middle], table[name][middle], rtol=0.015)
    last = table["gamma"] >= 0.2
    assert (sheared["sf"][last] > sheared["fs"][last]).all()


def test_fung_contains_guccione() -> None:
    """Two laws that are one on paper must be one in code."""
    guccione = Guccione(scale=2.0, fibre=8.0, transverse=2.0, shear=4.0)
    fung = Fung(scale=2.0, volume=0.0, isotropic=2.0, fibre=6.0, shear=4.0)
    F = deformations()
    ours, theirs = (
        MaterialPoint(MechanicsModel(law, split=Split.NONE)).second_piola_kirchhoff(F)
        for law in (guccione, fung)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12)


def test_full_dispersion_forgets_the_fibre() -> None:
    """κ = 1/3 spreads the fibres evenly: turning them changes nothing."""
    law = HolzapfelOgden(dispersion_f=1 / 3, dispersion_s=1 / 3, a_fs=0.0)
    F = deformations()
    straight = MaterialPoint(MechanicsModel(law)).second_piola_kirchhoff(F)
    turned = MaterialPoint(MechanicsModel(law), rotation(7)).second_piola_kirchhoff(F)
    np.testing.assert_allclose(straight, turned, rtol=1e-9, atol=1e-12)


def test_fibres_do_not_push() -> None:
    """Shortened along the fibre by 10 %, fibre and sheet carry less than 0.1 % of their stress."""
    bare = HolzapfelOgden(a_f=0.0, a_s=0.0, a_fs=0.0)
    F = np.diag([0.9, 0.9, 1 / 0.81])
    full, matrix = (
        MaterialPoint(MechanicsModel(law)).cauchy(F)[0] for law in (HolzapfelOgden(), bare)
    )
    stretched = MaterialPoint(MechanicsModel(HolzapfelOgden())).cauchy(
        np.diag([1.1, 1.1, 1 / 1.21])
    )
    assert abs(full[0, 0] - matrix[0, 0]) < 1e-3 * stretched[0, 0, 0]


@pytest.mark.parametrize("law", list(VolumeLaw))
def test_volume_penalties_have_the_bulk_modulus(law: VolumeLaw) -> None:
    """U'' = κ at J = 1 for every form, so that they can be exchanged."""
    model = MechanicsModel(REGISTRY["neo_hookean"](), Penalty(500.0, law))
    point = MaterialPoint(model)
    h = 1e-4
    sizes = np.array([1 - h, 1.0, 1 + h])
    energies = point.energy(np.array([x ** (1 / 3) * np.eye(3) for x in sizes]))
    assert (energies[0] - 2 * energies[1] + energies[2]) / h**2 == pytest.approx(500.0, rel=1e-4)
    np.testing.assert_allclose(point.second_piola_kirchhoff(np.eye(3)), 0.0, atol=1e-10)


def test_active_tension_is_second_piola_kirchhoff() -> None:
    """S = Ta f₀⊗f₀ and so σ_ff = Ta λ²/J: the convention that Land's problem 3 tells apart."""
    passive = MechanicsModel(REGISTRY["neo_hookean"]())
    active = MechanicsModel(REGISTRY["neo_hookean"](), active=ActiveStress(60.0, sheet=0.3))
    F = np.diag([0.85, 1.1, 1 / (0.85 * 1.1)])
    gain = (
        MaterialPoint(active).second_piola_kirchhoff(F)
        - MaterialPoint(passive).second_piola_kirchhoff(F)
    )[0]
    np.testing.assert_allclose(gain, np.diag([60.0, 18.0, 0.0]), atol=1e-10)


def test_small_shear_modulus_is_that_of_the_law() -> None:
    """Closed forms: µ for neo-Hookean, C b_fs / 2 for Guccione; the stabilisation leans on it."""
    assert small_shear_modulus(NeoHookean(3.0), Split.ISOCHORIC) == pytest.approx(3.0, rel=1e-4)
    law = Guccione(0.9, 49.0, 10.0, 30.0)
    assert small_shear_modulus(law, Split.ISOCHORIC) == pytest.approx(13.5, rel=1e-3)
