"""From the body of a scenario to tissue: mesh, fibres, and the heart around them if it is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.build import build_heart
from heart.anatomy.case import Case, load_case
from heart.anatomy.fibres import FibreAngles
from heart.anatomy.heart import FibreField, Heart
from heart.anatomy.heart_mesh import HeartMesh, Tissue
from heart.anatomy.idealised import slab
from heart.anatomy.locate import CoordinateLocator
from heart.anatomy.recipe import Patient
from heart.core.errors import MissingDataError
from heart.core.progress import Telemetry, silent
from heart.numerics import tetrahedra
from heart.scenario.electro_body import CaseBody, IdealisedBody, SlabBody, StrandBody
from heart.study.crt.scar import painted

Float = NDArray[np.float64]


@dataclass(frozen=True)
class Muscle:
    """A piece of muscle that can conduct.

    Attributes
    ----------
    mesh, fibres
        Tetrahedra with boundaries, regions and scar; directions per cell.
    heart
        With coordinates and segments; None for a slab or strand.
    title
        What it is, in words.
    patient
        Size and sex where the case says so.
    notes
        Attribution and notes of the case.
    quality
        Numbers of the mesh where it was made by a mesher.
    """

    mesh: HeartMesh
    fibres: FibreField
    heart: Heart | None
    title: str
    patient: Patient | None = None
    notes: tuple[str, ...] = ()
    quality: Mapping[str, Any] = field(default_factory=dict)

    def heart_for(self, name: str) -> Heart:
        """Return the heart; MissingDataError says that `name` needs one."""
        if self.heart is None:
            raise MissingDataError(f"{name} needs a heart, and this is a {self.title}")
        return self.heart

    def locator_for(self, name: str) -> CoordinateLocator:
        """Return point ↔ coordinates of the heart; MissingDataError as in `heart_for`."""
        self.heart_for(name)
        return self._locator

    @cached_property
    def _locator(self) -> CoordinateLocator:
        heart = self.heart_for("a place")
        return CoordinateLocator(heart.mesh, heart.coordinates)

    @cached_property
    def centres(self) -> Float:
        """(m, 3) centroids of the cells in mm."""
        return np.asarray(self.mesh.points[self.mesh.cells].mean(axis=1))

    @cached_property
    def node_tissue(self) -> NDArray[np.int32]:
        """(n,) tissue that most of the volume around each node has."""
        mesh = self.mesh
        volume = np.repeat(tetrahedra.volumes(mesh.points, mesh.cells)[:, None], 4, axis=1).ravel()
        shares = np.stack(
            [
                np.bincount(
                    mesh.cells.ravel(),
                    np.where(np.repeat(mesh.tissue == kind, 4), volume, 0.0),
                    minlength=len(mesh.points),
                )
                for kind in Tissue
            ]
        )
        return np.argmax(shares, axis=0).astype(np.int32)

    @cached_property
    def edge(self) -> float:
        """Mean edge length in mm."""
        ends = self.mesh.points[tetrahedra.edges(self.mesh.cells)]
        return float(np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1).mean())


def build(
    body: CaseBody | IdealisedBody | SlabBody | StrandBody,
    case_file: Path | None,
    telemetry: Telemetry | None = None,
) -> Muscle:
    """Return the muscle that a scenario is about; equal on every rank.

    Raises
    ------
    HeartError
        The case cannot be read or meshed.
    """
    if isinstance(body, SlabBody):
        return _straight(body.size, body.edge_length, body.fibre, body.sheet, "slab")
    if isinstance(body, StrandBody):
        size = (body.length, body.edge_length, body.edge_length)
        return _straight(size, body.edge_length, body.fibre, body.sheet, "strand")
    if isinstance(body, CaseBody):
        case = load_case(case_file or Path(body.case))
        backend = body.backend
    else:
        shape = {"kind": body.kind, "parameters": dict(body.parameters)}
        written = {key: f"{value:.15g} mm" for key, value in body.parameters.items()}
        case = Case.model_validate(
            {"name": body.kind, "source": {"idealised": {**shape, "parameters": written}}}
        )
        backend = "gmsh"
    angles = FibreAngles(**body.fibres.model_dump())
    built = build_heart(
        case, body.edge_length, angles, backend=backend, telemetry=telemetry or silent()
    )
    heart = painted(
        built.heart, CoordinateLocator(built.heart.mesh, built.heart.coordinates), body.scar
    )
    return Muscle(
        heart.mesh,
        heart.fibres,
        heart,
        case.name,
        case.patient,
        tuple(text for text in (case.attribution, case.notes) if text),
        built.quality.as_dict(),
    )


def _straight(
    size: tuple[float, float, float],
    edge: float,
    fibre: tuple[float, float, float],
    sheet: tuple[float, float, float],
    kind: str,
) -> Muscle:
    mesh = slab(size, edge)
    first, second = (np.asarray(axis) / np.linalg.norm(axis) for axis in (fibre, sheet))
    axes = (first, second, np.cross(first, second))
    directions = FibreField(*(np.tile(axis, (len(mesh.cells), 1)) for axis in axes))
    words = " x ".join(f"{length:g}" for length in size)
    return Muscle(mesh, directions, None, f"{kind} {words} mm")
