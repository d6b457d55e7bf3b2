"""Every way a scenario file can be wrong, as the user meets it: at the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from heart.cli.app import main

GOOD = """\
heart_twin: 1
kind: crt_screen
name: bad_input
case: meshes/ct_four_chamber
seed: 1
mesh: {edge_length: 3 mm}
candidates:
  - {kind: lv_epicardial_grid, apicobasal: [0.5], rotations: 4}
  - kind: rv_apex
ensemble: {members: 2}
"""

LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 10)
)


def with_line(line: str) -> str:
    """The good scenario with one line more."""
    return GOOD + line + "\n"


def changed(old: str, new: str) -> str:
    """The good scenario with one part replaced."""
    assert old in GOOD
    return GOOD.replace(old, new)


VELOCITY = "conduction: {{velocity: {{fibre: {}}}}}"
ROWS: dict[str, tuple[str | bytes, int, list[str]]] = {
    "tab": (with_line("output:\n\tfigures: true"), 10, ["scenario.yaml:12:1", "tabs"]),
    "unclosed": (with_line("output: {figures: true"), 10, ["scenario.yaml:", "not valid YAML"]),
    "empty": ("", 10, ["'kind' is missing"]),
    "list": ("- a\n- b\n", 10, ["kind"]),
    "two documents": (GOOD + "---\n" + GOOD, 10, ["second document"]),
    "unknown key": (changed("mesh:", "mseh:"), 10, ["scenario.yaml:6", "did you mean 'mesh'"]),
    "unknown inner key": (
        changed("edge_length", "edge_lenght"), 10, ["mesh", "did you mean 'edge_length'"],
    ),
    "unknown kind": (changed("crt_screen", "crt_scren"), 10, ["did you mean 'crt_screen'"]),
    "unknown generator": (changed("rv_apex", "rv_apx"), 10, ["did you mean 'rv_apex'"]),
    "missing key": (changed("case: meshes/ct_four_chamber\n", ""), 10, ["'case' is missing"]),
    "duplicate key": (with_line("name: again"), 10, ["'name' is given twice", "lines 3 and 11"]),
    "string for number": (changed("members: 2", "members: two"), 10, ["whole number"]),
    "decimal comma": (changed("[0.5]", "['0,5']"), 10, ["'0,5' is not a number"]),
    "word for switch": (with_line("output: {figures: on}"), 10, ["output.figures", "boolean"]),
    "unknown state": (
        with_line("conduction: {baseline: lbb}"), 10, ["'lbb'", "did you mean 'lbbb'"],
    ),
    "missing case": (changed("ct_four_chamber", "ct_four_chambers"), 10, ["no such file"]),
    "not text": (b"name: \xff\xfe\xfa\n", 10, ["UTF-8"]),
    "circle": (with_line("extends: scenario.yaml"), 10, ["circle"]),
    "unit missing": (changed("3 mm", "3"), 13, ["mesh.edge_length", "no unit", "mm"]),
    "unit unknown": (changed("3 mm", "3 mmm"), 13, ["3 mmm", "mm"]),
    "unit of another dimension": (changed("3 mm", "3 ms"), 13, ["wrong dimension", "mm"]),
    "cm/s for m/s": (
        with_line(VELOCITY.format("65 m/s")), 13, ["scenario.yaml:11", "did you mean '65 cm/s'"],
    ),
    "negative length": (changed("3 mm", "-3 mm"), 13, ["-3 mm", "expected 0.2 to 6 mm"]),
    "metres for millimetres": (changed("3 mm", "3 m"), 13, ["did you mean '3 mm'"]),
    "VV delay of 8 s": (with_line("pacing: {vv_delays: [8 s]}"), 13, ["8 s", "-200 to 200 ms"]),
    "NaN": (changed("[0.5]", "[.nan]"), 13, ["scenario.yaml:8", "not finite"]),
    "bare NaN": (changed("[0.5]", "[NaN]"), 13, ["not finite"]),
    "infinite": (changed("[0.5]", "[-.inf]"), 13, ["not finite"]),
    "overflow": (changed("[0.5]", "[1e999]"), 13, ["not finite"]),
    "NaN with a unit": (changed("3 mm", "nan mm"), 13, ["mesh.edge_length"]),
    "speeds out of order": (
        with_line("conduction: {velocity: {normal: 0.6 m/s}}"), 13, ["fibre >= sheet >= normal"],
    ),
    "no seed": (changed("seed: 1\n", ""), 13, ["no seed", "seed: 1"]),
    "RV lead not among candidates": (changed("  - kind: rv_apex\n", ""), 13, ["rv_apex"]),
    "code in a tag": (
        with_line("output: !!python/object/apply:os.system ['touch hacked']"), 15, ["tag"],
    ),
    "own tag": (with_line("output: !env {figures: true}"), 15, ["tag '!env' refused"]),
    "alias bomb": (LAUGHS, 15, ["aliases are expanded"]),
    "many aliases": (
        "a: &a 1\nb: [" + ", ".join(["*a"] * 101) + "]\n", 15, ["more than 100 aliases"],
    ),
    "deep": ("a: " + "[" * 50 + "]" * 50 + "\n", 15, ["deeper than 20"]),
    "large": ("# " + "x" * 1_100_000 + "\n" + GOOD, 15, ["at most 1 MB"]),
    "NUL": (with_line("output: {figures: tr\0ue}"), 15, ["control character"]),
    "path outside": (changed("meshes/ct_four_chamber", "../../etc/case.yaml"), 15, ["outside"]),
    "packaged path outside": (changed("meshes/ct_four_chamber", "meshes/../../x"), 15, []),
    "absolute path": (changed("meshes/ct_four_chamber", "/etc/passwd"), 15, ["relative path"]),
    "extends outside": (with_line("extends: ../other.yaml"), 15, ["outside"]),
    "name with a newline": (changed("name: bad_input", 'name: "a\\nb"'), 15, ["name"]),
    "long name": (changed("bad_input", "x" * 2000), 15, ["name", "2002 characters"]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def _handlers_kept() -> Iterator[None]:
    """The command turns signals into exceptions; the test run keeps its own."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def refused(
    arguments: list[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> tuple[int, str]:
    """Run the command, check the form of its refusal, and return code and line."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith("heart: ")
    assert output.err.count("\n") == 1
    assert output.err.endswith("\n")
    assert "Traceback" not in output.err
    assert sorted(folder.rglob("*")) == before
    code = ended.value.code
    assert isinstance(code, int)
    return code, output.err


@pytest.mark.parametrize("row", ROWS)
def test_bad_scenario_is_one_line_one_code_and_no_files(
    row: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Schedulers read the code, people the line; a half-written folder would look like a run."""
    text, code, words = ROWS[row]
    monkeypatch.chdir(tmp_path)
    scenario = tmp_path / "scenario.yaml"
    scenario.write_bytes(text if isinstance(text, bytes) else text.encode())
    (tmp_path / "other").mkdir()
    got, line = refused(["run", "scenario.yaml", "-o", "out"], tmp_path, capsys)
    assert got == code, line
    for word in words:
        assert word in line


def test_good_scenario_is_valid(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows above must fail for their own reason, not because the text was bad before."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.yaml").write_text(GOOD)
    with pytest.raises(SystemExit) as ended:
        main(["validate", "scenario.yaml"])
    assert ended.value.code == 0
    assert "valid" in capsys.readouterr().out


def test_missing_scenario_names_the_nearest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error in a file name should cost seconds."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.yaml").write_text(GOOD)
    code, line = refused(["run", "scenaro.yaml"], tmp_path, capsys)
    assert code == 10
    assert "did you mean 'scenario.yaml'" in line


def test_links_and_devices_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link out of the folder reads somebody else's file; a FIFO would wait for ever."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "case.yaml").write_text("name: secret\n")
    (inside / "case.yaml").symlink_to(tmp_path / "case.yaml")
    (inside / "scenario.yaml").write_text(changed("meshes/ct_four_chamber", "case.yaml"))
    os.mkfifo(inside / "pipe.yaml")
    monkeypatch.chdir(inside)
    assert refused(["run", "scenario.yaml"], inside, capsys)[0] == 15
    assert refused(["run", "pipe.yaml"], inside, capsys)[0] == 15


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_encodings_of_other_editors_are_read(
    encoding: str,
    ending: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Windows editors write a byte order mark, UTF-16 and CRLF; none of it is the user's fault."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.yaml").write_bytes(GOOD.replace("\n", ending).encode(encoding))
    with pytest.raises(SystemExit) as ended:
        main(["validate", "scenario.yaml"])
    assert ended.value.code == 0, capsys.readouterr().err


def test_setting_is_checked_like_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--set` is the second way in and must not be the unchecked one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenario.yaml").write_text(GOOD)
    run = ["run", "scenario.yaml", "--set"]
    assert refused([*run, "mesh.edge_length=2"], tmp_path, capsys)[0] == 13
    assert refused([*run, "mesh.edge=2 mm"], tmp_path, capsys)[0] == 10
    assert refused([*run, "mesh.edge_length"], tmp_path, capsys)[0] == 2
    assert refused([*run, "output=!!python/name:os.system"], tmp_path, capsys)[0] == 15


def test_refusal_from_a_real_process(tmp_path: Path) -> None:
    """What the shell sees: the exit status and exactly one line on stderr."""
    (tmp_path / "scenario.yaml").write_text(changed("3 mm", "3"))
    root = Path(__file__).resolve().parents[2]
    ended = subprocess.run(
        [sys.executable, "-m", "heart", "run", "scenario.yaml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 13
    assert ended.stdout == ""
    assert ended.stderr.count("\n") == 1
    assert ended.stderr.startswith("heart: scenario.yaml:6: mesh.edge_length: 3 has no unit")
    assert [path.name for path in tmp_path.iterdir()] == ["scenario.yaml"]
