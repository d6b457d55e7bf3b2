"""The monodomain problem: cells at nodes, coupled by diffusion, stimulated, watched and checked.

Everything that is done per step works on this rank's unknowns and was allocated before; global
arrays are made only when somebody asks for them. Fields are tested every so many steps. What the
last good test saw is kept, so that a run that fails leaves a state to look at and to branch from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from mpi4py import MPI
from numpy.typing import NDArray

from heart.core.errors import (
    CheckpointError,
    HeartError,
    NonFiniteError,
    NonPhysicalError,
    ParameterError,
)
from heart.core.parameters import Parameter
from heart.core.progress import Telemetry, silent
from heart.electro.tissue.build import make_reaction, make_stepper
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.observer import Observer
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.reaction import Reaction
from heart.electro.tissue.scheme import Scheme
from heart.electro.tissue.space import TissueSpace
from heart.electro.tissue.stimulus import LocalStimuli, TissueStimulus

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Arrays = dict[str, NDArray[Any]]

LOWEST = Parameter(-150.0, "mV", -1000.0, 0.0, "assumed", "no membrane of a model is below")
HIGHEST = Parameter(150.0, "mV", 0.0, 1000.0, "assumed", "no membrane of a model is above")

_CLOSE = 1e-6


class Monodomain:
    """Reaction–diffusion of the membrane potential on a mesh.

    Parameters
    ----------
    space
        Nodes and cells.
    model
        Cells and conductivities.
    scheme
        Numerics.
    stimuli
        Currents.
    reaction
        Makes the cells at given nodes; by default the population of the model's layout.

    Attributes
    ----------
    time
        Present time in ms.
    nodes
        (n,) global index of each unknown of this rank. Nodes of scar only are on no rank.

    Raises
    ------
    ParameterError
        Model and space do not fit, or a stimulus reaches nothing.
    """

    def __init__(
        self,
        space: TissueSpace,
        model: MonodomainModel,
        scheme: Scheme,
        stimuli: Sequence[TissueStimulus] = (),
        *,
        reaction: Callable[[Int], Reaction] | None = None,
    ) -> None:
        if len(model.conductivity) != len(space.cells):
            raise ParameterError(
                f"conductivity of {len(model.conductivity)} cells for {len(space.cells)} cells"
            )
        self.space, self.model, self.scheme, self.comm = space, model, scheme, space.comm
        self.operators = assemble(space, model.diffusivity, model.conducting, single=scheme.single)
        self.nodes: Int = self.operators.nodes
        self.time = 0.0
        conducts = ~np.isnan(self.gather(np.ones(len(self.nodes))))
        self.reaction = (
            make_reaction(model, scheme, self.nodes, space.points, conducts)
            if reaction is None
            else (reaction(self.nodes))
        )
        self._voltage = self.operators.vector()
        self._voltage[: len(self.nodes)] = self.reaction.voltage
        local = LocalStimuli(stimuli, self.nodes, space.nodes, conducts)
        self.stepper = make_stepper(self.operators, self.reaction, local, model, scheme)
        self._good: tuple[float, Float, Arrays] | None = None

    @property
    def local_voltage(self) -> Float:
        """(n,) mV of this rank's unknowns: a view, not to be changed."""
        return self._voltage[: len(self.nodes)]

    def gather(self, values: Float, elsewhere: float = np.nan) -> Float:
        """Return values (n,) or (n, k) of this rank's unknowns as a global array. Collective."""
        return self.space.gather(self.nodes, values, elsewhere)

    def voltage(self, elsewhere: float = np.nan) -> Float:
        """Return the voltage of all nodes (nodes,) in mV on every rank; `elsewhere` in scar."""
        return self.gather(self.local_voltage, elsewhere)

    def run(
        self,
        until: float,
        *,
        observers: Sequence[Observer] = (),
        telemetry: Telemetry | None = None,
    ) -> None:
        """Advance to `until` ms in equal steps of at most the scheme's dt. Collective.

        Parameters
        ----------
        until
            End in ms.
        observers
            Told at the start, then after each step or, with `every`, at the first step at or after
            each multiple of it.
        telemetry
            Hears of progress.

        Raises
        ------
        NonFiniteError, NonPhysicalError
            The voltage left its window; names node, model and time, on all ranks. The state of the
            last good test is in `last_good`.
        """
        if not until > self.time - _CLOSE:
            raise ParameterError(
                f"run until {until:g} ms", expected=f"a time after {self.time:g} ms"
            )
        begin = self.time
        steps = max(0, math.ceil((until - begin) / self.scheme.dt - _CLOSE))
        due = {one: begin + one.every for one in observers if one.every is not None}
        each = [one for one in observers if one.every is None]
        for one in observers:
            one.observe(self.time, self.local_voltage, self)
        if self._good is None:
            self._check()

        def watch(time: float, voltage: Float) -> None:
            for one in each:
                one.observe(time, voltage, self)

        with (telemetry or silent()).step("Reaction and diffusion", until - begin) as progress:
            dt = (until - begin) / steps if steps else 0.0
            done = 0
            while done < steps:
                limit = min([until, *due.values()])
                count = max(1, math.ceil((limit - begin) / dt - _CLOSE) - done)
                every = self.scheme.check_every
                count = min(count, every - done % every, steps - done)
                self._take(begin + done * dt, dt, count, watch if each else None)
                done += count
                self.time = until if done == steps else begin + done * dt
                if done % every == 0 or done == steps:
                    self._check()
                for one, when in due.items():
                    if self.time > when - _CLOSE * dt:
                        one.observe(self.time, self.local_voltage, self)
                        period = one.every or math.inf
                        due[one] = begin + period * (
                            math.floor((self.time - begin) / period + _CLOSE) + 1
                        )
                progress.advance(count * dt)
        for one in observers:
            one.finish()

    def snapshot(self) -> Arrays:
        """Return time, voltage and states in the global order of nodes. Collective.

        The same on any number of ranks; NaN where tissue does not conduct.
        """
        return self._global(self.time, self.local_voltage, self.reaction.states_by_node())

    @property
    def last_good(self) -> Arrays | None:
        """Snapshot of the last test of the fields that passed; None before the first. Collective.

        Ask for it on all ranks or on none.
        """
        return None if self._good is None else self._global(*self._good)

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a snapshot, made with any number of ranks.

        Raises
        ------
        CheckpointError
            It is of another mesh or other cells.
        """
        expected = {"time", "voltage", *(f"cells.{name}" for name in self._state_names())}
        if set(snapshot) != expected:
            other = sorted(set(snapshot) ^ expected)
            raise CheckpointError(
                f"snapshot does not fit these cells: {', '.join(other[:5])}",
                fix="resume with the scenario that wrote it",
            )
        for name in sorted(expected - {"time"}):
            if len(snapshot[name]) != self.space.nodes:
                raise CheckpointError(
                    f"snapshot has {len(snapshot[name])} nodes in {name}",
                    expected=f"{self.space.nodes}",
                    fix="resume on the mesh that it was written on",
                )
        self.time = float(snapshot["time"])
        self._voltage[: len(self.nodes)] = snapshot["voltage"][self.nodes]
        self.reaction.restore(
            {
                name: np.ascontiguousarray(snapshot[f"cells.{name}"][self.nodes])
                for name in self._state_names()
            }
        )
        self.stepper.forget()
        self._good = None

    def _state_names(self) -> list[str]:
        return sorted(self.reaction.states_by_node())

    def _global(self, time: float, voltage: Float, states: Arrays) -> Arrays:
        result: Arrays = {"time": np.array(time), "voltage": self.gather(voltage)}
        for name in sorted(states):
            result[f"cells.{name}"] = self.gather(states[name])
        return result

    def _take(
        self, time: float, dt: float, count: int, watch: Callable[[float, Float], None] | None
    ) -> None:
        """Take steps; a failure inside is traced to a node where there is one."""
        error: HeartError | None = None
        try:
            self.stepper.advance(self._voltage, time, dt, count, watch)
        except NonFiniteError as failure:
            error = failure
        if self.comm.allreduce(error is not None, op=MPI.LOR):
            self.time = time + count * dt
            self._check()
            raise error or NonFiniteError("a step failed on another rank")

    def _check(self) -> None:
        """Raise on all ranks when a voltage cannot be; keep the state otherwise."""
        voltage = self.local_voltage
        wrong = ~((voltage >= LOWEST.value) & (voltage <= HIGHEST.value))
        found = (self.space.nodes, math.nan)
        if wrong.any():
            place = np.flatnonzero(wrong)[np.argmin(self.nodes[wrong])]
            found = (int(self.nodes[place]), float(voltage[place]))
        node, value = min(self.comm.allgather(found)) if self.comm.size > 1 else found
        if node < self.space.nodes:
            self._raise(node, value)
        self._check_cells()
        states = {name: values.copy() for name, values in self.reaction.states_by_node().items()}
        self._good = (self.time, voltage.copy(), states)

    def _check_cells(self) -> None:
        """Let the cells test their states; what one rank finds is raised on all."""
        error: HeartError | None = None
        try:
            self.reaction.check(self._place)
        except (NonFiniteError, NonPhysicalError) as found:
            error = found
        if self.comm.size > 1:
            found_ = [one for one in self.comm.allgather(error and _parts(error)) if one]
            error = found_[0][0](found_[0][1], **found_[0][2]) if found_ else None
        if error is not None:
            kind, what, rest = _parts(error)
            raise kind(
                f"at {self.time:g} ms: {what}", **{**rest, "fix": rest["fix"] + self._kept()}
            )

    def _place(self, node: int) -> str:
        x, y, z = self.space.points[node]
        return f"({x:.2f}, {y:.2f}, {z:.2f}) mm"

    def _kept(self) -> str:
        return "" if self._good is None else f"; the state at {self._good[0]:g} ms is kept"

    def _raise(self, node: int, value: float) -> None:
        where = f"node {node} at {self._place(node)}{self._cell_name(node)}"
        fix = "take a smaller time step, or check stimuli and conductivities there" + self._kept()
        if not math.isfinite(value):
            raise NonFiniteError(
                f"voltage is {value} at or before {self.time:g} ms", where=where, fix=fix
            )
        raise NonPhysicalError(
            f"voltage is {value:.4g} mV at {self.time:g} ms",
            where=where,
            expected=f"{LOWEST.value:g} to {HIGHEST.value:g} mV",
            fix=fix,
        )

    def _cell_name(self, node: int) -> str:
        layout = self.model.layout
        if layout is None or node >= len(layout.of_node):
            return ""
        return f", {layout.models[int(layout.of_node[node])].name}"


def _parts(error: HeartError) -> tuple[type[HeartError], str, dict[str, str]]:
    """Return what an error is made of, so that another rank can raise it too."""
    rest = {"where": error.where, "expected": error.expected, "fix": error.fix}
    return type(error), error.what, rest
