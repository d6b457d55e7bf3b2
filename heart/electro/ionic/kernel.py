"""Compiled cell models and arrays of cells that they advance.

A kernel is generated for a text, a method and a precision; the values of conductances and the like
are arguments, so regions and ensemble members share one. Cells keep their states as rows of one
array (structure of arrays) and are advanced in blocks of 64, which is also the grain of sub-steps.
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.core.errors import ParameterError
from heart.electro.ionic.codegen.emit import BLOCK, Options, source
from heart.electro.ionic.codegen.schemes import Method
from heart.electro.ionic.codegen.translate import translate
from heart.electro.ionic.compile import load
from heart.electro.ionic.model import CellModel

__all__ = ["BLOCK", "Adaptive", "CellKernel", "Cells", "Method", "Precision", "compile_kernel"]

Floats = NDArray[np.float64]


class Precision(Enum):
    """Number format of a kernel's arithmetic; states are always double.

    MIXED computes increments of gates and exponentials in single precision. States are
    accumulated in double, because a slow gate in single precision stands still when its increment
    falls below half a unit in the last place.
    """

    DOUBLE = "double"
    MIXED = "mixed"


@dataclass(frozen=True)
class Adaptive:
    """Sub-stepping from the size of the voltage change.

    A block of cells takes so many equal sub-steps that no cell's membrane potential changes by
    more than `largest_change` (mV) in one, but at most `most`. The rule looks at the state at hand
    only, so a restart reproduces it.
    """

    largest_change: float = 0.5
    most: int = 32


@dataclass(frozen=True, eq=False)
class CellKernel:
    """A compiled cell model.

    Attributes
    ----------
    model
        What it was generated from.
    method, precision
        How it steps.
    varying
        Qualified names of the parameters that differ from cell to cell.
    monitors
        Qualified names of the variables that `Cells.monitor` returns.
    parameter_names
        Qualified names of the uniform parameters, in the order of `Cells.parameters`.
    folded
        Parameters whose values are part of the code: switches and exponents.
    states
        Qualified names of the states; the membrane potential is the first.
    """

    model: CellModel
    method: Method
    precision: Precision
    varying: tuple[str, ...]
    monitors: tuple[str, ...]
    parameter_names: tuple[str, ...]
    folded: tuple[str, ...]
    states: tuple[str, ...]
    library: ctypes.CDLL = field(repr=False)

    def allocate(self, n: int) -> Cells:
        """Return `n` cells at the model's initial states and parameter values."""
        if n < 0:
            raise ParameterError(f"{n} cells", expected="none or more")
        padded = max(1, -(-n // BLOCK)) * BLOCK
        if padded % 512 == 0:
            # Rows a multiple of 4 kB apart would share the same few sets of the cache.
            padded += BLOCK
        values = self.model.parameters
        states = _aligned(len(self.states), padded)
        states[:] = self.model.initial_states[:, None]
        varying = _aligned(len(self.varying), padded)
        varying[:] = np.array([values[name] for name in self.varying])[:, None]
        uniform = np.array([values[name] for name in self.parameter_names], dtype=np.float64)
        return Cells(self, n, states, uniform, varying)


@dataclass(eq=False)
class Cells:
    """Cells of one model, advanced in place.

    Attributes
    ----------
    kernel
        The compiled model.
    n
        Number of cells.
    states
        (S, padded) states; row 0 is the membrane potential [mV]. Columns from `n` on are padding
        that has to hold valid values.
    parameters
        (P,) uniform parameters in the order of ``kernel.parameter_names``.
    varying
        (K, padded) parameters per cell in the order of ``kernel.varying``.
    """

    kernel: CellKernel
    n: int
    states: Floats
    parameters: Floats
    varying: Floats

    @property
    def voltage(self) -> Floats:
        """View (n,) of the membrane potentials [mV]."""
        return self.states[0, : self.n]

    @property
    def blocks(self) -> int:
        """Number of blocks of BLOCK consecutive cells."""
        return -(-self.n // BLOCK)

    def state(self, name: str) -> Floats:
        """Return the view (n,) of the state called `name`, qualified or short."""
        return self.states[self.kernel.model.state_index(name), : self.n]

    def copy(self) -> Cells:
        """Return an independent copy."""
        other = self.kernel.allocate(self.n)
        other.states[:], other.varying[:] = self.states, self.varying
        other.parameters[:] = self.parameters
        return other

    def set_parameter(self, name: str, value: float | Floats) -> None:
        """Set a parameter: uniform by a number, varying by a number or an array (n,).

        Raises
        ------
        ParameterError
            The name is unknown, folded into the code, or uniform and an array is given.
        """
        full = self.kernel.model.text.parameter(name)
        values = np.asarray(value, dtype=np.float64)
        if not np.all(np.isfinite(values)):
            raise ParameterError(f"{full} is not finite", expected="finite numbers")
        if full in self.kernel.varying:
            row = self.varying[self.kernel.varying.index(full)]
            row[: self.n] = values
            row[self.n :] = row[self.n - 1] if self.n else row[-1]
        elif full in self.kernel.folded:
            raise ParameterError(
                f"{full} is part of the compiled code", fix="set it on the CellModel and recompile"
            )
        elif values.ndim:
            raise ParameterError(
                f"{full} is uniform", fix="name it in `varying` when the kernel is compiled"
            )
        else:
            self.parameters[self.kernel.parameter_names.index(full)] = float(values)

    def advance(
        self,
        dt: float,
        *,
        time: float = 0.0,
        stimulus: Floats | None = None,
        substeps: int | NDArray[np.integer] | None = None,
        adaptive: Adaptive | None = None,
    ) -> int:
        """Advance all states by `dt` in place.

        Parameters
        ----------
        dt
            Step [ms].
        time
            Time at its begin [ms].
        stimulus
            (n,) rate of change of the membrane potential [mV/ms], positive depolarises.
        substeps
            Number of equal sub-steps: one for all, or one per block of BLOCK cells, where 0
            leaves the block alone.
        adaptive
            Raise the number of sub-steps by this rule.

        Returns
        -------
        Number of block sub-steps done.
        """
        return self._advance(dt, time, stimulus, substeps, adaptive, hold=False)

    def advance_gates(
        self,
        dt: float,
        *,
        time: float = 0.0,
        stimulus: Floats | None = None,
        substeps: int | NDArray[np.integer] | None = None,
    ) -> int:
        """Advance everything but the membrane potential; arguments as of `advance`."""
        return self._advance(dt, time, stimulus, substeps, None, hold=True)

    def _advance(
        self,
        dt: float,
        time: float,
        stimulus: Floats | None,
        substeps: int | NDArray[np.integer] | None,
        adaptive: Adaptive | None,
        *,
        hold: bool,
    ) -> int:
        if not (np.isfinite(dt) and dt > 0.0):
            raise ParameterError(f"time step {dt} ms", expected="a positive number")
        per_block = None
        uniform = 1
        if isinstance(substeps, int | np.integer):
            uniform = int(substeps)
        elif substeps is not None:
            if np.shape(substeps) != (self.blocks,) or (self.n and np.max(substeps) > 127):
                raise ParameterError(
                    f"sub-steps of shape {np.shape(substeps)}",
                    expected=f"one of 0 to 127 for each of {self.blocks} blocks",
                )
            per_block = np.ascontiguousarray(substeps, dtype=np.int8)
        return int(
            self.kernel.library.advance(
                *self._arguments(stimulus), float(dt), float(time),
                None if per_block is None else per_block.ctypes.data,
                uniform, int(hold),
                adaptive.largest_change if adaptive else 0.0, adaptive.most if adaptive else 1,
            )
        )  # fmt: skip

    def ionic_current(self, out: Floats | None = None, *, time: float = 0.0) -> Floats:
        """Return (n,) the total ionic current [A/F], with which dV/dt = -current + stimulus."""
        result = np.empty(self.n) if out is None else out
        target = result if _plain(result, self.n) else np.empty(self.n)
        self.kernel.library.current(*self._arguments(None), float(time), target.ctypes.data)
        if target is not result:
            result[:] = target
        return result

    def monitor(self, *, time: float = 0.0, stimulus: Floats | None = None) -> Floats:
        """Return (len(monitors), n) values of the monitored variables."""
        out = np.empty((len(self.kernel.monitors), self.n))
        arguments = self._arguments(stimulus)
        self.kernel.library.monitor(*arguments, float(time), out.ctypes.data)
        return out

    def rates(self, *, time: float = 0.0, stimulus: Floats | None = None) -> Floats:
        """Return (S, n) time derivatives of the states."""
        out = np.empty((len(self.kernel.states), self.n))
        self.kernel.library.rates(*self._arguments(stimulus), float(time), out.ctypes.data)
        return out

    def _arguments(self, stimulus: Floats | None) -> tuple[object, ...]:
        if stimulus is not None and not _plain(stimulus, self.n):
            if np.shape(stimulus) != (self.n,):
                raise ParameterError(
                    f"stimulus of shape {np.shape(stimulus)}", expected=f"({self.n},)"
                )
            stimulus = np.ascontiguousarray(stimulus, dtype=np.float64)
        self._kept = stimulus
        return (
            self.states.ctypes.data, self.states.shape[1],
            self.varying.ctypes.data, self.varying.shape[1],
            None if stimulus is None else stimulus.ctypes.data,
            self.n, self.parameters.ctypes.data,
        )  # fmt: skip


def compile_kernel(
    model: CellModel,
    *,
    method: Method = Method.GRL1,
    precision: Precision = Precision.DOUBLE,
    varying: tuple[str, ...] = (),
    monitors: tuple[str, ...] = (),
) -> CellKernel:
    """Return the compiled kernel of `model`.

    The code depends on the text and on the values of folded parameters only; models that differ
    in other values share it. It is compiled once per machine and kept in the cache.

    Parameters
    ----------
    model
        The cell model.
    method, precision
        How it steps.
    varying
        Parameters that differ from cell to cell, by qualified or short name.
    monitors
        Variables for `Cells.monitor`, by qualified or short name.

    Raises
    ------
    ParameterError
        A name is unknown.
    MissingDataError
        There is no C compiler.
    """
    text = model.text
    varying = tuple(text.parameter(name) for name in varying)
    monitors = tuple(text.variable(name) for name in monitors)
    if len(set(varying)) != len(varying):
        raise ParameterError(f"a varying parameter of {model.name} is named twice")
    return _kernel(model, method, precision, varying, monitors)


@lru_cache(maxsize=64)
def _kernel(
    model: CellModel,
    method: Method,
    precision: Precision,
    varying: tuple[str, ...],
    monitors: tuple[str, ...],
) -> CellKernel:
    system = translate(model, varying=varying, monitors=monitors)
    uniform = tuple(
        name for name in model.text.parameters if name not in varying and name not in system.folded
    )
    options = Options(method, precision is Precision.MIXED, varying, uniform)
    library = load(source(system, options))
    _declare(library)
    return CellKernel(
        model, method, precision, varying, monitors, uniform, system.folded, model.text.states,
        library,
    )  # fmt: skip


def _declare(library: ctypes.CDLL) -> None:
    pointer, long, double = ctypes.c_void_p, ctypes.c_long, ctypes.c_double
    cells: list[Any] = [pointer, long, pointer, long, pointer, long, pointer]
    library.advance.argtypes = [*cells, double, double, pointer, long, ctypes.c_int, double, long]
    library.advance.restype = long
    for name in ("current", "monitor", "rates"):
        function = getattr(library, name)
        function.argtypes = [*cells, double, pointer]
        function.restype = None


def _plain(array: Floats, n: int) -> bool:
    return array.shape == (n,) and array.dtype == np.float64 and bool(array.flags.c_contiguous)


def _aligned(rows: int, columns: int) -> Floats:
    """Return zeros (rows, columns) that begin at a multiple of 64 bytes."""
    raw = np.zeros(rows * columns + 8)
    start = (-raw.ctypes.data // 8) % 8
    return raw[start : start + rows * columns].reshape(rows, columns)
