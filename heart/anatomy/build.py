"""From a case to a mesh, and from a mesh to a heart; each made once and kept by content hash."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.anatomy import aha, coordinates, idealised, quality, regions, tetrahedralise, valves
from heart.anatomy.boundaries import named, sealed
from heart.anatomy.case import Case, IdealisedSource, ImageSource
from heart.anatomy.fibres import FibreAngles, fibres
from heart.anatomy.frames import ventricular_fields
from heart.anatomy.heart import FibreField, Heart, VentricularCoordinates
from heart.anatomy.heart_mesh import RINGS, Boundary, HeartMesh
from heart.anatomy.implicit import wall_function
from heart.anatomy.labels import LabelVolume
from heart.anatomy.prepare import prepare
from heart.anatomy.quality import QualityReport
from heart.anatomy.remesh import EDGE, remeshed
from heart.anatomy.surface import Surface, contour
from heart.anatomy.surface import lids as lids_of
from heart.anatomy.surface_input import read_surface
from heart.core.cache import Arrays, cache_root, cached_arrays, content_hash
from heart.core.errors import HeartError
from heart.core.progress import Telemetry, silent

Float = NDArray[np.float64]

PAPERS = ("changes", "label_names", "label_volumes", "lid_corners", "lid_tags")
IDEALISED = {
    "slab": idealised.slab,
    "lv_ellipsoid": idealised.lv_ellipsoid,
    "biv_ellipsoid": idealised.biv_ellipsoid,
}


@dataclass(frozen=True)
class MeshResult:
    """A mesh and its papers.

    Attributes
    ----------
    mesh
        The wall.
    report
        Quality numbers; wall thickness by segment is in the report of `BuiltHeart`.
    changes
        What reading, repairing and stitching changed, one line each.
    label_volumes
        Label name → volume in mm3 of the map as drawn; empty without a label map.
    lids
        Endocardium → triangles (t, 3, 3) that close its cavity at the valves of the label map.
    """

    mesh: HeartMesh
    report: QualityReport
    changes: list[str]
    label_volumes: dict[str, float]
    lids: dict[Boundary, Float] = field(default_factory=dict)


@dataclass(frozen=True)
class BuiltHeart:
    """A heart ready for physics and its papers, as in `MeshResult`."""

    heart: Heart
    quality: QualityReport
    changes: list[str]
    label_volumes: dict[str, float]


def build_mesh(
    case: Case, edge_length: float, *, backend: str = "gmsh", telemetry: Telemetry | None = None
) -> MeshResult:
    """Mesh the heart of a case.

    Parameters
    ----------
    case
        From `heart.anatomy.case.load_case`.
    edge_length
        Target edge in mm: the mean edge of the surface. Inside, edges are about a third longer,
        as in any mesh of well-shaped tetrahedra.
    backend
        ``"gmsh"`` or ``"tetwild"``.
    telemetry
        Told about the steps.

    Returns
    -------
    MeshResult
        Equal for equal input, on every rank.

    Raises
    ------
    ImageError, LabelError, MeshInputError, MeshingError, ParameterError, UsageError
        The input is not a heart, or cannot be meshed at this edge length.
    """
    EDGE.check(edge_length, name="edge length")
    telemetry = telemetry or silent()
    arrays = _once(
        "mesh",
        _key(case, edge_length, backend),
        lambda: _mesh_arrays(case, edge_length, backend, telemetry),
    )
    mesh = HeartMesh.from_arrays(arrays)
    volumes = dict(
        zip(arrays["label_names"].tolist(), arrays["label_volumes"].tolist(), strict=True)
    )
    lids = _lids(arrays)
    report = quality.measure(mesh, lids=lids)
    return MeshResult(mesh, report, arrays["changes"].tolist(), volumes, lids)


def build_heart(
    case: Case,
    edge_length: float,
    angles: FibreAngles,
    *,
    backend: str = "gmsh",
    telemetry: Telemetry | None = None,
) -> BuiltHeart:
    """Mesh the heart of a case and give it coordinates, segments and fibres.

    Parameters
    ----------
    case, edge_length, backend, telemetry
        As `build_mesh`.
    angles
        Fibre and sheet angles.

    Raises
    ------
    ImageError, LabelError, MeshInputError, MeshingError, ParameterError, UsageError
        As `build_mesh`.
    """
    telemetry = telemetry or silent()
    made = build_mesh(case, edge_length, backend=backend, telemetry=telemetry)
    key = content_hash(_key(case, edge_length, backend), repr(angles))
    with telemetry.step("Coordinates and fibres"):
        arrays = _together("heart", key, lambda: _heart_arrays(made.mesh, angles))
    heart = _heart(made.mesh, arrays)
    report = quality.measure(made.mesh, heart.segments, made.lids)
    return BuiltHeart(heart, report, made.changes, made.label_volumes)


def _key(case: Case, *more: object) -> str:
    return content_hash(*case.content(), *more, *_sources())


def _sources() -> list[Path]:
    """Return the code that makes meshes and hearts: when it changes, the cache does not apply."""
    here = Path(__file__).parent
    solves = [here.parent / "numerics" / f"{name}.py" for name in ("geodesic", "p1", "tetrahedra")]
    return sorted(here.glob("*.py")) + solves


def _once(kind: str, key: str, make: Callable[[], Mapping[str, NDArray[Any]]]) -> Arrays:
    """Make or read arrays on rank 0 and give them to all; its error is raised on every rank."""
    comm = MPI.COMM_WORLD
    if comm.size == 1:
        return cached_arrays(kind, key, make)
    outcome: Arrays | HeartError | None = None
    if comm.rank == 0:
        try:
            outcome = cached_arrays(kind, key, make)
        except HeartError as error:
            outcome = error
    outcome = comm.bcast(outcome)
    if isinstance(outcome, HeartError):
        raise outcome
    return outcome


def _together(kind: str, key: str, make: Callable[[], Arrays]) -> Arrays:
    """Make or read arrays that take a parallel solve: all ranks call `make`, or none does."""
    comm = MPI.COMM_WORLD
    if comm.size == 1:
        return cached_arrays(kind, key, make)
    stored = (cache_root() / kind / f"{key}.npz").exists() if comm.rank == 0 else None
    if comm.bcast(stored):
        return _once(kind, key, make)
    made = make()
    return _once(kind, key, lambda: made)


def _mesh_arrays(
    case: Case, edge: float, backend: str, telemetry: Telemetry
) -> Mapping[str, NDArray[Any]]:
    if isinstance(case.source, IdealisedSource):
        kind = case.source.idealised
        mesh = IDEALISED[kind.kind](edge_length=edge, **kind.parameters)  # type: ignore[operator]
        return {**mesh.arrays(), **_papers([], {}, {})}
    mesher = tetrahedralise.backend(backend)
    labels: LabelVolume | None = None
    if isinstance(case.source, ImageSource):
        # The fine surface does not depend on the edge: a second mesh of the heart takes it as is.
        kept = cached_arrays("surface", _key(case), lambda: _contoured(case, telemetry))
        papers = {name: kept[name] for name in PAPERS}
        labels, plane = _unpacked(kept)
        fine = Surface(kept["points"], kept["triangles"], kept["tags"])
        with telemetry.step("Surface at the edge length"):
            surface = named(remeshed(fine, edge), *valves.openings(labels, plane))
    else:
        with telemetry.step("Surface"):
            fine, changes = read_surface(case)
            surface = from_surface(fine, edge)
        papers = _papers(changes, {}, {})
    with telemetry.step("Tetrahedra"):
        points, cells, facets, tags = tetrahedralise.tetrahedralised(surface, edge, mesher)
        mesh = HeartMesh(
            points=points,
            cells=cells,
            facets=facets,
            facet_tags=tags.astype(np.int32),
            regions=regions.regions(points, cells, facets, tags),
            tissue=regions.tissue(points, cells, labels),
            affine=np.eye(4) if labels is None else labels.affine,
        )
    return {**mesh.arrays(), **papers}


def _contoured(case: Case, telemetry: Telemetry) -> dict[str, NDArray[Any]]:
    """Return the fine surface of a label map, the map as meshed, and the papers of both."""
    prepared = prepare(case, telemetry=telemetry)
    with telemetry.step("Surface of the label map"):
        found, plane = valves.openings(prepared.labels, prepared.plane)
        function = wall_function(prepared.labels, found, plane)
        fine, changes = contour(function)
        lids = lids_of(function, found)
    at = [] if plane is None else [plane.centre, plane.normal]
    return {
        "points": fine.points,
        "triangles": fine.triangles,
        "tags": fine.tags,
        "voxels": prepared.labels.voxels,
        "affine": prepared.labels.affine,
        "plane": np.array(at, np.float64),
        **_papers([*prepared.lines, *changes], prepared.drawn_volumes(), lids),
    }


def _unpacked(kept: Mapping[str, NDArray[Any]]) -> tuple[LabelVolume, valves.Plane | None]:
    plane = valves.Plane(*kept["plane"]) if len(kept["plane"]) else None
    return LabelVolume(kept["voxels"], kept["affine"]), plane


def from_surface(fine: Surface, edge: float) -> Surface:
    """Return a surface given by the user at the target edge, with its names made whole."""
    coarse = remeshed(fine, edge)
    centre = fine.points[fine.triangles].mean(axis=1)
    rings = {ring: centre[fine.tags == ring] for ring in RINGS if (fine.tags == ring).any()}
    return sealed(coarse, coarse.tags, rings)


def _papers(
    changes: list[str], volumes: Mapping[str, float], lids: Mapping[Boundary, Float]
) -> dict[str, NDArray[Any]]:
    """Return what is known about a mesh besides itself, as arrays; see `PAPERS`."""
    return {
        "changes": np.array(changes, dtype=np.str_),
        "label_names": np.array(list(volumes), dtype=np.str_),
        "label_volumes": np.array(list(volumes.values()), dtype=np.float64),
        "lid_corners": np.concatenate([np.zeros((0, 3, 3)), *lids.values()]),
        "lid_tags": np.repeat(
            np.array([int(tag) for tag in lids], np.int64), [len(lid) for lid in lids.values()]
        ),
    }


def _lids(arrays: Mapping[str, NDArray[Any]]) -> dict[Boundary, Float]:
    tags, corners = arrays["lid_tags"], arrays["lid_corners"]
    return {Boundary(tag): corners[tags == tag] for tag in np.unique(tags)}


def _heart_arrays(mesh: HeartMesh, angles: FibreAngles) -> dict[str, NDArray[Any]]:
    continuous = ventricular_fields(mesh)
    place = coordinates.compute(mesh, continuous)
    direction = fibres(mesh, place, angles, continuous=continuous)
    return {
        "apicobasal": place.apicobasal,
        "transmural": place.transmural,
        "rotational": place.rotational,
        "chamber": place.chamber,
        "fibre": direction.fibre,
        "sheet": direction.sheet,
        "normal": direction.normal,
    }


def _heart(mesh: HeartMesh, arrays: Mapping[str, NDArray[Any]]) -> Heart:
    place = VentricularCoordinates(
        *(arrays[name] for name in ("apicobasal", "transmural", "rotational", "chamber"))
    )
    direction = FibreField(*(arrays[name] for name in ("fibre", "sheet", "normal")))
    return Heart(mesh, place, aha.segments(place), direction)
