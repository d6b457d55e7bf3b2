"""Anisotropic eikonal equation on tetrahedra: first arrival of a wave.

Generic Hamilton–Jacobi: knows points, cells, a metric and sources, nothing of the heart.

>>> import numpy as np
>>> points = np.array([[0.0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]])
>>> mesh = EikonalMesh.from_cells(points, np.array([[0, 1, 2, 3]]))
>>> lengths = Lengths(tetrahedron_lengths(mesh, np.eye(3)), triangle_lengths(mesh, 0.0))
>>> solve(mesh, lengths, [0], [0.0]).tolist()
[0.0, 1.0, 1.0, 1.0]
"""

from heart.numerics.eikonal.curvature import delayed
from heart.numerics.eikonal.lengths import (
    FibreMetric,
    Lengths,
    tetrahedron_lengths,
    triangle_lengths,
)
from heart.numerics.eikonal.mesh import EikonalMesh
from heart.numerics.eikonal.solve import Accuracy, solve, solve_many
from heart.numerics.eikonal.source import cell_metric, point_source
from heart.numerics.eikonal.threads import thread_count

__all__ = [
    "Accuracy",
    "EikonalMesh",
    "FibreMetric",
    "Lengths",
    "cell_metric",
    "delayed",
    "point_source",
    "solve",
    "solve_many",
    "tetrahedron_lengths",
    "thread_count",
    "triangle_lengths",
]
