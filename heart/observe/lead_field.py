"""Lead fields: the whole volume conductor in one row of weights per lead.

By reciprocity the potential that a heart makes at an electrode is the inner product of its source
with the field Z that a unit current through that electrode would make. With the source
J = −σ_i∇Vm of the bidomain model,

    φ(A) − φ(reference) = −∫_H σ_i∇Vm·∇Z dV,    ∇·(σ∇Z) = −(δ_A − δ_reference),

so ECG(t) = w·Vm(t) with w = −∫σ_i∇v·∇Z: a wave that comes towards an electrode has the resting
potential ahead of it and deflects upwards. Each solve is done once; after that a sample of the
ECG costs one dot product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart import Heart
from heart.core.errors import NonPhysicalError
from heart.numerics import tetrahedra
from heart.numerics.p1 import P1Space
from heart.observe.conductivity import Conductivities
from heart.observe.electrodes import Electrodes
from heart.observe.embedding import embed
from heart.observe.leads import ELECTRODES, LEAD_MATRIX
from heart.observe.skin import Skin
from heart.observe.torso import Torso
from heart.observe.torso_tissue import fibre_anisotropy

Float = NDArray[np.float64]
Int = NDArray[np.integer]

USED = [i for i, name in enumerate(ELECTRODES) if name != "RL"]


@dataclass(frozen=True)
class LeadField:
    """Weights (12, n), in mV of ECG per mV of transmembrane potential, and what made them."""

    weights: Float
    description: str


def source_weights(points: Float, cells: Int, sigma: Float, fields: Float) -> Float:
    """Return w = −∫σ_i∇v·∇Z for every node and every field Z.

    Parameters
    ----------
    points, cells
        Heart mesh, (n, 3) mm and (m, 4).
    sigma
        (m, 3, 3) intracellular conductivity in mS/mm.
    fields
        (e, n) lead fields at the heart's nodes, mV per uA.

    Returns
    -------
    ndarray
        (e, n); each row sums to zero, so that a uniform potential gives none.
    """
    gradients = tetrahedra.shape_gradients(points, cells)
    flux = -np.einsum("mij,maj->mai", sigma, gradients)
    flux *= tetrahedra.volumes(points, cells)[:, None, None]
    weights = np.empty((len(fields), len(points)))
    for row, field in zip(weights, fields, strict=True):
        slope = np.einsum("mak,ma->mk", gradients, field[cells])
        share = np.einsum("mak,mk->ma", flux, slope)
        row[:] = np.bincount(cells.ravel(), share.ravel(), minlength=len(points))
    return weights


def electrode_fields(
    torso: Torso,
    positions: Float,
    space: P1Space | None = None,
    *,
    on_skin: bool = True,
    conductivity: Float | None = None,
) -> Float:
    """Solve the lead field of each electrode position.

    Parameters
    ----------
    torso
        Volume conductor.
    positions
        (k, 3) mm.
    space
        P1 space of the torso when it exists already.
    on_skin
        Project the positions onto the skin; otherwise they are points inside the torso.
    conductivity
        (m,) or (m, 3, 3) mS/mm; the torso's own when None.

    Returns
    -------
    ndarray
        (k, n_torso) mV per uA. The return current leaves equally through all nodes: that
        reference is the same for every electrode and cancels in every lead.

    Raises
    ------
    LinearSolveError
        A solve did not converge.
    NonPhysicalError
        A point that should lie inside the torso does not.
    """
    space = space or P1Space(torso.points, torso.cells)
    if on_skin:
        contact = Skin.of(torso.points, torso.cells).project(positions)
        nodes, shares = contact.nodes, contact.weights
    else:
        place = embed(torso.points, torso.cells, positions)
        if not place.inside.all():
            raise NonPhysicalError("an electrode lies outside the torso")
        nodes, shares = place.nodes, place.weights
    loads = []
    for node, share in zip(nodes, shares, strict=True):
        current = np.full(space.nodes, -1.0 / space.nodes)
        np.add.at(current, node, share)
        loads.append(space.vector(current))
    matrix = space.stiffness(torso.conductivity if conductivity is None else conductivity)
    fields = space.solve_neumann(matrix, loads)
    for thing in (matrix, *loads):
        thing.destroy()
    return np.array(fields)


def bulk_conductivity(torso: Torso, heart: Heart, conductivities: Conductivities) -> Float:
    """Return the conductivity of the torso's cells, (m,) or with fibres (m, 3, 3), in mS/mm."""
    if not torso.fibrous:
        return torso.conductivity
    mesh = heart.mesh
    shape = fibre_anisotropy(torso.points, torso.cells, mesh, heart.fibres.fibre)
    return torso.conductivity[:, None, None] * np.eye(3) + conductivities.contrast * shape


def lead_fields(
    torso: Torso,
    heart: Heart,
    electrodes: Sequence[Electrodes] | None = None,
    conductivities: Conductivities | None = None,
) -> list[LeadField]:
    """Compute the lead fields of one or several electrode sets in one torso.

    The preconditioner is set up once for all of them: a further set costs nine short solves.

    Parameters
    ----------
    torso
        Volume conductor around the heart.
    heart
        Mesh and fibres, in the same frame.
    electrodes
        Electrode sets, e.g. jittered ones; the torso's own when None.
    conductivities
        For the intracellular tensor; literature values when None.

    Returns
    -------
    list of LeadField
        One for each electrode set.

    Raises
    ------
    NonPhysicalError
        Part of the heart lies outside the torso.
    """
    sets = list(electrodes) if electrodes is not None else [torso.electrodes]
    chosen = conductivities or Conductivities()
    mesh = heart.mesh
    where = embed(torso.points, torso.cells, mesh.points)
    if not where.inside.all():
        raise NonPhysicalError(
            f"{int((~where.inside).sum())} of {len(mesh.points)} heart nodes are outside the torso",
            fix="check height and weight, or the frame and unit of the torso mesh",
        )
    space = P1Space(torso.points, torso.cells)
    sigma = chosen.intracellular(heart.fibres.fibre, mesh.tissue)
    positions = np.concatenate([item.positions[USED] for item in sets])
    bulk = bulk_conductivity(torso, heart, chosen)
    fields = where.interpolate(electrode_fields(torso, positions, space, conductivity=bulk))
    result = []
    for item, nine in zip(sets, fields.reshape(len(sets), len(USED), -1), strict=True):
        weights = source_weights(mesh.points, mesh.cells, sigma, LEAD_MATRIX[:, USED] @ nine)
        result.append(LeadField(weights, f"{torso.description}; electrodes {item.source}"))
    return result
