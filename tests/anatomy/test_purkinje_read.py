"""Networks from files: formats, root, names, and files that are no network."""

from __future__ import annotations

import numpy as np
import pytest
import pyvista as pv

from heart.anatomy.purkinje.read import joined, read_tree
from heart.anatomy.purkinje.tree import Fascicle, PurkinjeTree
from heart.core.errors import MeshInputError, MissingDataError, ParameterError

POINTS = np.array([[0.0, 0, 9], [0, 0, 5], [0, 4, 2], [0, -4, 2], [0, -6, 0]])
ASIDE = np.array([20.0, 0, 0])
EDGES = np.array([[1, 0], [1, 2], [3, 1], [3, 4]])


def written(path, points=POINTS, edges=EDGES, **arrays):
    cells = np.column_stack([np.full(len(edges), 2), edges]).ravel()
    grid = pv.UnstructuredGrid(cells, np.full(len(edges), pv.CellType.LINE), points)
    for name, values in arrays.items():
        (grid.point_data if len(values) == len(points) else grid.cell_data)[name] = values
    if path.suffix == ".vtp":
        data = pv.PolyData(points, lines=cells)
        for name in arrays:
            data.point_data[name] = arrays[name]
        data.save(path)
    else:
        grid.save(path)
    return path


@pytest.mark.parametrize("suffix", [".vtk", ".vtp", ".vtu"])
def test_formats_agree(tmp_path, suffix):
    """The same tree in any format: same ends, edges from the root outwards, unit applied."""
    marked = np.array([1, 0, 0, 0, 0])
    path = written(tmp_path / f"tree{suffix}", root=marked)
    tree = read_tree(path, unit="cm")
    assert tree.points[tree.root] == pytest.approx([0, 0, 90])
    ends = tree.points[tree.junctions]
    assert sorted(map(tuple, ends.tolist())) == [(0.0, -60.0, 0.0), (0.0, 40.0, 20.0)]
    assert tree.lengths.sum() == pytest.approx(40.0 + 50.0 * 2 + np.hypot(20, 20))
    assert tree.loops == 0
    assert tree.insulated.sum() == 1
    arrived = {tree.root}
    for first, second in sorted(tree.edges.tolist(), key=lambda e: -tree.points[e[0]][2]):
        assert first in arrived
        arrived.add(second)


def test_root_is_named_given_or_nearest_the_base(tmp_path):
    """The wrong root turns a block round: three ways to know it, an error when there is none."""
    path = written(tmp_path / "tree.vtu")
    given = read_tree(path, root=np.array([0.0, 4, 2]))
    assert given.points[given.root] == pytest.approx([0, 4, 2])
    high = read_tree(path, height=lambda points: points[:, 2])
    assert high.points[high.root] == pytest.approx([0, 0, 9])
    with pytest.raises(MissingDataError, match="entered"):
        read_tree(path)


def test_names_survive_and_blocks_find_them(tmp_path):
    """A file that names its fascicles can have any of them blocked."""
    names = np.array([Fascicle.LEFT_BUNDLE, Fascicle.LEFT_ANTERIOR] + [Fascicle.LEFT_POSTERIOR] * 2)
    path = written(tmp_path / "tree.vtu", fascicle=names.astype(np.int32))
    tree = read_tree(path, root=POINTS[0])
    assert len(tree.stems(Fascicle.LEFT_POSTERIOR)) == 1
    with pytest.raises(MissingDataError, match="left septal"):
        tree.stems(Fascicle.LEFT_SEPTAL)


def test_two_files_meet_in_one_his_bundle(tmp_path):
    """LV and RV trees come in two files; each can be blocked without the other."""
    left = read_tree(written(tmp_path / "left.vtu"), root=POINTS[0])
    right = read_tree(
        written(tmp_path / "right.vtu", POINTS + ASIDE),
        fascicle=Fascicle.RIGHT_BUNDLE,
        root=POINTS[0] + ASIDE,
    )
    both = joined(left, right)
    assert both.points[both.root] == pytest.approx([10.0, 0, 9])
    assert len(both.junctions) == 4
    assert both.stems(Fascicle.LEFT_BUNDLE).tolist() == [0]
    assert both.stems(Fascicle.RIGHT_BUNDLE).tolist() == [1]


def test_duplicate_points_are_one_node(tmp_path):
    """Many writers repeat the points of each line: the tree must not fall apart."""
    points = POINTS[EDGES].reshape(-1, 3)
    edges = np.arange(len(points)).reshape(-1, 2)
    tree = read_tree(written(tmp_path / "tree.vtu", points, edges), root=POINTS[0])
    assert len(tree.points) == len(POINTS)


def test_loops_are_allowed(tmp_path):
    """Real networks reconnect: a ring is another way round, not a mistake."""
    edges = np.concatenate([EDGES, [[2, 3]]])
    tree = read_tree(written(tmp_path / "tree.vtu", edges=edges), root=POINTS[0])
    assert tree.loops == 1
    assert len(tree.junctions) == 1


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"edges": EDGES[[0, 3]]}, "2 parts"),
        ({"edges": np.array([[1, 1], [2, 2]])}, "no length"),
        ({"edges": np.array([[0, 1], [1, 2], [2, 0]])}, "no free end"),
        ({"points": np.where(POINTS == 9.0, np.nan, POINTS)}, "not finite"),
        ({"fascicle": np.array([1, 2, 3, 77])}, "unknown numbers"),
        ({"root": np.array([1, 1, 0, 0, 0])}, "2 roots"),
    ],
)
def test_what_is_no_network_is_refused(tmp_path, change, match):
    """Each way in which a file is no tree gets its own line, before anything is computed."""
    path = written(tmp_path / "tree.vtu", **change)
    near = None if "root" in change else np.zeros(3)
    with pytest.raises(MeshInputError, match=match):
        read_tree(path, root=near)


def test_wrong_files_and_units_are_named(tmp_path):
    """Wrong type, a surface, a missing file and an unknown unit are not tracebacks."""
    surface = tmp_path / "surface.vtk"
    pv.Sphere().save(surface)
    with pytest.raises(MeshInputError, match="more than lines"):
        read_tree(surface)
    with pytest.raises(MeshInputError, match="type"):
        read_tree(tmp_path / "tree.pkje")
    with pytest.raises(MissingDataError, match="no such"):
        read_tree(tmp_path / "absent.vtu")
    with pytest.raises(ParameterError, match="unit"):
        read_tree(surface, unit="inch")


def test_tree_that_names_other_points_is_refused():
    """An index off by one must not read foreign memory."""
    with pytest.raises(MeshInputError, match="name other points"):
        PurkinjeTree(POINTS, EDGES + 1, np.zeros(4, int), np.zeros(4, bool), 0)


def test_svmultiphysics_network(shared_data):
    """The networks of svMultiPhysics' own case: about 1,250 junctions, 5 m of fibre, one tree."""
    folder = shared_data / "svmultiphysics_purkinje"
    left = read_tree(folder / "pfib_LV.vtu", unit="cm", height=lambda p: -p[:, 0])
    assert len(left.junctions) == 1244
    assert left.loops == 0
    assert left.lengths.sum() == pytest.approx(5384.5, abs=0.1)
    right = read_tree(
        folder / "pfib_RV.vtu",
        unit="cm",
        fascicle=Fascicle.RIGHT_BUNDLE,
        root=10.0 * np.array([2.70777, -20.2282, -25.6477]),
    )
    both = joined(left, right)
    assert len(both.junctions) == 1244 + 1091
