"""The cells of a tissue: nodes grouped by cell model, each group one contiguous array of cells.

The tissue keeps its membrane potential in node order; cells keep theirs as row 0 of their states.
Between the two lies one copy per step, which for a single model in node order is a plain one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import NonFiniteError, NonPhysicalError, ParameterError, ScenarioError
from heart.core.validation import did_you_mean
from heart.electro.ionic import blocks
from heart.electro.ionic.codegen.schemes import Method
from heart.electro.ionic.kernel import BLOCK, Adaptive, Cells, Precision, compile_kernel
from heart.electro.ionic.model import CellModel

Floats = NDArray[np.float64]
Integers = NDArray[np.integer]

#: Membrane potentials outside this window (mV) mean that the step was too large or a unit wrong.
VOLTAGE_WINDOW = (-250.0, 250.0)
#: Units of states that cannot be negative.
CONCENTRATIONS = frozenset({"mM", "uM", "M", "mmol/L", "umol/L", "mol/m^3"})


@dataclass(frozen=True, eq=False)
class CellLayout:
    """Which cell model stands at each node, and what differs from node to node.

    Attributes
    ----------
    models
        The cell models.
    of_node
        (n,) index into `models`.
    varying
        Parameters by name (qualified or short), (n,) values each, in the unit of the text. A name
        counts for those models that have it.

    Raises
    ------
    ScenarioError
        An index has no model, or the lengths differ.
    ParameterError
        No model has a varying parameter of that name, or a value is not finite.
    """

    models: tuple[CellModel, ...]
    of_node: Integers
    varying: Mapping[str, Floats] = field(default_factory=dict)

    def __post_init__(self) -> None:
        of_node = np.asarray(self.of_node)
        if of_node.size and not 0 <= of_node.min() <= of_node.max() < len(self.models):
            node = int(np.flatnonzero((of_node < 0) | (of_node >= len(self.models)))[0])
            raise ScenarioError(
                f"no cell model of index {of_node[node]}",
                where=f"node {node}",
                expected=f"0 to {len(self.models) - 1}",
            )
        for name, values in self.varying.items():
            if np.shape(values) != of_node.shape:
                raise ScenarioError(
                    f"{np.shape(values)} values of {name}",
                    expected=f"one for each of {of_node.shape}",
                )
            if not np.all(np.isfinite(values)):
                node = int(np.flatnonzero(~np.isfinite(values))[0])
                raise ParameterError(f"{name} is {values[node]}", where=f"node {node}")
            if not any(_has(model, name) for model in self.models):
                known = sorted({p for model in self.models for p in model.text.parameters})
                raise ParameterError(
                    f"{name!r} is no parameter of {', '.join(m.name for m in self.models)}",
                    fix=did_you_mean(name, known),
                )

    def varying_of(self, model: CellModel) -> dict[str, Floats]:
        """Return the varying parameters that `model` has, by qualified name."""
        return {
            model.text.parameter(name): np.asarray(values, dtype=np.float64)
            for name, values in self.varying.items()
            if _has(model, name)
        }


@dataclass(frozen=True, eq=False)
class Group:
    """Nodes of one model: their positions among the rank's nodes, and their cells.

    Attributes
    ----------
    rows
        (n,) position of each cell; more than once where a block is filled with copies.
    blocks
        (b,) number of each block of cells over the whole tissue; −1 where blocks are this rank's.
    whole
        All nodes of the rank, in their order.
    """

    model: CellModel
    rows: NDArray[np.int64]
    blocks: NDArray[np.int64]
    cells: Cells
    whole: bool

    def gather(self, values: Floats) -> Floats:
        """Return the group's part of (n,) values by node."""
        return values if self.whole else values[self.rows]

    def load(self, voltage: Floats) -> None:
        """Copy the potential of the nodes into the cells."""
        if self.whole:
            self.cells.voltage[:] = voltage
        else:
            np.take(voltage, self.rows, out=self.cells.voltage)

    def store(self, values: Floats, target: Floats) -> None:
        """Copy the group's values into (n,) `target` by node."""
        target[slice(None) if self.whole else self.rows] = values


class CellPopulation:
    """Cells at the nodes of one rank, in groups by model.

    Parameters
    ----------
    layout
        Model and parameters of every node of the whole tissue.
    nodes
        (n,) numbers in the layout of this rank's nodes.
    method, precision
        How the cells step.
    block_of
        Block of every node of the whole tissue, as of `heart.electro.ionic.blocks.blocks_along`:
        for sub-steps by block that are the same on any number of ranks.

    Attributes
    ----------
    groups
        One for each model that has nodes here.
    nodes
        As given.
    """

    def __init__(
        self,
        layout: CellLayout,
        nodes: Integers,
        method: Method = Method.GRL1,
        precision: Precision = Precision.DOUBLE,
        block_of: Integers | None = None,
    ) -> None:
        self.layout, self.nodes = layout, np.asarray(nodes, dtype=np.int64)
        kind = np.asarray(layout.of_node)[self.nodes]
        groups = []
        for index, model in enumerate(layout.models):
            varying = layout.varying_of(model)
            kernel = compile_kernel(
                model, method=method, precision=precision, varying=tuple(varying)
            )
            rows = np.flatnonzero(kind == index)
            if not len(rows):
                continue
            numbers = np.full(-(-len(rows) // BLOCK), -1, np.int64)
            if block_of is not None:
                chosen, numbers = blocks.arranged(block_of[self.nodes[rows]])
                rows = rows[chosen]
            cells = kernel.allocate(len(rows))
            for name, values in varying.items():
                cells.set_parameter(name, values[self.nodes[rows]])
            whole = np.array_equal(rows, np.arange(len(kind)))
            groups.append(Group(model, rows, numbers, cells, whole))
        self.groups: tuple[Group, ...] = tuple(groups)

    @property
    def n(self) -> int:
        """Number of nodes of this rank."""
        return len(self.nodes)

    @property
    def voltage(self) -> Floats:
        """(n,) membrane potential that the cells hold [mV], as a new array."""
        result = np.empty(self.n)
        for group in self.groups:
            group.store(group.cells.voltage, result)
        return result

    def advance(
        self,
        voltage: Floats,
        dt: float,
        *,
        time: float = 0.0,
        stimulus: Floats | None = None,
        substeps: int | Sequence[NDArray[np.integer]] | None = None,
        adaptive: Adaptive | None = None,
    ) -> None:
        """Advance all states, and `voltage` (n,) in place, by `dt` [ms].

        Parameters
        ----------
        voltage
            (n,) membrane potential by node [mV].
        dt, time
            Step and time at its begin [ms].
        stimulus
            (n,) [mV/ms], positive depolarises.
        substeps
            Equal sub-steps: one number, or for each group one per block of its cells. Blocks of
            0 stand still and keep the potential that they had.
        adaptive
            Rule that raises the number of sub-steps.
        """
        for index, group in enumerate(self.groups):
            push = None if stimulus is None else group.gather(stimulus)
            if isinstance(substeps, int) or substeps is None:
                group.load(voltage)
                group.cells.advance(
                    dt, time=time, stimulus=push, substeps=substeps, adaptive=adaptive
                )
                group.store(group.cells.voltage, voltage)
                continue
            parts = np.asarray(substeps[index], np.int8)
            blocks.load(group.rows, parts, voltage, group.cells.voltage)
            group.cells.advance(dt, time=time, stimulus=push, substeps=parts, adaptive=adaptive)
            blocks.store(group.rows, parts, group.cells.voltage, voltage)

    def advance_gates(
        self, voltage: Floats, dt: float, *, time: float = 0.0, stimulus: Floats | None = None
    ) -> None:
        """Advance everything but the membrane potential, which is held at `voltage` (n,)."""
        for group in self.groups:
            group.load(voltage)
            push = None if stimulus is None else group.gather(stimulus)
            group.cells.advance_gates(dt, time=time, stimulus=push)

    def ionic_current(self, voltage: Floats, out: Floats | None = None) -> Floats:
        """Return (n,) the ionic current [A/F] at `voltage` and the present states."""
        result = np.empty(self.n) if out is None else out
        for group in self.groups:
            group.load(voltage)
            if group.whole:
                return group.cells.ionic_current(result)
            group.store(group.cells.ionic_current(), result)
        return result

    def states_by_node(self) -> dict[str, Floats]:
        """Return every state by node, the same keys on every rank, for checkpoints.

        Keys are qualified names, with the text's name before them where texts differ. Nodes whose
        text has no such state hold 0.
        """
        result = {key: np.zeros(self.n) for key in self._keys().values()}
        for group in self.groups:
            for row, name in enumerate(group.model.text.states):
                target = result[self._key(group.model, name)]
                group.store(group.cells.states[row, : group.cells.n], target)
        return result

    def restore(self, states: Mapping[str, Floats]) -> None:
        """Put back what `states_by_node` returned, in this rank's node order.

        Raises
        ------
        ScenarioError
            A state is missing or has another length.
        """
        for key in self._keys().values():
            if key not in states or np.shape(states[key]) != (self.n,):
                raise ScenarioError(
                    f"the saved states have no {key} of {self.n} nodes",
                    expected=", ".join(self._keys().values()),
                    fix="restart with the cell models of the run that saved them",
                )
        for group in self.groups:
            cells = group.cells
            for row, name in enumerate(group.model.text.states):
                cells.states[row, : cells.n] = group.gather(states[self._key(group.model, name)])
            cells.states[:, cells.n :] = cells.states[:, cells.n - 1 : cells.n]

    def check(self, name_node: Callable[[int], str] | None = None) -> None:
        """Raise when a state is not finite, or cannot be.

        Parameters
        ----------
        name_node
            Turns a node number of the layout into words (region, position) for the message.

        Raises
        ------
        NonFiniteError
            A state is NaN or infinite.
        NonPhysicalError
            A membrane potential lies outside VOLTAGE_WINDOW, or a concentration is negative.
        """
        for group in self.groups:
            states = group.cells.states[:, : group.cells.n]
            # One pass without temporaries: a sum is finite unless a state is not (or overflows).
            for row in np.flatnonzero(~np.isfinite(states.sum(axis=1))):
                for cell in np.flatnonzero(~np.isfinite(states[row]))[:1]:
                    raise NonFiniteError(
                        self._message(group, int(row), int(cell), name_node),
                        fix="take a smaller time step, or look at the parameters of this cell",
                    )
            low, high = VOLTAGE_WINDOW
            bad = np.flatnonzero((states[0] < low) | (states[0] > high))
            if len(bad):
                raise NonPhysicalError(
                    self._message(group, 0, int(bad[0]), name_node),
                    expected=f"{low:g} to {high:g} mV",
                    fix="take a smaller time step, or check the stimulus and the conductances",
                )
            for index, unit in enumerate(group.model.text.units):
                if unit in CONCENTRATIONS and states[index].min() < 0.0:
                    raise NonPhysicalError(
                        self._message(group, index, int(states[index].argmin()), name_node),
                        expected="a concentration of 0 or more",
                        fix="take a smaller time step, or check the parameters of this cell",
                    )

    def _message(
        self, group: Group, row: int, cell: int, name_node: Callable[[int], str] | None
    ) -> str:
        node = int(self.nodes[group.rows[cell]])
        place = f" ({name_node(node)})" if name_node else ""
        unit = group.model.text.units[row]
        value = group.cells.states[row, cell]
        return (
            f"{group.model.text.states[row]} of {group.model.name} is {value:g} [{unit}] "
            f"at node {node}{place}"
        )

    def _key(self, model: CellModel, state: str) -> str:
        return self._keys()[model.text.sha, state]

    def _keys(self) -> dict[tuple[str, str], str]:
        texts = {model.text.sha: model.text for model in self.layout.models}
        one = len(texts) == 1
        return {
            (sha, state): state if one else f"{text.name}.{state}"
            for sha, text in texts.items()
            for state in text.states
        }


def _has(model: CellModel, name: str) -> bool:
    try:
        model.text.parameter(name)
    except ParameterError:
        return False
    return True
