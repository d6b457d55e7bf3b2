"""A Purkinje network coupled to the muscle in both directions: first arrival in tree and wall.

The tree is a graph of lines with one speed; arrival on it is exact.  At a junction the wave leaves
into the muscle after an orthodromic delay and a patch of muscle fires at once; where the muscle is
early, it enters the tree there after an antidromic delay and runs both up and down.  Tree and
muscle are solved in turn, each with what the other gives, until no junction gains.

All of this is one stationary set of path costs, tree and muscle together.  Arrival is the cheapest
path from any source, so the map of several sources is the pointwise minimum of the maps of each
alone: that needs no symmetry, and unequal delays do not spoil it.  It does not hold between
different networks (one with a block, one without), and it knows no refractoriness: a path may not
be blocked by the wave that went before it.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numba import njit
from numpy.typing import NDArray

from heart.anatomy.purkinje.tree import Fascicle, PurkinjeTree
from heart.core.errors import NonPhysicalError, ParameterError
from heart.core.parameters import Parameter
from heart.electro.activation import ActivationModel, Stimulus
from heart.electro.conduction import ConductionState
from heart.electro.junctions import JunctionMap
from heart.numerics.eikonal import Lengths, solve

Float = NDArray[np.float64]
Int = NDArray[np.integer]
Bool = NDArray[np.bool_]

PARAMETERS: dict[str, Parameter] = {
    "speed": Parameter(3.0, "mm/ms", 0.5, 5.0, "Camps2021", "along the tree; 2 to 4"),
    "orthodromic": Parameter(
        5.0, "ms", 0.0, 20.0, "Joyner1985", "tree to muscle; canine papillary muscle 4.85 +/- 1.55"
    ),
    "antidromic": Parameter(
        2.5,
        "ms",
        0.0,
        20.0,
        "assumed",
        "muscle to tree; shorter than the way out, as the large muscle drives the thin fibre",
    ),
    "patch": Parameter(
        1.0, "mm", 0.0, 5.0, "assumed", "radius of the muscle that a junction fires at once"
    ),
}
PASSES = 8
TOLERANCE = 0.01


@dataclass(frozen=True)
class PurkinjeNetwork:
    """A tree that conducts.

    Attributes
    ----------
    tree
        Points, edges and names; its free ends are the junctions.
    speed
        mm/ms along the tree.
    orthodromic, antidromic
        ms from tree to muscle and from muscle to tree at a junction.
    patch
        mm of muscle around a junction that fires at once.
    blocked
        Edges (e,) that do not conduct.
    """

    tree: PurkinjeTree
    speed: float = PARAMETERS["speed"].value
    orthodromic: float = PARAMETERS["orthodromic"].value
    antidromic: float = PARAMETERS["antidromic"].value
    patch: float = PARAMETERS["patch"].value
    blocked: Bool | None = None

    def __post_init__(self) -> None:
        for name, parameter in PARAMETERS.items():
            parameter.check(getattr(self, name), name=f"Purkinje network: {name}")

    def cut(self, *fascicles: Fascicle) -> PurkinjeNetwork:
        """Return the network with the stems of the fascicles blocked as well.

        What lies beyond is still there and can be entered from the muscle.
        """
        blocked = np.zeros(len(self.tree.edges), bool)
        if self.blocked is not None:
            blocked |= self.blocked
        blocked[self.tree.stems(*fascicles)] = True
        return replace(self, blocked=blocked)

    def arrival(self, nodes: Int, times: Float) -> Float:
        """Return the first arrival (k,) in ms on the tree alone, inf where nothing arrives."""
        count = len(self.tree.points)
        free = np.ones(len(self.tree.edges), bool) if self.blocked is None else ~self.blocked
        ends = self.tree.edges[free]
        late = np.tile(self.tree.lengths[free] / self.speed, 2)
        both = np.concatenate([ends, ends[:, ::-1]])
        order = np.argsort(both[:, 0], kind="stable")
        start = np.concatenate([[0], np.cumsum(np.bincount(both[:, 0], minlength=count))])
        return _arrival(
            start,
            both[order, 1].astype(np.int64),
            late[order],
            np.asarray(nodes, np.int64),
            np.asarray(times, np.float64),
        )

    def nearest(self, point: Float, fascicles: Sequence[Fascicle]) -> tuple[int, float]:
        """Return the insulated node of `fascicles` nearest to a point (3,), and the gap in mm."""
        tree = self.tree
        of_node = np.isin(tree.edges[:, 1], tree.edges[tree.insulated])
        own = tree.edges[of_node & np.isin(tree.fascicle, fascicles), 1]
        if not len(own):
            raise ParameterError("the Purkinje network has no bundle where the lead is to enter it")
        gap = np.linalg.norm(tree.points[own] - point, axis=1)
        best = int(np.argmin(gap))
        return int(own[best]), float(gap[best])


@dataclass(frozen=True)
class Block:
    """What a conduction disease does to a network: cuts, and a factor on the speed."""

    cuts: tuple[Fascicle, ...] = ()
    distal: tuple[Fascicle, ...] = ()
    speed: float = 1.0


_LEFT_FANS = (Fascicle.LEFT_ANTERIOR, Fascicle.LEFT_SEPTAL, Fascicle.LEFT_POSTERIOR)

# One entry for each state of `heart.electro.conduction`. `distal` is where the block lies when it
# is beyond the reach of a lead at the bundle.
BLOCKS: dict[str, Block] = {
    "healthy": Block(),
    "lbbb": Block((Fascicle.LEFT_BUNDLE,), _LEFT_FANS),
    "rbbb": Block((Fascicle.RIGHT_BUNDLE,), (Fascicle.RIGHT_BUNDLE,)),
    "lafb": Block((Fascicle.LEFT_ANTERIOR,), (Fascicle.LEFT_ANTERIOR,)),
    "lpfb": Block((Fascicle.LEFT_POSTERIOR,), (Fascicle.LEFT_POSTERIOR,)),
    "slow_myocardium": Block(speed=0.5),
}


def diseased(network: PurkinjeNetwork, state: ConductionState) -> PurkinjeNetwork:
    """Return a healthy network with the disease of a conduction state.

    Raises
    ------
    ParameterError
        The state has no entry in `BLOCKS`.
    MissingDataError
        The tree does not name the fascicle that is blocked.
    """
    if state.name not in BLOCKS:
        raise ParameterError(
            f"conduction state {state.name!r} says nothing about a Purkinje network",
            expected=", ".join(BLOCKS),
            fix="use early sites: conduction.network: null",
        )
    block = BLOCKS[state.name]
    slowed = replace(network, speed=network.speed * block.speed)
    cuts = block.cuts if state.proximal_block else block.distal
    return slowed.cut(*cuts) if cuts else slowed


@dataclass(frozen=True)
class Coupled:
    """A network in the wall of a heart.

    Attributes
    ----------
    activation
        (n,) ms in the muscle, inf where nothing arrives.
    tree
        (k,) ms on the tree.
    passes
        How often tree and muscle were solved in turn.
    retrograde
        (j,) whether the wave enters the tree at each junction from the muscle.
    """

    activation: Float
    tree: Float
    passes: int
    retrograde: Bool


@dataclass(frozen=True)
class NetworkModel:
    """A heart's eikonal model and the junctions of a tree in it; make it with `of`."""

    model: ActivationModel
    junctions: JunctionMap

    @staticmethod
    def of(model: ActivationModel, network: PurkinjeNetwork) -> NetworkModel:
        """Find the muscle at the junctions; depends on the tree and `network.patch` only.

        Raises
        ------
        ParameterError
            Half of the junctions or more are off the conducting muscle: the tree belongs to
            another heart or frame.
        """
        places = network.tree.points[network.tree.junctions]
        found = JunctionMap.of(model.mesh, places, network.patch, model.edge)
        lost = int((found.cell < 0).sum())
        if 2 * lost >= len(places):
            raise ParameterError(
                f"{lost} of {len(places)} junctions of the Purkinje network are off the wall",
                expected=f"junctions within {2.0 * model.edge:.1f} mm of this heart's muscle",
                fix="is the network of this heart, in the right unit and in RAS?",
            )
        return NetworkModel(model, found)

    def solve(
        self,
        lengths: Lengths,
        network: PurkinjeNetwork,
        *,
        entries: tuple[Int, Float] | None = None,
        stimulus: Stimulus | None = None,
        straight: Float | None = None,
    ) -> Coupled:
        """Return the first arrival in muscle and tree.

        Parameters
        ----------
        lengths
            From `ActivationModel.lengths`; without the fast endocardium, which stands for the
            network.
        network
            With its blocks; the same tree as in `of`.
        entries
            Nodes of the tree and the times in ms at which they fire.
        stimulus
            Muscle that fires.
        straight
            `JunctionMap.times` of these lengths where the caller has them already.

        Raises
        ------
        ParameterError
            Neither entries nor stimulus.
        NonPhysicalError
            Tree and muscle did not agree after `PASSES` passes, or nothing was activated.
        """
        if entries is None and stimulus is None:
            raise ParameterError("neither the network nor the muscle is stimulated")
        own = network.tree.junctions
        if straight is None:
            straight = self.junctions.times(self.model.mesh, lengths)
        gap = np.linalg.norm(self.junctions.offset, axis=1)
        outside = np.maximum(0.0, 1.0 - network.patch / np.maximum(gap, 1e-12))
        out = network.orthodromic + straight * outside
        back = network.antidromic + straight
        owner, node = self.junctions.owner, self.junctions.node
        paced = (np.empty(0, np.int64), np.empty(0))
        if stimulus is not None:
            where, when = self.model.sources(lengths, stimulus)
            paced = (where.astype(np.int64), when)
        fired = entries or (np.empty(0, np.int64), np.empty(0))
        tree = network.arrival(*fired)
        gains = np.zeros(len(own), bool)
        for passes in range(1, PASSES + 1):
            late = tree[own][owner] + out
            use = np.isfinite(late)
            nodes = np.concatenate([paced[0], node[use]])
            if not len(nodes):
                raise NonPhysicalError(
                    "the Purkinje network is entered but no junction reaches the muscle",
                    fix="check its root and its blocks",
                )
            activation = solve(
                self.model.mesh, lengths, nodes, np.concatenate([paced[1], late[use]])
            )
            entered = self.junctions.earliest(back, activation)
            gains = entered < tree[own] - TOLERANCE
            if not gains.any():
                behind = np.isfinite(entered) & (entered < tree[own] + TOLERANCE)
                return Coupled(activation, tree, passes, behind)
            fired = (
                np.concatenate([fired[0], own[gains]]),
                np.concatenate([fired[1], entered[gains]]),
            )
            tree = network.arrival(*fired)
        raise NonPhysicalError(
            f"the Purkinje network and the muscle still change each other after {PASSES} passes",
            where=f"{int(gains.sum())} of {len(own)} junctions",
            fix="raise the delays of the junctions, or look for short loops in the network",
        )


@njit(cache=True, nogil=True)
def _arrival(
    start: NDArray[np.int64],
    beyond: NDArray[np.int64],
    late: NDArray[np.float64],
    nodes: NDArray[np.int64],
    times: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the shortest arrival from several nodes with times, in a graph given by rows."""
    arrival = np.full(start.size - 1, np.inf)
    queue = [(0.0, np.int64(0)) for _ in range(0)]
    for k in range(nodes.size):
        if times[k] < arrival[nodes[k]]:
            arrival[nodes[k]] = times[k]
            heapq.heappush(queue, (times[k], nodes[k]))
    while len(queue) > 0:
        now, v = heapq.heappop(queue)
        if now > arrival[v]:
            continue
        for e in range(start[v], start[v + 1]):
            then = now + late[e]
            u = beyond[e]
            if then < arrival[u]:
                arrival[u] = then
                heapq.heappush(queue, (then, u))
    return arrival
