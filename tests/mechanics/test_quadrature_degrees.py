"""Every form has an explicit quadrature degree: in the sources, and in all that a run compiles.

UFL's own choice for an exponential law has cost peers a factor of 190 in assembly, without any
sign of it but time.
"""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ufl
from dolfinx import fem
from dolfinx.mesh import CellType, create_box
from mpi4py import MPI

from heart.core.errors import ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.compressibility import Penalty
from heart.mechanics.loads import Direction, Fixed, FollowerPressure, Robin
from heart.mechanics.materials.neo_hookean import NeoHookean
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, marked
from heart.mechanics.static import StaticProblem
from heart.numerics import newton
from heart.numerics.profiles import load
from heart.observe.cavity import Cavity
from heart.observe.projection import NodalProjection
from heart.observe.wall_motion import PlaneMotion, WallThickness
from heart.observe.wall_points import WallPoints

MEASURES = {"dx", "ds", "dS", "dP", "dc", "Measure"}
FOLDERS = ("mechanics", "observe", "numerics", "study")
COMPILED = ("mechanics", "observe")
SIDES = {
    1 + 2 * axis + side: (lambda x, a=axis, s=side: np.isclose(x[a], s))
    for axis in range(3)
    for side in (0, 1)
}


def has_degree(node: ast.expr, tree: ast.Module) -> bool:
    """Return whether `metadata=` holds a quadrature degree, itself or where its name is set."""
    if isinstance(node, ast.Dict):
        return any(
            isinstance(key, ast.Constant) and key.value == "quadrature_degree" for key in node.keys
        )
    if not isinstance(node, ast.Name):
        return False
    given = [
        one.value
        for one in ast.walk(tree)
        if isinstance(one, ast.Assign)
        and any(isinstance(goal, ast.Name) and goal.id == node.id for goal in one.targets)
    ]
    return bool(given) and all(has_degree(value, tree) for value in given)


def offences(source: str) -> list[int]:
    """Return the lines on which a measure of UFL is used without a quadrature degree."""
    tree, fine, lines = ast.parse(source), set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and any(
            word.arg == "metadata" and has_degree(word.value, tree) for word in node.keywords
        ):
            fine.add(id(node.func))
        if isinstance(node, ast.ImportFrom) and node.module == "ufl":
            lines += [node.lineno for name in node.names if name.name in MEASURES]
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and node.attr in MEASURES
            and isinstance(node.value, ast.Name)
            and node.value.id == "ufl"
            and id(node) not in fine
        ):
            lines.append(node.lineno)
    return lines


def raw_forms(source: str) -> list[int]:
    """Return the lines that compile a form past `newton.compiled`, which checks its degrees."""
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and node.attr == "form"
        and isinstance(node.value, ast.Name)
        and node.value.id == "fem"
    ]


def sources(repo_root: Path, folders: tuple[str, ...]) -> list[Path]:
    return [path for name in folders for path in sorted((repo_root / "heart" / name).rglob("*.py"))]


def test_no_measure_in_the_sources_lacks_a_degree(repo_root: Path) -> None:
    """Read from the syntax tree, so that forms that no test compiles are seen as well."""
    found = {
        str(path.relative_to(repo_root)): lines
        for path in sources(repo_root, FOLDERS)
        if (lines := offences(path.read_text(encoding="utf-8")))
    }
    assert found == {}


def test_forms_of_mechanics_are_compiled_in_one_place(repo_root: Path) -> None:
    """`newton.compiled` refuses a form without degree; nothing may go round it."""
    found = {
        str(path.relative_to(repo_root)): lines
        for path in sources(repo_root, COMPILED)
        if (lines := raw_forms(path.read_text(encoding="utf-8")))
    }
    assert found == {}


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import ufl\na = f * ufl.dx", [2]),
        ("import ufl\na = f * ufl.ds(3)", [2]),
        ("import ufl\na = f * ufl.dx(domain=m, metadata={'quadrature_rule': 'x'})", [2]),
        ("import ufl\nm = ufl.Measure('dx')\na = f * m", [2]),
        ("from ufl import dx\na = f * dx", [1]),
        ("import ufl\nd = make()\na = f * ufl.dx(metadata=d)", [3]),
        ("import ufl\nd = {'quadrature_degree': 4}\na = f * ufl.ds(metadata=d)", []),
        ("import ufl\na = f * ufl.dx(domain=m, metadata={'quadrature_degree': 2})", []),
    ],
)
def test_the_check_of_sources_sees_what_it_should(source: str, lines: list[int]) -> None:
    """A check that finds nothing proves nothing unless it finds what is planted."""
    assert offences(source) == lines


def test_every_form_of_a_run_has_a_degree(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that is compiled from set-up to output is recorded: law, loads, tangents, outputs."""
    seen: list[Any] = []
    form, require = fem.form, newton.require_degree

    def recorded(one: Any, **options: Any) -> Any:
        seen.extend(one if isinstance(one, list | tuple) else [one])
        return form(one, **options)

    def required(one: Any) -> None:
        seen.append(one)
        require(one)

    monkeypatch.setattr(fem, "form", recorded)
    monkeypatch.setattr(newton, "require_degree", required)
    mesh = create_box(MPI.COMM_SELF, [[0, 0, 0], [1, 1, 1]], [1, 1, 1], CellType.tetrahedron)
    space = MechanicsSpace(mesh, marked(mesh, SIDES), Element.P1, quadrature_degree=2)
    axes = Axes(*(ufl.as_vector(row) for row in np.eye(3).tolist()))
    loads = [Fixed(1), FollowerPressure(6, 0.1), Robin(2, 3.0), Robin(4, 1.0, 0.0, Direction.FULL)]
    problem = StaticProblem(MechanicsModel(NeoHookean(), Penalty()), space, axes, loads)
    problem.solve(load("mechanics/direct"))
    points = WallPoints(space, problem.u)
    Cavity(space, problem.u, 5, (0.0, 0.0, 1.0))
    WallThickness(points, problem.u, (5,), (6,), np.zeros(len(points.cells), int))
    PlaneMotion(space, problem.u, 6).displacement()
    NodalProjection(points).project(points.gradient())
    kinds = {part.integral_type() for one in seen for part in one.integrals()}
    assert kinds == {"cell", "exterior_facet"}
    assert len(seen) > 10
    for one in seen:
        for part in one.integrals():
            assert part.metadata().get("quadrature_degree") is not None, one
    bare = fem.Function(space.space)[0] * ufl.dx(domain=mesh)
    with pytest.raises(ParameterError, match="quadrature degree"):
        newton.compiled(bare)
