"""Reading models of strangers: the same equations come out, and nothing of theirs is executed."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from heart.cli.app import app
from heart.cli.failure import tell
from heart.core.errors import HeartError, UsageError
from heart.electro.ionic.conform import Names
from heart.electro.ionic.imports import import_cell
from heart.electro.ionic.library import load_myokit
from heart.electro.ionic.model import CellModel
from heart.electro.ionic.registry import cell_model
from heart.electro.ionic.text import MODELS, read_text
from heart.electro.ionic.trial import trial_beat

FOREIGN = Path(__file__).parent / "foreign"
ROOT = Path(__file__).resolve().parents[3]
HEAD = """[[model]]
membrane.V = -80
[engine]
time = 0 [ms] bind time
    in [ms]
[membrane]
"""
BODY = "dot(V) = -(V + 80 [mV]) / 5 [ms]\n    in [mV]\n"
CELLML = "http://www.cellml.org/cellml/1.0#"


@dataclass
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str


def heart(capsys: pytest.CaptureFixture[str], *words: str) -> Ended:
    """Run `heart ionic` in this process."""
    capsys.readouterr()
    try:
        code = app(["ionic", *words], standalone_mode=False) or 0
    except HeartError as error:
        code = tell(error, debug=False)
    return Ended(code, *capsys.readouterr())


def rates(model: CellModel, states: list[float], pace: float) -> np.ndarray:
    """Time derivatives by the parser's own interpreter."""
    parsed = model.text.model()
    return np.array(parsed.evaluate_derivatives(states, inputs={"pace": pace}))


@pytest.mark.parametrize("name", ["leak_1_0", "leak_1_1", "leak_2_0"])
def test_cellml_of_every_version(name: str) -> None:
    """The three versions of one model are one model; its pulse protocol becomes the input."""
    made = import_cell(FOREIGN / f"{name}.cellml")
    assert made.text.states == ("membrane.V",)
    assert made.text.initial == (-75.0,)
    assert not made.unit_problems
    assert "membrane.stim_amplitude" not in made.text.parameters
    cell = CellModel(name, made.text)
    # g/C (V - E) = 0.05 per ms, and -1 A/F depolarises by 1 mV/ms whatever the capacitance is.
    assert rates(cell, [-65.0], 0.0) == pytest.approx([-0.5])
    assert rates(cell, [-65.0], -1.0) == pytest.approx([0.5])


def test_other_units_of_time_and_voltage_are_converted() -> None:
    """Seconds and volts are common; results in them would be wrong by a thousand."""
    made = import_cell(FOREIGN / "relaxation.mmt")
    assert made.text.initial[0] == pytest.approx(-80.0)
    assert made.text.units[0] == "mV"
    assert not made.unit_problems
    told = "\n".join(made.changes)
    assert "time converted from [s] to [ms]" in told
    assert "membrane.V converted from [V] to [mV]" in told
    # 12 nS / 0.12 nF = 0.1 per ms; the gate recovers with 50 ms.
    assert rates(CellModel("x", made.text), [-70.0, 0.5], -3.0) == pytest.approx([2.5, 0.01])


def test_gotran_ode_keeps_units_and_descriptions() -> None:
    """The users of the FEniCS community have their cells as .ode."""
    pytest.importorskip("gotranx")
    made = import_cell(FOREIGN / "relaxation.ode")
    parameter = made.text.parameters[made.text.parameter("tau")]
    assert (parameter.value, parameter.unit) == (10.0, "ms")
    assert parameter.description == "Time of the leak"
    cell = CellModel("x", made.text)
    x = (-30.0 + 40.0) / 5.0
    rate = 0.01 * x / (1.0 - np.exp(-x))
    assert rates(cell, [-30.0, 0.5], 0.0) == pytest.approx([-5.0, 0.5 * rate])
    assert trial_beat(cell).guarded == 1


def test_the_same_file_gives_the_same_text() -> None:
    """Kernels, traces and limit cycles are cached by the text: it may not change by chance."""
    pytest.importorskip("gotranx")
    code = (
        "import sys; from pathlib import Path; from heart.electro.ionic.imports import import_cell;"
        "sys.stdout.write(import_cell(Path(sys.argv[1])).text.source)"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(FOREIGN / "relaxation.ode")],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert other.stdout == import_cell(FOREIGN / "relaxation.ode").text.source


def test_missing_gotranx_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional reader that is absent is one line with the way out."""
    monkeypatch.setitem(sys.modules, "gotranx", None)
    with pytest.raises(UsageError, match=r"heart-twin\[ode\]"):
        import_cell(FOREIGN / "relaxation.ode")


@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_our_own_models_survive_the_journey_through_cellml(version: str, tmp_path: Path) -> None:
    """21 states out and in again: derivatives equal to round-off at rest and in the plateau."""
    myokit = load_myokit()
    import myokit.formats.cellml as cellml

    source = read_text("courtemanche1998").model()
    path = tmp_path / "crn.cellml"
    cellml.CellMLExporter().model(str(path), source, version=version)
    made = import_cell(path, names=Names(stimulus="i_stim"))
    assert myokit is load_myokit()
    ours = cell_model("courtemanche1998")
    assert len(made.text.states) == 21
    order = [ours.text.states.index(name) for name in made.text.states]
    for voltage in (-81.0, 21.5):
        states = ours.initial_states
        states[0] = voltage
        wanted = rates(ours, list(states), -7.0)[order]
        found = rates(CellModel("x", made.text), list(states[order]), -7.0)
        assert found == pytest.approx(wanted, rel=1e-9, abs=1e-15)


@pytest.mark.parametrize("name", ["tt2006", "courtemanche1998", "aliev_panfilov"])
def test_a_text_with_our_conventions_stays_as_it_is(name: str) -> None:
    """Comments and layout of a careful author are not thrown away."""
    made = import_cell(MODELS / f"{name}.mmt", name=read_text(name).name)
    assert made.text.source == (MODELS / f"{name}.mmt").read_text(encoding="utf-8")
    assert not made.changes


def test_contradicting_units_are_told_and_dropped_where_they_are(tmp_path: Path) -> None:
    """Most published CellML has a few; the numbers stay, the place is named."""
    path = tmp_path / "loose.mmt"
    path.write_text(HEAD + BODY + "g = 2 [mS]\n    in [mS]\nx = g + 3 [mV]\n    in [mV]\n")
    made = import_cell(path)
    assert len(made.unit_problems) == 1
    assert "membrane.x" in made.unit_problems[0]
    assert made.text.model().get("membrane.x").eval() == 5.0


def test_a_stimulus_that_acts_otherwise_is_refused(tmp_path: Path) -> None:
    """A stimulus of the wrong variable would pace nothing and nobody would know."""
    path = tmp_path / "cell.mmt"
    path.write_text(HEAD + BODY + "x = 2\n")
    with pytest.raises(HeartError, match="does not add to the rate") as caught:
        import_cell(path, names=Names(stimulus="membrane.x"))
    assert caught.value.exit_code == 10
    with pytest.raises(HeartError, match="no variable 'i_stm'"):
        import_cell(path, names=Names(stimulus="i_stm"))


BAD: dict[str, tuple[str | bytes, int, str]] = {
    "empty.mmt": ("", 10, "Segment header"),
    "binary.mmt": (b"\xff\xfe\x00", 10, "UTF-8"),
    "script.mmt": ("[[script]]\nimport os\n", 10, "no [[model]] section"),
    "undefined.mmt": (HEAD + "dot(V) = -y\n", 10, "undefined.mmt:7"),
    "cycle.mmt": (HEAD + "dot(V) = a\na = b\nb = a\n", 10, "Cyclical"),
    "overflow.mmt": (HEAD + BODY + "x = 10^400\n", 10, "not understood"),
    "nested.mmt": (HEAD + "dot(V) = " + "(" * 900 + "V" + ")" * 900 + "\n", 15, "nested"),
    "minus.mmt": (HEAD + "dot(V) = " + "-" * 9000 + "V\n", 15, "nested"),
    "molar.mmt": (HEAD + "dot(V) = -V\n    in [mM]\n    label membrane_potential\n", 13, "mM"),
    "scaled.mmt": (HEAD.replace("-80", "0.5") + "dot(V) = -V\n", 13, "no unit"),
    "stateless.mmt": (HEAD.replace("membrane.V = -80\n", "") + "V = -80\n", 10, "no state"),
    "text.cellml": ("hello", 10, "not valid XML"),
    "other.cellml": ("<model xmlns='urn:x'/>", 10, "no CellML"),
    "nameless.cellml": (f"<model xmlns='{CELLML}'/>", 10, "not understood"),
    "timeless.cellml": (f"<model xmlns='{CELLML}' name='x'/>", 10, "no time"),
    "entity.cellml": (
        "<!DOCTYPE m [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>"
        f"<!ENTITY c '&b;&b;&b;&b;&b;&b;&b;&b;'>]><model xmlns='{CELLML}' name='&c;'/>",
        15,
        "document type",
    ),
    "external.cellml": (
        "<!DOCTYPE m [<!ENTITY x SYSTEM 'file:///etc/hostname'>]>"
        f"<model xmlns='{CELLML}' name='x'>&x;</model>",
        15,
        "document type",
    ),
    "doctype.cellml": (f"<!DOCTYPE m><model xmlns='{CELLML}' name='x'/>", 15, "DOCTYPE"),
    "elsewhere.cellml": (
        "<model xmlns='http://www.cellml.org/cellml/1.1#' "
        "xmlns:xlink='http://www.w3.org/1999/xlink' name='x'>"
        "<import xlink:href='file:///etc/hostname'/></model>",
        10,
        "Imports are not supported",
    ),
    "deep.cellml": (f"<model xmlns='{CELLML}'>" + "<a>" * 900 + "</a>" * 900 + "</model>", 15, ""),
    "python.ode": ("states(V=-80)\ndV_dt = __import__('os').getpid()\n", 10, "python.ode:2"),
    "missing.ode": ("states(V=-80)\ndV_dt = -b*V\n", 10, "'b' not found"),
    "unfinished.ode": ("states(V=-80)\n", 10, "not complete"),
    "twice.ode": ("states(V=-80)\ndV_dt = -V\ndV_dt = V\n", 10, "lines 2 and 3"),
    "notes.txt": ("", 2, ".cellml"),
    "1.mmt": ("", 2, "--name"),
}


@pytest.mark.parametrize("name", BAD)
def test_malformed_files_end_in_one_line_with_a_code(name: str, tmp_path: Path) -> None:
    """A broken file is the user's problem to solve, so it must say what and where."""
    if name.endswith(".ode"):
        pytest.importorskip("gotranx")
    content, code, words = BAD[name]
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(HeartError) as caught:
        import_cell(path)
    assert caught.value.exit_code == code
    assert words in caught.value.line()
    assert "\n" not in caught.value.line()


def test_places_that_are_no_files_are_refused(tmp_path: Path) -> None:
    """A folder, a device or a file that is not there is told before it is opened."""
    for path, code in ((tmp_path / "none.mmt", 10), (tmp_path, 2)):
        with pytest.raises(HeartError) as caught:
            import_cell(path)
        assert caught.value.exit_code == code
    folder = tmp_path / "folder.mmt"
    folder.mkdir()
    with pytest.raises(HeartError) as caught:
        import_cell(folder)
    assert caught.value.exit_code == 15


def test_imported_text_is_used_by_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What `heart ionic import` writes is what `heart ionic show` and scenarios read."""
    ended = heart(
        capsys, "import", str(FOREIGN / "leak_2_0.cellml"), "-o", str(tmp_path), "--name", "mine"
    )
    assert ended.code == 0, ended.err
    assert "1 states, 3 parameters" in ended.out
    assert "no action potential" in ended.out
    written = tmp_path / "mine.mmt"
    assert cell_model(str(written)).with_values(g_leak=0.2).name == "mine"
    shown = heart(capsys, "show", str(written))
    assert "membrane.g_leak  0.1" in shown.out
    again = heart(
        capsys, "import", str(FOREIGN / "relaxation.mmt"), "-o", str(tmp_path), "--name", "mine"
    )
    assert again.code == 41
    assert "--overwrite" in again.err


def test_a_model_that_leaves_the_numbers_is_not_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The one beat is there to find this before an hour of tissue does."""
    source = tmp_path / "explode.mmt"
    source.write_text(HEAD + "dot(V) = V * V * 1 [1/mV/ms]\n    in [mV]\n")
    ended = heart(capsys, "import", str(source), "-o", str(tmp_path / "out"))
    assert ended.code == 31, ended.out + ended.err
    assert ended.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_list_and_show_name_every_model(capsys: pytest.CaptureFixture[str]) -> None:
    """The commands a newcomer starts with."""
    listed = heart(capsys, "list")
    assert listed.code == 0, listed.err
    for name in ("tt2006_epi", "courtemanche1998", "bueno_orovio_mid", "aliev_panfilov"):
        assert name in listed.out
    shown = heart(capsys, "show", "courtemanche1998")
    assert "Largest conductance of the fast sodium current" in shown.out
    wrong = heart(capsys, "show", "courtemanche")
    assert wrong.code == 10
    assert "courtemanche1998" in wrong.err
