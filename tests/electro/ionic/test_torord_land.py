"""Properties of the ToR-ORd-Land text: the reference trace, conservation, closed forms of tension.

The reference trace was computed elsewhere from another transcription of the model, which leaves the
myoplasmic L-type current out of the calcium balance and counts a third of the exchanger. With the
two factors of the text set likewise, text and trace have to agree to the noise of the integrator;
with the factors at one, the ions have to balance the charge of the membrane exactly.
"""

from __future__ import annotations

import csv
import re
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from heart.electro.ionic.biomarkers import Biomarkers, biomarkers
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.oracle import Trace, beat_times, beats, rates, reference
from heart.electro.ionic.registry import cell_model, entry
from heart.electro.ionic.text import MODELS, read_text

ENDO, EPI, MID = "torord_land_endo", "torord_land_epi", "torord_land_mid"
PEER = {"calcium.count_ical": 0.0, "calcium.count_inaca": 1.0 / 3.0}
PULSE = entry(ENDO).pulse
REFDATA = Path(__file__).resolve().parents[2] / "refdata"


@cache
def one_beat(name: str) -> tuple[CellModel, Trace, Biomarkers]:
    """Solve the first second of a cell from its published start."""
    model = cell_model(name)
    trace = reference(model, [0.0], PULSE, beat_times(0.0, 1000.0))
    marks = biomarkers(trace.times, trace.voltage, trace.calcium, trace.tension, rate=trace.rate)
    return model, trace, marks


@cache
def plain_model(model: CellModel) -> Any:
    """Return the Myokit model with the values of `model` (parsing takes most of a second)."""
    plain: Any = model.text.model()
    for parameter, number in model.values.items():
        plain.get(parameter).set_rhs(number)
    return plain


def value(model: CellModel, states: NDArray[np.float64], name: str) -> float:
    """Evaluate any variable of the text in a given state."""
    import myokit

    plain = plain_model(model)
    plain.set_initial_values([myokit.Number(float(x)) for x in states])
    return float(plain.get(name).eval())


def reference_table() -> NDArray[np.float64]:
    """Reference trace: time, voltage [mV], calcium [nM], tension [kPa]."""
    path = REFDATA / "torord_land_endo_beat100_reference.csv"
    return np.loadtxt(path, delimiter=",", skiprows=1)


def compare(trace: Trace, start: float) -> NDArray[np.float64]:
    """Largest differences from the reference: mV, nM, kPa."""
    table = reference_table()
    assert trace.calcium is not None
    assert trace.tension is not None
    ours = np.array([trace.voltage, trace.calcium * 1e6, trace.tension])
    at = [np.searchsorted(trace.times, start + t) for t in table[:, 0]]
    assert np.allclose(trace.times[at] - start, table[:, 0])
    return np.abs(ours[:, at] - table[:, 1:].T).max(axis=1)


def test_every_quantity_has_a_unit_and_every_component_a_paper(repo_root: Path) -> None:
    """A number without unit or source cannot be checked by anyone."""
    import myokit

    plain: Any = read_text("torord_land").model()
    plain.check_units(myokit.UNIT_STRICT)
    assert not plain.warnings()
    keys = set(re.findall(r"@\w+\{(\w+),", (repo_root / "docs/refs.bib").read_text("utf-8")))
    uncited = {"engine", "physics", "cell"}
    for component in plain.components():
        cited = re.findall(r"\[([A-Z]\w+\d{4})\]", component.meta.get("desc", ""))
        assert set(cited) <= keys, component.name()
        assert cited or component.name() in uncited, component.name()
    for variable in plain.variables(deep=True):
        assert variable.unit() is not None, variable.qname()
        assert variable.meta.get("desc"), variable.qname()


def test_text_names_what_the_engines_need() -> None:
    """Mechanics, ECG and stimuli find their quantities by label, in every text alike."""
    import myokit

    text = read_text("torord_land")
    assert text.states[0] == text.labels["membrane_potential"] == "membrane.V"
    assert text.bindings["pace"] == "membrane.i_stim"
    assert text.switches == ("cell.type",)
    assert len(text.states) == 50
    assert text.parameters[text.labels["stretch"]].value == 1.0
    assert text.parameters[text.labels["stretch_rate"]].value == 0.0
    plain: Any = text.model()
    for label, unit in (("cytosolic_calcium", "mM"), ("active_tension", "kPa")):
        assert plain.get(text.labels[label]).unit() == myokit.parse_unit(unit)
    assert plain.get(text.labels["stretch_rate"]).unit() == myokit.parse_unit("1/ms")
    assert "torord_land" in {path.stem for path in MODELS.glob("*.mmt")}


def test_beat_100_is_the_reference_trace() -> None:
    """One transcription error anywhere would be seen: 1001 samples, four digits of millivolts."""
    with (REFDATA / "torord_land_endo_beat100_start.csv").open() as stream:
        start = {row["state"]: float(row["value"]) for row in csv.DictReader(stream)}
    model = cell_model(ENDO).with_values(PEER).with_initial(start)
    trace = reference(model, [0.0], PULSE, np.arange(0.0, 1001.0))
    voltage, calcium, tension = compare(trace, 0.0)
    assert voltage < 0.01
    assert calcium < 0.005
    assert tension < 0.001


@pytest.mark.slow
def test_hundred_beats_reach_the_reference_trace() -> None:
    """From the published start, with nothing stored between, and the published biomarkers."""
    model = cell_model(ENDO).with_values(PEER).with_initial({"calcium.cytosol": 1e-4})
    times = np.concatenate([beat_times(99_000.0, 1000.0), [100_000.0]])
    trace = reference(model, beats(100, 1000.0), PULSE, times)
    voltage, calcium, tension = compare(trace, 99_000.0)
    assert voltage < 0.01
    assert calcium < 0.005
    assert tension < 0.001
    marks = biomarkers(
        trace.times - 99_000.0, trace.voltage, trace.calcium, trace.tension, rate=trace.rate
    )
    assert marks.rest == pytest.approx(-89.81, abs=0.01)
    assert marks.peak == pytest.approx(32.9, abs=0.02)
    assert marks.apd40 == pytest.approx(181.8, abs=0.2)
    assert marks.apd50 == pytest.approx(210.5, abs=0.2)
    assert marks.apd90 == pytest.approx(270.2, abs=0.3)
    assert marks.calcium_diastole * 1e6 == pytest.approx(80.7, abs=0.05)
    assert marks.calcium_peak * 1e6 == pytest.approx(560.69, abs=0.05)
    assert marks.tension_peak == pytest.approx(33.955, abs=0.01)
    assert marks.tension_rt50 == pytest.approx(112.0, abs=1.0)
    # The reference differentiates samples 0.05 ms apart centrally, which cuts the true 353 V/s.
    coarse = np.interp(99_000.0 + np.arange(0.0, 5.0, 0.05), trace.times, trace.voltage)
    assert np.gradient(coarse, 0.05).max() == pytest.approx(316.0, abs=0.5)


@pytest.mark.parametrize("name", [ENDO, EPI, MID])
@settings(max_examples=8)
@given(sample=st.integers(0, 2500), factor=st.floats(0.8, 1.2), current=st.floats(-60.0, 10.0))
def test_ions_carry_every_current(name: str, sample: int, factor: float, current: float) -> None:
    """What the ions and buffers gain has to be the charge that crosses the membrane."""
    model, trace, _ = one_beat(name)
    states = trace.states[:, sample % trace.times.size].copy()
    states[model.state_index("sodium.cytosol")] *= factor
    assert charge_gained(model, states, current) == pytest.approx(
        rates(model, states, current)[0], rel=1e-9, abs=1e-9
    )


def test_the_reference_transcription_loses_calcium() -> None:
    """Why the default of the text is not that of the reference: charge and calcium disagree."""
    model, trace, _ = one_beat(ENDO)
    peer = model.with_values(PEER)
    states = trace.states[:, np.searchsorted(trace.times, 15.0)]
    lost = rates(peer, states)[0] - charge_gained(peer, states, 0.0)
    lcc, exchanger = (
        value(model, states, f"{n}") for n in ("ical.i_Ca_cytosol", "inaca_cytosol.i")
    )
    assert lost == pytest.approx(-lcc + 2.0 * exchanger * 2.0 / 3.0, rel=1e-6)
    assert abs(lost) > 0.1


def charge_gained(model: CellModel, states: NDArray[np.float64], current: float) -> float:
    """Rate of the charge of all ions, free and bound, over the capacitance [mV/ms]."""
    dy = rates(model, states, current)
    at = {name: dy[model.state_index(name)] for name in model.text.states}

    def get(name: str) -> float:
        return value(model, states, name)

    cytosol, subspace = get("cell.v_cytosol"), get("cell.v_subspace")
    calcium = (
        cytosol * at["calcium.cytosol"] / get("calcium.free_cytosol")
        + cytosol * get("calcium.TRPN") * at["tension.CaTRPN"]
        + subspace * at["calcium.subspace"] / get("calcium.free_subspace")
        + get("cell.v_network") * at["calcium.network"]
        + get("cell.v_junction") * at["calcium.junction"] / get("calcium.free_junction")
    )
    moles = 2.0 * calcium + sum(
        sign * (cytosol * at[f"{ion}.cytosol"] + subspace * at[f"{ion}.subspace"])
        for ion, sign in (("sodium", 1.0), ("potassium", 1.0), ("chloride", -1.0))
    )
    return float(moles / get("sodium.to_mM"))


@given(volts=st.floats(-1e-6, 1e-6))
def test_fluxes_are_smooth_at_zero_voltage(volts: float) -> None:
    """x/(exp(x)-1) is 0/0 at 0 mV, where every action potential passes."""
    model, trace, _ = one_beat(ENDO)
    states = trace.states[:, 300].copy()
    states[0] = volts
    assert np.isfinite(rates(model, states)).all()


def steady(model: CellModel, calcium: float, stretch: float) -> tuple[CellModel, Any, float]:
    """Closed-form steady isometric state at a clamped calcium [mM], and its tension [kPa]."""
    model = model.with_values({"tension.stretch": stretch})
    p = {k.rpartition(".")[2]: v for k, v in model.parameters.items() if k.startswith("tension.")}
    length = min(stretch, 1.2)
    x = (1000.0 * calcium / (p["Ca50"] + p["beta_1"] * (length - 1.0))) ** p["n_TRPN"]
    troponin = x / (1.0 + x)
    share = 1.0 / (1.0 + (p["TRPN50"] / troponin) ** p["n_tm"])
    unbound = (1.0 - p["r_s"]) * (1.0 - p["r_w"]) * share
    weak, strong = (1.0 - p["r_s"]) * p["r_w"] * share, p["r_s"] * share
    states = model.initial_states
    new = {"CaTRPN": troponin, "TmB": 1.0 - unbound - weak - strong, "XW": weak, "XS": strong}
    for name, number in {**new, "zeta_w": 0.0, "zeta_s": 0.0}.items():
        states[model.state_index(f"tension.{name}")] = number
    states[model.state_index("calcium.cytosol")] = calcium
    overlap = max(0.0, 1.0 + p["beta_0"] * (length + min(length, 0.87) - 1.87))
    return model, states, overlap * p["T_ref"] * share


@given(calcium=st.floats(2e-4, 1e-2), stretch=st.floats(0.85, 1.25))
@settings(max_examples=25)
def test_steady_isometric_tension_is_the_closed_form(calcium: float, stretch: float) -> None:
    """All rates of the contraction vanish there and tension is h T_ref / (1 + (T50/T)^n)."""
    model, states, tension = steady(cell_model(ENDO), calcium, stretch)
    dy = rates(model, states)
    for name in ("CaTRPN", "TmB", "XW", "XS", "zeta_w", "zeta_s"):
        assert abs(dy[model.state_index(f"tension.{name}")]) < 1e-12, name
    assert value(model, states, "tension.T_a") == pytest.approx(tension, rel=1e-10)


@pytest.mark.parametrize(
    ("stretch", "overlap"), [(1.0, 1.0), (1.1, 1.23), (0.9, 0.77), (0.8, 0.379), (1.3, 1.46)]
)
def test_overlap_is_the_table_of_the_paper(stretch: float, overlap: float) -> None:
    """Length dependence is what makes a fuller heart eject more."""
    model = cell_model(ENDO).with_values({"tension.stretch": stretch})
    assert value(model, model.initial_states, "tension.overlap") == pytest.approx(overlap)


def test_longer_muscle_is_stronger_and_more_sensitive() -> None:
    """Both effects of length raise tension, and sensitivity does so at low calcium most."""
    tensions = np.array([
        [steady(cell_model(ENDO), calcium, stretch)[2] for stretch in (0.9, 1.0, 1.1)]
        for calcium in (4e-4, 4e-3)
    ])  # fmt: skip
    assert (np.diff(tensions, axis=1) > 0.0).all()
    gain = tensions[:, 2] / tensions[:, 1]
    assert gain[0] > gain[1] > 1.2


def test_lengthening_raises_tension_and_shortening_lowers_it() -> None:
    """The sign of the force–velocity relation decides whether coupled mechanics is stable."""
    base = cell_model(ENDO)
    found = []
    for rate in (-1e-3, 0.0, 1e-3):
        model, states, _ = steady(base.with_values({"tension.stretch_rate": rate}), 5e-4, 1.0)
        a = value(model, states, "tension.A")
        for bridge in ("w", "s"):
            decay = value(model, states, f"tension.c_{bridge}")
            states[model.state_index(f"tension.zeta_{bridge}")] = a * rate / decay
        dy = rates(model, states)
        assert abs(dy[model.state_index("tension.zeta_s")]) < 1e-15
        found.append(value(model, states, "tension.T_a"))
    assert found[0] < found[1] < found[2]


@pytest.mark.parametrize(
    ("name", "apd90", "calcium", "tension"),
    [(ENDO, (255, 285), (300, 700), (15, 40)),
     (EPI, (210, 260), (400, 1000), (30, 75)),
     (MID, (320, 440), (500, 1300), (40, 90))],
)  # fmt: skip
def test_one_beat_of_each_cell_type(
    name: str, apd90: tuple[int, int], calcium: tuple[int, int], tension: tuple[int, int]
) -> None:
    """Ranges of a first beat; the order of durations epi < endo < mid is that of the paper."""
    _, trace, marks = one_beat(name)
    assert marks.excited
    assert -92.0 < marks.rest < -88.0
    assert 25.0 < marks.peak < 45.0
    assert apd90[0] < marks.apd90 < apd90[1]
    assert calcium[0] < 1e6 * marks.calcium_peak < calcium[1]
    assert tension[0] < marks.tension_peak < tension[1]
    assert abs(trace.voltage[-1] - marks.rest) < 2.5
    assert one_beat(EPI)[2].apd90 < one_beat(ENDO)[2].apd90 < one_beat(MID)[2].apd90
