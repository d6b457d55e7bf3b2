"""One small biventricle for all tests of leads."""

from __future__ import annotations

import pytest

from heart.anatomy import aha, coordinates, fibres, idealised
from heart.anatomy.heart import Heart
from heart.anatomy.locate import CoordinateLocator
from heart.electro.activation import ActivationModel
from heart.therapy.sites import Placement


@pytest.fixture(scope="session")
def placement() -> Placement:
    """Return a biventricular ellipsoid of 5 mm edges with its locator."""
    mesh = idealised.biv_ellipsoid(5.0)
    where = coordinates.compute(mesh)
    heart = Heart(mesh, where, aha.segments(where), fibres.fibres(mesh, where))
    return Placement(heart, CoordinateLocator(mesh, where))


@pytest.fixture(scope="session")
def model(placement: Placement) -> ActivationModel:
    """Return the activation model of that heart."""
    return ActivationModel.of(placement.heart, placement.locator)
