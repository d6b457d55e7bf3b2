"""Long steps for quiet cells over a whole beat: what they cost in accuracy is bounded here."""

from dataclasses import replace

import numpy as np

from heart.electro.ionic.kernel import Method
from heart.electro.tissue.observer import ActivationRecorder
from heart.electro.tissue.scheme import Multirate, Scheme, load
from heart.study.verification.niederer2011_slab import problem

SHORT = Scheme(dt=0.02, tolerance=1e-4, lumped=True)


class Repolarisation:
    """Time of the last fall below −70 mV, linear between outputs."""

    every = 0.4

    def __init__(self):
        self.times, self.before, self.time = None, None, 0.0

    def observe(self, time, voltage, problem):  # noqa: ARG002
        if self.times is None:
            self.times = np.full(len(voltage), np.nan)
        else:
            down = (self.before > -70.0) & (voltage <= -70.0)
            share = (self.before - (-70.0))[down] / (self.before - voltage)[down]
            self.times[down] = self.time + share * (time - self.time)
        self.before, self.time = voltage.copy(), time

    def finish(self):
        """Nothing to close."""


def test_activation_and_repolarisation_of_a_beat():
    """Gate: activation within 1 ms, repolarisation within 5 ms of short steps everywhere."""
    found = []
    for scheme in (SHORT, replace(SHORT, multirate=Multirate())):
        tissue = problem((0.5, 0.5, 0.5), scheme, size=(5.0, 2.0, 1.0))
        activation, repolarisation = ActivationRecorder(), Repolarisation()
        tissue.run(340.0, observers=[activation, repolarisation])
        found.append((activation.first()[tissue.nodes], repolarisation.times, tissue))
    (first, down, _), (first_long, down_long, tissue) = found
    assert np.isfinite(down).all()
    assert np.abs(first - first_long).max() < 1.0
    assert np.abs(down - down_long).max() < 5.0
    assert tissue.stepper.work < 0.6 * tissue.stepper.whole


def test_profile_for_long_runs_is_what_it_says():
    """`fast`: cells of second order, half a millisecond for the quiet ones, against 0.01 ms."""
    fast = load("fast")
    assert (fast.method, fast.dt, fast.multirate.every) == (Method.GRL2, 0.05, 10)
    found = []
    for scheme in (replace(fast, dt=0.01, multirate=None), fast):
        tissue = problem((0.5, 0.5, 0.5), scheme, size=(5.0, 2.0, 1.0))
        activation, repolarisation = ActivationRecorder(), Repolarisation()
        repolarisation.every = 2.0
        tissue.run(340.0, observers=[activation, repolarisation])
        found.append((activation.first()[tissue.nodes], repolarisation.times, tissue))
    (first, down, _), (first_long, down_long, tissue) = found
    assert np.abs(first - first_long).max() < 0.15
    assert np.abs(down - down_long).max() < 0.2
    assert tissue.stepper.work < 0.3 * tissue.stepper.whole
