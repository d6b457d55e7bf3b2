"""Properties of single-cell pacing: repeatable, honest about convergence, the right limit cycle."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import NonFiniteError, ParameterError
from heart.electro.ionic import pacing
from heart.electro.ionic.oracle import beats as pulses
from heart.electro.ionic.oracle import reference
from heart.electro.ionic.pacing import LimitCycle, limit_cycle, limit_cycles
from heart.electro.ionic.registry import Pulse, cell_model

SIMPLE, ENDO = "mitchell_schaeffer", "torord_land_endo"


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a test an empty cache."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    return tmp_path / "limit_cycles"


def never(*_: object) -> list[dict[str, np.ndarray]]:
    """Fail: for what must come from the cache."""
    raise AssertionError("paced again")


def test_cycles_are_kept_and_repeatable(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A study starts hundreds of tissues from the same cycle: it is paced once, to the bit."""
    model = cell_model(SIMPLE)
    first = limit_cycle(model, 600.0, 5)
    assert len(list(own_cache.glob("*.npz"))) == 1
    with monkeypatch.context() as patch:
        patch.setattr(pacing, "_paced", never)
        again = limit_cycle(model, 600.0, 5)
        assert np.array_equal(again.history, first.history)
        for other in (
            lambda: limit_cycle(model, 601.0, 5),
            lambda: limit_cycle(model, 600.0, 6),
            lambda: limit_cycle(model, 600.0, 5, amplitude=30.0),
            lambda: limit_cycle(model.with_values({"tau_close": 121.0}), 600.0, 5),
        ):
            with pytest.raises(AssertionError, match="paced again"):
                other()
    next(own_cache.glob("*.npz")).unlink()
    assert np.array_equal(limit_cycle(model, 600.0, 5).history, first.history)


def test_damaged_entry_is_made_again(own_cache: Path) -> None:
    """A killed run or a full disk must not poison the runs after it."""
    model = cell_model(SIMPLE)
    first = limit_cycle(model, 600.0, 3)
    next(own_cache.glob("*.npz")).write_bytes(b"not an archive")
    assert np.array_equal(limit_cycle(model, 600.0, 3).history, first.history)


def test_side_by_side_is_alone(own_cache: Path) -> None:
    """Cells share vectors of one kernel, never states; order and company do not matter."""
    model = cell_model(SIMPLE)
    models = [model.with_values({"tau_close": 120.0 + 10.0 * k}) for k in range(3)]
    lengths = [500.0, 700.0, 500.0]
    together = limit_cycles(models, lengths, 4)
    for path in own_cache.glob("*.npz"):
        path.unlink()
    for one, paced, length in zip(models, together, lengths, strict=True):
        alone = limit_cycle(one, length, 4)
        assert alone.cycle_length == paced.cycle_length == length
        assert np.allclose(alone.history, paced.history, rtol=1e-10, atol=1e-12)
    assert not np.allclose(together[0].states, together[2].states, rtol=1e-4)


def test_says_when_it_has_not_converged(caplog: pytest.LogCaptureFixture) -> None:
    """Three beats of a cell with slow ions are no limit cycle, and the reader is told which ion."""
    with caplog.at_level(logging.WARNING, logger="heart.electro.ionic.pacing"):
        cycle = limit_cycle(cell_model(ENDO), 1000.0, 3)
    assert not cycle.converged
    assert cycle.residual.shape == (3, 50)
    assert "not converged to 0.1 %: pace more beats" in caplog.text
    worst = cycle.model.text.states[int(np.argmax(cycle.residual[-1]))]
    assert worst in caplog.text


def test_alternans_is_named() -> None:
    """A cell that alternates never converges, and more beats would not help it."""
    model = cell_model(SIMPLE)
    rows = np.array([[-80.0, 0.5], [-80.0, 0.7]])[[0, 1, 0, 1, 0]]
    cycle = LimitCycle(model, 300.0, rows, np.array([80.0, 1.0]), np.empty(0), 1e-3)
    assert not cycle.converged
    assert cycle.alternates
    assert "alternates" in cycle.describe()
    assert not LimitCycle(
        model, 300.0, rows[[0, 0, 0]], np.array([80.0, 1.0]), np.empty(0), 1e-3
    ).alternates


def test_cycle_closes() -> None:
    """Started from its limit cycle, the next beat of a cell comes back to it."""
    cycle = limit_cycle(cell_model(SIMPLE), 800.0, 30, tolerance=1e-6)
    assert cycle.converged
    more = limit_cycle(cycle.start, 800.0, 1, tolerance=1e-6)
    assert more.converged
    assert np.allclose(more.states, cycle.states, rtol=1e-5, atol=1e-8)


def test_beats_follow_the_reference() -> None:
    """First-order steps would drift: calcium lost per beat adds up to percents of tension."""
    model = cell_model(ENDO)
    wanted = reference(model, pulses(2, 1000.0), Pulse(53.0, 1.0), [0.0, 2000.0]).states[:, -1]
    cycle = limit_cycle(model, 1000.0, 2)
    errors = np.abs(cycle.states - wanted) / cycle.scale
    assert errors.max() < 1e-4
    # Plain steps of this size are off by 1e-3 in the stored calcium after two beats.
    assert errors[model.state_index("calcium.network")] < 3e-5


def test_tension_is_reported_per_beat() -> None:
    """How far the tension has settled is what a mechanics study asks of its cells."""
    cycle = limit_cycle(cell_model(ENDO), 1000.0, 3)
    assert cycle.tension.shape == (3,)
    assert (np.diff(cycle.tension) > 0.0).all()
    assert 22.0 < cycle.tension[0] < 24.0
    assert limit_cycle(cell_model(SIMPLE), 600.0, 2).tension.shape == (0,)


def test_unusable_requests_are_refused() -> None:
    """Errors name the number and its range before any time is spent."""
    model = cell_model(SIMPLE)
    with pytest.raises(ParameterError, match=r"cycle length = 1 ms.*100"):
        limit_cycle(model, 1.0)
    with pytest.raises(ParameterError, match="beats"):
        limit_cycle(model, 1000.0, 0)
    with pytest.raises(ParameterError, match="duration"):
        limit_cycle(model, 1000.0, 1, duration=100.0)
    with pytest.raises(ParameterError, match="2 cycle lengths for 3 cells"):
        limit_cycles([model] * 3, [600.0, 700.0], 1)


def test_a_cell_that_blows_up_is_named(own_cache: Path) -> None:
    """NaN must stop at its source, not hours later in a tissue; nothing of it is kept."""
    broken = cell_model(SIMPLE).with_values({"tau_in": 0.0})
    with pytest.raises(NonFiniteError, match=r"beat 1 of single-cell pacing.*mitchell_schaeffer"):
        limit_cycle(broken, 600.0, 2)
    assert not list(own_cache.glob("*.npz"))
