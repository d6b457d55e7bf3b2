"""Fibres steer conduction and contraction: their angle must be linear in depth and never jump."""

import math

import numpy as np
import pytest

from heart.anatomy import coordinates, idealised
from heart.anatomy.fibres import FibreAngles, fibres, helix_angle
from heart.anatomy.frames import ventricular_fields
from heart.anatomy.heart_mesh import Region
from heart.core.errors import ParameterError
from heart.numerics import tetrahedra

EDGE = 0.75


@pytest.fixture(scope="module")
def lv():
    mesh = idealised.lv_ellipsoid(EDGE)
    fields = ventricular_fields(mesh)
    return mesh, fields, coordinates.compute(mesh, fields)


@pytest.fixture(scope="module")
def biv():
    mesh = idealised.biv_ellipsoid(4.0)
    fields = ventricular_fields(mesh)
    return mesh, fields, coordinates.compute(mesh, fields)


def analytic_angle(fibre, points):
    """Measure the helix angle in the exact frame of the family rs = 7 + 3t, rl = 17 + 3t."""
    t = idealised.lv_ellipsoid_transmural(points)[:, None]
    outward = points / np.hstack([(7 + 3 * t) ** 2, (7 + 3 * t) ** 2, (17 + 3 * t) ** 2])
    upward = np.tile([0.0, 0.0, 1.0], (len(points), 1))
    return np.degrees(helix_angle(fibre, outward, upward)), t[:, 0]


def wrapped(error):
    return np.minimum(np.abs(error), 180.0 - np.abs(error))


@pytest.mark.parametrize("at", ["cells", "nodes", np.full((2, 4), 0.25)])
def test_orthonormal_everywhere(biv, at):
    """Constitutive laws take f, s, n for granted: orthonormal to 1e-10, right-handed, no NaN."""
    mesh, fields, c = biv
    field = fibres(mesh, c, FibreAngles(), at, continuous=fields)
    frame = np.stack([field.fibre, field.sheet, field.normal], axis=1)
    assert np.abs(frame @ frame.transpose(0, 2, 1) - np.eye(3)).max() < 1e-10
    assert np.linalg.det(frame).min() > 0.999


@pytest.mark.parametrize(("endo", "epi"), [(60.0, -60.0), (40.0, -50.0)])
def test_angle_is_linear_in_depth(lv, endo, epi):
    """Within 2 degrees of linear(t), measured in the exact frame, 4 edges off the pole."""
    mesh, fields, c = lv
    angles = FibreAngles(math.radians(endo), math.radians(epi))
    field = fibres(mesh, c, angles, continuous=fields)
    points = mesh.points[mesh.cells].mean(axis=1)
    angle, family = analytic_angle(field.fibre, points)
    t = c.transmural[mesh.cells].mean(axis=1)
    error = wrapped(angle - (endo + (epi - endo) * t))
    beyond = np.hypot(points[:, 0], points[:, 1]) > 4.0 * EDGE
    assert error[beyond].max() < 2.0
    assert error.mean() < 0.15
    assert np.percentile(error, 99) < 1.5
    assert error.max() < 8.0
    assert wrapped(angle - (endo + (epi - endo) * family)).mean() < 0.5


def test_no_jump_between_neighbours(lv):
    """The usual rule jumps by 46 degrees between t = 0.71 and 0.73 for 60/−60."""
    mesh, fields, c = lv
    field = fibres(mesh, c, FibreAngles(), continuous=fields)
    points = mesh.points[mesh.cells].mean(axis=1)
    angle, _ = analytic_angle(field.fibre, points)
    faces = np.sort(mesh.cells[:, tetrahedra.FACES].reshape(-1, 3), axis=1)
    order = np.lexsort(faces.T)
    same = (faces[order][1:] == faces[order][:-1]).all(axis=1)
    one, other = order[:-1][same] // 4, order[1:][same] // 4
    away = np.hypot(points[:, 0], points[:, 1]) > 5.0 * EDGE
    both = away[one] & away[other]
    jump = wrapped(angle[one] - angle[other])[both]
    assert jump.max() < 2.0 * 120.0 * EDGE / 3.0


def test_sign_of_the_helix():
    """Positive is counter-clockwise from circumferential seen from outside with the base up."""
    outward, upward = np.array([[0.0, -1.0, 0.0]]), np.array([[0.0, 0.0, 1.0]])
    rising = np.array([[math.cos(0.5), 0.0, math.sin(0.5)]])
    assert helix_angle(rising, outward, upward)[0] == pytest.approx(0.5)


def test_septum_and_free_walls(biv):
    """Septum from LV to RV endocardium as one wall; the RV free wall starts anew at +60."""
    mesh, fields, c = biv
    field = fibres(mesh, c, FibreAngles(), continuous=fields)
    upward = tetrahedra.cell_gradients(mesh.points, mesh.cells, fields.apicobasal)
    middle = np.abs(mesh.points[mesh.cells].mean(axis=1)[:, 2] + 10.0) < 12.0
    for region, depth in ((Region.SEPTUM, fields.depth_lv), (Region.RV_WALL, fields.depth_rv)):
        outward = tetrahedra.cell_gradients(mesh.points, mesh.cells, depth)
        chamber = fields.chamber[mesh.cells]
        pure = (chamber < 0.05).all(axis=1) | (chamber > 0.95).all(axis=1)
        own = (mesh.regions == region) & middle & pure
        angle = np.degrees(helix_angle(field.fibre[own], outward[own], upward[own]))
        t = depth[mesh.cells[own]].mean(axis=1)
        assert own.sum() > 20
        assert np.median(wrapped(angle - (60.0 - 120.0 * t))) < 4.0


def test_implausible_angle_is_refused():
    """60 without a unit is not an angle in radians."""
    with pytest.raises(ParameterError, match="alpha_endo"):
        FibreAngles(alpha_endo=60.0)
