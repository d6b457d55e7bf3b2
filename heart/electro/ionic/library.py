"""Myokit, imported without what it does to a home folder.

Myokit makes ~/.config/myokit and writes a settings file into it when it is imported, and fails
where the home folder cannot be written, as in containers and batch jobs; many ranks that start
together also meet each other's half-written file. Nothing here uses those settings, so the home
folder is an empty temporary one for as long as the import takes. Call `load_myokit` before the
first `import myokit` of a process; later imports find the module loaded.
"""

from __future__ import annotations

import os
import sys
import tempfile
from threading import Lock
from types import ModuleType

_LOCK = Lock()


def load_myokit() -> ModuleType:
    """Return Myokit, imported with an empty home folder when it was not loaded before."""
    with _LOCK:
        if "myokit" not in sys.modules:
            home = os.environ.get("HOME")
            with tempfile.TemporaryDirectory(prefix="heart-myokit-") as empty:
                os.environ["HOME"] = empty
                try:
                    import myokit  # noqa: F401
                finally:
                    if home is None:
                        del os.environ["HOME"]
                    else:
                        os.environ["HOME"] = home
        return sys.modules["myokit"]
