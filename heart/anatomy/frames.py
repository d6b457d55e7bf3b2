"""Smooth fields on the whole wall from which coordinates and fibres are both made.

Coordinates jump where the left and the right ventricle meet (each has its own depth); what can be
differentiated there does not.  So the continuous fields are kept apart here: the chamber field,
one depth per ventricle defined everywhere, and the apicobasal coordinate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.apex import apical_line
from heart.anatomy.heart_mesh import RINGS, Boundary, HeartMesh
from heart.core.errors import MeshInputError
from heart.numerics import tetrahedra
from heart.numerics.geodesic import DirichletSolver, distance, unit
from heart.numerics.p1 import P1Space

Float = NDArray[np.float64]
Int = NDArray[np.integer]

_PROFILE = "elliptic_near"
_LEFT_RINGS = (Boundary.MITRAL, Boundary.AORTIC)
_RIGHT_RINGS = (Boundary.TRICUSPID, Boundary.PULMONARY)
BLEND = (0.25, 0.75)


@dataclass(frozen=True)
class VentricularFields:
    """Continuous nodal fields, each (n,).

    Attributes
    ----------
    chamber
        0 in the LV with its septum, 1 in the RV free wall, harmonic between.
    depth_lv
        0 at the LV endocardium, 1 at the epicardium and the RV endocardium.
    depth_rv
        0 at the RV endocardium, 1 at the epicardium and the LV endocardium.
    height_lv, height_rv
        0 on the apical line, 1 at the rings of the ventricle that it is named after.
    apicobasal
        The height of the own ventricle, blended where they join.
    apex
        (j,) nodes of the apical line, epicardium first.
    """

    chamber: Float
    depth_lv: Float
    depth_rv: Float
    height_lv: Float
    height_rv: Float
    apicobasal: Float
    apex: Int


def ventricular_fields(mesh: HeartMesh) -> VentricularFields:
    """Solve for the continuous fields.

    Raises
    ------
    MeshInputError
        A boundary that a ventricle cannot do without is missing.
    """
    for tag in (Boundary.EPI, Boundary.LV_ENDO):
        if not (mesh.facet_tags == tag).any():
            raise MeshInputError(f"the mesh has no boundary {tag.name.lower()}")
    if len(mesh.nodes_of(*RINGS)) == 0:
        raise MeshInputError("the mesh has no base and no valve ring")
    space = P1Space(mesh.points, mesh.cells)
    stiffness = space.stiffness()
    lv, epi = mesh.nodes_of(Boundary.LV_ENDO), mesh.nodes_of(Boundary.EPI)
    if mesh.has_rv:
        chamber = _chamber(mesh, space, stiffness)
        rv = mesh.nodes_of(Boundary.RV_ENDO)
        depth_rv = _depth(mesh, space, stiffness, rv, np.union1d(epi, lv), chamber)
        depth_lv = _depth(mesh, space, stiffness, lv, np.union1d(epi, rv), 1.0 - chamber)
    else:
        chamber, depth_rv = np.zeros(len(mesh.points)), np.ones(len(mesh.points))
        depth_lv = _depth(mesh, space, stiffness, lv, epi, 1.0 - chamber)
    stiffness.destroy()

    left, right = ring_nodes(mesh, chamber)
    to_left = distance(space, mesh.points, mesh.cells, left)
    apex = apical_line(mesh, to_left, chamber)
    to_apex = distance(space, mesh.points, mesh.cells, apex)
    height_lv = height_rv = _ratio(to_apex, to_left)
    if mesh.has_rv and not np.array_equal(left, right):
        height_rv = _ratio(to_apex, distance(space, mesh.points, mesh.cells, right))
    share = smooth_step(chamber)
    apicobasal = (1.0 - share) * height_lv + share * height_rv
    apicobasal[apex] = 0.0
    return VentricularFields(chamber, depth_lv, depth_rv, height_lv, height_rv, apicobasal, apex)


def ring_nodes(mesh: HeartMesh, chamber: Float) -> tuple[Int, Int]:
    """Return the nodes where the LV and where the RV end.

    Each ventricle has its own valves: the pulmonary valve lies far above the others, and what is
    close to it in the LV wall is not therefore basal.  Where one plane cuts both ventricles it is
    the base of both, and a ventricle without valves of its own ends at all rings there are.
    """
    rings = mesh.nodes_of(*RINGS)
    base = mesh.nodes_of(Boundary.BASE)
    left = np.union1d(mesh.nodes_of(*_LEFT_RINGS), base)
    right = np.union1d(mesh.nodes_of(*_RIGHT_RINGS), base)
    if (chamber[left] < 0.5).sum() == 0:
        left = rings
    if (chamber[right] >= 0.5).sum() == 0:
        right = rings
    return left, right


def smooth_step(chamber: Float) -> Float:
    """Return the share of the RV, 0 to 1, rising smoothly where the chambers join."""
    share = np.clip((chamber - BLEND[0]) / (BLEND[1] - BLEND[0]), 0.0, 1.0)
    return share * share * (3.0 - 2.0 * share)


def _ratio(to_apex: Float, to_rings: Float) -> Float:
    return to_apex / np.maximum(to_apex + to_rings, 1e-12)


def _chamber(mesh: HeartMesh, space: P1Space, stiffness: object) -> Float:
    """Return the harmonic field between LV with septal RV endocardium (0) and RV free wall (1)."""
    lv, epi = mesh.nodes_of(Boundary.LV_ENDO), mesh.nodes_of(Boundary.EPI)
    rv = mesh.nodes_of(Boundary.RV_ENDO)
    epi = np.setdiff1d(epi, rv)
    side = _harmonic(space, stiffness, lv, epi)
    septal, free = rv[side[rv] < 0.5], rv[side[rv] >= 0.5]
    if len(septal) == 0 or len(free) == 0:
        raise MeshInputError(
            "the RV endocardium has no septal or no free part",
            fix="check that lv_endo, rv_endo and epi are named rightly",
        )
    return _harmonic(space, stiffness, np.union1d(lv, septal), free)


def _harmonic(space: P1Space, stiffness: object, zero: Int, one: Int) -> Float:
    """Return the harmonic field that is 0 on the nodes `zero` and 1 on `one`; zero wins."""
    nodes, first = np.unique(np.concatenate([zero, one]), return_index=True)
    values = (first >= len(zero)).astype(np.float64)
    solver = DirichletSolver(space, stiffness, nodes, values, _PROFILE)
    field = solver.solve()
    solver.destroy()
    return np.clip(field, 0.0, 1.0)


def _depth(
    mesh: HeartMesh, space: P1Space, stiffness: object, inner: Int, outer: Int, weight: Float
) -> Float:
    """Return the depth, linear in distance, from the nodes `inner` (0) to `outer` (1).

    A harmonic field is steeper at the smaller radius: 6 degrees of fibre angle on average in a
    thick ventricle.  Its directions are right, though, so distances to both surfaces are
    integrated along them by a Poisson solve each, and their ratio is linear in depth.  Where the
    harmonic field is flat (the other ventricle's wall) directions fade out.
    """
    outer = np.setdiff1d(outer, inner)
    nodes = np.concatenate([inner, outer])
    values = np.concatenate([np.zeros(len(inner)), np.ones(len(outer))])
    solver = DirichletSolver(space, stiffness, nodes, values, _PROFILE)
    field = np.clip(solver.solve(), 0.0, 1.0)
    solver.destroy()
    gradient = tetrahedra.cell_gradients(mesh.points, mesh.cells, field)
    steepness = np.linalg.norm(gradient, axis=1)
    own = weight[mesh.cells].mean(axis=1) > 0.5
    direction = unit(gradient, 0.2 * float(np.median(steepness[own])))
    load = space.divergence_load(direction)
    lengths = []
    for sign, surface in ((1.0, inner), (-1.0, outer)):
        signed = load.copy()
        signed.scale(sign)
        solver = DirichletSolver(space, stiffness, surface, np.zeros(len(surface)), _PROFILE)
        lengths.append(np.maximum(solver.solve(signed), 0.0))
        solver.destroy()
        signed.destroy()
    load.destroy()
    total = lengths[0] + lengths[1]
    depth = np.where(total > 1e-9, lengths[0] / np.maximum(total, 1e-9), field)
    depth[inner], depth[outer] = 0.0, 1.0
    return depth
