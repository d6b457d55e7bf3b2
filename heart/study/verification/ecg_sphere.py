"""The ECG's forward problem in a homogeneous sphere, where a dipole has a closed form.

A polarised ball of muscle, with a transmembrane potential that falls linearly along an axis, acts
outside as a dipole at its centre of moment σ_i · volume. At the centre of the sphere the surface
potential is three times that in an unbounded medium; elsewhere it is Frank's series [Frank1952].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import eval_legendre, lpmv

from heart.anatomy.heart import FibreField, Heart, VentricularCoordinates
from heart.anatomy.heart_mesh import HeartMesh
from heart.core.progress import Telemetry
from heart.numerics import tetrahedra
from heart.numerics.p1 import P1Space
from heart.observe.conductivity import Conductivities
from heart.observe.electrodes import Electrodes
from heart.observe.embedding import embed
from heart.observe.lead_field import lead_fields, source_weights
from heart.observe.leads import LEAD_MATRIX
from heart.observe.skin import Skin
from heart.observe.torso import Torso
from heart.study.verification.benchmark import EXACT, Benchmark, Check, zero
from heart.study.verification.shapes import ball

Float = NDArray[np.float64]
Int = NDArray[np.integer]

RADIUS, SIGMA, STEPS = 100.0, 0.22, 20
MUSCLE = 25.0
TERMS = 80
SEED = 3
CASES: tuple[tuple[str, float, tuple[float, float, float]], ...] = (
    ("centre", 0.0, (1.0, 0.0, 0.0)),
    ("half way out, radial", 0.5, (1.0, 0.0, 0.0)),
    ("half way out, tangential", 0.5, (0.0, 1.0, 0.0)),
)


def run(telemetry: Telemetry) -> list[Check]:
    """Run all parts on one sphere of h = R/20."""
    points, cells = ball(RADIUS, STEPS)
    direction = np.random.default_rng(SEED).normal(size=(10, 3))
    positions = RADIUS * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    sphere = Torso(points, cells, np.full(len(cells), SIGMA), Electrodes(positions))
    space = P1Space(points, cells)
    with telemetry.step("Dipoles"):
        checks = _dipoles(sphere, space)
    with telemetry.step("Lead fields"):
        return checks + _lead_fields(sphere, space)


def _dipoles(sphere: Torso, space: P1Space) -> list[Check]:
    """Surface potential of three dipoles against the series."""
    along = np.array([1.0, 0.0, 0.0]) * Conductivities().intracellular_fibre
    along += np.array([0.0, 1.0, 1.0]) * Conductivities().intracellular_cross
    surface = np.unique(tetrahedra.boundary_faces(sphere.cells)[0])
    checks = []
    for name, fraction, axis in CASES:
        points, cells = ball(MUSCLE, 6)
        heart = _heart(points + np.array([fraction * RADIUS, 0.0, 0.0]), cells)
        moment = along * axis * tetrahedra.volumes(points, cells).sum()
        found = _potential(sphere, space, heart, -(heart.mesh.points @ np.array(axis)))[surface]
        exact = _series(sphere.points[surface], moment, fraction)
        shape, size = _compared(found, exact)
        checks += [
            zero(f"dipole {name}: RDM", shape, 0.02, "1", "Frank1952"),
            zero(f"dipole {name}: |ln MAG|", size, 0.02, "1", "Frank1952"),
        ]
    return checks


def _lead_fields(sphere: Torso, space: P1Space) -> list[Check]:
    """Reciprocity, Einthoven and Wilson, and the silence of a uniform potential."""
    points, cells = ball(MUSCLE, 5)
    heart = _heart(points + np.array([40.0, 10.0, -5.0]), cells)
    vm = np.random.default_rng(SEED + 1).normal(size=len(points))
    potential = _potential(sphere, space, heart, vm)
    contact = Skin.of(sphere.points, sphere.cells).project(sphere.electrodes.positions)
    direct = LEAD_MATRIX @ (potential[contact.nodes] * contact.weights).sum(axis=1)
    weights = lead_fields(sphere, heart)[0].weights
    leads = weights @ vm
    largest = np.abs(direct).max()
    uniform = np.abs(weights.sum(axis=1)) / np.abs(weights).sum(axis=1)
    return [
        zero(
            "lead field against direct solve, share of the largest lead",
            float(np.abs(leads - direct).max() / largest), 1e-7, "1", "reciprocity",
        ),
        zero(
            "I + III − II, share of the largest lead",
            float(abs(leads[0] + leads[2] - leads[1]) / largest), 1e-12, "1", EXACT,
        ),
        zero(
            "aVR + aVL + aVF, share of the largest lead",
            float(abs(leads[3:6].sum()) / largest), 1e-12, "1", EXACT,
        ),
        zero(
            "ECG of a uniform potential, share of the weights",
            float(uniform.max()), 1e-13, "1", EXACT,
        ),
    ]  # fmt: skip


def _heart(points: Float, cells: Int) -> Heart:
    """Return muscle that has only a mesh and fibres along x."""
    facets, _ = tetrahedra.boundary_faces(cells)
    none = np.zeros(len(cells), np.int32)
    mesh = HeartMesh(points, cells, facets, np.ones(len(facets), np.int32), none + 1, none)
    axes = [np.tile(row, (len(cells), 1)) for row in np.eye(3)]
    zero = np.zeros(len(points))
    where = VentricularCoordinates(zero, zero, zero, np.zeros(len(points), int))
    return Heart(mesh, where, np.zeros(len(points), int), FibreField(*axes))


def _potential(torso: Torso, space: P1Space, heart: Heart, vm: Float) -> Float:
    """Solve ∇·(σ∇φ) = −∇·(σ_i∇Vm) itself; return φ (n,) at the torso's nodes."""
    mesh = heart.mesh
    sigma = Conductivities().intracellular(heart.fibres.fibre, mesh.tissue)
    current = source_weights(mesh.points, mesh.cells, sigma, vm[None])[0]
    where = embed(torso.points, torso.cells, mesh.points)
    load = np.zeros(space.nodes)
    np.add.at(load, where.nodes, where.weights * current[:, None])
    return space.solve_neumann(space.stiffness(torso.conductivity), [space.vector(load)])[0]


def _compared(found: Float, exact: Float) -> tuple[float, float]:
    """Return relative difference measure and |ln MAG| of two potentials without their means."""
    found, exact = found - found.mean(), exact - exact.mean()
    size, size_exact = np.linalg.norm(found), np.linalg.norm(exact)
    shape = np.linalg.norm(found / size - exact / size_exact)
    return float(shape), float(abs(np.log(size / size_exact)))


def _series(points: Float, moment: Float, fraction: float) -> Float:
    """Return the surface potential of a dipole at x = fraction · R [Frank1952]."""
    cosine = points[:, 0] / RADIUS
    across = points[:, 1:] / np.maximum(np.linalg.norm(points[:, 1:], axis=1, keepdims=True), 1e-9)
    result = np.zeros(len(points))
    for n in range(1, TERMS):
        radial = (2 * n + 1) * eval_legendre(n, cosine)
        tangential = -(2 * n + 1) / n * lpmv(1, n, cosine) * (across @ moment[1:])
        result += fraction ** (n - 1) * (moment[0] * radial + tangential)
    return np.asarray(result / (4.0 * np.pi * SIGMA * RADIUS**2))


BENCHMARK = Benchmark(
    "ecg_sphere",
    "Dipoles and lead fields in a homogeneous sphere",
    25.0,
    run,
    (
        "Sphere of 100 mm and 0.22 S/m at h = R/20; the dipole is a polarised ball of muscle of "
        "25 mm with its own mesh.",
        "RDM: distance of the two potentials divided by their norms; MAG: ratio of the norms. "
        "Both 0 for equal potentials.",
    ),
)
