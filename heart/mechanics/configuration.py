"""A body whose shape is known under load (the image), and the reference that is sought.

A problem's mesh is moved in place between the two, so that nothing is compiled or allocated again.
Axes that were found in the image are carried along as material lines: with f = ∂X/∂x,

    f₀ ∥ f f_img,   s₀ ∥ the part of f s_img across f₀,   n₀ = ± f₀ × s₀,

so that the layers spanned by fibres and sheets stay layers, and loading the reference brings the
fibres of the image back. Axes of rules that hold for the reference are left as they are.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import basix.ufl
import numpy as np
import ufl
from dolfinx import fem
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.mechanics.axes import Axes
from heart.mechanics.kinematics import Expression
from heart.mechanics.space import MechanicsSpace

Float = NDArray[np.float64]


class AxesIn(Enum):
    """Where the given axes are those of the muscle."""

    IMAGE = "image"
    REFERENCE = "reference"


class Configuration:
    """Moves the mesh and the axes of a space between the image and a reference. Any ranks.

    Parameters
    ----------
    space
        Its mesh is in the image configuration now.
    axes
        Of the problems on that space; with `AxesIn.IMAGE` they are functions per cell or per
        quadrature point (`cell_axes`), whose values are changed in place.
    where
        In which configuration the axes were given.

    Attributes
    ----------
    image
        (n, 3) nodes of this rank's geometry, ghosts included, in mm.
    isoparametric
        Whether the geometry has the degree of the displacement, so that a reference found as a
        displacement is a mesh again.

    Raises
    ------
    ParameterError
        Axes to be carried along that are not such functions.
    """

    def __init__(self, space: MechanicsSpace, axes: Axes, where: AxesIn = AxesIn.IMAGE) -> None:
        self.space, self.axes, self.where = space, axes, where
        self.geometry: Any = space.mesh.geometry
        self.image: Float = np.array(self.geometry.x)
        self._nodes = np.asarray(self.geometry.dofmaps[0])
        self._element = space.mesh.ufl_domain().ufl_coordinate_element().sub_elements[0]
        displacement, self._rows = space.space, None
        if space.mixed:
            displacement, rows = space.displacement.collapse()
            self._rows = np.asarray(rows).reshape(-1, 3)
        cells = displacement.dofmap.list
        self.isoparametric = cells.shape[1] == self._nodes.shape[1]
        self._dof = np.zeros(len(self.image), np.int64)
        self._dof[self._nodes] = cells[:, : self._nodes.shape[1]]
        self._image_axes: tuple[Float, Float, Float] | None = None
        if where is AxesIn.IMAGE:
            self._functions = _functions(axes)
            self._layout = self._functions[0].function_space.dofmap.list
            samples = self._functions[0].function_space.element.interpolation_points
            self._samples = np.asarray(samples, np.float64)
            fibre, sheet, normal = (self._read(function) for function in self._functions)
            self._image_axes = (fibre, sheet, normal)

    def to_image(self) -> None:
        """Put mesh and axes back to the image."""
        self.geometry.x[:] = self.image
        if self._image_axes is not None:
            self._write(self._image_axes)

    def to_reference(self, points: Float) -> None:
        """Put the mesh's nodes to `points` (n, 3) and carry the axes there."""
        self.geometry.x[:] = points
        if self._image_axes is not None:
            f = self.gradient(points, self._samples)
            self._write(carried(*self._image_axes, f))

    def points(self) -> Float:
        """Return a copy of the present nodes."""
        return np.array(self.geometry.x)

    def motion(self, state: Any) -> Float:
        """Return the displacement (n, 3) at the nodes of the geometry."""
        if self._rows is None:
            return np.asarray(state.x.array.reshape(-1, 3)[self._dof])
        return np.asarray(state.x.array[self._rows[self._dof]])

    def set_motion(self, state: Any, motion: Float) -> None:
        """Set the displacement at the nodes of the geometry."""
        if self._rows is None:
            state.x.array.reshape(-1, 3)[self._dof] = motion
        else:
            state.x.array[self._rows[self._dof]] = motion

    def gradient(self, points: Float, samples: Float) -> Float:
        """Return f = ∂X/∂x of nodes moved from the image to `points`.

        Parameters
        ----------
        points
            (n, 3)
        samples
            (q, 3) on the reference cell.

        Returns
        -------
        ndarray
            (cells, q, 3, 3), ghost cells included.
        """
        slopes = self._element.tabulate(1, samples)[1:]
        new, old = (
            np.einsum("cni,dqn->cqid", nodes[self._nodes], slopes) for nodes in (points, self.image)
        )
        return np.asarray(new @ np.linalg.inv(old))

    def distance(self, first: Float, second: Float) -> float:
        """Return the largest distance between nodes of two sets (n, 3), over all ranks."""
        apart = np.linalg.norm(first - second, axis=1)
        return float(max(self.space.comm.allgather(float(apart.max(initial=0.0)))))

    def product(self, first: Float, second: Float) -> float:
        """Return the scalar product of two fields (n, 3) over all ranks, each node once."""
        owned = self.geometry.index_map().size_local
        return float(self.space.comm.allreduce(float(np.vdot(first[:owned], second[:owned]))))

    def _read(self, function: Any) -> Float:
        values = function.x.array.reshape(-1, 3)[self._layout.ravel()]
        return np.array(values).reshape(*self._layout.shape, 3)

    def _write(self, axes: tuple[Float, Float, Float]) -> None:
        for function, values in zip(self._functions, axes, strict=True):
            function.x.array.reshape(-1, 3)[self._layout.ravel()] = values.reshape(-1, 3)


def carried(fibre: Float, sheet: Float, normal: Float, f: Float) -> tuple[Float, Float, Float]:
    """Return axes (…, 3) of the image in the reference, with f = ∂X/∂x (…, 3, 3)."""
    first = np.einsum("...ij,...j->...i", f, fibre)
    first /= np.linalg.norm(first, axis=-1, keepdims=True)
    second = np.einsum("...ij,...j->...i", f, sheet)
    second -= np.sum(second * first, axis=-1, keepdims=True) * first
    second /= np.linalg.norm(second, axis=-1, keepdims=True)
    hand = np.sum(np.cross(fibre, sheet) * normal, axis=-1, keepdims=True)
    return first, second, np.sign(hand) * np.cross(first, second)


def carried_symbolic(axes: Axes, f: Expression) -> Axes:
    """Return `carried` as UFL expressions; the sign of the normal, which no law sees, is free."""
    first = f * axes.fibre
    first = first / ufl.sqrt(ufl.inner(first, first))
    second = f * axes.sheet
    second = second - ufl.inner(second, first) * first
    second = second / ufl.sqrt(ufl.inner(second, second))
    return Axes(first, second, ufl.cross(first, second))


def cell_axes(space: MechanicsSpace, fibre: Float, sheet: Float, normal: Float) -> Axes:
    """Return axes per cell (m, 3), in the order of the cells given to the mesh, as functions.

    One value per cell where the strain is constant, else one per quadrature point, because what
    is carried along then varies inside a cell.
    """
    linear = max(degree or 0 for degree in space.element.value) == 1
    straight = space.mesh.geometry.cmaps[0].degree == 1
    element: Any = ("DG", 0, (3,))
    if not (linear and straight):
        element = _quadrature(space)
    values = fem.functionspace(space.mesh, element)
    layout, order = values.dofmap.list, space.mesh.topology.original_cell_index
    functions = []
    for name, field in (("fibre", fibre), ("sheet", sheet), ("normal", normal)):
        function = fem.Function(values, name=name)
        mine = np.repeat(np.asarray(field, np.float64)[order], layout.shape[1], axis=0)
        function.x.array.reshape(-1, 3)[layout.ravel()] = mine
        functions.append(function)
    return Axes(*functions)


def _quadrature(space: MechanicsSpace) -> Any:
    return basix.ufl.quadrature_element(
        space.mesh.basix_cell(), value_shape=(3,), degree=space.quadrature_degree
    )


def _functions(axes: Axes) -> tuple[Any, Any, Any]:
    functions = (axes.fibre, axes.sheet, axes.normal)
    if not all(isinstance(one, fem.Function) for one in functions):
        raise ParameterError(
            "axes of the image have to be carried to the reference",
            expected="functions per cell or quadrature point",
            fix="make them with cell_axes, or say that the axes are those of the reference",
        )
    return functions
