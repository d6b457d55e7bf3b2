"""The extracellular potential of a voltage: closed forms, reciprocity, electrodes, reuse."""

import numpy as np
import pytest

from heart.anatomy.idealised import slab
from heart.core.errors import ParameterError
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.bidomain_model import BidomainModel
from heart.electro.tissue.conductivity import REGISTRY, Part, tensors
from heart.electro.tissue.extracellular import ExtracellularPotential
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.pseudo_bidomain import PseudoBidomain, lead_weights, weights_at
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.shock import ExtracellularStimulus
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus

UNEQUAL = REGISTRY["roberts1982"].conductivities


def space_of(size=(2.0, 1.0, 1.0), edge=0.25, degree=1):
    mesh = slab(size, edge)
    return TissueSpace(mesh.points, mesh.cells, degree)


def model(space, ratio=None, conducting=None):
    """TT2006 cells; σ_e = ratio σ_i, or unequal anisotropy."""
    axes = np.tile(np.eye(3), (len(space.cells), 1, 1))
    intra = tensors(axes, UNEQUAL, part=Part.INTRACELLULAR)
    extra = tensors(axes, UNEQUAL, part=Part.EXTRACELLULAR) if ratio is None else ratio * intra
    layout = CellLayout((cell_model("tt2006_epi"),), np.zeros(space.nodes, int))
    marks = np.ones(len(space.cells), bool) if conducting is None else conducting
    return BidomainModel(layout, intra, extra, conducting=marks)


@pytest.mark.parametrize("degree", [1, 2])
def test_proportional_spaces_mirror_the_voltage(degree):
    """With σ_e = σ_i any voltage gives φ_e = −V/2 up to its mean."""
    space = space_of(edge=0.25 if degree == 1 else 0.5, degree=degree)
    potential = ExtracellularPotential(space, model(space, 1.0))
    voltage = np.random.default_rng(4).uniform(-80.0, 20.0, space.nodes)
    found = np.zeros(len(potential.nodes))
    potential.respond(voltage[potential.operators.nodes], found)
    gap = potential.gather(found) + 0.5 * voltage
    assert np.ptp(gap) < 1e-5


def test_ground_only_shifts():
    """One grounded node takes no current, so it sets the constant and nothing else."""
    space = space_of()
    voltage = np.random.default_rng(5).uniform(-80.0, 20.0, space.nodes)
    fields = []
    for ground in (None, np.array([7])):
        potential = ExtracellularPotential(space, model(space), ground=ground)
        found = np.zeros(len(potential.nodes))
        potential.respond(voltage[potential.operators.nodes], found)
        fields.append(potential.gather(found))
    assert abs(fields[1][7]) < 1e-12
    assert np.ptp(fields[1] - fields[0]) < 1e-4


def test_reciprocity():
    """Current through two electrodes and the signal between them are the same problem.

    I (φ_A − φ_B) of a voltage V is −∫ σ_i∇ψ·∇V with ψ the potential of the current I from A to B:
    signs and scales of shocks, responses and lead fields agree.
    """
    space = space_of()
    x = space.points[space.cells].mean(axis=1)
    both = model(space, conducting=~((x[:, 0] > 1.0) & (x[:, 1] > 0.5)))
    shock = ExtracellularStimulus(np.array([3]), np.array([space.nodes - 2]), 0.0, 1.0, 2.5)
    potential = ExtracellularPotential(space, both, stimuli=[shock])
    voltage = np.random.default_rng(6).uniform(-80.0, 20.0, space.nodes)
    found, field = np.zeros(len(potential.nodes)), np.zeros(len(potential.nodes))
    potential.respond(voltage[potential.operators.nodes], found)
    assert potential.impose(0.0, 1.0, field)
    found, field = potential.gather(found), potential.gather(field)
    _, stiffness = potential.operators.matrices()
    stiffness = stiffness * (both.surface_to_volume * both.capacitance)
    expected = -field @ (stiffness @ voltage)
    assert 2.5 * (found[-2] - found[3]) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("ground", [None, np.array([5, 40])])
def test_lead_weights_are_the_same_signal(ground):
    """One solve per electrode in place of one per sample, with scar and away from nodes."""
    space = space_of()
    x = space.points[space.cells].mean(axis=1)
    both = model(space, conducting=~((x[:, 0] > 1.0) & (x[:, 1] > 0.5)))
    potential = ExtracellularPotential(space, both, ground=ground)
    where = np.array([[0.3, 0.41, 0.77], [1.9, 0.9, 0.3]])
    voltage = np.random.default_rng(7).uniform(-80.0, 20.0, space.nodes)
    found = np.zeros(len(potential.nodes))
    potential.respond(voltage[potential.operators.nodes], found)
    direct = weights_at(space, where) @ potential.gather(found)
    weights = lead_weights(potential, where)
    assert np.abs(weights @ voltage - direct).max() < 1e-5
    assert np.abs(weights.sum(axis=1)).max() < 1e-12


def test_electrodes_interpolate():
    """Linear fields exactly with degree 1, quadratic ones with degree 2; none outside."""
    where = np.array([[0.3, 0.41, 0.77], [2.0, 1.0, 1.0], [1.0, 0.5, 0.0]])
    for degree in (1, 2):
        space = space_of(edge=0.5, degree=degree)

        def field(x, power=degree):
            return (1.0 + x @ [1.0, -2.0, 3.0]) ** power

        found = weights_at(space, where) @ field(space.points)
        assert np.abs(found - field(where)).max() < 1e-12
    with pytest.raises(ParameterError, match=r"electrode 1 .* outside"):
        weights_at(space, np.array([[0.1, 0.1, 0.1], [3.0, 0.1, 0.1]]))
    with pytest.raises(ParameterError, match="three finite"):
        weights_at(space, np.array([[0.1, np.nan, 0.1]]))


def test_electrogram_of_a_wave():
    """An electrode sees positive, then negative as a wave passes beneath it; fields agree."""
    space = space_of((6.0, 0.5, 0.5))
    both = model(space)
    stimulus = TissueStimulus(np.flatnonzero(space.points[:, 0] < 0.6), 0.0, 1.0, 60.0)
    problem = Monodomain(space, both.monodomain, Scheme(dt=0.05), [stimulus])
    node = int(np.argmin(np.linalg.norm(space.points - [3.0, 0.5, 0.5], axis=1)))
    written = []
    watcher = PseudoBidomain(
        ExtracellularPotential(space, both),
        every=0.5,
        electrodes=space.points[[node]],
        keep=True,
        write=lambda time, field: written.append((time, field.sum())),
    )
    problem.run(4.0, observers=[watcher])
    problem.run(9.0, observers=[watcher])
    assert np.allclose(watcher.times, np.arange(0.0, 9.01, 0.5))
    assert watcher.signals.shape == (1, 19)
    assert np.allclose(watcher.signals[0], watcher.fields[:, node])
    assert [time for time, _ in written] == list(watcher.times)
    signal = watcher.signals[0]
    assert signal.max() > 5.0
    assert signal.min() < -5.0
    assert np.argmax(signal) < np.argmin(signal)


def test_a_near_start_saves_iterations():
    """The potential of 1 ms before is a better start than none."""
    space = space_of()
    potential = ExtracellularPotential(space, model(space))
    x = space.points[potential.operators.nodes, 0]
    field, counts = np.zeros(len(potential.nodes)), []
    for shift in (0.0, 0.01, 0.01):
        before = potential.iterations
        potential.respond(20.0 * np.tanh(3.0 * (x - 1.0 - shift)), field)
        counts.append(potential.iterations - before)
    assert counts[1] < counts[0]
    assert counts[2] <= 1


def test_a_problem_of_other_nodes_is_refused():
    """A potential of the healthy muscle would be wrong for one with scar, without a message."""
    space = space_of()
    healthy = model(space)
    x = space.points[space.cells].mean(axis=1)[:, 0]
    scarred = model(space, conducting=x < 1.5)
    problem = Monodomain(space, scarred.monodomain, Scheme(dt=0.05))
    watcher = PseudoBidomain(ExtracellularPotential(space, healthy))
    with pytest.raises(ParameterError, match="different unknowns"):
        problem.run(0.1, observers=[watcher])
    other = space_of((1.0, 1.0, 1.0))
    with pytest.raises(ParameterError, match="cells"):
        ExtracellularPotential(other, healthy)
