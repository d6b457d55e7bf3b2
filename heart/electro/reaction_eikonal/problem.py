"""Reaction-eikonal: the front says when a cell fires, the cell says when it can fire again.

Every node of the mesh has a cell. Where the front arrives, a foot current fires it; diffusion
stays on, so that repolarisation is smoothed as in the monodomain model [Neic2017]. Once per window
the cells report recovery to the front, which then may come back: refractoriness and duration are
the cells' own, the speed after a short diastolic interval is tabulated from the same cells. It
runs, is observed and is saved like the monodomain problem.

The front is small work and every rank does all of it; cells and diffusion are shared.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import CheckpointError, NonFiniteError, ParameterError
from heart.core.progress import Telemetry, silent
from heart.electro.ionic.blocks import blocks_along
from heart.electro.ionic.kernel import BLOCK, Method, Precision
from heart.electro.ionic.population import CellLayout, CellPopulation
from heart.electro.reaction_eikonal.excitation import Excitation, Stimulus, offer
from heart.electro.reaction_eikonal.front import SAME_WAVE, Front, FrontState
from heart.electro.reaction_eikonal.restitution import Restitution, tabulate
from heart.electro.reaction_eikonal.scheme import ReactionEikonalScheme
from heart.electro.reaction_eikonal.tempo import Tempo
from heart.electro.reaction_eikonal.trigger import foot, recover
from heart.electro.tissue.explicit import ExplicitDiffusion
from heart.electro.tissue.model import MonodomainModel
from heart.electro.tissue.observer import Observer
from heart.electro.tissue.operators import assemble
from heart.electro.tissue.space import TissueSpace
from heart.numerics.eikonal import EikonalMesh, Lengths

Float = NDArray[np.float64]
Arrays = dict[str, NDArray[Any]]

# ms that the front is ahead of the cells beyond the foot, so that corrections of a new arrival by
# its neighbours are through before the cell is fired.
_AHEAD = 1.0
_CLOSE = 1e-6


@dataclass(frozen=True, eq=False)
class Waves:
    """How waves run.

    Attributes
    ----------
    mesh, lengths
        The eikonal problem: topology and speeds, on the nodes and cells of the tissue.
    restitutions
        Conduction after an action potential, one for each cell model of the tissue.
    """

    mesh: EikonalMesh
    lengths: Lengths
    restitutions: Sequence[Restitution]


class ReactionEikonal:
    """A heart or strand whose waves run by the eikonal equation and whose cells are real.

    Parameters
    ----------
    space
        Nodes and cells, degree 1.
    model
        Cells and conductivities; these smooth repolarisation and do not set the speed.
    waves
        What sets the speed.
    scheme
        Steps and trigger.
    stimuli
        Where and when waves start; of a `TissueStimulus` the nodes and times count.
    method, precision
        How the cells are integrated.

    Attributes
    ----------
    nodes
        (k,) global index of each unknown of this rank.
    cells
        The cells of these.
    state
        What the front knows, in the order of its own mesh.
    failed
        Number of foot currents that a cell did not answer with an action potential.

    Raises
    ------
    ParameterError
        Arrays that do not fit the mesh, a step that diffusion does not allow.
    """

    def __init__(
        self,
        space: TissueSpace,
        model: MonodomainModel,
        waves: Waves,
        scheme: ReactionEikonalScheme | None = None,
        stimuli: Sequence[Excitation | Stimulus] = (),
        *,
        method: Method = Method.GRL2,
        precision: Precision = Precision.DOUBLE,
    ) -> None:
        self.space, self.model, self.comm = space, model, space.comm
        self.scheme = scheme or ReactionEikonalScheme()
        self.mesh = waves.mesh
        self.stimuli = tuple(
            one if isinstance(one, Excitation) else Excitation.of(one) for one in stimuli
        )
        layout = self._checked(waves)
        curves = tuple(waves.restitutions)
        kind = np.asarray(layout.of_node)[self.mesh.node]
        self.front = Front(self.mesh, waves.lengths, tabulate(curves, kind), self.scheme.patience)
        self._recovered = np.array([curve.recovered for curve in curves])[kind]
        self._rest = np.array([curve.rest for curve in curves])[kind]
        rise = np.maximum(0.0, self.scheme.threshold - self._rest)
        self._lead = rise / self.scheme.trigger_amplitude
        self._ahead = float(self._lead.max()) + _AHEAD
        self.operators = assemble(space, model.diffusivity, model.conducting)
        self.nodes = self.operators.nodes
        self._diffusion = ExplicitDiffusion(self.operators)
        self._at = self.mesh.rank[self.nodes]
        self._counts = self.comm.allgather(len(self._at))
        self._places = np.concatenate(self.comm.allgather(self._at))
        # Cells stand in the order of the front's mesh, so that a block of them lies together and
        # is in an upstroke for a short time.
        self._order = np.argsort(self._at)
        conducts = ~np.isnan(self.gather(np.ones(len(self.nodes))))
        blocks = blocks_along(self.mesh.rank, np.asarray(layout.of_node), conducts)
        self.cells = CellPopulation(layout, self.nodes[self._order], method, precision, blocks)
        self._tempo = Tempo(self.cells, blocks[self.mesh.node], self.scheme)
        self._voltage = self.operators.vector()
        self.local_voltage[self._order] = self.cells.voltage
        self._drift = self.operators.vector()
        self._whole = self._everywhere()
        self._before = self._whole.copy()
        count = len(self._rest)
        self._trigger = np.full(count, -np.inf)
        self._firing: tuple[NDArray[np.int64], Float] = (np.empty(0, np.int64), np.empty(0))
        self._stimulus = np.zeros(len(self.nodes))
        self.state = FrontState.at_rest(count)
        self._first = np.full(count, np.inf)
        self._seen = -np.inf
        self._step = 0
        self.failed = 0

    @property
    def time(self) -> float:
        """Time in ms."""
        return self._step * self.scheme.dt

    @property
    def local_voltage(self) -> Float:
        """(k,) mV of this rank's unknowns: a view, not to be changed."""
        return self._voltage[: len(self.nodes)]

    def gather(self, values: Float, elsewhere: float = np.nan) -> Float:
        """Return values (k,) or (k, j) of this rank's unknowns as a global array. Collective."""
        return self.space.gather(self.nodes, values, elsewhere)

    def voltage(self, elsewhere: float = np.nan) -> Float:
        """Return the voltage of all nodes (n,) in mV on every rank; `elsewhere` in scar."""
        return self.gather(self.local_voltage, elsewhere)

    def activation(self) -> Float:
        """Return the first activation (n,) in ms in the caller's node order; inf where none."""
        return self._first[self.mesh.rank]

    def last_activation(self) -> Float:
        """Return the last activation (n,) in ms in the caller's node order; -inf where none."""
        return self.state.arrival[self.mesh.rank]

    def last_repolarisation(self) -> Float:
        """Return the last repolarisation (n,) in ms in the caller's order; -inf where none."""
        ever = self.state.repolarised > self._first
        return np.where(ever, self.state.repolarised, -np.inf)[self.mesh.rank]

    def run(
        self,
        until: float,
        *,
        observers: Sequence[Observer] = (),
        telemetry: Telemetry | None = None,
    ) -> None:
        """Advance to the step nearest to `until` ms. Collective.

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
        ParameterError
            `until` is past.
        NonFiniteError
            The voltage became infinite or NaN; the node is named, on all ranks.
        """
        if not until > self.time - _CLOSE:
            raise ParameterError(
                f"run until {until:g} ms", expected=f"a time after {self.time:g} ms"
            )
        scheme, begin = self.scheme, self.time
        last = round(until / scheme.dt)
        due = [begin + (one.every or 0.0) for one in observers]
        for one in observers:
            one.observe(begin, self.local_voltage, self)
        with (telemetry or silent()).step("Reaction and eikonal", until - begin) as progress:
            while self._step < last:
                if self._step % scheme.steps_per_window == 0:
                    self._exchange()
                    progress.advance(scheme.window)
                self._advance()
                for k, one in enumerate(observers):
                    if self.time > due[k] - _CLOSE:
                        one.observe(self.time, self.local_voltage, self)
                        if one.every:
                            passed = math.floor((self.time - begin) / one.every + _CLOSE)
                            due[k] = begin + one.every * (passed + 1)
        for one in observers:
            one.finish()

    def _advance(self) -> None:
        """Take one step: cells in an upstroke, the drift of the others, diffusion."""
        scheme, tempo, time = self.scheme, self._tempo, self.time
        self._step += 1
        if any(parts.any() for parts in tempo.parts):
            voltage = self.local_voltage[self._order]
            rows, trigger = self._firing
            foot(
                rows, trigger, voltage, time, scheme.dt, scheme.trigger_amplitude,
                scheme.trigger_duration, scheme.trigger_until, self._stimulus,
            )  # fmt: skip
            self.cells.advance(
                voltage, scheme.dt, time=time, stimulus=self._stimulus, substeps=tempo.parts
            )
            self.local_voltage[self._order] = voltage
        self._voltage += self._drift
        if tempo.active:
            self._diffusion.step(self._voltage, scheme.dt)

    def _foresee(self, now: float) -> None:
        """Step the cells that are not in an upstroke for a window; their change is the drift.

        The potential follows it evenly, so that observers see no stairs. Where no cell of the
        tissue is in an upstroke, the drift has the diffusion of the window as well.
        """
        window, tempo = self.scheme.window, self._tempo
        late = tempo.catching_up()
        voltage = self.local_voltage[self._order]
        for windows, blocks in late:
            length = windows * window
            self.cells.advance(voltage, length, time=now - length, substeps=blocks)
        if late:
            self.local_voltage[self._order] = voltage
        if tempo.any_calm:
            self.cells.advance(voltage, window, time=now, substeps=tempo.calm)
        later = self._drift
        later[: len(self.nodes)][self._order] = voltage
        if not tempo.active:
            parts = max(1, math.ceil(window / self._diffusion.stable - _CLOSE))
            for _ in range(parts):
                self._diffusion.step(later, window / parts)
        later -= self._voltage
        later /= self.scheme.steps_per_window
        later[len(self.nodes) :] = 0.0

    def _exchange(self) -> None:
        """Let the cells tell the front what they did, and the front which cells fire."""
        scheme, state, now = self.scheme, self.state, self.time
        self._whole, self._before = self._everywhere(), self._whole
        self._check_finite()
        self.failed += recover(
            state.arrival, state.repolarised, state.pending, state.excited,
            self._before, self._whole, self._recovered, self.front.recovery.shortest,
            scheme.threshold, now, scheme.window,
        )  # fmt: skip
        end = now + scheme.window + self._ahead
        offer(self.stimuli, self.mesh.rank, state, self._seen, end)
        self._seen = end
        hit = self.front.advance(state, now, end)
        arrival = state.arrival[hit]
        first = self._first[hit]
        self._first[hit] = np.where(arrival < first + SAME_WAVE, np.minimum(arrival, first), first)
        # A cell that has been fired already is not fired again when its arrival is corrected.
        new = hit[arrival - self._trigger[hit] > SAME_WAVE]
        self._trigger[new] = np.maximum(state.arrival[new] - self._lead[new], now)
        self._prepare(now)
        self._foresee(now)

    def _prepare(self, now: float) -> None:
        """Work out for this rank's rows what holds until the next exchange."""
        scheme = self.scheme
        trigger = self._trigger[self._at[self._order]]
        self._stimulus[self._firing[0]] = 0.0
        soon = trigger < now + scheme.window
        rows = np.flatnonzero(soon & (trigger > now - scheme.trigger_duration - scheme.window))
        self._firing = rows, trigger[rows]
        self._tempo.decide(
            (self._whole - self._before) / scheme.window,
            self.state.excited & (self.state.arrival < now + scheme.window),
            self._trigger,
            now,
        )

    def snapshot(self) -> Arrays:
        """Return all that a continued run needs, in the global order of nodes. Collective.

        The same on any number of ranks; NaN where tissue does not conduct.
        """
        rank, state = self.mesh.rank, self.state
        arrays: Arrays = {
            "time": np.array(self.time),
            "voltage": self.voltage(),
            "drift": self.gather(self._drift[: len(self.nodes)]),
            "front.step": np.array([self._step, self.failed]),
            "front.scheme": np.array([self.scheme.dt, self.scheme.window]),
            "front.seen": np.array(self._seen),
            "front.voltage": self._whole[rank],
            "front.voltage_before": self._before[rank],
            "front.trigger": self._trigger[rank],
            "front.first": self._first[rank],
            "front.arrival": state.arrival[rank],
            "front.repolarised": state.repolarised[rank],
            "front.pending": state.pending[rank],
            "front.excited": state.excited[rank],
        }
        arrays["front.behind"] = self.space.gather(self.cells.nodes, self._behind())
        for name, values in self.cells.states_by_node().items():
            arrays[f"cells.{name}"] = self.space.gather(self.cells.nodes, values)
        return arrays

    def _behind(self) -> Float:
        """Return the windows (k,) that each cell has not taken yet, in the order of the cells."""
        result = np.zeros(self.cells.n)
        for group, late in zip(self.cells.groups, self._tempo.behind, strict=True):
            group.store(np.repeat(late, BLOCK)[: group.cells.n].astype(np.float64), result)
        return result

    def restore(self, snapshot: Mapping[str, NDArray[Any]]) -> None:
        """Continue from a snapshot, made with any number of ranks.

        Raises
        ------
        CheckpointError
            It is of another mesh, other cells, another engine or another scheme.
        """
        expected = self.snapshot()
        if set(snapshot) != set(expected):
            other = sorted(set(snapshot) ^ set(expected))
            raise CheckpointError(
                f"snapshot does not fit this problem: {', '.join(other[:5])}",
                fix="resume with the scenario that wrote it",
            )
        for name, now in expected.items():
            if np.shape(snapshot[name]) != now.shape:
                raise CheckpointError(
                    f"snapshot has {name} of shape {np.shape(snapshot[name])}",
                    expected=f"{now.shape}",
                    fix="resume on the mesh that it was written on",
                )
        step, failed = (int(value) for value in snapshot["front.step"])
        if not np.array_equal(snapshot["front.scheme"], expected["front.scheme"]):
            raise CheckpointError(
                "snapshot was written with other time steps", fix="resume with the same scheme"
            )
        node = self.mesh.node
        self._step, self.failed, self._seen = step, failed, float(snapshot["front.seen"])
        self._voltage[: len(self.nodes)] = snapshot["voltage"][self.nodes]
        self._drift[: len(self.nodes)] = snapshot["drift"][self.nodes]
        self._whole = snapshot["front.voltage"][node]
        self._before = snapshot["front.voltage_before"][node]
        self._trigger = snapshot["front.trigger"][node]
        self._first = snapshot["front.first"][node]
        names = ("arrival", "repolarised", "pending", "excited")
        self.state = FrontState(*(snapshot[f"front.{name}"][node] for name in names))
        self.cells.restore(
            {
                name: np.ascontiguousarray(snapshot[f"cells.{name}"][self.cells.nodes])
                for name in self.cells.states_by_node()
            }
        )
        behind = np.asarray(snapshot["front.behind"])[self.cells.nodes]
        for group, late in zip(self.cells.groups, self._tempo.behind, strict=True):
            late[:] = behind[group.rows[::BLOCK]]
        self._prepare((step - step % self.scheme.steps_per_window) * self.scheme.dt)

    def _everywhere(self) -> Float:
        """Return the potential (n,) in the order of the front on every rank."""
        here = self.local_voltage
        if self.comm.size > 1:
            here = np.empty(len(self._places))
            self.comm.Allgatherv(self.local_voltage, (here, self._counts))
        whole = self._rest.copy()
        whole[self._places] = here
        return whole

    def _check_finite(self) -> None:
        bad = np.flatnonzero(~np.isfinite(self._whole))
        if bad.size:
            node = int(self.mesh.node[bad[0]])
            raise NonFiniteError(
                f"potential of node {node} is {self._whole[bad[0]]} at {self.time:g} ms",
                where="reaction-eikonal",
                fix="take shorter steps in the upstroke",
            )

    def _checked(self, waves: Waves) -> CellLayout:
        count, layout = len(self.mesh.points), self.model.layout
        if layout is None:
            raise ParameterError("tissue without cells", where="reaction-eikonal")
        if self.space.degree != 1 or self.space.nodes != count:
            raise ParameterError(
                f"space of degree {self.space.degree} with {self.space.nodes} nodes",
                where="reaction-eikonal",
                expected=f"degree 1 with the {count} nodes of the eikonal mesh",
            )
        nodes, curves = np.shape(layout.of_node), len(waves.restitutions)
        if nodes != (count,) or curves != len(layout.models):
            raise ParameterError(
                f"cells for nodes {nodes} and {curves} restitution curves",
                where="reaction-eikonal",
                expected=f"{count} nodes and a curve for each of {len(layout.models)} models",
            )
        for one in self.stimuli:
            where = np.asarray(one.nodes)
            if where.min() < 0 or where.max() >= count:
                raise ParameterError(
                    f"stimulus of nodes {where.min()} to {where.max()}",
                    where="reaction-eikonal",
                    expected=f"nodes of the mesh, 0 to {count - 1}",
                )
        return layout
