"""The command as people and schedulers meet it: codes, one line, signals, ranks."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from heart.cli.app import app
from heart.cli.failure import named, tell
from heart.core.errors import ScenarioError

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
DEMO = ROOT / "scenarios" / "crt" / "ct_lbbb_coarse.yaml"


def heart(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in its own process."""
    return subprocess.run(
        [sys.executable, "-m", "heart", *arguments],
        cwd=cwd,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ScenarioError("x"), 10),
        (MemoryError(), 40),
        (OSError(errno.ENOSPC, "No space left on device"), 41),
        (PermissionError(errno.EACCES, "Permission denied", "runs"), 41),
        (KeyboardInterrupt(), 75),
        (ZeroDivisionError("division by zero\nsecond line"), 70),
    ],
)
def test_every_failure_has_its_code_and_one_line(
    error: BaseException, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Schedulers requeue by the code; a traceback is for --debug."""
    assert tell(error, debug=False) == code
    line = capsys.readouterr().err
    assert line.startswith("heart: ")
    assert line.count("\n") == 1
    assert named(error).exit_code == code


def test_internal_bug_says_how_to_report(capsys: pytest.CaptureFixture[str]) -> None:
    """Our fault must not look like the user's."""
    tell(KeyError("gone"), debug=False)
    line = capsys.readouterr().err
    assert "internal bug: KeyError" in line
    assert "--debug" in line


def test_debug_shows_the_traceback(tmp_path: Path) -> None:
    """The one way to see where an error came from, in any place of the line."""
    ended = heart("validate", "none.yaml", "--debug", cwd=tmp_path)
    assert ended.returncode == 10
    assert "Traceback" in ended.stderr
    assert ended.stderr.splitlines()[-1].startswith("heart: no such file")


def test_wrong_usage_is_one_line_and_code_2(tmp_path: Path) -> None:
    """An unknown command or a missing argument is told like any other error."""
    for words in (["frobnicate"], ["run"], ["run", "--no-such-option", "x"]):
        ended = heart(*words, cwd=tmp_path)
        assert ended.returncode == 2
        assert ended.stderr.count("\n") == 1


def test_help_lists_only_commands_that_are_built() -> None:
    """A command in the list is a promise."""
    names = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert names >= {"validate", "mesh", "run", "resume", "report", "view", "schema", "cite"}
    assert "doctor" in names
    assert not names & {"export", "calibrate", "cohort"}


def test_help_is_quick(tmp_path: Path) -> None:
    """Help that takes seconds is not asked for; none of the heavy libraries may be loaded."""
    program = (
        "import sys; from heart.cli import app; "
        "heavy = {'pyvista', 'vtk', 'numba', 'scipy', 'pydantic', 'pint', 'petsc4py', 'gmsh'}; "
        "sys.exit(', '.join(heavy & set(sys.modules)) or 0)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, env=ENVIRONMENT, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.stderr == ""
    assert ended.returncode == 0


def test_validate_and_schema(tmp_path: Path) -> None:
    """The two commands for people who write scenarios."""
    ended = heart("validate", str(DEMO), "--set", "ensemble.members=5", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert "5 members" in ended.stdout
    assert json.loads(heart("schema", "crt_screen", cwd=tmp_path).stdout)["title"] == "CrtScenario"
    assert list(tmp_path.iterdir()) == []


STALLED = """
import sys, time
import heart.scenario.load as load
from heart.cli.app import app, main
from heart.cli.folder import new_folder
from pathlib import Path

@app.command()
def stall() -> None:
    with new_folder(Path("out"), overwrite=False) as folder:
        (folder / "half").write_text("half")
        print("ready", flush=True)
        time.sleep(60)

main(["stall"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    """Slurm sends SIGTERM before it kills: nothing half-written may stay behind."""
    process = subprocess.Popen(
        [sys.executable, "-c", STALLED], cwd=tmp_path, env=ENVIRONMENT,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    _, line = process.communicate(timeout=30)
    assert process.returncode == 75
    assert line.count("\n") == 1
    assert "nothing was written" in line
    assert list(tmp_path.iterdir()) == []


RANKS = """
import sys, time
from heart.cli import ranks
from heart.cli.app import app, main
from heart.core.errors import NonFiniteError

@app.command()
def fail(everywhere: bool = False) -> None:
    if everywhere or ranks.rank() == 1:
        raise NonFiniteError("a field became NaN")
    ranks.world().Barrier()

main(["fail", *sys.argv[1:]])
"""


@pytest.mark.parametrize("where", [[], ["--everywhere"]])
def test_error_on_one_rank_ends_all_ranks(tmp_path: Path, where: list[str]) -> None:
    """The others would wait at the next collective call for as long as the allocation lasts."""
    launcher = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    if launcher is None:
        pytest.skip("needs mpiexec beside the interpreter")
    (tmp_path / "fail.py").write_text(RANKS)
    start = time.monotonic()
    ended = subprocess.run(
        [launcher, "-n", "2", sys.executable, "fail.py", *where],
        cwd=tmp_path, env=ENVIRONMENT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert time.monotonic() - start < 30
    assert ended.returncode == 31
    assert (ended.stderr + ended.stdout).count("heart: a field became NaN") == 1
