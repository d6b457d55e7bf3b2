"""Tree and muscle together: exact arrival, both directions, blocks, physiology, convergence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.heart import FibreField, Heart, VentricularCoordinates
from heart.anatomy.locate import CoordinateLocator
from heart.anatomy.purkinje.grow import grow
from heart.anatomy.purkinje.tree import Fascicle, PurkinjeTree
from heart.core.errors import NonPhysicalError, ParameterError
from heart.electro import conduction, purkinje
from heart.electro.activation import ActivationModel, Stimulus
from heart.electro.purkinje import BLOCKS, NetworkModel, PurkinjeNetwork, diseased
from heart.electro.velocity import HEALTHY, ConductionVelocity
from heart.numerics import tetrahedra
from heart.observe import activation_metrics as metrics

ROOT = (np.array([0]), np.zeros(1))
SPEED = 0.5
LENGTH = 40.0


def line_tree(points, insulated=False) -> PurkinjeTree:
    points = np.asarray(points, float)
    edges = np.column_stack([np.arange(len(points) - 1), np.arange(1, len(points))])
    return PurkinjeTree(
        points,
        edges,
        np.full(len(edges), Fascicle.LEFT_BUNDLE),
        np.full(len(edges), insulated),
        0,
    )


@pytest.fixture(scope="module")
def slab() -> ActivationModel:
    """Return a bar of isotropic muscle, 0.5 mm/ms."""
    mesh = idealised.slab((LENGTH, 4.0, 2.0), 1.0)
    n, m = len(mesh.points), len(mesh.cells)
    where = VentricularCoordinates(np.full(n, 0.5), np.zeros(n), np.zeros(n), np.full(n, -1))
    axes = FibreField(*(np.tile(axis, (m, 1)) for axis in np.eye(3)))
    heart = Heart(mesh, where, np.ones(n, int), axes)
    return ActivationModel.of(heart, CoordinateLocator(mesh, where))


@pytest.fixture(scope="module")
def slow(slab):
    speeds = ConductionVelocity(SPEED, SPEED, SPEED, endocardial_extent=0.0)
    return slab.lengths(speeds)


def shortcut(x0: float, x1: float) -> PurkinjeTree:
    """Return a fibre from x0 to x1 over the middle of the slab, both ends free.

    Its root is an end that hangs above the slab at x0 by a millimetre of fibre.
    """
    places = [[x0, 2.0, -1.0], [x0, 2.0, 0.0], [0.5 * (x0 + x1), 2.0, -2.0], [x1, 2.0, 0.0]]
    tree = line_tree(places)
    return replace(tree, points=np.array(places))


def test_arrival_on_a_line_is_exact():
    """One dimension has no mesh error: length over speed, whatever the steps."""
    generator = np.random.default_rng(3)
    x = np.sort(generator.uniform(0.0, 90.0, 50))
    tree = line_tree(np.column_stack([x, 0 * x, 0 * x]))
    arrival = PurkinjeNetwork(tree, speed=2.5).arrival(np.array([0]), np.array([7.0]))
    assert np.abs(arrival - (7.0 + (x - x[0]) / 2.5)).max() < 1e-12
    middle = PurkinjeNetwork(tree, speed=2.5).arrival(np.array([20, 40]), np.array([0.0, 1.0]))
    gap = np.abs(x[:, None] - x[[20, 40]]) / 2.5 + np.array([0.0, 1.0])
    assert np.abs(middle - gap.min(axis=1)).max() < 1e-12


def test_cut_edge_stops_the_wave_in_the_tree():
    """Beyond a block there is nothing unless something else brings it."""
    tree = line_tree(np.column_stack([np.arange(5.0), np.zeros((5, 2))]))
    blocked = PurkinjeNetwork(tree).cut(Fascicle.LEFT_BUNDLE)
    assert np.isinf(blocked.arrival(*ROOT)[1:]).all()
    assert np.isfinite(blocked.arrival(np.array([2]), np.zeros(1))[1:]).all()


def test_shortcut_both_ways_is_the_closed_form(slab, slow):
    """Paced muscle enters a fast fibre and leaves it: min of muscle path and network path.

    Fibre from x = 8 to 36 mm, pace at x = 0: the far end fires at
    (8/v + antidromic + way/speed + orthodromic), and the muscle from there in both directions.
    The first end of the fibre is a free end too, so that retrograde entry is at x = 8.
    """
    first, last = 8.0, 36.0
    tree = PurkinjeTree(
        np.array([[22.0, 2.0, -2.0], [first, 2.0, 0.0], [last, 2.0, 0.0]]),
        np.array([[0, 1], [0, 2]]),
        np.full(2, Fascicle.LEFT_BUNDLE),
        np.zeros(2, bool),
        0,
    )
    network = PurkinjeNetwork(tree, speed=3.0, orthodromic=4.0, antidromic=2.0, patch=0.0)
    x = slab.heart.mesh.points[:, 0]
    pace = Stimulus(np.array([[0.0, 2.0, 0.0]]), np.zeros(1), radius=0.5)
    found = NetworkModel.of(slab, network).solve(slow, network, stimulus=pace)
    way = float(tree.lengths.sum()) / 3.0
    entry = (first - 0.5) / SPEED + 2.0
    centre = np.flatnonzero(np.isclose(slab.heart.mesh.points[:, 1:], [2.0, 0.0]).all(axis=1))
    expected = np.minimum(
        np.maximum(x - 0.5, 0.0) / SPEED, entry + way + 4.0 + np.abs(x - last) / SPEED
    )
    assert entry + way + 4.0 < 0.5 * last / SPEED
    # The wave from the pace is a point wave, late by the error of the march on 1 mm edges.
    assert np.abs(found.activation - expected)[centre].max() < 1.0
    assert found.tree[1] == pytest.approx(entry, abs=0.3)
    assert found.tree[2] == pytest.approx(entry + way, abs=0.3)
    assert found.retrograde.tolist() == [True, False]


def test_root_fires_the_muscle_at_its_junctions(slab, slow):
    """Antegrade only: each junction fires after its own way and the orthodromic delay."""
    tree = PurkinjeTree(
        np.array([[20.0, 2.0, -6.0], [10.0, 2.0, 0.0], [30.0, 2.0, 0.0]]),
        np.array([[0, 1], [0, 2]]),
        np.full(2, Fascicle.LEFT_BUNDLE),
        np.zeros(2, bool),
        0,
    )
    network = PurkinjeNetwork(tree, speed=2.0, orthodromic=5.0, patch=0.0)
    found = NetworkModel.of(slab, network).solve(slow, network, entries=ROOT)
    points = slab.heart.mesh.points
    for end in (1, 2):
        node = int(np.argmin(np.linalg.norm(points - tree.points[end], axis=1)))
        assert found.activation[node] == pytest.approx(np.hypot(10.0, 6.0) / 2.0 + 5.0, abs=1e-9)
    assert found.passes == 1
    assert not found.retrograde.any()


def test_patch_fires_at_once(slab, slow):
    """The muscle within the patch of a junction has the time of the junction."""
    tree = line_tree([[20.0, 2.0, -5.0], [20.0, 2.0, 0.0]])
    network = PurkinjeNetwork(tree, speed=1.0, orthodromic=0.0, patch=2.1)
    found = NetworkModel.of(slab, network).solve(slow, network, entries=ROOT)
    gap = np.linalg.norm(slab.heart.mesh.points - tree.points[1], axis=1)
    assert np.abs(found.activation[gap < 2.0] - 5.0).max() < 1e-9
    assert (found.activation[gap > 2.2] > 5.0).all()


def test_junction_lies_between_nodes_without_error(slab, slow):
    """Moving a junction inside a cell moves its times smoothly: no jump to the nearest node."""
    offsets = np.linspace(0.0, 1.0, 11)
    times = []
    for dx in offsets:
        network = PurkinjeNetwork(
            line_tree([[20.0 + dx, 2.0, -5.0], [20.0 + dx, 2.0, 0.0]]), patch=0.0
        )
        found = NetworkModel.of(slab, network).solve(slow, network, entries=ROOT)
        times.append(
            found.activation[np.argmin(np.abs(slab.heart.mesh.points - [30, 2, 0]).sum(1))]
        )
    exact = times[0] - offsets / SPEED
    assert np.abs(np.array(times) - exact).max() < 0.25


def test_foreign_network_is_refused(slab):
    """A network in centimetres, or of another heart, must not silently activate nothing."""
    with pytest.raises(ParameterError, match="off the wall"):
        NetworkModel.of(slab, PurkinjeNetwork(line_tree([[200.0, 0, 0], [300.0, 0, 0]])))


def test_nothing_to_start_from_is_an_error(slab, slow):
    """No entry and no stimulus, or an entry that ends nowhere, are said."""
    network = PurkinjeNetwork(shortcut(8.0, 36.0))
    coupled = NetworkModel.of(slab, network)
    with pytest.raises(ParameterError, match="neither"):
        coupled.solve(slow, network)
    with pytest.raises(NonPhysicalError, match="no junction"):
        coupled.solve(slow, network.cut(Fascicle.LEFT_BUNDLE), entries=ROOT)


def test_passes_that_do_not_end_are_an_error(slab, slow, monkeypatch):
    """A result that is not yet the fixed point must not be handed on as if it were."""
    monkeypatch.setattr(purkinje, "PASSES", 1)
    network = PurkinjeNetwork(shortcut(8.0, 36.0))
    pace = Stimulus(np.array([[36.0, 2.0, 0.0]]), np.zeros(1))
    with pytest.raises(NonPhysicalError, match="after 1 passes"):
        NetworkModel.of(slab, network).solve(slow, network, stimulus=pace)


def test_implausible_speed_is_refused():
    """3 m/s written as 3000 mm/s must not pass."""
    with pytest.raises(ParameterError, match="speed"):
        PurkinjeNetwork(shortcut(8.0, 36.0), speed=3000.0)


def test_every_conduction_state_has_a_block():
    """A state that scenarios can name must say what it does to a network."""
    assert set(BLOCKS) == set(conduction.REGISTRY)


@pytest.fixture(scope="module")
def biventricle():
    mesh = idealised.biv_ellipsoid(3.5)
    where = coordinates.compute(mesh)
    heart = Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))
    locator = CoordinateLocator(mesh, where)
    model = ActivationModel.of(heart, locator)
    network = PurkinjeNetwork(grow(heart, locator, np.random.default_rng(1)))
    return model, network, NetworkModel.of(model, network)


@pytest.fixture(scope="module")
def states(biventricle):
    model, network, coupled = biventricle
    speeds = replace(HEALTHY, endocardial_extent=0.0)
    volumes = tetrahedra.node_volumes(model.heart.mesh.points, model.heart.mesh.cells)
    found = {}
    for name, state in conduction.REGISTRY.items():
        lengths = model.lengths(speeds, state)
        times = coupled.solve(lengths, diseased(network, state), entries=ROOT)
        found[name] = (metrics.of_map(times.activation, volumes, model.left), times)
    return found


def test_healthy_tree_gives_a_healthy_beat(states):
    """Untuned defaults: total activation within 70 to 110 ms, the ventricles together."""
    found, times = states["healthy"]
    assert found["inactive"] == 0.0
    assert 70.0 < found["tat"] < 110.0
    assert abs(found["veu"]) < 20.0
    assert times.passes <= 4


def test_left_block_makes_the_left_ventricle_late(states):
    """LBBB as a cut: LVAT-95 up by more than half, longer activation, and entry from behind."""
    healthy, blocked = states["healthy"][0], states["lbbb"][0]
    assert blocked["lvat95"] > 1.5 * healthy["lvat95"]
    assert blocked["tat"] > healthy["tat"] + 15.0
    assert blocked["veu"] > 15.0
    assert blocked["inactive"] == 0.0
    assert states["lbbb"][1].retrograde.sum() > states["healthy"][1].retrograde.sum()


def test_other_blocks_are_late_where_they_should(states, biventricle):
    """RBBB delays the right side; a fascicular block the muscle of its own junctions, and most."""
    model, network, _ = biventricle
    healthy, tree = states["healthy"][1].activation, network.tree
    assert states["rbbb"][0]["veu"] < -20.0
    for name, fascicle in (("lafb", Fascicle.LEFT_ANTERIOR), ("lpfb", Fascicle.LEFT_POSTERIOR)):
        own = tree.junctions[tree.of_node[tree.junctions] == fascicle]
        part = cKDTree(tree.points[own]).query(model.heart.mesh.points)[0] < 4.0
        late = states[name][1].activation - healthy
        assert late.min() > -1e-6
        assert late[part].mean() > 2.0
        assert late[part].mean() > 3.0 * late[~part].mean()


def test_paced_beat_uses_the_tree_from_behind(biventricle):
    """RV pacing in LBBB: the intact distal left tree, entered late, still shortens activation."""
    model, network, coupled = biventricle
    state = conduction.named("lbbb")
    lengths = model.lengths(replace(HEALTHY, endocardial_extent=0.0), state)
    pace = Stimulus(model.heart.mesh.points[[11]], np.zeros(1))
    paced = coupled.solve(lengths, diseased(network, state), stimulus=pace)
    alone = model.solve(lengths, pace)
    assert paced.retrograde.any()
    assert paced.activation.max() < 0.8 * alone.max()
    assert (paced.activation <= alone + 1e-9).all()
    # A block is where it is for both directions: the His bundle is reached from the right only.
    assert np.isfinite(paced.tree).all()
