"""From the body of a scenario to what is loaded: mesh, curved or straight, names, fibres."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from dolfinx import fem
from numpy.typing import NDArray

from heart.anatomy.benchmark_ventricles import LONG_AXIS as BENCHMARK_AXIS
from heart.anatomy.benchmark_ventricles import biventricle, curved_monoventricle, monoventricle
from heart.anatomy.curved import curved_lv_ellipsoid, second_order
from heart.anatomy.heart import FibreField
from heart.anatomy.heart_mesh import RINGS, Boundary, HeartMesh
from heart.anatomy.idealised import slab
from heart.core.errors import ParameterError
from heart.core.progress import Telemetry, silent
from heart.mechanics.axes import Axes, check_axes
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.numerics import tetrahedra
from heart.scenario.electro_body import IdealisedBody
from heart.scenario.mechanics_body import (
    CAVITIES,
    FACES,
    AnyBody,
    BeamBody,
    BenchmarkBody,
    LandBody,
)
from heart.study.electro.body import Muscle, build
from heart.study.mechanics.numbering import Numbering
from heart.study.verification.land2015_fibres import family, family_axes

Float = NDArray[np.float64]
Int = NDArray[np.integer]

LONG_AXIS = (0.0, 0.0, 1.0)
FIRST_FACE = 11


@dataclass(frozen=True)
class Specimen:
    """A body that can be loaded; equal on every rank.

    Attributes
    ----------
    muscle
        Straight tetrahedra with tags, fibres per cell, and the heart where it is one.
    boundaries
        Tags of each named boundary that the mesh has.
    nodes, cells
        (N, 3) points with the middles of edges behind the vertices, and (m, 10) cells in basix'
        order; the middles are off the straight edges where the body is curved.
    curved
        Whether the geometry has ten nodes for each cell.
    exact_axes
        Axes at quadrature points where a formula gives them; None for those of the cells.
    long_axis
        From apex to base, (3,).
    """

    muscle: Muscle
    boundaries: Mapping[str, tuple[int, ...]]
    nodes: Float
    cells: Int
    curved: bool = False
    exact_axes: Callable[[MechanicsSpace], Axes] | None = None
    long_axis: tuple[float, float, float] = LONG_AXIS

    @property
    def mesh(self) -> HeartMesh:
        """The straight mesh."""
        return self.muscle.mesh

    @property
    def chambers(self) -> tuple[str, ...]:
        """Names of the endocardia that the mesh has."""
        return tuple(name for name in CAVITIES if name in self.boundaries)

    def tags(self, name: str) -> tuple[int, ...]:
        """Return the tags of a boundary.

        Raises
        ------
        ParameterError
            This mesh has no such boundary.
        """
        if not self.boundaries.get(name):
            raise ParameterError(
                f"{self.muscle.title} has no boundary {name!r}",
                expected=f"one of {', '.join(self.boundaries)}",
            )
        return self.boundaries[name]

    def space(self, element: Element, degree: int) -> MechanicsSpace:
        """Return the distributed mesh with elements. Collective."""
        mesh = self.mesh
        points, cells = (self.nodes, self.cells) if self.curved else (mesh.points, mesh.cells)
        made, tags = tetrahedral(points, cells, mesh.facets, mesh.facet_tags)
        return MechanicsSpace(made, tags, element, degree)

    def axes(self, space: MechanicsSpace) -> Axes:
        """Return fibre, sheet and normal on a space of this body.

        Raises
        ------
        MeshInputError
            Fibres are not orthonormal; cells are named.
        """
        fibres = self.muscle.fibres
        axes = (fibres.fibre, fibres.sheet, fibres.normal)
        check_axes(*axes)
        if self.exact_axes is not None:
            return self.exact_axes(space)
        return Axes(*(cell_field(space, one) for one in axes))

    def moved(self, nodes: Float, fibres: FibreField) -> Specimen:
        """Return the body with its nodes (N, 3) and fibres elsewhere, as after unloading."""
        mesh = replace(self.mesh, points=np.ascontiguousarray(nodes[: len(self.mesh.points)]))
        muscle = replace(self.muscle, mesh=mesh, fibres=fibres)
        if self.muscle.heart is not None:
            muscle = replace(muscle, heart=replace(self.muscle.heart, mesh=mesh, fibres=fibres))
        return replace(self, muscle=muscle, nodes=nodes)


def cell_field(space: MechanicsSpace, values: Float) -> Any:
    """Return values per cell, (m,) or (m, 3) in the order of the input mesh, as a function."""
    shape = values.shape[1:]
    function = fem.Function(fem.functionspace(space.mesh, ("DG", 0, shape)))
    order = space.mesh.topology.original_cell_index
    table = function.x.array.reshape(-1, *shape)
    table[function.function_space.dofmap.list[: len(order)].ravel()] = values[order]
    return function


def fibres_on(axes: Axes, numbering: Numbering) -> FibreField:
    """Return the mean directions of each cell from axes that are functions. Collective."""
    means = []
    for function in (axes.fibre, axes.sheet, axes.normal):
        layout = np.asarray(function.function_space.dofmap.list)
        values = function.x.array.reshape(-1, 3)[layout].mean(axis=1)
        whole = numbering.gather_cells(values)
        means.append(whole / np.linalg.norm(whole, axis=1, keepdims=True))
    return FibreField(*means)


def specimen_of(
    body: AnyBody, case_file: Path | None, telemetry: Telemetry | None = None
) -> Specimen:
    """Return the body of a scenario; equal on every rank.

    Raises
    ------
    HeartError
        The case cannot be read or meshed.
    """
    watch = telemetry or silent()
    match body:
        case BeamBody():
            return _beam(body)
        case LandBody():
            return _land(body, watch)
        case BenchmarkBody():
            return _pair(body) if body.kind == "benchmark_pair" else _single(body)
        case _:
            return _heart(build(body, case_file, watch))


def _beam(body: BeamBody) -> Specimen:
    mesh = slab(body.size, body.edge_length)
    corners = mesh.points[mesh.facets]
    tags = np.array(mesh.facet_tags, copy=True)
    for axis, length in enumerate(body.size):
        for side, place in enumerate((0.0, length)):
            on = (np.abs(corners[:, :, axis] - place) < 1e-9 * length).all(axis=1)
            tags[on] = FIRST_FACE + 2 * axis + side
    mesh = replace(mesh, facet_tags=tags)
    first, second = (np.asarray(axis) / np.linalg.norm(axis) for axis in (body.fibre, body.sheet))
    fibres = _uniform(mesh, first, second)
    words = " x ".join(f"{length:g}" for length in body.size)
    muscle = Muscle(mesh, fibres, None, f"beam {words} mm")
    names = {name: (FIRST_FACE + k,) for k, name in enumerate(FACES)}
    return Specimen(muscle, names, *_with_middles(mesh))


def _land(body: LandBody, watch: Telemetry) -> Specimen:
    shape = IdealisedBody.model_validate(
        {"kind": "lv_ellipsoid", "edge_length": f"{body.edge_length:.15g} mm"}
    )
    muscle = build(shape, None, watch)
    fibres = FibreField(*family(muscle.centres))
    muscle = replace(muscle, fibres=fibres, title="benchmark ellipsoid")
    nodes, cells = curved_lv_ellipsoid(muscle.mesh)
    return Specimen(
        muscle, names_of(muscle.mesh), nodes, cells, curved=True, exact_axes=family_axes
    )


def _single(body: BenchmarkBody) -> Specimen:
    from heart.study.verification.elastodynamics_cases import ventricle_axes

    if body.curved:
        mesh, nodes, cells = curved_monoventricle(body.edge_length, layers=body.layers)
    else:
        mesh = monoventricle(body.edge_length, layers=body.layers)
        nodes, cells = _with_middles(mesh)
    # The rule needs a depth that solves an equation: cells have their fibres once there is a space.
    fibres = _uniform(mesh, np.eye(3)[0], np.eye(3)[1])
    muscle = Muscle(mesh, fibres, None, "ventricle of the benchmark")
    return Specimen(
        muscle, names_of(mesh), nodes, cells, curved=body.curved, exact_axes=ventricle_axes,
        long_axis=BENCHMARK_AXIS,
    )  # fmt: skip


def _pair(body: BenchmarkBody) -> Specimen:
    from heart.study.verification.elastodynamics_cases import pair_axes

    mesh = biventricle(body.edge_length)
    nodes, cells = _with_middles(mesh)
    fibres = _uniform(mesh, np.eye(3)[0], np.eye(3)[1])
    muscle = Muscle(mesh, fibres, None, "own pair of ventricles")
    return Specimen(
        muscle, names_of(mesh), nodes, cells, exact_axes=partial(pair_axes, mesh),
        long_axis=BENCHMARK_AXIS,
    )  # fmt: skip


def _heart(muscle: Muscle) -> Specimen:
    mesh = muscle.mesh
    return Specimen(muscle, names_of(mesh), *_with_middles(mesh), long_axis=_long_axis(mesh))


def _uniform(mesh: HeartMesh, fibre: Float, sheet: Float) -> FibreField:
    axes = (fibre, sheet, np.cross(fibre, sheet))
    return FibreField(*(np.tile(axis, (len(mesh.cells), 1)) for axis in axes))


def names_of(mesh: HeartMesh) -> dict[str, tuple[int, ...]]:
    """Return the tags of each named boundary that a mesh has; ``rings`` are all of the base."""
    present = [tag for tag in Boundary if (mesh.facet_tags == tag).any()]
    names: dict[str, tuple[int, ...]] = {tag.name.lower(): (int(tag),) for tag in present}
    names["rings"] = tuple(int(tag) for tag in present if tag in RINGS)
    return names


def _with_middles(mesh: HeartMesh) -> tuple[Float, Int]:
    return second_order(mesh.points, np.asarray(mesh.cells), lambda places: places)


def _long_axis(mesh: HeartMesh) -> tuple[float, float, float]:
    """Return the unit normal of the plane through the rings, away from the muscle."""
    rings = mesh.facets_of(*RINGS)
    if not len(rings):
        return LONG_AXIS
    normal = tetrahedra.face_normals(mesh.points, rings).sum(axis=0)
    x, y, z = normal / np.linalg.norm(normal)
    return float(x), float(y), float(z)
