"""Runs of tissue: stopped and gone on with is the same as not stopped; branches share their S1."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from heart.core import records
from heart.core.errors import CheckpointError, InterruptedRunError, NonFiniteError
from heart.numerics import series
from heart.numerics.checkpoint import CheckpointFolder
from heart.scenario.load import LoadedScenario, load_scenario
from heart.study.electro import run as running
from heart.study.electro.outputs import write_outputs
from heart.study.electro.qoi import quantities
from heart.study.electro.result import Branch, ElectroResult
from heart.study.electro.run import run_electro
from heart.study.identity import CHECKPOINTS, scenario_hash
from tests.stopping import StopAt

ROOT = Path(__file__).resolve().parents[2]

TEXT = """\
heart_twin: 1
kind: electro
name: small
body: {kind: slab, size: [12 mm, 2 mm, 1 mm], edge_length: 0.5 mm}
engine: {dt: 0.1 ms}
cells: [{model: mitchell_schaeffer, parameters: {tau_close: 30 ms, tau_open: 50 ms}}]
stimuli:
- label: left
  where: {kind: box, low: [0 mm, 0 mm, 0 mm], high: [1.5 mm, 2 mm, 1 mm]}
protocol:
  s1: [{stimulus: left, cycle_length: 100 ms}]
  extras: [{stimulus: left, coupling: 120 ms}]
  decrement: {step: 80 ms, until: 40 ms}
  duration: 170 ms
observe:
  threshold: -40 mV
  probes: [{label: middle, position: [6 mm, 1 mm, 0.5 mm]}]
  electrograms: [{label: above, position: [6 mm, 1 mm, 3 mm]}]
checkpoints: {every: 20 ms}
output: {every: 10 ms}
"""


def loaded(folder: Path, text: str = TEXT) -> LoadedScenario:
    """Return the small scenario as read from a file."""
    folder.mkdir(exist_ok=True)
    path = folder / "small.yaml"
    path.write_text(text)
    return load_scenario(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[ElectroResult, Path]:
    """The run that nobody stops, and its folder."""
    folder = tmp_path_factory.mktemp("whole")
    return run_electro(loaded(folder), folder), folder


@pytest.mark.parametrize("pieces", [1, 9, 40])
def test_stopped_and_resumed_is_the_same_as_not_stopped(
    whole: tuple[ElectroResult, Path], tmp_path: Path, pieces: int
) -> None:
    """To the last bit on as many ranks: in S1, in the first branch, in the second."""
    with pytest.raises(InterruptedRunError, match="stopped by SIGTERM at"):
        run_electro(loaded(tmp_path), tmp_path, stop=StopAt(pieces))
    resumed = run_electro(loaded(tmp_path), tmp_path, resume=True)
    for mine, theirs in zip(resumed.branches, whole[0].branches, strict=True):
        for name in ("activation", "repolarisation", "times", "traces", "electrograms", "speed"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), name)
        assert mine.frames == theirs.frames


def test_branches_share_the_part_before_s2(whole: tuple[ElectroResult, Path]) -> None:
    """S1 is run once; at 120 ms the muscle has recovered and S2 runs, at 40 ms it has not."""
    late, early = whole[0].branches
    assert (late.coupling, early.coupling) == (120.0, 40.0)
    np.testing.assert_array_equal(late.activation[0], early.activation[0])
    same = late.times < 40.0
    np.testing.assert_array_equal(late.traces[:, same], early.traces[:, same])
    assert late.captured
    assert not early.captured
    assert [pulse.time for pulse in early.pulses] == [0.0, 40.0]


def test_fields_and_record_can_be_read_back(whole: tuple[ElectroResult, Path]) -> None:
    """ParaView gets every frame of every branch, also those of the shared part."""
    result, folder = whole
    write_outputs(result, folder)
    for branch in result.branches:
        path = folder / "fields" / f"voltage_{branch.name}.vtkhdf"
        last = len(branch.frames) - 1
        count, time, grid = series.read(path, last)
        assert (count, time) == (18, 170.0)
        assert grid.n_points == len(result.mesh.points)
        assert np.isfinite(grid.point_data["voltage"]).all()
    records.save(folder / "result.npz", result)
    again = records.load(folder / "result.npz", ElectroResult)
    np.testing.assert_array_equal(again.branches[1].activation, result.branches[1].activation)
    assert quantities(again)["activation.last"] == quantities(result)["activation.last"]
    assert not (folder / "frames").exists()


def test_checkpoint_of_another_scenario_is_refused(
    whole: tuple[ElectroResult, Path], tmp_path: Path
) -> None:
    """A field of the right size from another experiment would go on without a word."""
    shutil.copytree(whole[1] / CHECKPOINTS, tmp_path / CHECKPOINTS)
    other = loaded(tmp_path, TEXT.replace("30 ms", "31 ms"))
    with pytest.raises(CheckpointError, match="another scenario"):
        run_electro(other, tmp_path, resume=True)
    drawn = loaded(tmp_path, TEXT.replace("output: {every", "output: {figures: false, every"))
    assert scenario_hash(drawn) == scenario_hash(loaded(tmp_path))


def test_truncated_checkpoint_is_refused(whole: tuple[ElectroResult, Path], tmp_path: Path) -> None:
    """All slots cut off: nothing is left to go on from, and that is said."""
    shutil.copytree(whole[1] / CHECKPOINTS, tmp_path / CHECKPOINTS)
    for path in (tmp_path / CHECKPOINTS).glob("*.npz"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="damaged or truncated"):
        run_electro(loaded(tmp_path), tmp_path, resume=True)


def test_nan_is_named_and_the_last_good_state_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where, in which model and region; and there is a state to look at and to branch from."""
    real = running.Running.run

    def poisoned(self: running.Running, until: float, observers: list[object]) -> None:
        if self.time > 29.0:
            voltage = self.problem.local_voltage
            voltage[int(np.flatnonzero(self.nodes == 17)[0])] = np.nan
        real(self, until, observers)

    monkeypatch.setattr(running.Running, "run", poisoned)
    with pytest.raises(NonFiniteError) as caught:
        run_electro(loaded(tmp_path), tmp_path)
    error = caught.value
    assert error.exit_code == 31
    for word in ("node", "mm", "mitchell_schaeffer", "region healthy"):
        assert word in error.where
    assert "last_good.npz holds the state at 30 ms" in error.fix
    store = CheckpointFolder(tmp_path / CHECKPOINTS, scenario_hash(loaded(tmp_path)))
    good = store.named("last_good")
    assert good.time == 30.0
    assert np.isfinite(good.arrays["voltage"]).all()
    assert store.latest(without=("last_good",)).time == 20.0


PROGRAM = """
import sys
from pathlib import Path
from mpi4py import MPI
from heart.core import records
from heart.scenario.load import load_scenario
from heart.study.electro.run import run_electro
folder = Path(sys.argv[1])
result = run_electro(load_scenario(folder / "small.yaml"), folder, resume=sys.argv[2] == "resume")
if MPI.COMM_WORLD.rank == 0:
    records.save(folder / "result.npz", result)
"""


def on_ranks(count: int, folder: Path, how: str) -> Branch:
    """Run the small scenario on `count` ranks and return its first branch."""
    launcher = shutil.which("mpiexec", path=str(Path(sys.executable).parent))
    if launcher is None:
        pytest.skip("needs mpiexec beside the interpreter")
    ended = subprocess.run(
        [launcher, "-n", str(count), sys.executable, "-c", PROGRAM, str(folder), how],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    return records.load(folder / "result.npz", ElectroResult).branches[0]


@pytest.mark.slow
def test_any_number_of_ranks_gives_the_same_and_goes_on_with_the_same(
    whole: tuple[ElectroResult, Path], tmp_path: Path
) -> None:
    """Stopped on one rank, resumed on two: activation to 1e-4 ms, traces to 1e-2 mV."""
    with pytest.raises(InterruptedRunError):
        run_electro(loaded(tmp_path), tmp_path, stop=StopAt(9))
    found = on_ranks(2, tmp_path, "resume")
    expected = whole[0].branches[0]
    np.testing.assert_allclose(found.activation, expected.activation, atol=1e-3, equal_nan=True)
    np.testing.assert_allclose(found.traces, expected.traces, atol=1e-2)
    np.testing.assert_allclose(found.electrograms, expected.electrograms, atol=1e-3)
