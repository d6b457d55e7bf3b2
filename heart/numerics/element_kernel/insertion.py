"""Adds the tangents of cells straight into a matrix, at places that are looked up once.

PETSc searches each entry's column in its row, which takes five times as long as a kernel. Cells
whose unknowns all belong to this rank are done here; those at the edge of a rank go through
DOLFINx, which sends their rows to the ranks that own them.

Unknowns of a node are numbered one after the other, so a place is kept for a pair of nodes and not
for each of their nine entries: places would else be a tenth of the memory of a solve.
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

/* Place of each pair of runs of each cell's unknowns within the rows of the first; returns how many
   have none. All rows of a run have to have the same columns. */
int64_t look_up(int64_t count, int32_t size, int32_t runs, const int32_t *first,
                const int32_t *dofs, const int32_t *rows, const int32_t *columns, uint16_t *place)
{
  int64_t missing = 0;
  for (int64_t i = 0; i < count; ++i)
    for (int32_t p = 0; p < runs; ++p)
      for (int32_t a = first[p]; a < first[p + 1]; ++a) {
        const int32_t row = dofs[i * size + a], *own = columns + rows[row];
        const int32_t length = rows[row + 1] - rows[row];
        for (int32_t q = 0; q < runs; ++q) {
          const int32_t *wanted = dofs + i * size + first[q], many = first[q + 1] - first[q];
          int32_t low = 0, high = length;
          while (low < high) {
            const int32_t middle = (low + high) / 2;
            if (own[middle] < *wanted) low = middle + 1; else high = middle;
          }
          uint16_t *here = place + (i * runs + p) * runs + q;
          int there = low + many <= length && low <= UINT16_MAX;
          for (int32_t b = 0; there && b < many; ++b) there = own[low + b] == wanted[b];
          if (!there || (a > first[p] && *here != low)) ++missing;
          else *here = (uint16_t)low;
        }
      }
  return missing;
}

void add(int64_t count, int32_t size, int32_t runs, const int32_t *first, kernel *tangent,
         const double *w, int64_t width, const double *c, const double *x, int32_t corners,
         const int32_t *dofs, const int8_t *held, const int32_t *rows, const uint16_t *place,
         double *work, double *values)
{
  for (int64_t i = 0; i < count; ++i) {
    const int32_t *own = dofs + i * size;
    memset(work, 0, sizeof(double) * size * size);
    tangent(work, w + i * width, c, x + i * corners * 3, 0, 0, 0);
    for (int32_t b = 0; b < size; ++b)
      if (held[own[b]])
        for (int32_t a = 0; a < size; ++a) work[a * size + b] = 0.0;
    for (int32_t p = 0; p < runs; ++p) {
      const uint16_t *at = place + (i * runs + p) * runs;
      for (int32_t a = first[p]; a < first[p + 1]; ++a) {
        if (held[own[a]]) continue;
        double *row = values + rows[own[a]];
        const double *from = work + a * size;
        for (int32_t q = 0; q < runs; ++q)
          for (int32_t b = first[q]; b < first[q + 1]; ++b)
            row[at[q] + b - first[q]] += from[b];
      }
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
        self._rows, columns = np.array(rows, np.int32), np.ascontiguousarray(columns, np.int32)
        size = self._dofs.shape[1]
        missing = 0
        for first in (_runs(self._dofs), np.arange(size + 1)):
            self._first = np.ascontiguousarray(first, np.int32)
            missing = self._look_up(columns)
            if not missing:
                break
        missing = mesh.comm.allreduce(missing)
        if missing:
            raise StorageError(f"{missing} entries of cells have no place in the matrix")
        self._work = np.zeros((size, size))

    def _look_up(self, columns: NDArray[np.int32]) -> int:
        """Find the places of all pairs of runs; return how many have none."""
        count, size = self._dofs.shape
        runs = len(self._first) - 1
        self._places = np.zeros((count, runs, runs), np.uint16)
        return int(
            self._code.look_up(
                ctypes.c_int64(count),
                ctypes.c_int32(size),
                ctypes.c_int32(runs),
                _at(self._first),
                _at(self._dofs),
                _at(self._rows),
                _at(columns),
                _at(self._places),
            )
        )

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
            ctypes.c_int32(len(self._first) - 1),
            _at(self._first),
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


def _runs(dofs: NDArray[np.int32]) -> NDArray[np.intp]:
    """Return where runs of consecutive unknowns start in every cell (m, size), and the end."""
    breaks = (np.diff(dofs, axis=1) != 1).any(axis=0)
    return np.concatenate([[0], np.flatnonzero(breaks) + 1, [dofs.shape[1]]])


# The library that petsc4py is bound to: the array of values has no name in petsc4py.
_petsc = ctypes.CDLL(PETSc.__file__)


def _at(array: NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
