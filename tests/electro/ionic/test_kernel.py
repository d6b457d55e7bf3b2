"""Generated kernels: right to the last digits, of the right order, stable, and compiled safely."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from heart.core.errors import MissingDataError, ParameterError, StorageError
from heart.electro.ionic import compile as compiling
from heart.electro.ionic.kernel import (
    BLOCK,
    Adaptive,
    Cells,
    Method,
    Precision,
    compile_kernel,
)
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import REGISTRY, cell_model
from heart.electro.ionic.text import CellText, parse_text

HODGKIN = """[[model]]
name: hodgkin
membrane.V = -75
ina.m = 0.05
ina.h = 0.6
ik.n = 0.325
calcium.c = 1

[engine]
time = 0 [ms] bind time
    in [ms]
pace = 0 bind pace

[ina]
use membrane.V as V
g_Na = 120 [mS/uF]
    in [mS/uF]
a_m = 0.1 [1/ms/mV] * (V + 50 [mV]) / (1 - exp(-(V + 50 [mV]) / 10 [mV]))
    in [1/ms]
b_m = 4 [1/ms] * exp(-(V + 75 [mV]) / 18 [mV])
    in [1/ms]
dot(m) = a_m * (1 - m) - b_m * m
a_h = 0.07 [1/ms] * exp(-(V + 75 [mV]) / 20 [mV])
    in [1/ms]
b_h = 1 [1/ms] / (1 + exp(-(V + 45 [mV]) / 10 [mV]))
    in [1/ms]
dot(h) = a_h * (1 - h) - b_h * h
i = g_Na * m^3 * h * (V - 40 [mV])
    in [A/F]

[ik]
use membrane.V as V
g_K = 36 [mS/uF]
    in [mS/uF]
a_n = 0.01 [1/ms/mV] * (V + 65 [mV]) / (1 - exp(-(V + 65 [mV]) / 10 [mV]))
    in [1/ms]
b_n = 0.125 [1/ms] * exp(-(V + 75 [mV]) / 80 [mV])
    in [1/ms]
dot(n) = a_n * (1 - n) - b_n * n
i = g_K * n^4 * (V + 87 [mV])
    in [A/F]

[calcium]
use membrane.V as V
u = 2 * V * 96.485 [C/mmol] / (8.314 [J/mol/K] * 310 [K])
    in [1]
flux = 1e-3 [mM/ms] * u * (0.2 * exp(u) - 1.8) / (exp(u) - 1)
    in [mM/ms]
dot(c) = -0.1 [1/ms] * c^2 / 1 [mM] - 0.01 * flux
    in [mM]

[membrane]
i_stim = engine.pace * 1 [A/F]
    in [A/F]
dot(V) = -(ina.i + ik.i + 0.3 [mS/uF] * (V + 64.4 [mV]) + i_stim)
    in [mV]
    label membrane_potential
"""


@pytest.fixture(scope="module")
def small() -> CellModel:
    """Hodgkin–Huxley with a calcium pool: singular rates, a GHK flux and a nonlinear state."""
    return CellModel("hodgkin", parse_text(HODGKIN))


def plain_rates(text: CellText, values: dict[str, float]):
    """Return f(states, stimulus) written by Myokit's Python printer, sharing nothing with ours."""
    from myokit.formats.python import NumPyExpressionWriter

    def name(lhs) -> str:
        return lhs.code().replace("dot(", "D_").replace(")", "").replace(".", "__")

    writer = NumPyExpressionWriter()
    writer.set_lhs_function(name)
    lines = ["def f(S, pace):"]
    lines += [f"  {state.replace('.', '__')} = S[{k}]" for k, state in enumerate(text.states)]
    for block in text.model().solvable_order().values():
        for equation in block:
            variable = equation.lhs.var()
            if variable.is_bound():
                right = {"pace": "pace"}.get(variable.binding(), "0.0")
            elif variable.qname() in values:
                right = repr(values[variable.qname()])
            else:
                right = writer.ex(equation.rhs)
            lines.append(f"  {name(equation.lhs)} = {right}")
    slopes = ", ".join(f"D_{state.replace('.', '__')} + 0 * S[0]" for state in text.states)
    scope: dict = {"numpy": np}
    exec("\n".join([*lines, f"  return numpy.array([{slopes}])"]), scope)
    return scope["f"]


def scattered(cells: Cells, seed: int = 1) -> Cells:
    """Spread the states around their initial values, the potential over its whole range."""
    rng = np.random.default_rng(seed)
    cells.states *= rng.uniform(0.9, 1.1, cells.states.shape)
    cells.states[0] = rng.uniform(-95.0, 50.0, cells.states.shape[1])
    return cells


@pytest.mark.parametrize(
    "name", ["hodgkin", *sorted(name for name in REGISTRY if not name.endswith(("endo", "mid")))]
)
def test_rates_are_those_of_the_text(name: str, small: CellModel) -> None:
    """The kernel computes the text and nothing else, to 1e-11 of each rate."""
    model = small if name == "hodgkin" else cell_model(name)
    cells = scattered(compile_kernel(model, method=Method.FORWARD_EULER).allocate(100))
    push = np.random.default_rng(3).uniform(-1.0, 40.0, 100)
    with np.errstate(all="ignore"):
        exact = plain_rates(model.text, model.parameters)(cells.states[:, :100], -push)
    found = cells.rates(stimulus=push)
    scale = np.abs(exact).max(axis=1, keepdims=True)
    assert np.all(np.abs(found - exact) <= 1e-11 * np.abs(exact) + 1e-12 * scale)
    before, dt = cells.states[:, :100].copy(), 1e-4
    cells.advance(dt, stimulus=push)
    expected = before + dt * exact
    scale = np.abs(before) + dt * scale
    assert np.all(np.abs(cells.states[:, :100] - expected) <= 1e-12 * scale)


@pytest.mark.parametrize("precision", list(Precision))
@pytest.mark.parametrize("method", list(Method))
def test_order_of_convergence(method: Method, precision: Precision, small: CellModel) -> None:
    """Halving the step halves the error during an upstroke; with GRL2 it is a quarter."""

    def end(dt: float, kind: Method = method, digits: Precision = precision) -> np.ndarray:
        cells = compile_kernel(small, method=kind, precision=digits).allocate(1)
        cells.states[0] = -55.0
        cells.advance(0.8, substeps=round(0.8 / dt))
        return cells.states[:, 0].copy()

    euler = [end(0.8 / 2**k, Method.FORWARD_EULER, Precision.DOUBLE) for k in (15, 16)]
    exact = 2.0 * euler[1] - euler[0]
    order, counts = (2.0, (16, 32, 64)) if method is Method.GRL2 else (1.0, (128, 256, 512))
    errors = [np.linalg.norm((end(0.8 / count) - exact) / exact) for count in counts]
    slopes = np.log2(np.divide(errors[:-1], errors[1:]))
    assert slopes == pytest.approx(order, abs=0.12 * order)


def test_second_order_sees_the_time_of_the_middle() -> None:
    """A rate that depends on time itself, as of an imported model, costs no order."""
    text = HODGKIN.replace("+ i_stim)", "+ i_stim - 2 [A/F/ms] * engine.time)")
    assert text != HODGKIN
    model = CellModel("driven", parse_text(text))

    def end(count: int) -> np.ndarray:
        cells = compile_kernel(model, method=Method.GRL2).allocate(1)
        cells.advance(0.8, time=0.5, substeps=count)
        return cells.states[:, 0].copy()

    exact = end(512)
    coarse, fine = (np.linalg.norm((end(count) - exact) / exact) for count in (8, 16))
    assert np.log2(coarse / fine) == pytest.approx(2.0, abs=0.3)


def test_grl1_is_stable_where_forward_euler_is_not() -> None:
    """The purpose of an exponential step: 0.1 ms on TT2006, whose m gate needs 0.002 ms."""
    model = cell_model("tt2006_epi")
    ends = {}
    for method in (Method.GRL1, Method.FORWARD_EULER):
        cells = compile_kernel(model, method=method).allocate(1)
        for step in range(1000):
            push = np.full(1, 52.0) if step < 10 else None
            cells.advance(0.1, time=0.1 * step, stimulus=push)
        ends[method] = cells.states[:, 0].copy()
    assert np.isfinite(ends[Method.GRL1]).all()
    assert 0.0 < ends[Method.GRL1][0] < 40.0
    assert not np.isfinite(ends[Method.FORWARD_EULER]).all()


@pytest.mark.parametrize("precision", list(Precision))
def test_removable_singularities_have_values(precision: Precision, small: CellModel) -> None:
    """No potential from -150 to 150 mV makes a rate jump: singular points scanned finely."""
    points = [np.linspace(-150.0, 150.0, 30001)]
    for singular in (-50.0, -65.0, 0.0):
        points.append(singular + 1e-9 * np.arange(-200, 201))
        points.append(singular + np.array([-1e-300, 1e-300, 5e-324, -1e-17, 1e-17, 0.0]))
    volts = np.sort(np.concatenate(points))
    kernel = compile_kernel(small, precision=precision, monitors=("a_m", "a_n", "flux"))
    cells = kernel.allocate(len(volts))
    cells.voltage[:] = volts
    values = cells.monitor()
    assert np.isfinite(values).all()
    for row, singular, limit in ((0, -50.0, 1.0), (1, -65.0, 0.1), (2, 0.0, -1.6e-3)):
        near = np.abs(volts - singular) < 1e-6
        assert values[row, near] == pytest.approx(limit, rel=1e-6)
    cells.advance(0.01)
    assert np.isfinite(cells.states).all()


def paced(model: CellModel, precision: Precision, beats: int, length: float) -> tuple[float, Cells]:
    """Return APD90 of the last beat and the cells after it."""
    cells = compile_kernel(model, precision=precision).allocate(1)
    dt, push = 0.5, np.full(1, 52.0)
    trace = np.empty(round(length / dt))
    for _ in range(beats):
        for step in range(len(trace)):
            cells.advance(dt, stimulus=push if step < 2 else None, substeps=10)
            trace[step] = cells.voltage[0]
    rest, peak = trace.min(), trace.max()
    below = np.flatnonzero(trace > rest + 0.1 * (peak - rest))
    k = int(below[-1])
    level = rest + 0.1 * (peak - rest)
    return dt * (k + (trace[k] - level) / (trace[k] - trace[k + 1])), cells


def test_mixed_precision_does_not_drift() -> None:
    """Twenty beats: single-precision rates may blur a beat, but must not add up over beats."""
    model = cell_model("tt2006_epi")
    first_d, _ = paced(model, Precision.DOUBLE, 2, 500.0)
    first_m, _ = paced(model, Precision.MIXED, 2, 500.0)
    last_d, double = paced(model, Precision.DOUBLE, 20, 500.0)
    last_m, mixed = paced(model, Precision.MIXED, 20, 500.0)
    assert abs(first_m - first_d) < 0.01
    assert abs(last_m - last_d) < 0.01
    for name in ("potassium.K_i", "sodium.Na_i", "calcium.Ca_SR"):
        assert mixed.state(name) == pytest.approx(double.state(name), rel=2e-6)


def test_varying_equals_uniform(small: CellModel) -> None:
    """A parameter per cell is the same number by another road."""
    uniform = compile_kernel(small).allocate(10)
    uniform.set_parameter("g_Na", 90.0)
    varying = compile_kernel(small, varying=("g_Na", "g_K")).allocate(10)
    varying.set_parameter("ina.g_Na", np.full(10, 90.0))
    for cells in (uniform, varying):
        cells.states[0] = -50.0
        for _ in range(50):
            cells.advance(0.02)
    assert varying.states == pytest.approx(uniform.states, rel=1e-12)
    varying.set_parameter("g_Na", np.linspace(0.0, 90.0, 10))
    varying.voltage[:] = -50.0
    varying.advance(0.5)
    assert len(np.unique(varying.voltage)) == 10


def test_blocks_with_their_own_substeps(small: CellModel) -> None:
    """A block with k sub-steps is where it would be after k steps; one with none stays."""
    kernel = compile_kernel(small)
    cells = scattered(kernel.allocate(3 * BLOCK - 7))
    parts = {count: cells.copy() for count in (1, 4)}
    before = cells.states.copy()
    assert cells.advance(0.04, substeps=np.array([4, 0, 1], dtype=np.int8)) == 5
    for _ in range(4):
        parts[4].advance(0.01)
    parts[1].advance(0.04)
    first, second, third = (slice(k * BLOCK, (k + 1) * BLOCK) for k in range(3))
    assert np.array_equal(cells.states[:, first], parts[4].states[:, first])
    assert np.array_equal(cells.states[:, second], before[:, second])
    kept = slice(2 * BLOCK, cells.n)
    assert np.array_equal(cells.states[:, kept], parts[1].states[:, kept])
    assert third.start < cells.n


def test_adaptive_blocks_refine_where_the_potential_moves(small: CellModel) -> None:
    """Quiet blocks take one step, an upstroke takes many, and the result is nearer the truth."""
    kernel = compile_kernel(small)
    cells = kernel.allocate(2 * BLOCK)
    cells.states[0, BLOCK:] = -30.0
    coarse, fine = cells.copy(), cells.copy()
    steps = cells.advance(0.2, adaptive=Adaptive(largest_change=0.5, most=64))
    coarse.advance(0.2)
    fine.advance(0.2, substeps=127)
    assert 10 < steps <= 65
    assert np.array_equal(cells.voltage[:BLOCK], coarse.voltage[:BLOCK])
    near, far = (np.abs(c.voltage - fine.voltage)[BLOCK:].max() for c in (cells, coarse))
    assert near < 0.1 * far


def test_stimulus_and_padding(small: CellModel) -> None:
    """A stimulus of any memory layout moves its own cells only; nothing is read beyond n."""
    cells = compile_kernel(small).allocate(BLOCK + 3)
    push = np.zeros((BLOCK + 3, 2))
    push[-1, 0] = 10.0
    current = cells.ionic_current()
    cells.advance(1e-5, stimulus=push[:, 0])
    moved = (cells.voltage + 75.0) / 1e-5 + current
    assert moved[-1] == pytest.approx(10.0, rel=1e-3)
    assert moved[:-1] == pytest.approx(0.0, abs=1e-2)
    out = np.zeros((BLOCK + 3, 2))
    cells.ionic_current(out[:, 1])
    assert np.array_equal(out[:, 1], cells.ionic_current())
    with pytest.raises(ParameterError, match="stimulus of shape"):
        cells.advance(0.1, stimulus=np.zeros(3))


def test_held_potential_moves_gates_only(small: CellModel) -> None:
    """Unsplit schemes advance everything but V with the same increments as a full step."""
    cells = scattered(compile_kernel(small).allocate(20))
    full = cells.copy()
    volts = cells.voltage.copy()
    cells.advance_gates(0.1)
    full.advance(0.1)
    assert np.array_equal(cells.voltage, volts)
    assert np.array_equal(cells.states[1:, :20], full.states[1:, :20])


def test_no_cells(small: CellModel) -> None:
    """A rank may own no cell of a model."""
    cells = compile_kernel(small, monitors=("ina.i",)).allocate(0)
    assert cells.advance(0.1, stimulus=np.empty(0)) == 0
    assert cells.ionic_current().shape == (0,)
    assert cells.monitor().shape == (1, 0)
    assert cells.blocks == 0


def test_unknown_names_are_errors(small: CellModel) -> None:
    """A misspelt parameter, state or monitor is named with the nearest that exists."""
    with pytest.raises(ParameterError, match=r"'g_na' is no parameter of hodgkin.*'g_Na'"):
        compile_kernel(small, varying=("g_na",))
    with pytest.raises(ParameterError, match=r"'ina\.k' is no variable of hodgkin"):
        compile_kernel(small, monitors=("ina.k",))
    cells = compile_kernel(small).allocate(2)
    with pytest.raises(ParameterError, match=r"'mm' is no state of hodgkin.*'m'"):
        cells.state("mm")
    with pytest.raises(ParameterError, match=r"ina\.g_Na is uniform"):
        cells.set_parameter("g_Na", np.ones(2))
    with pytest.raises(ParameterError, match="not finite"):
        cells.set_parameter("g_Na", np.nan)
    with pytest.raises(ParameterError, match="time step"):
        cells.advance(0.0)
    with pytest.raises(ParameterError, match="sub-steps of shape"):
        cells.advance(0.1, substeps=np.ones(3, dtype=np.int8))


def test_processes_may_compile_at_once(tmp_path: Path) -> None:
    """Ranks start together with an empty cache: each gets a whole library, one file is left."""
    program = (
        "from heart.electro.ionic.compile import load\n"
        "body = ''.join(f'double f{k}(double x) {{ return x * {k}; }}' for k in range(50))\n"
        "print(load(body + 'long answer(void) { return 42; }').answer())"
    )
    environment = {**os.environ, "HEART_CACHE": str(tmp_path)}
    workers = [
        subprocess.Popen([sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE)
        for _ in range(3)
    ]
    answers = [worker.communicate(timeout=60)[0].strip() for worker in workers]
    assert answers == [b"42"] * 3
    assert [path.suffix for path in (tmp_path / "kernels").iterdir()] == [".so"]


def test_a_damaged_library_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache on a full disk may hold half a file; that is no reason to stop."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    code = "long answer(void) { return 42; }"
    compiling.load(code)
    path = next((tmp_path / "kernels").glob("*.so"))
    path.unlink()
    path.write_bytes(b"half")
    assert compiling.load(code).answer() == 42


def test_compiler_errors_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No compiler, and a compiler that fails, are two clear lines for the user."""
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    monkeypatch.setenv("CC", "no-such-compiler")
    with pytest.raises(MissingDataError, match=r"no-such-compiler.*apt install gcc"):
        compiling.load("int x;")
    monkeypatch.delenv("CC")
    with pytest.raises(StorageError, match="cannot compile a cell model"):
        compiling.load("this is no C")


@pytest.mark.parametrize("target", [(), ("-mavx2", "-mfma")])
def test_other_processors_give_the_same(
    target: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: CellModel
) -> None:
    """Narrow vectors take other instructions and table-free functions to the same numbers."""
    if os.uname().machine != "x86_64":
        pytest.skip("instruction sets of x86-64")
    wide = scattered(compile_kernel(small).allocate(70))
    monkeypatch.setenv("HEART_CACHE", str(tmp_path))
    monkeypatch.setattr(compiling, "TARGETS", (target,))
    other = CellModel("hodgkin", parse_text(HODGKIN + "\n"))
    for precision, tolerance in ((Precision.DOUBLE, 1e-11), (Precision.MIXED, 1e-6)):
        narrow = compile_kernel(other, precision=precision).allocate(70)
        narrow.states[:] = wide.states
        full = compile_kernel(small, precision=precision).allocate(70)
        full.states[:] = wide.states
        for cells in (full, narrow):
            cells.advance(0.2, substeps=20)
        first, second = narrow.states[:, :70], full.states[:, :70]
        assert first == pytest.approx(second, rel=tolerance, abs=tolerance)
