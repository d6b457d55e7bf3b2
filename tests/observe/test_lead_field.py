"""The forward problem has closed forms in a sphere: they decide sign, factor and accuracy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation
from scipy.special import eval_legendre, lpmv

from heart.anatomy import idealised
from heart.anatomy.heart import FibreField, Heart, VentricularCoordinates
from heart.anatomy.heart_mesh import Boundary, HeartMesh, Tissue
from heart.core.errors import NonPhysicalError
from heart.numerics import tetrahedra
from heart.numerics.p1 import P1Space
from heart.observe.conductivity import Conductivities
from heart.observe.ecg import synthesise_qrs
from heart.observe.electrodes import Electrodes
from heart.observe.embedding import embed
from heart.observe.infinite_medium import infinite_medium
from heart.observe.lead_field import (
    bulk_conductivity,
    electrode_fields,
    lead_fields,
    source_weights,
)
from heart.observe.leads import LEAD_MATRIX, LEADS
from heart.observe.skin import Skin
from heart.observe.torso import Grid, Torso, generate, graded_lines, structured_cells

RADIUS, SIGMA = 100.0, 0.22


def ball(radius: float, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a ball made of a grid of 2 × `steps` boxes per edge, pulled onto the sphere."""
    line = np.linspace(-1.0, 1.0, 2 * steps + 1)
    cube = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    largest = np.abs(cube).max(axis=1, keepdims=True)
    length = np.maximum(np.linalg.norm(cube, axis=1, keepdims=True), 1e-12)
    points = radius * cube * (1.0 + largest * (largest / length - 1.0))
    cells = structured_cells((len(line),) * 3, (steps,) * 3)
    return points, tetrahedra.oriented(points, cells)


def as_heart(points: np.ndarray, cells: np.ndarray, tissue: np.ndarray | None = None) -> Heart:
    """Return a heart that only has a mesh and fibres along x."""
    facets, _ = tetrahedra.boundary_faces(cells)
    none = np.zeros(len(cells), np.int32)
    mesh = HeartMesh(
        points, cells, facets, np.ones(len(facets), np.int32), none + 1,
        none if tissue is None else tissue,
    )  # fmt: skip
    axes = [np.tile(row, (len(cells), 1)) for row in np.eye(3)]
    zero = np.zeros(len(points))
    coordinates = VentricularCoordinates(zero, zero, zero, np.zeros(len(points), int))
    return Heart(mesh, coordinates, np.zeros(len(points), int), FibreField(*axes))


def on_sphere(generator: np.random.Generator) -> np.ndarray:
    """Return ten electrode positions on the sphere."""
    direction = generator.normal(size=(10, 3))
    return RADIUS * direction / np.linalg.norm(direction, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def sphere() -> Torso:
    """Return a homogeneous sphere at h = R/12, coarser than the R/20 of the gate."""
    points, cells = ball(RADIUS, 12)
    electrodes = Electrodes(on_sphere(np.random.default_rng(3)))
    return Torso(points, cells, np.full(len(cells), SIGMA), electrodes)


@pytest.fixture(scope="module")
def space(sphere: Torso) -> P1Space:
    return P1Space(sphere.points, sphere.cells)


def direct(torso: Torso, space: P1Space, heart: Heart, vm: np.ndarray) -> np.ndarray:
    """Solve ∇·(σ∇φ) = −∇·(σ_i∇Vm) itself and return φ at the torso's nodes."""
    mesh = heart.mesh
    sigma = Conductivities().intracellular(heart.fibres.fibre, mesh.tissue)
    current = source_weights(mesh.points, mesh.cells, sigma, vm[None])[0]
    where = embed(torso.points, torso.cells, mesh.points)
    load = np.zeros(space.nodes)
    np.add.at(load, where.nodes, where.weights * current[:, None])
    matrix = space.stiffness(torso.conductivity)
    return space.solve_neumann(matrix, [space.vector(load)])[0]


def compare(found: np.ndarray, exact: np.ndarray) -> tuple[float, float]:
    """Return the relative difference measure and |ln MAG| of two zero-mean potentials."""
    found, exact = found - found.mean(), exact - exact.mean()
    size, size_exact = np.linalg.norm(found), np.linalg.norm(exact)
    return float(np.linalg.norm(found / size - exact / size_exact)), abs(np.log(size / size_exact))


def frank(points: np.ndarray, moment: np.ndarray, fraction: float) -> np.ndarray:
    """Return the surface potential of a dipole at x = fraction·R in a sphere (Frank's series)."""
    cosine = points[:, 0] / RADIUS
    across = points[:, 1:] / np.maximum(np.linalg.norm(points[:, 1:], axis=1, keepdims=True), 1e-9)
    result = np.zeros(len(points))
    for n in range(1, 80):
        radial = (2 * n + 1) * eval_legendre(n, cosine)
        tangential = -(2 * n + 1) / n * lpmv(1, n, cosine) * (across @ moment[1:])
        result += fraction ** (n - 1) * (moment[0] * radial + tangential)
    return result / (4.0 * np.pi * SIGMA * RADIUS**2)


@pytest.mark.parametrize(
    ("fraction", "direction"), [(0.0, (1, 0, 0)), (0.5, (1, 0, 0)), (0.5, (0, 1, 0))]
)
def test_dipole_in_a_sphere(
    sphere: Torso, space: P1Space, fraction: float, direction: tuple[float, float, float]
) -> None:
    """A polarised ball acts outside exactly as a dipole: sign, factor 3 and shape are known."""
    points, cells = ball(25.0, 6)
    heart = as_heart(points + np.array([fraction * RADIUS, 0.0, 0.0]), cells)
    axis = np.array(direction, float)
    vm = -(heart.mesh.points @ axis)
    chosen = Conductivities()
    along = np.array([chosen.intracellular_fibre, *[chosen.intracellular_cross] * 2])
    moment = along * axis * tetrahedra.volumes(points, cells).sum()
    outer = np.unique(tetrahedra.boundary_faces(sphere.cells)[0])
    surface = sphere.points[outer]
    exact = frank(surface, moment, fraction)
    if fraction == 0.0:
        closed = 3.0 * surface @ moment / (4.0 * np.pi * SIGMA * RADIUS**3)
        np.testing.assert_allclose(exact, closed, atol=1e-12 * np.abs(closed).max())
    difference, magnitude = compare(direct(sphere, space, heart, vm)[outer], exact)
    assert difference < 0.02
    assert magnitude < 0.02


def test_reciprocity(sphere: Torso, space: P1Space) -> None:
    """Lead field and direct solve are one bilinear form: they agree to solver tolerance."""
    points, cells = ball(25.0, 5)
    heart = as_heart(points + np.array([40.0, 10.0, -5.0]), cells)
    vm = np.random.default_rng(1).normal(size=len(points))
    potential = direct(sphere, space, heart, vm)
    (field,) = lead_fields(sphere, heart)
    contact = Skin.of(sphere.points, sphere.cells).project(sphere.electrodes.positions)
    expected = LEAD_MATRIX @ (potential[contact.nodes] * contact.weights).sum(axis=1)
    np.testing.assert_allclose(field.weights @ vm, expected, atol=1e-7 * np.abs(expected).max())


@pytest.fixture(scope="module")
def small() -> tuple[Heart, Torso]:
    """Return a coarse biventricular heart, apex to the left, front and below, in a torso."""
    mesh = idealised.biv_ellipsoid(5.0)
    base = np.array([0.7, -0.5, 0.5]) / np.linalg.norm([0.7, -0.5, 0.5])
    right = np.array([0.6, 0.8, 0.0]) - base * (base @ [0.6, 0.8, 0.0])
    right /= np.linalg.norm(right)
    turn = np.stack([right, np.cross(base, right), base], axis=1)
    mesh = replace(mesh, points=mesh.points @ turn.T + [12.0, -30.0, 950.0])
    fibre = np.cross(mesh.points[mesh.cells].mean(axis=1) - mesh.points.mean(axis=0), base)
    fibre /= np.linalg.norm(fibre, axis=1, keepdims=True)
    zero = np.zeros(len(mesh.points))
    coordinates = VentricularCoordinates(zero, zero, zero, np.zeros(len(zero), int))
    heart = Heart(mesh, coordinates, zero.astype(int), FibreField(fibre, fibre, fibre))
    return heart, generate(mesh, grid=Grid(fine=12.0, coarse=50.0, growth=1.5))


def test_uniform_potential_and_einthoven(small: tuple[Heart, Torso]) -> None:
    """A heart at rest, or wholly depolarised, shows nothing; I + III = II always."""
    heart, torso = small
    for field in (*lead_fields(torso, heart), infinite_medium(heart, torso.electrodes)):
        size = np.abs(field.weights).sum(axis=1)
        assert (np.abs(field.weights.sum(axis=1)) < 1e-13 * size).all()
        vm = np.random.default_rng(2).normal(size=field.weights.shape[1])
        leads = field.weights @ vm
        assert abs(leads[0] + leads[2] - leads[1]) < 1e-12 * np.abs(leads).max()
        assert abs(leads[3:6].sum()) < 1e-12 * np.abs(leads).max()


def test_rigid_motion(small: tuple[Heart, Torso]) -> None:
    """The ECG does not depend on where the scanner's origin is or how its axes lie."""
    heart, torso = small
    turn = Rotation.from_rotvec([0.4, -0.7, 1.1]).as_matrix()
    shift = np.array([310.0, -55.0, 1234.0])
    mesh = replace(heart.mesh, points=heart.mesh.points @ turn.T + shift)
    fibres = FibreField(*(getattr(heart.fibres, n) @ turn.T for n in ("fibre", "sheet", "normal")))
    (before,) = lead_fields(torso, heart)
    (after,) = lead_fields(torso.moved(turn, shift), replace(heart, mesh=mesh, fibres=fibres))
    vm = heart.mesh.points @ [0.5, 1.0, -0.3]
    expected = before.weights @ vm
    np.testing.assert_allclose(after.weights @ vm, expected, atol=1e-8 * np.abs(expected).max())


def test_many_electrode_sets_equal_single_ones(small: tuple[Heart, Torso]) -> None:
    """Ensembles solve all electrode sets at once; that must not change one of them."""
    heart, torso = small
    moved = torso.electrodes.jittered(np.random.default_rng(5), 10.0)
    both = lead_fields(torso, heart, [torso.electrodes, moved])
    alone = lead_fields(torso, heart, [moved])[0]
    scale = np.abs(alone.weights).max()
    assert np.abs(both[1].weights - alone.weights).max() < 1e-8 * scale
    assert np.abs(both[0].weights - alone.weights).max() > 1e-3 * scale


def test_infinite_medium_is_the_limit_of_a_huge_body() -> None:
    """The cheap variant is the same physics: in a huge homogeneous body both agree."""
    grid = Grid(fine=4.0, coarse=60.0, growth=1.9)
    line, middle = graded_lines(-300.0, 300.0, (-28.0, 28.0), grid, 0.0)
    points = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)
    cells = tetrahedra.oriented(points, structured_cells((len(line),) * 3, (middle,) * 3))
    heart = as_heart(*ball(8.0, 4))
    direction = np.random.default_rng(4).normal(size=(10, 3))
    positions = 26.0 * direction / np.linalg.norm(direction, axis=1, keepdims=True)
    electrodes = Electrodes(positions)
    chosen = Conductivities()
    torso = Torso(points, cells, np.full(len(cells), chosen.torso), electrodes)
    fields = electrode_fields(torso, positions, on_skin=False)
    inside = embed(points, cells, heart.mesh.points).interpolate(fields)
    sigma = chosen.intracellular(heart.fibres.fibre)
    found = source_weights(heart.mesh.points, heart.mesh.cells, sigma, LEAD_MATRIX @ inside)
    pseudo = infinite_medium(heart, electrodes)
    vm = heart.mesh.points @ np.array([0.3, -0.6, 1.0])
    difference, magnitude = compare(found @ vm, pseudo.weights @ vm)
    assert difference < 0.03
    assert magnitude < 0.03


def test_bulk_of_muscle_follows_the_fibres(small: tuple[Heart, Torso]) -> None:
    """Fibres redistribute the bulk conductivity of muscle: same trace, still positive."""
    heart, torso = small
    chosen = Conductivities()
    bulk = bulk_conductivity(torso, heart, chosen)
    np.testing.assert_allclose(np.trace(bulk, axis1=1, axis2=2), 3.0 * torso.conductivity)
    assert np.linalg.eigvalsh(bulk).min() > chosen.intracellular_cross
    uneven = np.abs(bulk - torso.conductivity[:, None, None] * np.eye(3)).max(axis=(1, 2)) > 1e-9
    muscle = torso.conductivity != chosen.torso
    assert uneven.any()
    assert not uneven[~muscle].any()


def test_realistic_heart_has_realistic_leads(small: tuple[Heart, Torso]) -> None:
    """Endocardium to epicardium all at once: R in I, II, V6 and S in V1; a wave: millivolts."""
    heart, torso = small
    points = heart.mesh.points
    endocardium = points[heart.mesh.nodes_of(Boundary.LV_ENDO, Boundary.RV_ENDO)]
    depth, nearest = cKDTree(endocardium).query(points)
    spread = np.linalg.norm(endocardium - endocardium.mean(axis=0), axis=1)
    at_once, wave = depth / 0.4, depth / 0.4 + spread[nearest] / 2.5
    cases = (
        (lead_fields(torso, heart)[0], ("I", "II", "V6")),
        (infinite_medium(heart, torso.electrodes), ()),
    )
    for field, upright in cases:
        leads = dict(zip(LEADS, synthesise_qrs(field, at_once).leads[0], strict=True))
        for name in upright:
            assert leads[name].max() > 2.0 * abs(leads[name].min()), name
        assert abs(leads["V1"].min()) > 2.0 * leads["V1"].max()
        assert 0.3 < np.abs(synthesise_qrs(field, wave).leads).max() < 5.0


def test_scar_core_is_no_source(small: tuple[Heart, Torso]) -> None:
    """Non-conducting tissue has σ_i = 0: nodes wholly inside it have no weight."""
    heart, torso = small
    core = heart.mesh.points[heart.mesh.cells].mean(axis=1)[:, 2] < 935.0
    mesh = replace(heart.mesh, tissue=np.where(core, Tissue.CORE, Tissue.HEALTHY))
    (field,) = lead_fields(torso, replace(heart, mesh=mesh))
    alive = np.zeros(len(mesh.points), bool)
    alive[mesh.cells[~core]] = True
    assert core.any()
    assert (field.weights[:, ~alive] == 0.0).all()
    assert np.abs(field.weights[:, alive]).max() > 0.0


def test_heart_outside_the_torso(small: tuple[Heart, Torso]) -> None:
    """A heart in another frame than the torso must not give an ECG of nothing."""
    heart, torso = small
    mesh = replace(heart.mesh, points=heart.mesh.points + np.array([0.0, 300.0, 0.0]))
    with pytest.raises(NonPhysicalError, match="outside the torso"):
        lead_fields(torso, replace(heart, mesh=mesh))
