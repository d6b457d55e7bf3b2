"""Populations: nodes of several models keep their order, and bad states name their node."""

import numpy as np
import pytest

from heart.core.errors import NonFiniteError, NonPhysicalError, ParameterError, ScenarioError
from heart.electro.ionic.kernel import Method, Precision, compile_kernel
from heart.electro.ionic.population import CellLayout, CellPopulation
from heart.electro.ionic.registry import cell_model

SMALL, OTHER = cell_model("mitchell_schaeffer"), cell_model("bueno_orovio_epi")
N = 150


def layout() -> CellLayout:
    """Two models mixed over nodes, one parameter of the first varying."""
    kind = (np.arange(N) % 3 == 0).astype(np.int64)
    return CellLayout((SMALL, OTHER), kind, {"tau_close": np.linspace(100.0, 200.0, N)})


def test_groups_equal_single_cells_in_node_order() -> None:
    """Grouping is storage only: every node follows its own model with its own parameter."""
    nodes = np.random.default_rng(0).permutation(N)[:100]
    population = CellPopulation(layout(), nodes)
    voltage = population.voltage
    push = np.full(len(nodes), 30.0)
    for step in range(400):
        population.advance(voltage, 0.05, time=0.05 * step, stimulus=push if step < 60 else None)
    for place in (0, 17, 63, 99):
        node = int(nodes[place])
        model = OTHER if node % 3 == 0 else SMALL
        if model is SMALL:
            model = model.with_values(tau_close=float(np.linspace(100.0, 200.0, N)[node]))
        cells = compile_kernel(model).allocate(1)
        for step in range(400):
            cells.advance(0.05, time=0.05 * step, stimulus=np.full(1, 30.0) if step < 60 else None)
        assert voltage[place] == pytest.approx(cells.voltage[0], rel=1e-12)
    assert np.array_equal(voltage, population.voltage)


def test_checkpoint_goes_around_and_survives_another_partition() -> None:
    """States by node restored into populations of other nodes continue bit for bit."""
    whole = CellPopulation(layout(), np.arange(N))
    voltage = whole.voltage
    for _ in range(20):
        whole.advance(voltage, 0.1, stimulus=np.full(N, 20.0))
    saved = whole.states_by_node()
    halves = [np.arange(0, N, 2), np.arange(1, N, 2)]
    parts = [CellPopulation(layout(), half) for half in halves]
    for part, half in zip(parts, halves, strict=True):
        part.restore({name: values[half] for name, values in saved.items()})
    whole.advance(voltage, 0.1)
    for part, half in zip(parts, halves, strict=True):
        piece = part.voltage
        part.advance(piece, 0.1)
        assert np.array_equal(piece, voltage[half])
    with pytest.raises(ScenarioError, match="saved states have no"):
        whole.restore({})


@pytest.mark.parametrize("method", list(Method))
def test_ionic_current_is_the_rate_of_an_unstimulated_cell(method: Method) -> None:
    """`ionic_current` and `advance` tell the same story, whatever the method."""
    population = CellPopulation(layout(), np.arange(N), method, Precision.DOUBLE)
    voltage = population.voltage + np.linspace(0.0, 60.0, N)
    current = population.ionic_current(voltage)
    moved, dt = voltage.copy(), 1e-6
    population.advance(moved, dt)
    assert (moved - voltage) / dt == pytest.approx(-current, rel=1e-3, abs=1e-6)


def test_gates_move_while_the_potential_is_held() -> None:
    """State-variable interpolation needs the gates alone."""
    population = CellPopulation(layout(), np.arange(N))
    voltage = np.full(N, -20.0)
    before = population.states_by_node()
    population.advance_gates(voltage, 1.0)
    after = population.states_by_node()
    assert np.array_equal(population.voltage, voltage)
    name = next(key for key in before if "h" in key and "gate" in key)
    assert np.abs(after[name] - before[name])[1] > 1e-3


def test_bad_states_name_node_model_and_state() -> None:
    """A user can only act on a place and a quantity."""
    nodes = np.arange(10, 60)
    population = CellPopulation(layout(), nodes)
    population.check()
    group = population.groups[0]
    group.cells.states[1, 3] = np.nan
    node = nodes[group.rows[3]]
    with pytest.raises(NonFiniteError, match=rf"gate\.h of .* is nan .* at node {node} \(septum\)"):
        population.check(lambda _: "septum")
    group.cells.states[1, 3] = 0.5
    group.cells.voltage[5] = 1e4
    with pytest.raises(NonPhysicalError, match=r"10000 .* at node .*-250 to 250 mV"):
        population.check()


def test_layout_refuses_what_no_model_has() -> None:
    """An unknown parameter or model index is an error with its name, not a silent default."""
    kind = np.zeros(4, dtype=np.int64)
    with pytest.raises(ParameterError, match=r"'tau_clos' is no parameter.*tau_close"):
        CellLayout((SMALL,), kind, {"tau_clos": np.ones(4)})
    with pytest.raises(ParameterError, match="node 2"):
        CellLayout((SMALL,), kind, {"tau_close": np.array([1.0, 1.0, np.nan, 1.0])})
    with pytest.raises(ScenarioError, match="values of tau_close"):
        CellLayout((SMALL,), kind, {"tau_close": np.ones(3)})
    with pytest.raises(ScenarioError, match="node 1"):
        CellLayout((SMALL,), np.array([0, 1]))


def test_no_nodes() -> None:
    """A rank without nodes of the tissue has nothing to do and says nothing."""
    population = CellPopulation(layout(), np.arange(0))
    voltage = population.voltage
    population.advance(voltage, 0.1, stimulus=np.empty(0))
    population.check()
    assert voltage.shape == (0,)
    assert set(population.states_by_node()) == set(
        CellPopulation(layout(), np.arange(N)).states_by_node()
    )
