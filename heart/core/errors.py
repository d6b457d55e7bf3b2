"""Every way a run can end badly, as one exception per exit code.

An error is one line for the user: what happened, where, what was expected, how to fix it.
The exit codes are a contract with schedulers and scripts, so they live beside the classes.
"""

from __future__ import annotations

from typing import ClassVar


class HeartError(Exception):
    """Root of all errors that a user can cause or has to know about.

    Parameters
    ----------
    what
        What is wrong, naming the thing and the value that came.
    where
        File and line, cell, node or point; empty when there is no place.
    expected
        What would have been right.
    fix
        The way out, as an instruction.
    """

    exit_code: ClassVar[int] = 70

    def __init__(self, what: str, *, where: str = "", expected: str = "", fix: str = "") -> None:
        self.what, self.where, self.expected, self.fix = what, where, expected, fix
        super().__init__(self.line())

    def line(self) -> str:
        """Return the message as the single line that is shown."""
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected:
            text += f"; expected {self.expected}"
        if self.fix:
            text += f". Fix: {self.fix}"
        return " ".join(text.split())


class UsageError(HeartError):
    """The command line itself is wrong."""

    exit_code = 2


class ScenarioError(HeartError):
    """The scenario or case YAML is wrong: syntax, unknown key, missing file."""

    exit_code = 10


class ImageError(HeartError):
    """An image cannot be read or its geometry is contradictory."""

    exit_code = 11


class LabelError(HeartError):
    """A label map does not describe a heart that can be meshed."""

    exit_code = 11


class MeshInputError(HeartError):
    """A surface or mesh given by the user is open, inverted, self-intersecting or degenerate."""

    exit_code = 12


class ParameterError(HeartError):
    """A parameter is outside its plausible range or contradicts another."""

    exit_code = 13


class UnitError(ParameterError):
    """A unit is missing, of the wrong dimension, or the value betrays another unit."""


class MissingDataError(HeartError):
    """The data given cannot answer the question asked."""

    exit_code = 14


class UnsafeInputError(HeartError):
    """An input tries to reach outside its case, execute code or exhaust memory."""

    exit_code = 15


class CheckpointError(HeartError):
    """A checkpoint or cache entry belongs to something else or is damaged."""

    exit_code = 16


class MeshingError(HeartError):
    """The mesh generator could not make a valid mesh of a valid input."""

    exit_code = 20


class NonlinearSolveError(HeartError):
    """A nonlinear solve diverged."""

    exit_code = 30


class NonFiniteError(HeartError):
    """A field became NaN or infinite."""

    exit_code = 31


class NonPhysicalError(HeartError):
    """A result is finite but cannot be: a volume below zero, a wave that never ends."""

    exit_code = 32


class LinearSolveError(HeartError):
    """A linear solve did not converge."""

    exit_code = 33


class OutOfMemoryError(HeartError):
    """The problem does not fit into the memory that is allowed."""

    exit_code = 40


class StorageError(HeartError):
    """A result could not be written, or would overwrite another."""

    exit_code = 41


class RendererError(HeartError):
    """No off-screen renderer is available for the pictures."""

    exit_code = 42


class MPIEnvironmentError(HeartError):
    """The ranks do not see each other, or there are more ranks than cells."""

    exit_code = 50


class GateError(HeartError):
    """A verification benchmark ran and did not meet its gate."""

    exit_code = 60


class InterruptedRunError(HeartError):
    """The run was asked to stop and stopped cleanly."""

    exit_code = 75
