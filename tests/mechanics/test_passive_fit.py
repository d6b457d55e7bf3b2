"""Passive parameters fitted to the Klotz curve with the reference at once, on a small ventricle."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid
from heart.core.errors import NonlinearSolveError, ParameterError
from heart.mechanics.compressibility import Penalty
from heart.mechanics.configuration import Configuration, cell_axes
from heart.mechanics.fit_factors import EXPONENTS, Factor
from heart.mechanics.heart_filling import fit_heart
from heart.mechanics.loads import Fixed, FollowerPressure
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.materials.registry import REGISTRY
from heart.mechanics.model import MechanicsModel
from heart.mechanics.passive_fit import FitStep, PassiveFit, fit_passive
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.mechanics.unloading import reload
from heart.numerics.profiles import load

LADDER = (load("mechanics/direct"), load("mechanics/direct_l2"))
PRESSURE = 1.2
START = Guccione(0.12, 80.0, 16.0, 7.0)


def ventricle() -> tuple[StaticProblem, Configuration]:
    """The benchmark's ventricle at three times its size, with fibres that wind around its axis."""
    heart = lv_ellipsoid(6.9)
    mesh, tags = tetrahedral(3.0 * heart.points, heart.cells, heart.facets, heart.facet_tags)
    space = MechanicsSpace(mesh, tags, Element.P1, 2)
    out = heart.points[heart.cells].mean(axis=1)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    around = np.cross([0.0, 0.0, 1.0], out)
    fibre = around + 0.7 * np.cross(out, around)
    fibre /= np.linalg.norm(fibre, axis=1, keepdims=True)
    axes = cell_axes(space, fibre, out, np.cross(fibre, out))
    loads: list[Any] = [Fixed(Boundary.BASE), FollowerPressure(Boundary.LV_ENDO, PRESSURE)]
    problem = StaticProblem(MechanicsModel(START, Penalty(50.0)), space, axes, loads)
    return problem, Configuration(space, axes)


@pytest.fixture(scope="module")
def fitted() -> tuple[StaticProblem, Configuration, PassiveFit]:
    problem, configuration = ventricle()
    told: list[FitStep] = []
    fit = fit_passive(problem, configuration, Boundary.LV_ENDO, PRESSURE, LADDER, told=told.append)
    assert [one.number for one in told] == list(range(len(told)))
    assert told[-1].error < told[0].error
    return problem, configuration, fit


def test_the_filled_reference_follows_the_curve(
    fitted: tuple[StaticProblem, Configuration, PassiveFit],
) -> None:
    """Within 5 % of volume from 2 to 30 mmHg; the problem holds the parameters that are told."""
    problem, _, fit = fitted
    assert np.abs(fit.errors).max() < 0.05
    np.testing.assert_allclose(fit.volumes, fit.targets, rtol=0.05)
    law: Any = problem.model.material
    assert fit.parameters["scale"] == float(law.scale.value)
    assert fit.parameters["scale"] == pytest.approx(START.scale * fit.factors[Factor.STIFFNESS])
    exponent = fit.factors[Factor.EXPONENT]
    assert fit.parameters["shear"] == pytest.approx(START.shear * exponent)
    assert fit.parameters["fibre"] == pytest.approx(START.fibre * exponent)


def test_the_fitted_reference_loads_into_the_image(
    fitted: tuple[StaticProblem, Configuration, PassiveFit],
) -> None:
    """The image is on the curve by construction: every node returns, far within 0.1 mm."""
    problem, configuration, fit = fitted
    np.testing.assert_array_equal(configuration.points(), fit.filling.reference)
    assert configuration.distance(fit.filling.reference, configuration.image) > 1.0
    assert reload(problem, configuration, LADDER) < 1e-3


def test_a_curve_out_of_reach_is_an_error() -> None:
    """One step from a poor start leaves a gap, which has to be said."""
    problem, configuration = ventricle()
    with pytest.raises(NonlinearSolveError, match=r"Klotz curve: .* % of volume at"):
        fit_passive(
            problem, configuration, Boundary.LV_ENDO, PRESSURE, LADDER, error=1e-4, iterations=1
        )
    with pytest.raises(ParameterError, match="ascending"):
        fit_passive(
            problem, configuration, Boundary.LV_ENDO, PRESSURE, LADDER, pressures=[2.0, 1.0]
        )


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_factors_name_parameters_of_each_law(name: str) -> None:
    """Every law has stiffnesses in kPa, and exponents only by names that it knows, without unit."""
    parameters = REGISTRY[name].PARAMETERS
    assert any(one.unit == "kPa" for one in parameters.values())
    exponents = EXPONENTS.get(REGISTRY[name], ())
    assert all(parameters[one].unit == "1" for one in exponents)
    assert name == "neo_hookean" or exponents


def test_a_heart_is_unloaded_and_fitted_in_one_call() -> None:
    """From a mesh with fibres per cell to a problem at rest whose full load is the image."""
    heart = lv_ellipsoid(6.9)
    out = heart.points[heart.cells].mean(axis=1)
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    fibre = np.cross([0.0, 0.0, 1.0], out)
    fibre += 0.7 * np.cross(out, fibre)
    fibre /= np.linalg.norm(fibre, axis=1, keepdims=True)
    large = replace(heart, points=3.0 * heart.points)
    model = MechanicsModel(START, Penalty(50.0))
    found = fit_heart(large, (fibre, out, np.cross(fibre, out)), model, LADDER, left=PRESSURE)
    assert np.abs(found.fit.errors).max() < 0.05
    assert found.returned < 1e-3
    assert np.abs(found.problem.values()).max() == 0.0
