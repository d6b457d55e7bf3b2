"""`heart doctor` tells the truth about a machine, also about one that lacks things.

The lacks are made here, by hiding tools and setting variables: a doctor that only ever saw healthy
machines is not one.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from heart.cli import checks
from heart.cli.doctor import doctor, examine, exit_code
from heart.cli.facts import LAUNCHER_PREFIXES, Fact, Probe, probe, python_probe


def test_a_crash_is_reported_and_survived() -> None:
    """Renderers die of segmentation faults, which no `except` sees."""
    got = python_probe("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    assert got.code == -signal.SIGSEGV
    assert got.error == "ended by SIGSEGV"


def test_a_hang_is_reported_and_survived() -> None:
    """A wrong MPI hangs rather than fails."""
    got = probe([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.5)
    assert got.code != 0
    assert "no answer" in got.error


def test_probes_do_not_look_like_ranks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A child that inherits the launcher's variables would join its parent's MPI job and hang."""
    for prefix in LAUNCHER_PREFIXES:
        monkeypatch.setenv(f"{prefix}SIZE", "4")
    got = python_probe(
        f"import os; print(sum(k.startswith({LAUNCHER_PREFIXES!r}) for k in os.environ))"
    )
    assert got.out == "0"


@pytest.mark.parametrize("variable", checks.LAUNCHER_SIZES)
def test_copies_of_rank_zero_are_noticed(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """With a foreign launcher every process computes everything and overwrites the others."""
    for other in checks.LAUNCHER_SIZES:
        monkeypatch.delenv(other, raising=False)
    assert checks.launcher_mismatch(1).state == "ok"
    monkeypatch.setenv(variable, "4")
    fact = checks.launcher_mismatch(1)
    assert (fact.state, fact.exit_code) == ("missing", 50)
    assert "4 copies of rank 0" in fact.detail
    assert checks.launcher_mismatch(4).state == "ok"


def test_missing_compiler_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forms are compiled at run time; the error of a missing gcc comes late and unreadable."""
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CC", raising=False)
    fact = checks.compiler()
    assert fact.state == "missing"
    assert "apt-get install gcc" in fact.fix


def test_unwritable_cache_has_the_disk_code(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A cache folder that is a file, or belongs to somebody else, must not surface as a bug."""
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    monkeypatch.setenv("HEART_CACHE", str(blocked / "cache"))
    fact = checks.disk()
    assert (fact.state, fact.exit_code) == ("missing", 41)


def test_little_memory_has_the_memory_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """Out of memory kills without a word, so it is said before."""
    monkeypatch.setattr(checks, "_available_memory", lambda: 0.5 * checks.GIGABYTE)
    fact = checks.memory()
    assert (fact.state, fact.exit_code) == ("missing", 40)


def test_missing_graphics_libraries_are_named_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loader names one missing library at a time; nobody wants five rounds of apt-get."""

    def without_libraries(source: str, timeout: float = 0.0) -> Probe:  # noqa: ARG001
        if "ctypes" in source:
            return Probe(0, "libGLU.so.1 libXft.so.2", "")
        return Probe(1, "", "OSError: libGLU.so.1: cannot open shared object file")

    monkeypatch.setattr(checks, "python_probe", without_libraries)
    fact = checks.mesher()
    assert (fact.state, fact.exit_code) == ("missing", 20)
    assert fact.fix == "apt-get install libglu1-mesa libxft2"


@pytest.mark.parametrize("got", [Probe(-11, "", "ended by SIGSEGV"), Probe(0, "blank", "")])
def test_no_picture_has_the_renderer_code(monkeypatch: pytest.MonkeyPatch, got: Probe) -> None:
    """A report without pictures is worse than none: a blank one counts as none too."""
    monkeypatch.setattr(checks, "python_probe", lambda _: got)
    fact = checks.renderer()
    assert (fact.state, fact.exit_code) == ("missing", 42)


def test_complex_petsc_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The complex build loads and runs and gives other answers."""
    found = {
        "dolfinx": "0.11",
        "petsc": "3.25",
        "scalar": "complex128",
        "wheel": False,
        "mumps": True,
        "hypre": False,
    }
    monkeypatch.setattr(checks, "python_probe", lambda _: Probe(0, json.dumps(found), ""))
    assert checks.solver_stack().state == "missing"


def test_first_lack_sets_the_exit_code() -> None:
    """Schedulers act on the code; notes do not fail a machine."""
    facts = [
        Fact("a", "ok", ""),
        Fact("b", "note", "", exit_code=41),
        Fact("c", "missing", "", exit_code=42),
        Fact("d", "missing", "", exit_code=50),
    ]
    assert exit_code(facts) == 42
    assert exit_code(facts[:2]) == 0


def test_this_machine_is_examined_in_full() -> None:
    """What the suite itself stands on works here: solver, MPI, compiler, meshers, pictures."""
    facts = {fact.name: fact for fact in examine(1)}
    assert len(facts) == len(checks.CHECKS) + 1
    for name in ("Python", "Solver stack", "MPI", "C compiler", "Meshers", "Pictures", "Cache"):
        assert facts[name].state == "ok", facts[name].line()


def test_command_prints_one_line_for_each_fact(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each, greppable, and the same as data with --json."""
    monkeypatch.setattr("heart.cli.doctor.CHECKS", (checks.python, checks.memory))
    app = typer.Typer()
    app.command()(doctor)
    shown = CliRunner().invoke(app, [])
    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) == 4
    data = json.loads(CliRunner().invoke(app, ["--json"]).stdout)
    assert {"name", "state", "detail", "fix", "exit_code"} == set(data[0])
