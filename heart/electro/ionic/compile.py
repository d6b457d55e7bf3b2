"""How the C of cell models is compiled; `heart.core.native` does it once per machine."""

from __future__ import annotations

import ctypes

from heart.core import native

FLAGS = (
    "-O2",
    "-ffp-contract=fast",
    "-fno-math-errno",
    "-fno-trapping-math",
    "-fno-signed-zeros",
)
#: Keeps GCC to the order of the lines, which is a schedule; Clang has no such flag.
KEEP_ORDER = "-fno-tree-ter"
TARGETS = native.TARGETS


def load(source: str) -> ctypes.CDLL:
    """Return the loaded library of the C text `source`, compiled when the cache has none.

    Raises
    ------
    MissingDataError
        No C compiler is installed.
    StorageError
        The compiler failed, or the cache cannot be written.
    """
    _, identity = native.compiler()
    return native.load(source, flags(identity), what="a cell model", targets=TARGETS)


def flags(identity: str) -> tuple[str, ...]:
    """Return the options for the compiler that calls itself `identity`."""
    return FLAGS if "clang" in identity.lower() else (*FLAGS, KEEP_ORDER)
