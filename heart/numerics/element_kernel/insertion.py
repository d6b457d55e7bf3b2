"""Adds the tangents of cells straight into a matrix, at places that are looked up once.

PETSc searches each entry's column in its row, which takes five times as long as a kernel. Cells
whose unknowns all belong to this rank are done here; those at the edge of a rank go through
DOLFINx, which sends their rows to the ranks that own them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np
from dolfinx import fem
from numpy.typing import NDArray
from petsc4py import PETSc

from heart.core.errors import StorageError
from heart.numerics.element_kernel.compilation import loaded
from heart.numerics.element_kernel.kernel import Kernel

TEXT = """\
#include <stdint.h>
#include <string.h>
typedef void kernel(double *, const double *, const double *, const double *, const int *,
                    const uint8_t *, void *);

/* Place of each entry of each cell's matrix within its row; returns how many have none. */
int64_t look_up(int64_t count, int32_t size, const int32_t *dofs, const int32_t *rows,
                const int32_t *columns, uint16_t *place)
{
  int64_t missing = 0;
  for (int64_t i = 0; i < count; ++i)
    for (int32_t a = 0; a < size; ++a) {
      const int32_t row = dofs[i * size + a], *own = columns + rows[row];
      const int32_t length = rows[row + 1] - rows[row];
      for (int32_t b = 0; b < size; ++b) {
        const int32_t wanted = dofs[i * size + b];
        int32_t low = 0, high = length;
        while (low < high) {
          const int32_t middle = (low + high) / 2;
          if (own[middle] < wanted) low = middle + 1; else high = middle;
        }
        if (low >= length || own[low] != wanted || low > UINT16_MAX) ++missing;
        else place[(i * size + a) * size + b] = (uint16_t)low;
      }
    }
  return missing;
}

void add(int64_t count, int32_t size, kernel *tangent, const double *w, int64_t width,
         const double *c, const double *x, int32_t corners, const int32_t *dofs,
         const int8_t *held, const int32_t *rows, const uint16_t *place, double *work,
         double *values)
{
  for (int64_t i = 0; i < count; ++i) {
    const int32_t *own = dofs + i * size;
    memset(work, 0, sizeof(double) * size * size);
    tangent(work, w + i * width, c, x + i * corners * 3, 0, 0, 0);
    for (int32_t b = 0; b < size; ++b)
      if (held[own[b]])
        for (int32_t a = 0; a < size; ++a) work[a * size + b] = 0.0;
    for (int32_t a = 0; a < size; ++a) {
      if (held[own[a]]) continue;
      double *row = values + rows[own[a]];
      const uint16_t *at = place + (i * size + a) * size;
      for (int32_t b = 0; b < size; ++b) row[at[b]] += work[a * size + b];
    }
  }
}
"""
KINDS = ("seqaij", "mpiaij")


class Insertion:
    """Places of a kernel's cells in one assembled matrix.

    Parameters
    ----------
    kernel
        Its cells.
    matrix
        Assembled once, so that it has its pattern.
    conditions
        Dirichlet conditions, whose rows and columns are left out.

    Attributes
    ----------
    rest
        Form of the cells that are left to DOLFINx.
    """

    def __init__(self, kernel: Kernel, matrix: Any, conditions: Sequence[Any]) -> None:
        self._matrix, self._block = matrix.handle, matrix.getDiagonalBlock()
        space = kernel.space
        layout, mesh = space.dofmap, space.mesh
        step = layout.index_map_bs
        owned = layout.index_map.size_local * step
        count = mesh.topology.index_map(mesh.topology.dim).size_local
        nodes = np.asarray(layout.list[:count], np.int64)
        dofs = (nodes[:, :, None] * step + np.arange(step)).reshape(count, -1).astype(np.int32)
        inside = (dofs < owned).all(axis=1)
        cells = np.flatnonzero(inside).astype(np.int32)
        self.rest = kernel.tangent_of(np.flatnonzero(~inside).astype(np.int32))
        self._form = kernel.tangent_of(cells)
        self._dofs = np.ascontiguousarray(dofs[inside])
        self._geometry, self._nodes = mesh.geometry, np.asarray(mesh.geometry.dofmaps[0])[cells]
        self._points = np.ascontiguousarray(mesh.geometry.x[self._nodes])
        self._held = np.zeros(
            (layout.index_map.size_local + layout.index_map.num_ghosts) * step, np.int8
        )
        for condition in conditions:
            self._held[condition.dof_indices()[0]] = 1
        self._kernel, self._code = kernel.library.tangent, loaded(TEXT, mesh.comm)
        self._code.look_up.restype = ctypes.c_int64
        rows, columns = self._block.getRowIJ()
        self._rows = np.array(rows, np.int32)
        size = self._dofs.shape[1]
        self._places = np.zeros((len(cells), size, size), np.uint16)
        missing = self._code.look_up(
            ctypes.c_int64(len(cells)),
            ctypes.c_int32(size),
            _at(self._dofs),
            _at(self._rows),
            _at(np.ascontiguousarray(columns, np.int32)),
            _at(self._places),
        )
        missing = mesh.comm.allreduce(missing)
        if missing:
            raise StorageError(f"{missing} entries of cells have no place in the matrix")
        self._work = np.zeros((size, size))

    def fits(self, matrix: Any) -> bool:
        """Return whether the places are those of this matrix."""
        return bool(matrix.handle == self._matrix)

    def add(self) -> None:
        """Add the cells' tangents to the values of the matrix, on this rank alone."""
        if not len(self._dofs):
            return
        # Read each time: unloading moves the mesh under its problem.
        np.take(self._geometry.x, self._nodes, axis=0, out=self._points, mode="clip")
        packed = fem.pack_coefficients(self._form)
        w = np.ascontiguousarray(packed[fem.IntegralType.cell, 0])
        c = np.ascontiguousarray(fem.pack_constants(self._form), np.float64)
        values = ctypes.c_void_p()
        block = ctypes.c_void_p(self._block.handle)
        _petsc.MatSeqAIJGetArray(block, ctypes.byref(values))
        self._code.add(
            ctypes.c_int64(len(self._dofs)),
            ctypes.c_int32(self._dofs.shape[1]),
            self._kernel,
            _at(w),
            ctypes.c_int64(w.shape[1]),
            _at(c),
            _at(self._points),
            ctypes.c_int32(self._points.shape[1]),
            _at(self._dofs),
            _at(self._held),
            _at(self._rows),
            _at(self._places),
            _at(self._work),
            values,
        )
        _petsc.MatSeqAIJRestoreArray(block, ctypes.byref(values))


# The library that petsc4py is bound to: the array of values has no name in petsc4py.
_petsc = ctypes.CDLL(PETSc.__file__)


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
