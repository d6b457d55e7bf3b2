"""One line on stderr and one exit code for everything that can end a command."""

from __future__ import annotations

import errno
import signal
import sys
import traceback
from types import FrameType

from heart.core.errors import (
    HeartError,
    InterruptedRunError,
    OutOfMemoryError,
    StorageError,
    UsageError,
)

PETSC_OUT_OF_MEMORY = 55


class InternalError(HeartError):
    """A fault of heart-twin itself."""

    exit_code = 70


def named(error: BaseException) -> HeartError:
    """Return `error` as one of the errors that have an exit code."""
    if isinstance(error, HeartError):
        return error
    if isinstance(error, KeyboardInterrupt):
        return InterruptedRunError("interrupted; nothing was written")
    if isinstance(error, MemoryError) or getattr(error, "ierr", 0) == PETSC_OUT_OF_MEMORY:
        return OutOfMemoryError("out of memory", fix="use a larger mesh.edge_length or less ranks")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return StorageError("the disk is full; nothing was kept", fix="free space or use -o")
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return StorageError(f"{error.strerror}: {error.filename}", fix="choose another folder")
    if hasattr(error, "format_message"):
        return UsageError(error.format_message().rstrip("."), fix="see heart --help")
    return InternalError(
        f"internal bug: {type(error).__name__}: {error}",
        fix="run again with --debug and report the output as an issue of heart-twin",
    )


def tell(error: BaseException, *, debug: bool) -> int:
    """Write the one line (and the traceback with `debug`) to stderr; return the exit code."""
    failure = named(error)
    if debug:
        traceback.print_exception(error)
    sys.stderr.write(f"heart: {failure.line()}\n")
    sys.stderr.flush()
    return failure.exit_code


def stop_on_signals() -> None:
    """Turn SIGTERM and SIGINT into an exception, so that half-written folders are removed."""

    def stop(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        name = signal.Signals(number).name
        raise InterruptedRunError(f"stopped by {name}; nothing was written")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
