"""A peer in an environment of its own: made from PyPI, run as a program, never imported.

Its licence and its dependencies stay outside our process; what passes between is files. Making
the environment needs the internet, running it does not, and nothing but `--peer` asks for it.
"""

from __future__ import annotations

import json
import logging
import subprocess
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heart.core.cache import cache_root, content_hash
from heart.core.errors import MissingDataError

log = logging.getLogger(__name__)

PROGRAMS = Path(__file__).parent / "peers"


@dataclass(frozen=True)
class Peer:
    """A program by others.

    Attributes
    ----------
    name
        Name with version, as it is shown.
    packages
        What pip installs with dependencies.
    alone
        What pip installs without them, because they name packages that PyPI does not have.
    """

    name: str
    packages: tuple[str, ...]
    alone: tuple[str, ...] = ()

    def python(self) -> Path:
        """Return the interpreter of its environment, made when it is missing.

        Raises
        ------
        MissingDataError
            It cannot be installed.
        """
        home = cache_root() / "peers" / f"{self.name}-{content_hash(self.packages, self.alone)[:8]}"
        python = home / "bin" / "python"
        if not (home / "ready").exists():
            venv.create(home, with_pip=True, clear=True)
            pip = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check"]
            try:
                subprocess.run([*pip, *self.packages], check=True, capture_output=True, text=True)
                if self.alone:
                    subprocess.run(
                        [*pip, "--no-deps", *self.alone], check=True, capture_output=True, text=True
                    )
            except subprocess.CalledProcessError as error:
                raise MissingDataError(
                    f"the environment of {self.name} cannot be made: {_last(error.stderr)}",
                    fix="connect to PyPI, or leave out --peer",
                ) from error
            (home / "ready").touch()
        return python

    def run(self, program: str, question: dict[str, Any], folder: Path) -> dict[str, Any]:
        """Run one of our programs for it in its environment and return what it answers.

        Parameters
        ----------
        program
            File in `peers/`: reads a JSON question, writes a JSON answer.
        question
            Plain data; paths as text.
        folder
            Where question and answer lie.
        """
        asked, told = folder / "question.json", folder / "answer.json"
        asked.write_text(json.dumps(question), encoding="utf-8")
        told.unlink(missing_ok=True)
        command = [str(self.python()), str(PROGRAMS / program), str(asked), str(told)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder)
        if done.returncode or not told.is_file():
            raise MissingDataError(
                f"{self.name} ended with {done.returncode}: {_last(done.stderr)}",
                fix="run its program by hand to see more",
            )
        answer: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
        return answer


def _last(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


BEAT = Peer(
    "fenicsx-beat 0.7.2",
    (
        "dolfinx-solver-real==0.11.0.post0",
        "mpich>=5.0,<5.1",
        "gotranx==2.9.0",
        "pint",
        "scipy",
    ),
    ("fenicsx-beat==0.7.2",),
)

PULSE = Peer(
    "fenicsx-pulse 0.12.0",
    ("dolfinx-solver-real==0.11.0.post0", "mpich>=5.0,<5.1", "pint", "rich", "scipy", "packaging"),
    ("fenicsx-pulse==0.12.0",),
)
