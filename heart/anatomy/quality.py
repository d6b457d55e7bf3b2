"""How good a mesh is, in numbers that a reader can compare with the label map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from heart.anatomy import triangles as topology
from heart.anatomy.heart_mesh import Boundary, HeartMesh
from heart.core.errors import MeshingError
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra

Float = NDArray[np.float64]
Int = NDArray[np.integer]

WORST_RADIUS_RATIO = Parameter(
    0.01, "1", 0.0, 0.3, "assumed", "flatter cells spoil the stiffness matrix"
)


@dataclass(frozen=True)
class QualityReport:
    """Numbers of one mesh; lengths in mm, volumes in mm3.

    Attributes
    ----------
    radius_ratio_min, radius_ratio_p1, radius_ratio_mean
        3 × inradius / circumradius: worst cell, 1 % quantile, mean.
    lv_cavity_volume, rv_cavity_volume
        Inside the endocardium, closed at the valves; None without RV.
    wall_thickness
        AHA segment → median distance from endocardium to the other side; empty before the
        coordinates are known.
    """

    nodes: int
    cells: int
    edge_min: float
    edge_mean: float
    edge_max: float
    radius_ratio_min: float
    radius_ratio_p1: float
    radius_ratio_mean: float
    lv_cavity_volume: float
    rv_cavity_volume: float | None
    wall_volume: float
    wall_thickness: Mapping[int, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain data for JSON; segments as text."""
        return {
            **asdict(replace(self, wall_thickness={})),
            "wall_thickness": {str(k): round(v, 2) for k, v in self.wall_thickness.items()},
        }

    def lines(self) -> list[str]:
        """Return the report as lines for a terminal."""
        text = [
            f"{self.nodes:,} nodes, {self.cells:,} tetrahedra",
            f"edges {self.edge_mean:.2f} mm ({self.edge_min:.2f} to {self.edge_max:.2f})",
            f"radius ratio worst {self.radius_ratio_min:.3f}, 1 % {self.radius_ratio_p1:.2f}, "
            f"mean {self.radius_ratio_mean:.2f}",
            f"LV cavity {self.lv_cavity_volume / 1000:.1f} mL",
        ]
        if self.rv_cavity_volume is not None:
            text.append(f"RV cavity {self.rv_cavity_volume / 1000:.1f} mL")
        text.append(f"wall {self.wall_volume / 1000:.1f} mL")
        text += [
            f"wall of segment {segment}: {thickness:.1f} mm"
            for segment, thickness in self.wall_thickness.items()
        ]
        return text


def measure(
    mesh: HeartMesh, segments: Int | None = None, lids: Mapping[Boundary, Float] | None = None
) -> QualityReport:
    """Measure a mesh.

    Parameters
    ----------
    mesh
        The wall.
    segments
        AHA segment of each node (n,), 0 in the RV free wall; thickness is left out without it.
    lids
        Endocardium → triangles (t, 3, 3) that close its cavity, from `surface.lids`; fans over
        the rims where there are none.

    Raises
    ------
    MeshingError
        A cell is flatter than any solver can use.
    """
    lids = lids or {}
    ratio = tetrahedra.radius_ratios(mesh.points, mesh.cells)
    if ratio.min() < WORST_RADIUS_RATIO.value:
        where = mesh.points[mesh.cells[ratio.argmin()]].mean(axis=0).round(1).tolist()
        raise MeshingError(
            f"the worst cell has a radius ratio of {ratio.min():.4f}",
            where=f"at {where} mm",
            expected=f"at least {WORST_RADIUS_RATIO.value}",
            fix="use another edge length or the other backend",
        )
    ends = mesh.points[tetrahedra.edges(mesh.cells)]
    length = np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1)
    return QualityReport(
        nodes=len(mesh.points),
        cells=len(mesh.cells),
        edge_min=float(length.min()),
        edge_mean=float(length.mean()),
        edge_max=float(length.max()),
        radius_ratio_min=float(ratio.min()),
        radius_ratio_p1=float(np.quantile(ratio, 0.01)),
        radius_ratio_mean=float(ratio.mean()),
        lv_cavity_volume=cavity_volume(mesh, Boundary.LV_ENDO, lids.get(Boundary.LV_ENDO)),
        rv_cavity_volume=(
            cavity_volume(mesh, Boundary.RV_ENDO, lids.get(Boundary.RV_ENDO))
            if mesh.has_rv
            else None
        ),
        wall_volume=float(tetrahedra.volumes(mesh.points, mesh.cells).sum()),
        wall_thickness={} if segments is None else wall_thickness(mesh, segments),
    )


def cavity_volume(mesh: HeartMesh, endo: Boundary, lid: Float | None = None) -> float:
    """Return the volume in mm3 inside an endocardium and its lids.

    Without given lids each opening is closed by a fan. A given lid ends within half an edge of
    the rim; what that leaves open counts little because volumes are taken about the lid.
    """
    # The facets are oriented out of the muscle, which is into the cavity.
    shell = mesh.facets_of(endo)[:, ::-1]
    if lid is not None:
        corners = np.concatenate([mesh.points[shell], lid]) - lid.mean(axis=(0, 1))
        return float(np.linalg.det(corners).sum() / 6.0)
    points = [mesh.points]
    lids = []
    count = len(mesh.points)
    for loop in topology.boundary_loops(shell):
        ring = mesh.points[loop]
        following = np.roll(loop, -1)
        weight = np.linalg.norm(mesh.points[following] - ring, axis=1)
        weight = weight + np.roll(weight, 1)
        points.append(np.average(ring, axis=0, weights=weight)[None])
        lids.append(np.stack([following, loop, np.full(len(loop), count)], axis=1))
        count += 1
    closed = np.concatenate([shell, *lids])
    return abs(topology.enclosed_volume(np.concatenate(points), closed))


def wall_thickness(mesh: HeartMesh, segments: Int) -> dict[int, float]:
    """Return the median thickness of the LV wall in each AHA segment, in mm.

    Measured from each node of the LV endocardium to the nearest node across the wall: of the
    epicardium, or in the septum of the RV endocardium.
    """
    endo = mesh.nodes_of(Boundary.LV_ENDO)
    outer = [t for t in (Boundary.EPI, Boundary.RV_ENDO) if (mesh.facet_tags == t).any()]
    middle = mesh.points[mesh.facets_of(*outer)].mean(axis=1)
    across = np.concatenate([mesh.points[mesh.nodes_of(*outer)], middle])
    distance = np.asarray(cKDTree(across).query(mesh.points[endo])[0])
    of = segments[endo]
    return {
        int(segment): float(np.median(distance[of == segment]))
        for segment in np.unique(of)
        if segment > 0
    }
