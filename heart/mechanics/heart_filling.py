"""A heart from an image: its reference and passive parameters, in one call.

The image is taken as the body at the end of filling. Of the right ventricle only the pressure
across its wall is to be given: what its cavity holds less what the pericardium pushes back, which
at rest is about the same; with the cavity's pressure alone a thin right wall that an image shows
flat or bent inwards has no reference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from heart.anatomy.heart_mesh import RINGS, Boundary, HeartMesh
from heart.core.errors import NonlinearSolveError
from heart.core.parameters import Parameter
from heart.mechanics.axes import check_axes
from heart.mechanics.configuration import Configuration, cell_axes
from heart.mechanics.klotz import MEASURED
from heart.mechanics.loads import Fixed, FollowerPressure, Load
from heart.mechanics.model import MechanicsModel
from heart.mechanics.passive_fit import PassiveFit, fit_passive
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.mechanics.unloading import reload
from heart.numerics.profiles import Profile

Float = NDArray[np.float64]

RIGHT = Parameter(0.0, "kPa", 0.0, 3.0, "assumed", "across the right wall at the end of filling")
RETURN = Parameter(0.1, "mm", 1e-6, 1.0, "assumed", "largest distance of a node after reloading")


@dataclass(frozen=True)
class FittedHeart:
    """A heart at rest that its loads bring into the image.

    Attributes
    ----------
    problem
        With the fitted parameters, on the mesh of the reference, without load; its full load
        gives the image.
    configuration
        Of image and reference.
    fit
        Parameters, volumes, curve.
    returned
        Largest distance of a node from the image after reloading, mm.
    """

    problem: StaticProblem
    configuration: Configuration
    fit: PassiveFit
    returned: float


def fit_heart(
    mesh: HeartMesh,
    axes: tuple[Float, Float, Float],
    model: MechanicsModel,
    ladder: Sequence[Profile],
    *,
    left: float = MEASURED.value,
    right: float = RIGHT.value,
    held: Sequence[Load] | None = None,
    element: Element = Element.P1,
    quadrature_degree: int = 2,
) -> FittedHeart:
    """Return the reference of a heart and the passive parameters that belong to it. Collective.

    Parameters
    ----------
    mesh
        The image, equal on all ranks.
    axes
        Fibre, sheet and normal per cell (m, 3), in the image.
    model
        Law to start from; with a volume law that fits the elements.
    left, right
        Pressures across the left and right wall in the image, kPa.
    held
        What holds the heart; fixed rings by default.
    element
        Linear ones: the reference of quadratic displacements is curved.

    Raises
    ------
    NonlinearSolveError
        No reference, no fit within its tolerance, or reloading does not return the image.
    MeshInputError, ParameterError
        Axes, tags, pressures or parameters are wrong.
    """
    MEASURED.check(left, name="left end-diastolic pressure")
    RIGHT.check(right, name="pressure across the right wall")
    check_axes(*axes)
    body, tags = tetrahedral(mesh.points, np.asarray(mesh.cells), mesh.facets, mesh.facet_tags)
    space = MechanicsSpace(body, tags, element, quadrature_degree)
    carried = cell_axes(space, *axes)
    rings = [tag for tag in RINGS if (mesh.facet_tags == tag).any()]
    loads: list[Load] = list(held) if held is not None else [Fixed(tag) for tag in rings]
    loads.append(FollowerPressure(Boundary.LV_ENDO, left))
    if mesh.has_rv and right > 0.0:
        loads.append(FollowerPressure(Boundary.RV_ENDO, right))
    problem = StaticProblem(model, space, carried, loads)
    configuration = Configuration(space, carried)
    fit = fit_passive(problem, configuration, Boundary.LV_ENDO, left, ladder)
    returned = reload(problem, configuration, ladder)
    problem.apply(0.0)
    problem.set_values(np.zeros_like(problem.values()))
    if returned > RETURN.value:
        raise NonlinearSolveError(
            f"the reference, loaded again, misses the image by {returned:.3g} mm",
            expected=f"at most {RETURN.value:g} mm",
            fix="use smaller elements or stiffer parameters",
        )
    return FittedHeart(problem, configuration, fit, returned)
