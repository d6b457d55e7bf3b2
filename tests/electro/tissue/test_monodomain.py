"""A tissue of real cells: waves, restarts, observers, scar, and what happens when it goes wrong."""

from dataclasses import replace

import numpy as np
import pytest

from heart.anatomy.idealised import slab
from heart.core.errors import CheckpointError, NonFiniteError, NonPhysicalError, ParameterError
from heart.electro.ionic.population import CellLayout
from heart.electro.ionic.registry import cell_model
from heart.electro.tissue.conductivity import REGISTRY, tensors
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.monodomain import Monodomain
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Diffusion, Multirate, Scheme, Splitting, load
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import TissueStimulus

SCHEME = Scheme(dt=0.02, tolerance=1e-6, check_every=20)


def strip(scheme=SCHEME, *, scar=False, amplitude=60.0, length=6.0, degree=1, cells="tt2006_epi"):
    """A strip of 6 × 0.5 × 0.5 mm stimulated at its left end."""
    mesh = slab((length, 0.5, 0.5), 0.25)
    space = TissueSpace(mesh.points, mesh.cells, degree)
    sets = REGISTRY["niederer2011"].conductivities
    sigma = tensors(np.tile(np.eye(3), (len(mesh.cells), 1, 1)), sets)
    centre = mesh.points[mesh.cells].mean(axis=1)[:, 0]
    conducting = ~((centre > 3.0) & (centre < 4.0)) if scar else np.ones(len(centre), bool)
    layout = CellLayout((cell_model(cells),), np.zeros(space.nodes, int))
    stimulus = TissueStimulus(np.flatnonzero(space.points[:, 0] < 0.6), 0.0, 1.0, amplitude)
    return Monodomain(
        space, MonodomainModel(layout, sigma, conducting=conducting), scheme, [stimulus]
    )


def activation(problem, until):
    recorder = ActivationRecorder()
    problem.run(until, observers=[recorder])
    return recorder.first()


def test_wave_travels_at_its_speed():
    """0.61 mm/ms along the fibre at convergence; within 15 % on elements of 0.25 mm."""
    problem = strip()
    times = activation(problem, 11.0)
    x = problem.space.points[:, 0]
    speed = 2.0 / (times[x == 5.0].mean() - times[x == 3.0].mean())
    assert speed == pytest.approx(0.61, rel=0.15)
    assert np.isfinite(times).all()


@pytest.mark.parametrize(
    "profile", ["accurate", "lumped", "second_order", "fast", "state_variable"]
)
def test_tolerance_of_a_profile_costs_no_time(profile):
    """Arrivals are those of exact diffusion steps to 0.005 ms; the step of time costs far more."""
    scheme = load(profile)
    times = [
        activation(strip(replace(scheme, tolerance=tolerance), length=4.0), 9.0)
        for tolerance in (scheme.tolerance, 1e-8)
    ]
    assert 0.0 < np.abs(times[0] - times[1]).max() < 0.005


def test_tolerance_of_a_profile_does_not_shift_recovery():
    """After 290 ms, in the middle of recovery, where a bias of each step would have added up."""
    scheme = load("fast")
    voltages = []
    for tolerance in (scheme.tolerance, 1e-8):
        problem = strip(replace(scheme, tolerance=tolerance), length=2.0)
        problem.run(290.0)
        voltages.append(problem.voltage())
    assert -70.0 < voltages[1].mean() < -10.0
    assert np.abs(voltages[0] - voltages[1]).max() < 0.05


def test_lumped_wave_is_slower():
    """The sign of the difference is what tells the quadratures apart on a coarse mesh."""
    consistent = activation(strip(length=4.0), 9.0).max()
    lumped = activation(strip(replace(SCHEME, lumped=True), length=4.0), 9.0).max()
    explicit = activation(
        strip(replace(SCHEME, lumped=True, diffusion=Diffusion.RKC), length=4.0), 9.0
    ).max()
    assert lumped > consistent + 0.1
    assert explicit == pytest.approx(lumped, abs=0.02)


def test_schemes_agree():
    """Splitting, unsplit BDF2 and elements of degree 2 describe the same wave."""
    reference = activation(strip(length=3.0), 7.0).max()
    for change in (
        {"splitting": Splitting.GODUNOV},
        {"splitting": Splitting.UNSPLIT, "diffusion": Diffusion.BDF2, "dt": 0.01},
    ):
        other = activation(strip(replace(SCHEME, **change), length=3.0), 7.0).max()
        assert other == pytest.approx(reference, abs=0.15)
    fine = activation(strip(length=3.0, degree=2), 7.0)
    assert np.isfinite(fine).all()
    assert fine.max() == pytest.approx(reference, abs=0.5)


def test_scar_blocks():
    """Nothing crosses cells that do not conduct, and nodes inside have no value."""
    problem = strip(scar=True)
    times = activation(problem, 8.0)
    x = problem.space.points[:, 0]
    assert np.isnan(times[x > 3.1]).all()
    assert np.isfinite(times[x <= 3.0]).all()
    assert np.isnan(problem.voltage()[(x > 3.1) & (x < 3.9)]).all()
    assert np.abs(problem.voltage()[x >= 4.0] + 85.23).max() < 0.5


def test_run_in_pieces_and_restart_give_the_same():
    """A branch of a protocol continues as if it had never been interrupted, to the tolerance."""
    whole = strip(length=2.0)
    whole.run(4.0)
    first = strip(length=2.0)
    first.run(2.0)
    second = strip(length=2.0)
    second.restore(first.snapshot())
    assert second.time == 2.0
    second.run(4.0)
    assert np.abs(second.voltage() - whole.voltage()).max() < 1e-2
    again = strip(length=2.0)
    again.restore(first.snapshot())
    again.run(4.0)
    assert np.array_equal(again.voltage(), second.voltage())


def test_snapshot_of_something_else_is_refused():
    """Other cells or another mesh must not be resumed from by accident."""
    snapshot = strip(length=2.0).snapshot()
    with pytest.raises(CheckpointError, match="does not fit"):
        strip(length=2.0, cells="tt2006_epi").restore({**snapshot, "cells.other": snapshot["time"]})
    with pytest.raises(CheckpointError, match="nodes in"):
        strip(length=3.0).restore(snapshot)


def test_observers_are_called_when_they_are_due():
    """Every step, or at the first step at or after each multiple of their period."""

    class Clock:
        def __init__(self, every):
            self.every, self.times, self.ended = every, [], False

        def observe(self, time, voltage, problem):
            assert len(voltage) == len(problem.nodes)
            self.times.append(time)

        def finish(self):
            self.ended = True

    each, some = Clock(None), Clock(0.5)
    strip(length=1.0).run(1.3, observers=[each, some])
    assert np.allclose(each.times, np.arange(66) * 0.02)
    assert np.allclose(some.times, [0.0, 0.5, 1.0])
    assert each.ended
    assert some.ended


def test_failure_names_node_model_and_time_and_keeps_the_last_good_state():
    """A user must learn where it broke, and keep what was computed until then."""
    problem = strip(length=1.0, amplitude=2000.0)
    with pytest.raises(
        (NonPhysicalError, NonFiniteError), match=r"node \d+.*(tt2006_epi).*kept"
    ) as error:
        problem.run(2.0)
    assert "ms" in str(error.value)
    kept = problem.last_good
    assert kept is not None
    assert np.isfinite(kept["voltage"]).all()
    assert float(kept["time"]) < problem.time


def test_state_that_is_not_finite_is_found():
    """A broken gate shows before it has reached the voltage."""
    problem = strip(length=1.0)
    problem.run(0.4)
    problem.reaction.groups[0].cells.states[3, 4] = np.nan
    with pytest.raises(NonFiniteError, match="node"):
        problem.run(0.8)


def test_lumped_degree_two_is_refused():
    """Its corner masses are negative: the wave would blow up."""
    with pytest.raises(ParameterError, match="degree 2"):
        strip(replace(SCHEME, lumped=True), degree=2, length=1.0)


def test_layout_of_another_space_is_refused():
    """A cell for each node, edges of degree 2 included."""
    mesh = slab((1.0, 0.5, 0.5), 0.5)
    space = TissueSpace(mesh.points, mesh.cells, 2)
    layout = CellLayout((cell_model("tt2006_epi"),), np.zeros(len(mesh.points), int))
    model = MonodomainModel(layout, np.tile(np.eye(3), (len(mesh.cells), 1, 1)))
    with pytest.raises(ParameterError, match="each node of the space"):
        Monodomain(space, model, SCHEME)


@pytest.mark.parametrize("splitting", [Splitting.STRANG, Splitting.GODUNOV])
def test_long_steps_of_quiet_cells(splitting):
    """Activation within 0.1 ms of short steps everywhere, at less work."""
    scheme = replace(SCHEME, splitting=splitting)
    short = activation(strip(scheme), 10.0)
    problem = strip(replace(scheme, multirate=Multirate()))
    long = activation(problem, 10.0)
    assert np.abs(long - short).max() < 0.1
    assert problem.stepper.work < 0.8 * problem.stepper.whole


def test_repeated_activation_is_recorded_each_time():
    """Re-entry activates a node more than once; the recorder has to grow."""

    class Fake:
        nodes = np.arange(2)

        class comm:
            allgather = staticmethod(lambda value: [value])

        def gather(self, values):
            return values

    recorder = ActivationRecorder()
    for step in range(101):
        wave = np.array([50.0 * np.sin(2.0 * np.pi * step / 25.0) - 1.0, -80.0])
        recorder.observe(float(step), wave, Fake())
    table = recorder.all()
    assert table.shape == (2, 4)
    assert np.allclose(np.diff(table[0]), 25.0, atol=0.01)
    assert np.isnan(table[1]).all()
