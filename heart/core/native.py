"""Compiles generated C once per machine and loads it.

The library is named by the hash of its text, the flags, the compiler's version and the processor,
so that a cache that two kinds of machine share never hands one the other's instructions. It is
written to a temporary name and renamed: ranks and processes that start together may all compile,
but none reads half a file.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from heart.core.cache import cache_root
from heart.core.errors import MissingDataError, StorageError

#: Instruction sets to try: this processor's, then what every one of its family has.
TARGETS = (("-march=native",), ("-mcpu=native",), ())
ALWAYS = ("-std=gnu11", "-fPIC", "-shared", "-w")
LONGEST_COMPILATION = 600.0


def load(
    source: str,
    flags: Sequence[str],
    *,
    what: str = "a model",
    targets: Sequence[tuple[str, ...]] = TARGETS,
) -> ctypes.CDLL:
    """Return the loaded library of the C text `source`, compiled when the cache has none.

    Parameters
    ----------
    source, flags
        Text, and options beside those that every library needs.
    what
        What the text is, for an error.
    targets
        Options for instruction sets: the first that the compiler takes.

    Raises
    ------
    MissingDataError
        No C compiler is installed.
    StorageError
        The compiler failed, or the cache cannot be written.
    """
    command, identity = compiler()
    parts = (source, *ALWAYS, *flags, identity, processor())
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()
    path = cache_root() / "kernels" / f"{key[:24]}.so"
    lines = [[*command, *ALWAYS, *flags, *target] for target in targets]
    if not path.exists():
        _compile(source, lines, path, what)
    try:
        return ctypes.CDLL(str(path))
    except OSError:
        # A damaged file: made again once.
        path.unlink(missing_ok=True)
        _compile(source, lines, path, what)
        return ctypes.CDLL(str(path))


@lru_cache(maxsize=1)
def processor() -> str:
    """Return what tells this kind of processor from others."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine() + platform.processor()
    wanted = ("model name", "flags", "Features", "CPU part")
    return platform.machine() + "".join(sorted({line for line in lines if line.startswith(wanted)}))


def compiler() -> tuple[list[str], str]:
    """Return the C compiler's command and version; $CC comes first, then cc, gcc and clang."""
    return _compiler(os.environ.get("CC", ""))


@lru_cache(maxsize=4)
def _compiler(given: str) -> tuple[list[str], str]:
    candidates = [shlex.split(given)] if given.strip() else [["cc"], ["gcc"], ["clang"]]
    for command in candidates:
        if shutil.which(command[0]):
            answer = subprocess.run([*command, "--version"], capture_output=True, check=False)
            return command, f"{command}{answer.stdout.decode(errors='replace')}"
    raise MissingDataError(
        f"no C compiler ({' or '.join(command[0] for command in candidates)})",
        expected="one on the PATH: models are compiled for this machine",
        fix="install it (Debian, Ubuntu: `apt install gcc`; conda: `gcc`) or set $CC",
    )


def _compile(source: str, lines: list[list[str]], path: Path, what: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            text, library = Path(folder) / "kernel.c", Path(folder) / "kernel.so"
            text.write_text(source, encoding="utf-8")
            message = ["no message"]
            for line in lines:
                done = subprocess.run(
                    [*line, "-o", str(library), str(text), "-lm"],
                    capture_output=True,
                    check=False,
                    timeout=LONGEST_COMPILATION,
                )
                if done.returncode == 0:
                    library.replace(path)
                    return
                message = done.stderr.decode(errors="replace").strip().splitlines() or message
    except OSError as error:
        raise StorageError(f"cannot write the kernel cache {path.parent}: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise StorageError(f"{lines[0][0]} took more than {LONGEST_COMPILATION:g} s") from error
    raise StorageError(
        f"{lines[0][0]} cannot compile {what}: {message[0]}",
        expected="GCC 9 or Clang 13, or newer",
        fix="set $CC to another compiler",
    )
