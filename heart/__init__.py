"""heart-twin: from a segmented heart to a ranked, uncertainty-aware decision. Research use only.

The solver wheel has to be loaded before dolfinx, petsc4py or mpi4py touch MPI, so it is
imported here, first, when that is the stack in use; with conda-forge, Spack or a distribution's
FEniCSx there is no such package and the same code runs without it.
"""

import importlib.util

__version__ = "0.1.0"

if importlib.util.find_spec("dolfinx_solver") is not None:
    import dolfinx_solver  # noqa: F401
