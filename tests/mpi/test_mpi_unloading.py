"""References and filling curves on several ranks: ``mpiexec -n 2 python -m pytest -m mpi``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from mpi4py import MPI

from heart.anatomy.heart_mesh import Boundary
from heart.anatomy.idealised import lv_ellipsoid
from heart.core.errors import NonlinearSolveError
from heart.mechanics.compressibility import Penalty
from heart.mechanics.configuration import Configuration, cell_axes
from heart.mechanics.filling import FillingCurve
from heart.mechanics.inverse import InverseProblem
from heart.mechanics.loads import Fixed, FollowerPressure, Robin
from heart.mechanics.materials.guccione import Guccione
from heart.mechanics.model import MechanicsModel
from heart.mechanics.space import Element, MechanicsSpace, tetrahedral
from heart.mechanics.static import StaticProblem
from heart.mechanics.unloading import FixedPoint, UnloadSettings, reload, unload, unload_inverse
from heart.numerics.profiles import load
from tests.ellipsoids import helix

LADDER = (load("mechanics/direct"),)
HEART = lv_ellipsoid(6.5)


@dataclass
class Image:
    """An ellipsoid under 0.5 kPa, on the ranks of a communicator."""

    comm: Any

    def __post_init__(self) -> None:
        mesh = tetrahedral(HEART.points, HEART.cells, HEART.facets, HEART.facet_tags, self.comm)
        self.space = MechanicsSpace(*mesh, Element.P1, 2)
        model = MechanicsModel(Guccione(1.0, 18.5, 3.6, 1.6), Penalty(50.0))
        axes = cell_axes(self.space, *helix(HEART))
        held = [Fixed(Boundary.BASE), Robin(Boundary.EPI, 0.02)]
        loads = [*held, FollowerPressure(Boundary.LV_ENDO, 0.5)]
        self.problem = StaticProblem(model, self.space, axes, loads)
        self.configuration = Configuration(self.space, axes)

    def everywhere(self, points: np.ndarray) -> np.ndarray:
        """Return nodes of this rank as those of the heart, in its order."""
        found = np.full((len(HEART.points), 3), -np.inf)
        found[self.space.mesh.geometry.input_global_indices] = points
        self.comm.Allreduce(MPI.IN_PLACE, found, op=MPI.MAX)
        return found

    def fibre(self) -> np.ndarray:
        """Return the fibres of the heart's cells, as carried along."""
        function = self.problem.axes.fibre
        found = np.full((len(HEART.cells), 3), -np.inf)
        cells = self.space.mesh.topology.original_cell_index
        rows = np.asarray(function.function_space.dofmap.list).ravel()
        found[cells] = function.x.array.reshape(-1, 3)[rows]
        self.comm.Allreduce(MPI.IN_PLACE, found, op=MPI.MAX)
        return found

    def again(self) -> None:
        """Back to the image, without load."""
        self.configuration.to_image()
        self.problem.apply(0.0)
        self.problem.set_values(np.zeros_like(self.problem.values()))


@pytest.fixture(scope="module")
def images() -> tuple[Image, Image]:
    """The same image on all ranks together and on each alone."""
    return Image(MPI.COMM_WORLD), Image(MPI.COMM_SELF)


@pytest.mark.mpi
def test_references_do_not_depend_on_ranks(images: tuple[Image, Image]) -> None:
    """Inverse problem and fixed point, fibres carried along, to 1e-6 of what nodes moved."""
    found = []
    for image in images:
        image.again()
        here = image.configuration
        inverse = unload_inverse(InverseProblem(image.problem, here), LADDER)
        result = [image.everywhere(inverse.points), image.fibre()]
        assert reload(image.problem, here, LADDER) < 1e-6
        image.again()
        # Both stop at the same loading, so that what is left to go is the same too.
        fixed = FixedPoint(image.problem, here, UnloadSettings(distance=1e-3))
        found.append([*result, image.everywhere(unload(fixed, LADDER).points), fixed.loadings])
    together, alone = found
    moved = np.abs(alone[0] - HEART.points).max()
    assert moved > 0.2
    assert together[3] == alone[3]
    for one, other in zip(together[:3], alone[:3], strict=True):
        assert np.abs(one - other).max() < 1e-6 * moved
    assert np.abs(alone[0] - alone[2]).max() < 5e-3


@pytest.mark.mpi
def test_filling_curves_do_not_depend_on_ranks(images: tuple[Image, Image]) -> None:
    """Volumes of image, rest and loads, for two sets of parameters, the second started warm."""
    found = []
    for image in images:
        image.again()
        curve = FillingCurve(
            image.problem, image.configuration, Boundary.LV_ENDO, (0.4, 1.0, 1.5), LADDER
        )
        stiffness = image.problem.model.material.scale
        rows = [[curve.image_volume]]
        for value in (1.0, 1.3):
            stiffness.value = value
            filling = curve.fill()
            rows += [[filling.rest], filling.volumes]
            image.again()
        stiffness.value = 1.0
        found.append(np.concatenate(rows))
        assert (curve.walks, curve.solves) == (2, 2)
    np.testing.assert_allclose(found[0], found[1], rtol=1e-6)
    image_volume, at_image = found[1][0], found[1][[3, 7]]
    np.testing.assert_allclose(at_image, image_volume, rtol=1e-6)


@pytest.mark.mpi
def test_no_reference_is_an_error_on_all_ranks(images: tuple[Image, Image]) -> None:
    """The squeezed cell is on one rank; the others hear of it and do not wait."""
    image = images[0]
    image.again()
    settings = UnloadSettings(distance=1e-9, iterations=2)
    with pytest.raises(NonlinearSolveError) as caught:
        unload(FixedPoint(image.problem, image.configuration, settings), LADDER)
    assert len(set(MPI.COMM_WORLD.allgather(str(caught.value)))) == 1
    image.again()
