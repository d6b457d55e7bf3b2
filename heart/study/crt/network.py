"""The Purkinje network of a screen: one tree for each member, the same on all meshes of the heart.

With a network the heart's own beat enters at the His bundle, a pace enters the tree wherever its
wave meets a junction, and a lead in the conduction system enters at a node of it.  All waves of a
member but that of a His lead share one set of path costs, that of the diseased network, so their
pointwise minimum is their joint arrival.  A His lead that stimulates beyond the block has the
network without the block: its wave is the joint one too, as each path keeps to its own wave.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.anatomy.locate import CoordinateLocator
from heart.anatomy.purkinje.grow import grow
from heart.anatomy.purkinje.read import joined, read_tree
from heart.anatomy.purkinje.tree import LEFT, Fascicle, PurkinjeTree
from heart.core.errors import NonPhysicalError
from heart.electro.activation import ActivationModel, Stimulus
from heart.electro.purkinje import NetworkModel, PurkinjeNetwork, diseased
from heart.numerics.eikonal import thread_count
from heart.scenario.crt import CrtScenario
from heart.scenario.network import FileNetwork, GrownNetwork
from heart.study.crt.members import Member
from heart.therapy import pacing
from heart.therapy.sites import Kind, Site

Float = NDArray[np.floating]

_STREAM = 0x70756B


@dataclass(frozen=True)
class Networks:
    """Gives each member its healthy network, by the number of the member (−1: nominal)."""

    of: Callable[[int], PurkinjeNetwork]


def prepare(
    scenario: CrtScenario, heart: Heart, locator: CoordinateLocator, files: Mapping[str, Path]
) -> Networks | None:
    """Return the networks of a scenario in a heart; None where it has none.

    Raises
    ------
    HeartError
        A file that holds no network, or an endocardium on which none can grow.
    """
    section = scenario.conduction.network
    if section is None:
        return None
    tree = (
        _grown(section, heart, locator, -1)
        if isinstance(section, GrownNetwork)
        else _read(section, locator, files)
    )
    nominal = PurkinjeNetwork(
        tree, section.speed, section.orthodromic, section.antidromic, section.patch
    )

    @cache
    def of(index: int) -> PurkinjeNetwork:
        if index < 0:
            return nominal
        stream = np.random.default_rng([scenario.seed or 0, _STREAM, index])
        prior = section.speed_prior
        network = replace(nominal, speed=prior.sample(stream) if prior else nominal.speed)
        if isinstance(section, GrownNetwork) and section.resample:
            return replace(network, tree=_grown(section, heart, locator, index))
        return network

    return Networks(of)


def waves(
    model: ActivationModel,
    network: PurkinjeNetwork,
    member: Member,
    sites: Sequence[Site],
    radius: float,
) -> Float:
    """Return the waves (sites + 1, n) float32: the heart's own from its first exit, the sites'.

    Parameters
    ----------
    model
        Any mesh of the heart.
    network
        Of the member, without disease.
    member
        Speeds and disease.
    sites
        A site that does not capture makes no wave (all inf).
    radius
        mm of muscle that an electrode fires at once.
    """
    coupled = NetworkModel.of(model, network)
    lengths = model.lengths(_without_sheet(member).velocity, member.disease)
    straight = coupled.junctions.times(model.mesh, lengths)
    sick = diseased(network, member.disease)
    free = diseased(network, replace(member.disease, name="healthy"))
    root = np.array([network.tree.root])
    hv = pacing.PARAMETERS["hv_interval"].value

    def one(k: int) -> Float:
        if k < 0:
            own = coupled.solve(lengths, sick, entries=(root, np.zeros(1)), straight=straight)
            return own.activation - _first_exit(sick)
        site = sites[k]
        if site.kind is Kind.HIS:
            through = free if member.disease.proximal_block else sick
            entries = (root, np.array([hv - _first_exit(network)]))
            return coupled.solve(lengths, through, entries=entries, straight=straight).activation
        tip = Stimulus(site.point[None], np.array([site.exit_delay]), radius)
        if site.kind is Kind.LBB_AREA:
            node, _ = sick.nearest(site.point, LEFT)
            entered = (np.array([node]), np.array([site.exit_delay]))
            return coupled.solve(
                lengths, sick, entries=entered, stimulus=tip, straight=straight
            ).activation
        return coupled.solve(lengths, sick, stimulus=tip, straight=straight).activation

    result = np.full((len(sites) + 1, len(model.heart.mesh.points)), np.inf, np.float32)
    paced = [-1, *(k for k, site in enumerate(sites) if site.captured)]
    with ThreadPoolExecutor(thread_count()) as pool:
        for k, wave in zip(paced, pool.map(one, paced), strict=True):
            result[k + 1] = wave
    if not np.isfinite(result[0]).any():
        raise NonPhysicalError("the heart's own wave activates nothing")
    return result


def normal(model: ActivationModel, network: PurkinjeNetwork, member: Member) -> Float:
    """Return the activation (n,) of a member without its disease, from the first exit."""
    coupled = NetworkModel.of(model, network)
    lengths = model.lengths(_without_sheet(member).velocity, member.healthy)
    well = diseased(network, member.healthy)
    found = coupled.solve(lengths, well, entries=(np.array([network.tree.root]), np.zeros(1)))
    return np.asarray(found.activation - _first_exit(well), np.float32)


def _first_exit(network: PurkinjeNetwork) -> float:
    """Return the ms from the root to the first muscle: the zero of the heart's own beat.

    Taken on the tree, not at a node, so that it is the same on all meshes.
    """
    tree = network.tree
    arrival = network.arrival(np.array([tree.root]), np.zeros(1))
    return float(arrival[tree.junctions].min()) + network.orthodromic


def _without_sheet(member: Member) -> Member:
    """Return the member without the fast endocardium, which stands for the network."""
    return replace(member, velocity=replace(member.velocity, endocardial_extent=0.0))


def _grown(
    section: GrownNetwork, heart: Heart, locator: CoordinateLocator, index: int
) -> PurkinjeTree:
    stream = np.random.default_rng([section.seed, _STREAM, index + 1])
    return grow(heart, locator, stream, section.rule())


def _read(
    section: FileNetwork, locator: CoordinateLocator, files: Mapping[str, Path]
) -> PurkinjeTree:
    def height(points: NDArray[np.float64]) -> NDArray[np.float64]:
        return locator.coordinates_at(points).apicobasal

    trees = []
    for name, root, fascicle in (
        (section.left, section.left_root, Fascicle.LEFT_BUNDLE),
        (section.right, section.right_root, Fascicle.RIGHT_BUNDLE),
    ):
        if name is not None:
            near = None if root is None else np.array(root, float)
            trees.append(
                read_tree(
                    files[name], unit=section.unit, fascicle=fascicle, root=near, height=height
                )
            )
    return joined(*trees) if len(trees) == 2 else trees[0]
