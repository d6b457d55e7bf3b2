"""The generated kernels give what the form compiler gives, for every law on every element.

The compiler's side is the residual and its derivative along a direction, which say the same as
the matrix and take seconds instead of minutes to compile without optimisation.
"""

from __future__ import annotations

from typing import Any

import basix.ufl
import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.fem import petsc as fem_petsc
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.mechanics import balance
from heart.mechanics.active import ActiveStress
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Incompressible, Penalty, VolumeLaw
from heart.mechanics.kinematics import deformation_gradient
from heart.mechanics.materials.law import Split
from heart.mechanics.materials.registry import REGISTRY
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked, tetrahedral
from heart.mechanics.static import with_constants
from heart.mechanics.viscosity import KelvinVoigt
from heart.numerics.element_kernel.kernel import kernel
from heart.numerics.newton import Assembly, NonlinearSystem

QUICK_TO_COMPILE = {"cffi_extra_compile_args": ["-O0", "-g0"]}
TIGHT = 1e-11
CORNERS = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [1.1, 1.0, 0.9]])
CELLS = np.array([[0, 1, 2, 3], [1, 2, 3, 4]])
FACETS = np.array([[0, 1, 2]])
EDGES = ((2, 3), (1, 3), (1, 2), (0, 3), (0, 2), (0, 1))  # of basix' tetrahedron
DEGREE = 4


def body(element: Element, *, curved: bool) -> MechanicsSpace:
    """Return two tetrahedra, with bent edges where curved."""
    points, cells = CORNERS, CELLS
    if curved:
        pairs = sorted({tuple(sorted((cell[a], cell[b]))) for cell in CELLS for a, b in EDGES})
        number = {pair: len(CORNERS) + k for k, pair in enumerate(pairs)}
        middles = np.array([CORNERS[list(pair)].mean(axis=0) for pair in pairs])
        middles += np.random.default_rng(4).uniform(-0.06, 0.06, middles.shape)
        points = np.vstack([CORNERS, middles])
        more = [[number[tuple(sorted((cell[a], cell[b])))] for a, b in EDGES] for cell in CELLS]
        cells = np.hstack([CELLS, more])
    mesh, facets = tetrahedral(points, cells, FACETS, np.array([1]), MPI.COMM_SELF)
    return MechanicsSpace(mesh, facets, element, DEGREE)


def random_axes(space: Any) -> Axes:
    """Return functions of a space of vectors that are orthonormal everywhere."""
    axes = Axes(*(fem.Function(space) for _ in range(3)))
    count = len(axes.fibre.x.array) // 3
    frames = np.linalg.qr(np.random.default_rng(5).normal(size=(count, 3, 3)))[0]
    for k, axis in enumerate((axes.fibre, axes.sheet, axes.normal)):
        axis.x.array[:] = frames[:, :, k].ravel()
    return axes


def shaken(space: MechanicsSpace) -> tuple[Any, Any]:
    """Return a random state and a random direction."""
    rng = np.random.default_rng(6)
    state, direction = fem.Function(space.space), fem.Function(space.space)
    state.x.array[:] = rng.uniform(-0.04, 0.04, len(state.x.array))
    direction.x.array[:] = rng.uniform(-1.0, 1.0, len(state.x.array))
    return state, direction


def compared(form: Any, state: Any, direction: Any, *, symmetric: bool = True) -> np.ndarray:
    """Require that kernel and compiler agree on a residual, and return it."""
    ours = kernel(form, state)
    reference = fem.form(form, jit_options=QUICK_TO_COMPILE)
    action = fem.form(ufl.derivative(form, state, direction), jit_options=QUICK_TO_COMPILE)
    residual = fem.assemble_vector(ours.residual).array
    expected = fem.assemble_vector(reference).array
    np.testing.assert_allclose(residual, expected, rtol=0, atol=TIGHT * np.abs(expected).max())
    matrix = fem_petsc.assemble_matrix(ours.tangent)
    matrix.assemble()
    dense = matrix.convert("dense").getDenseArray()
    along, wanted = dense @ direction.x.array, fem.assemble_vector(action).array
    np.testing.assert_allclose(along, wanted, rtol=0, atol=TIGHT * np.abs(wanted).max())
    if symmetric:
        np.testing.assert_allclose(dense, dense.T, rtol=0, atol=1e-15 * np.abs(dense).max())
    return np.asarray(residual)


def agreed(name: str, element: Element, *, curved: bool, **options: Any) -> None:
    """Compare a law with tension along all axes; at zero tension it is the law without."""
    space = body(element, curved=curved)
    axes = random_axes(fem.functionspace(space.mesh, ("DG", 0, (3,))))
    options.setdefault("compressibility", Incompressible() if space.mixed else Penalty(50.0))
    tension = fem.Constant(space.mesh, 20.0)
    passive = with_constants(MechanicsModel(REGISTRY[name](), **options), space.mesh)
    active = MechanicsModel(passive.material, active=ActiveStress(tension, 0.2, 0.1), **options)
    state, direction = shaken(space)
    u, p = space.split(state)
    test = ufl.TestFunction(space.space)

    def form(model: MechanicsModel) -> Any:
        density = balance.potential(model, space, axes, u, p)
        return ufl.derivative(density * space.volume, state, test)

    pulled = compared(form(active), state, direction)
    tension.value = 0.0
    alone = fem.assemble_vector(kernel(form(passive), state).residual).array
    slack = fem.assemble_vector(kernel(form(active), state).residual).array
    np.testing.assert_allclose(slack, alone, rtol=0, atol=TIGHT * np.abs(alone).max())
    assert np.abs(pulled - alone).max() > 0.01 * np.abs(alone).max()


@pytest.mark.parametrize(
    ("name", "element", "curved", "options"),
    [
        ("guccione", Element.P2_P1, True, {}),
        ("holzapfel_ogden", Element.P2_P1, False, {"split": Split.MATRIX}),
        ("usyk", Element.P2, True, {"split": Split.NONE}),
        ("fung", Element.P1, False, {"compressibility": Penalty(9.0, VolumeLaw.QUADRATIC)}),
        ("neo_hookean", Element.P1_P1_STABILISED, True, {"compressibility": Incompressible(100.0)}),
    ],
)
def test_each_law_once(name: str, element: Element, curved: bool, options: dict[str, Any]) -> None:
    """Each law, element, geometry, split and volume law once, in seconds."""
    agreed(name, element, curved=curved, **options)


@pytest.mark.long
@pytest.mark.parametrize("curved", [False, True], ids=["straight", "curved"])
@pytest.mark.parametrize("element", list(Element), ids=lambda e: e.name)
@pytest.mark.parametrize("name", list(REGISTRY))
def test_every_law_on_every_element(name: str, element: Element, curved: bool) -> None:
    """What a run may combine is compared before it does."""
    agreed(name, element, curved=curved)


def test_fields_of_axes_tension_and_stiffness() -> None:
    """Axes and tension at quadrature points, stiffness by cell and by node: read where they are."""
    space = body(Element.P2, curved=False)
    mesh, rng = space.mesh, np.random.default_rng(7)
    vectors = basix.ufl.quadrature_element("tetrahedron", value_shape=(3,), degree=DEGREE)
    numbers = basix.ufl.quadrature_element("tetrahedron", degree=DEGREE)
    axes = random_axes(fem.functionspace(mesh, vectors))
    fields = {
        "a": fem.Function(fem.functionspace(mesh, ("DG", 0))),
        "a_f": fem.Function(fem.functionspace(mesh, ("Lagrange", 1))),
        "tension": fem.Function(fem.functionspace(mesh, numbers)),
    }
    for field in fields.values():
        field.x.array[:] = rng.uniform(1.0, 3.0, len(field.x.array))
    law = REGISTRY["holzapfel_ogden"](a=fields["a"], a_f=fields["a_f"])
    model = with_constants(
        MechanicsModel(law, Penalty(50.0), active=ActiveStress(fields["tension"])), mesh
    )
    state, direction = shaken(space)
    energy = balance.potential(model, space, axes, state, None)
    form = ufl.derivative(energy * space.volume, state, ufl.TestFunction(space.space))
    compared(form, state, direction)


def test_virtual_work_of_inertia_and_viscosity() -> None:
    """Terms without a potential, beside one: the tangent is not symmetric, and is not made so."""
    space = body(Element.P2, curved=True)
    axes = random_axes(fem.functionspace(space.mesh, ("DG", 0, (3,))))
    model = with_constants(MechanicsModel(REGISTRY["neo_hookean"](), Penalty(50.0)), space.mesh)
    state, direction = shaken(space)
    past, _ = shaken(space)
    speed, density = fem.Constant(space.mesh, 2.0), fem.Constant(space.mesh, 1.06)
    v = ufl.TestFunction(space.space)
    rate, F = speed * state + past, deformation_gradient(state)
    stress = KelvinVoigt(3.0).stress(F, ufl.grad(rate))
    energy = balance.potential(model, space, axes, state, None)
    work = density * ufl.inner(rate, v) + ufl.inner(F * stress, ufl.grad(v))
    form = ufl.derivative(energy * space.volume, state, v) + work * space.volume
    compared(form, state, direction, symmetric=False)


def test_hexahedra() -> None:
    """The geometry of a bent hexahedron changes from point to point, as that of a curved cell."""
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [1, 1, 1]], [1, 1, 1], CellType.hexahedron)
    mesh.geometry.x[:] += np.random.default_rng(8).uniform(-0.1, 0.1, mesh.geometry.x.shape)
    facets = marked(mesh, {1: lambda x: np.isclose(x[0], 0.0, atol=0.2)})
    space = MechanicsSpace(mesh, facets, Element.P1, DEGREE)
    model = with_constants(MechanicsModel(REGISTRY["neo_hookean"](), Penalty(50.0)), mesh)
    state, direction = shaken(space)
    axes = random_axes(fem.functionspace(mesh, ("DG", 0, (3,))))
    energy = balance.potential(model, space, axes, state, None)
    form = ufl.derivative(energy * space.volume, state, ufl.TestFunction(space.space))
    compared(form, state, direction)


def test_the_caller_sees_which_code_runs() -> None:
    """A law that kernels do not cover is assembled by the form compiler, and says so."""
    space = body(Element.P1, curved=False)
    state, _ = shaken(space)
    v = ufl.TestFunction(space.space)

    def system(stiffness: Any, **options: Any) -> NonlinearSystem:
        work = stiffness * ufl.inner(ufl.grad(state), ufl.grad(v)) * space.volume
        return NonlinearSystem([work], state, **options)

    bent = 1.0 + state[0] ** 2
    assert system(bent).assembly is Assembly.KERNEL
    assert system(bent, assembly=Assembly.FORM).assembly is Assembly.FORM
    odd = system(2.0 + ufl.erf(state[0]))
    assert odd.assembly is Assembly.FORM
    odd.residual(odd.vector, odd.unknowns)
    assert np.isfinite(odd.unknowns.norm())
