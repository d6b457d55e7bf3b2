"""Errors are a contract with schedulers (codes) and with people (one line)."""

from heart.core import errors

CODES = {
    "UsageError": 2, "ScenarioError": 10, "ImageError": 11, "LabelError": 11, "MeshInputError": 12,
    "ParameterError": 13, "UnitError": 13, "MissingDataError": 14, "UnsafeInputError": 15,
    "CheckpointError": 16, "MeshingError": 20, "NonlinearSolveError": 30, "NonFiniteError": 31,
    "NonPhysicalError": 32, "LinearSolveError": 33, "OutOfMemoryError": 40, "StorageError": 41,
    "RendererError": 42, "MPIEnvironmentError": 50, "GateError": 60, "HeartError": 70,
    "InterruptedRunError": 75,
}  # fmt: skip


def test_every_error_has_its_published_code():
    """A changed code breaks somebody's batch script without a word."""
    found = {
        name: item.exit_code
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, errors.HeartError)
    }
    assert found == CODES


def test_the_message_is_one_line_with_place_expectation_and_way_out():
    """One line is what a terminal, a log and a clinician can use."""
    error = errors.ScenarioError(
        "unknown key 'vv_delay'\nin pacing", where="a.yaml:7", expected="vv_delays", fix="rename it"
    )
    assert str(error) == (
        "a.yaml:7: unknown key 'vv_delay' in pacing; expected vv_delays. Fix: rename it"
    )
