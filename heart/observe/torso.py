"""The volume conductor: a torso mesh around a heart, with conductivity per cell and electrodes.

The generated torso is a structured grid with lines close together around the heart, mapped onto
superelliptic cross-sections and cut into tetrahedra: the same input gives the same mesh, without
a mesh generator. The heart keeps its scanner axes and its place; the torso is built around it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from heart.anatomy.heart_mesh import HeartMesh
from heart.core.errors import MeshInputError, NonPhysicalError
from heart.core.parameters import Parameter
from heart.numerics import tetrahedra
from heart.observe.conductivity import Conductivities
from heart.observe.electrodes import Electrodes
from heart.observe.torso_shape import TorsoShape
from heart.observe.torso_tissue import cell_conductivity

Float = NDArray[np.float64]
Int = NDArray[np.integer]

PARAMETERS: dict[str, Parameter] = {
    "left": Parameter(
        30.0, "mm", -20.0, 80.0, "assumed", "centroid of the ventricles left of the midline"
    ),
    "clearance": Parameter(
        30.0, "mm", 8.0, 90.0, "assumed", "least distance forward from the epicardium to the skin"
    ),
    "rise": Parameter(
        0.0, "mm", -80.0, 80.0, "assumed", "centroid above the fourth intercostal space"
    ),
    "fine": Parameter(5.0, "mm", 1.0, 20.0, "assumed", "grid step around the heart"),
    "coarse": Parameter(28.0, "mm", 2.0, 60.0, "assumed", "largest grid step far from the heart"),
    "growth": Parameter(1.3, "1", 1.01, 2.0, "assumed", "ratio of neighbouring grid steps"),
}


@dataclass(frozen=True)
class Placement:
    """Where the heart sits in the torso, mm and radians; see `PARAMETERS`.

    `rotation` is a rotation vector of the heart about its centroid, in torso axes: zero keeps
    the scanner axes, an ensemble draws small ones.
    """

    left: float = PARAMETERS["left"].value
    clearance: float = PARAMETERS["clearance"].value
    rise: float = PARAMETERS["rise"].value
    rotation: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def __post_init__(self) -> None:
        for item in fields(self):
            if item.name in PARAMETERS:
                PARAMETERS[item.name].check(getattr(self, item.name), name=f"torso.{item.name}")


@dataclass(frozen=True)
class Grid:
    """Grid steps of the generated torso in mm; see `PARAMETERS`."""

    fine: float = PARAMETERS["fine"].value
    coarse: float = PARAMETERS["coarse"].value
    growth: float = PARAMETERS["growth"].value

    def __post_init__(self) -> None:
        for item in fields(self):
            PARAMETERS[item.name].check(getattr(self, item.name), name=f"torso.{item.name}")


@dataclass(frozen=True)
class Torso:
    """Volume conductor in the frame of the heart.

    Attributes
    ----------
    points, cells
        (n, 3) mm and (m, 4).
    conductivity
        (m,) mS/mm, isotropic; for muscle a third of the trace.
    electrodes
        Ten electrodes on the skin.
    description
        One line for the report.
    fibrous
        Whether muscle conducts better along its fibres, which the lead field then takes from the
        heart; not so where the conductivity was given by the user.
    """

    points: Float
    cells: Int
    conductivity: Float
    electrodes: Electrodes
    description: str = field(default="torso mesh as given")
    fibrous: bool = False

    def __post_init__(self) -> None:
        if self.conductivity.shape != (len(self.cells),) or not (self.conductivity > 0).all():
            raise MeshInputError(
                "the torso needs one positive conductivity per cell", where=self.description
            )

    def moved(self, rotation: Float, translation: Float) -> Torso:
        """Return the torso after x → rotation x + translation."""
        points = self.points @ rotation.T + translation
        return replace(self, points=points, electrodes=self.electrodes.moved(rotation, translation))


def graded_lines(
    low: float, high: float, near: tuple[float, float], grid: Grid, centre: float
) -> tuple[Float, int]:
    """Return grid lines from `low` to `high`, fine between `near`, and the index of `centre`.

    `centre` is a line of its own, so that the cut into tetrahedra can be mirrored there.
    """
    ends = sorted({low, high, centre} | {float(np.clip(value, low, high)) for value in near})
    lines = [np.array([low])]
    for start, end in itertools.pairwise(ends):
        length = end - start
        if near[0] <= 0.5 * (start + end) <= near[1]:
            steps = np.full(max(1, int(np.ceil(length / grid.fine - 1e-9))), 1.0)
        else:
            growing = [grid.fine]
            reach = max(near[0] - start, end - near[1], length)
            offset = reach - length
            place = 0.0
            while place < reach:
                place += growing[-1]
                growing.append(min(growing[-1] * grid.growth, grid.coarse))
            edges = np.concatenate([[0.0], np.cumsum(growing[:-1])])
            steps = np.diff(edges[edges >= offset - 0.5 * grid.fine])
            if end <= near[0]:
                steps = steps[::-1]
        lines.append(start + length * np.cumsum(steps) / steps.sum())
    result = np.concatenate(lines)
    return result, int(np.argmin(np.abs(result - centre)))


def structured_cells(shape: tuple[int, int, int], centre: tuple[int, ...]) -> Int:
    """Return six tetrahedra per grid box, mirrored at the lines `centre` of the first axes.

    In every box the long diagonal points away from the axis: at the round corners of the
    cross-section no tetrahedron is then flattened.
    """
    index = np.arange(np.prod(shape)).reshape(shape)
    boxes = np.stack(np.meshgrid(*(np.arange(s - 1) for s in shape), indexing="ij"), axis=-1)
    boxes = boxes.reshape(-1, 3)
    inner, outer = boxes.copy(), boxes + 1
    for axis, middle in enumerate(centre):
        mirrored = boxes[:, axis] < middle
        inner[mirrored, axis] += 1
        outer[mirrored, axis] -= 1
    cells = []
    for order in itertools.permutations(range(3)):
        corner = inner.copy()
        nodes = [index[tuple(corner.T)]]
        for axis in order:
            corner[:, axis] = outer[:, axis]
            nodes.append(index[tuple(corner.T)])
        cells.append(np.stack(nodes, axis=1))
    return np.stack(cells, axis=1).reshape(-1, 4)


def generate(
    heart: HeartMesh,
    shape: TorsoShape | None = None,
    placement: Placement | None = None,
    *,
    grid: Grid | None = None,
    conductivities: Conductivities | None = None,
    lungs: bool = False,
) -> Torso:
    """Build a mean-shape torso around a heart.

    Parameters
    ----------
    heart
        Ventricles in scanner RAS mm.
    shape
        From height, weight and sex; a mean adult when None.
    placement
        Standard place when None.
    grid
        Grid steps.
    conductivities
        Literature values when None.
    lungs
        Add two ellipsoidal lungs (their shape is assumed).

    Returns
    -------
    Torso
        In the frame of the heart.

    Raises
    ------
    NonPhysicalError
        The heart does not fit into the torso.
    """
    shape, placement = shape or TorsoShape(), placement or Placement()
    grid, chosen = grid or Grid(), conductivities or Conductivities()
    turn = Rotation.from_rotvec(placement.rotation).as_matrix()
    weight = tetrahedra.node_volumes(heart.points, heart.cells)
    centroid = weight @ heart.points / weight.sum()
    relative = (heart.points - centroid) @ turn.T
    seat = _seat(relative, shape, placement)
    inside = relative + seat
    if not shape.radius(inside).max() < 0.97 or not (
        inside[:, 2].min() > 0.0 and inside[:, 2].max() < shape.length
    ):
        raise NonPhysicalError(
            f"the heart ({np.ptp(relative, axis=0).round()} mm) does not fit into a torso of "
            f"{shape.height / 10:.0f} cm and {shape.weight / 1e6:.0f} kg",
            fix="check height, weight and the unit of the heart, or give a torso mesh",
        )
    points, cells = _mesh(shape, inside, grid)
    points = (points - seat) @ turn + centroid
    electrodes = shape.electrodes().moved(turn.T, centroid - seat @ turn)
    midline = (np.zeros(3) - seat) @ turn + centroid
    frame = (midline, turn) if lungs else None
    conductivity = cell_conductivity(points, cells, heart, chosen, shape, frame)
    description = (
        f"mean {shape.sex} torso of {shape.height / 10:.0f} cm, {shape.weight / 1e6:.0f} kg "
        f"(assumed shape), {len(points)} nodes, lungs {'assumed' if lungs else 'not modelled'}"
    )
    return Torso(points, cells, conductivity, electrodes, description, fibrous=True)


def from_mesh(
    points: Float,
    cells: Int,
    electrodes: Electrodes,
    heart: HeartMesh,
    conductivities: Conductivities | None = None,
    conductivity: Float | None = None,
) -> Torso:
    """Use a torso mesh that the user brings, in the frame of the heart.

    Parameters
    ----------
    points, cells
        (n, 3) mm and (m, 4).
    electrodes
        Positions; they are projected onto its surface.
    heart
        Decides which cells are muscle and blood when `conductivity` is not given.
    conductivity
        (m,) mS/mm.

    Raises
    ------
    MeshInputError
        A cell has no volume, or the conductivities do not fit.
    """
    cells = tetrahedra.oriented(points, cells)
    if (tetrahedra.volumes(points, cells) <= 0).any():
        raise MeshInputError("the torso mesh has cells without volume", fix="mesh it again")
    fibrous = conductivity is None
    if conductivity is None:
        chosen = conductivities or Conductivities()
        conductivity = cell_conductivity(points, cells, heart, chosen, None, None)
    values = np.asarray(conductivity, np.float64)
    return Torso(points, cells, values, electrodes, fibrous=fibrous)


def _seat(relative: Float, shape: TorsoShape, placement: Placement) -> Float:
    """Return the torso coordinates of the heart's centroid."""
    x, z = -placement.left, shape.fourth_space + placement.rise
    skin = shape.front(relative[:, 0] + x, relative[:, 2] + z)
    room = np.where(np.isnan(skin), -np.inf, skin) - relative[:, 1]
    return np.array([x, float(room.min()) - placement.clearance, z])


def _mesh(shape: TorsoShape, inside: Float, grid: Grid) -> tuple[Float, Int]:
    """Return points and cells of the torso in its own frame."""
    low, high = inside.min(axis=0) - grid.fine, inside.max(axis=0) + grid.fine
    breadth, depth = (float(value) for value in shape.half_axes(inside[:, 2].mean()))
    x, middle_x = graded_lines(-breadth, breadth, (low[0], high[0]), grid, 0.0)
    y, middle_y = graded_lines(-depth, depth, (low[1], high[1]), grid, 0.0)
    z, _ = graded_lines(0.0, shape.length, (low[2], high[2]), grid, float(inside[:, 2].mean()))
    u, v, level = np.meshgrid(x / breadth, y / depth, z, indexing="ij")
    largest = np.maximum(np.abs(u), np.abs(v))
    power = shape.exponent
    norm = np.maximum((np.abs(u) ** power + np.abs(v) ** power) ** (1.0 / power), 1e-12)
    squeeze = 1.0 + largest**2 * (largest / norm - 1.0)
    half_breadth, half_depth = shape.half_axes(level)
    points = np.stack([half_breadth * u * squeeze, half_depth * v * squeeze, level], axis=-1)
    points = points.reshape(-1, 3)
    cells = structured_cells((len(x), len(y), len(z)), (middle_x, middle_y))
    return points, tetrahedra.oriented(points, cells)
