"""What a user says about a tissue: conductivities, stimuli and schemes, right and wrong."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from heart.core.errors import HeartError, ParameterError, ScenarioError, UnitError
from heart.core.paths import packaged
from heart.electro.tissue import scheme as schemes
from heart.electro.tissue.conductivity import REGISTRY, Conductivities, Part, tensors
from heart.electro.tissue.scheme import Diffusion, Interpolation, Multirate, Scheme, Splitting
from heart.electro.tissue.stimulus import (
    LocalStimuli,
    TissueStimulus,
    amplitude,
    nodes_within,
)

NAMES = sorted(path.stem for path in (packaged("solvers") / "electro").glob("*.yaml"))


@pytest.mark.parametrize("name", list(REGISTRY))
def test_every_set_is_usable(name, repo_root):
    """Fibre fastest, monodomain below both spaces, source in the bibliography."""
    one = REGISTRY[name]
    mono = one.conductivities.monodomain
    assert mono[0] > mono[1] >= mono[2] > 0.0
    assert all(m < min(i, e) for m, i, e in zip(
        mono, one.conductivities.intra, one.conductivities.extra, strict=True
    ))  # fmt: skip
    assert f"{{{one.source}," in (repo_root / "docs/refs.bib").read_text(encoding="utf-8")


def test_benchmark_set_has_the_published_diffusivities():
    """σ_l 0.1334177 and σ_t 0.0176062 mS/mm; D 0.095298 and 0.012576 mm²/ms."""
    along, across, _ = REGISTRY["niederer2011"].conductivities.monodomain
    assert along == pytest.approx(0.1334177, rel=1e-6)
    assert across == pytest.approx(0.0176062, rel=1e-5)
    assert along / 1.4 == pytest.approx(0.095298, rel=1e-4)


def test_tensors_turn_with_the_fibres():
    """Eigenvalues are the three conductivities, the largest along the fibre, in every part."""
    sets = REGISTRY["hooks2007"].conductivities
    axes, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((20, 3, 3)))
    for part in Part:
        made = tensors(axes, sets, part=part)
        fibre = axes[:, 0]
        assert np.allclose(
            np.einsum("mij,mj->mi", made, fibre), sets.along(part)[0] * fibre, atol=1e-12
        )
        assert np.allclose(np.trace(made, axis1=1, axis2=2), sum(sets.along(part)))
    axes[4, 0] *= 2.0
    with pytest.raises(ParameterError, match="cell 4"):
        tensors(axes, sets)


def test_other_units_are_noticed():
    """1.7 mS/cm is 0.17 mS/mm: ten times too large is the classical mistake."""
    with pytest.raises(UnitError, match="mS/cm"):
        Conductivities((1.7, 0.19, 0.19), (0.62, 0.24, 0.24))
    with pytest.raises(ParameterError):
        Conductivities((0.17, 0.0, 0.019), (0.62, 0.24, 0.24))


@given(
    start=st.floats(0.0, 5.0), duration=st.floats(0.05, 3.0), count=st.integers(1, 4),
    dt=st.floats(0.01, 0.7),
)  # fmt: skip
def test_charge_does_not_depend_on_the_steps(start, duration, count, dt):
    """Whatever the grid of steps, the overlaps of all steps add up to the pulses."""
    one = TissueStimulus(np.array([0]), start, duration, 1.0, 4.0, count)
    times = np.arange(0.0, one.end + 2.0 * dt, dt)
    total = sum(one.overlap(a, b) for a, b in itertools.pairwise(times))
    assert total == pytest.approx(count * duration, abs=1e-9)


def test_published_stimulus():
    """50 000 µA/cm³ is 50 µA/mm³, 35.714 mV/ms after dividing by χ C_m."""
    assert amplitude(50.0, 140.0, 0.01) == pytest.approx(35.714, abs=1e-3)


def test_local_current_adds_stimuli():
    """Overlapping stimuli add, and nothing is given between pulses."""
    stimuli = (
        TissueStimulus(np.array([1, 2]), 0.0, 1.0, 10.0),
        TissueStimulus(np.array([2]), 0.5, 1.0, 4.0, 10.0, 2),
    )
    local = LocalStimuli(stimuli, np.array([3, 2, 1]), 4, np.ones(4, bool))
    assert np.allclose(local.current(0.5, 1.0), [0.0, 14.0, 10.0])
    assert np.allclose(local.current(1.0, 2.0), [0.0, 2.0, 0.0])
    assert local.current(2.0, 3.0) is None
    assert local.next_edge(2.0) == pytest.approx(10.5)
    assert math.isinf(local.next_edge(12.0))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda: TissueStimulus(np.zeros(0, int), 0.0, 1.0, 10.0), "no node"),
        (lambda: TissueStimulus(np.array([1]), 0.0, 0.0, 10.0), "positive duration"),
        (lambda: TissueStimulus(np.array([1]), 0.0, 2.0, 10.0, 1.0, 3), "longer than the pulse"),
        (lambda: TissueStimulus(np.array([1]), 0.0, 2.0, math.nan), "not finite"),
        (lambda: nodes_within(np.zeros((2, 3)), (9.0, 0.0, 0.0), 1.0, "S2"), "9.00 mm away"),
        (lambda: LocalStimuli(
            [TissueStimulus(np.array([1]), 0.0, 1.0, 1.0)], np.array([0]), 2,
            np.array([True, False])), "does not conduct"),
        (lambda: LocalStimuli(
            [TissueStimulus(np.array([7]), 0.0, 1.0, 1.0)], np.array([0]), 2, np.ones(2, bool)),
            "node 7"),
    ],
)  # fmt: skip
def test_wrong_stimuli_say_why(wrong, message):
    """Each is one line that names the thing and the way out."""
    with pytest.raises(ParameterError, match=message):
        wrong()


@pytest.mark.parametrize("name", NAMES)
def test_every_packaged_scheme_loads(name):
    """A scheme that is shipped is one that can be asked for."""
    one = schemes.load(name)
    assert one == schemes.load(f"electro/{name}")
    assert 0.0 < one.dt <= 0.05


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"splitting": "strangg"}, "one of godunov, strang, unsplit"),
        ({"dt": 0.02}, "no unit"),
        ({"dt": "2 s"}, "dt"),
        ({"dtt": "0.02 ms"}, "did you mean 'dt'"),
        ({"lumped": 1}, "bool"),
        ({"multirate": {"often": 3}}, "every and threshold"),
    ],
)
def test_wrong_yaml_says_where(data, message):
    """Key and choices are named."""
    with pytest.raises(HeartError, match=message):
        schemes.read(data, "x.yaml")


def test_unknown_scheme_names_the_others():
    """As for cell models."""
    with pytest.raises(ScenarioError, match="accurate"):
        schemes.load("accurat")


@pytest.mark.parametrize(
    "change",
    [
        {"diffusion": Diffusion.RKC},
        {"diffusion": Diffusion.BDF2},
        {"interpolation": Interpolation.STATE_VARIABLE},
        {"splitting": Splitting.UNSPLIT, "multirate": Multirate()},
        {"splitting": Splitting.UNSPLIT, "diffusion": Diffusion.RKC, "lumped": True},
        {"dt": -1.0},
        {"prediction": 5},
    ],
)
def test_choices_that_exclude_each_other(change):
    """A scheme that cannot be run is refused when it is made."""
    with pytest.raises(ParameterError):
        replace(Scheme(), **change)


def test_long_steps_are_centred():
    """An odd number of short steps has no middle."""
    with pytest.raises(ParameterError, match="even"):
        Multirate(every=5)
