"""Compiles the text of kernels: once, by the first rank."""

from __future__ import annotations

import ctypes
from typing import Any

from heart.core import native
from heart.core.errors import HeartError, StorageError

# No -fassociative-math: it would undo the rounding in exp and the small parts in ln.
FLAGS = (
    "-O2",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
)


def loaded(text: str, comm: Any) -> ctypes.CDLL:
    """Return the library of a C text; an error of the first rank is raised on all. Collective.

    Raises
    ------
    StorageError
        The compiler failed, or there is none.
    """
    library, message = None, ""
    if comm.rank == 0:
        try:
            library = native.load(text, FLAGS)
        except HeartError as error:
            message = str(error)
    message = comm.bcast(message, root=0)
    if message:
        raise StorageError(message)
    # A rank on another kind of machine compiles for its own.
    return native.load(text, FLAGS) if library is None else library
