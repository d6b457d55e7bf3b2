"""Tables of basis functions in the text of a kernel: each element once, in the order it is read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from heart.numerics.element_kernel.elements import Rule, gradients, values
from heart.numerics.element_kernel.vector_c import LANES

Float = NDArray[np.float64]


class Tables:
    """Static arrays of a kernel.

    Attributes
    ----------
    rule
        Quadrature.
    texts
        Definition of each table by its name.
    """

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.padded = _whole(len(rule.weights))
        self.texts: dict[str, str] = {}
        self._elements: list[Any] = []

    def weights(self) -> str:
        """Return the name of the weights; those of lanes that are no points are zero."""
        return self._table("weight", _padded(self.rule.weights, self.padded, 0.0))

    def _table(self, name: str, values: Float) -> str:
        """Keep a table and return its name."""
        if name not in self.texts:
            shape = "".join(f"[{n}]" for n in values.shape)
            numbers = ",".join(repr(float(v)) for v in values.ravel())
            self.texts[name] = f"static const double {name}{shape} ALIGNED = {{{numbers}}};"
        return name

    def _element(self, element: Any) -> int:
        for k, known in enumerate(self._elements):
            if known == element:
                return k
        self._elements.append(element)
        return len(self._elements) - 1

    def over_points(self, element: Any, derivative: bool) -> str:
        """Return the table [axis][node][point], or [node][point] of values."""
        k = self._element(element)
        if derivative:
            return self._table(f"slope{k}", _padded(gradients(element, self.rule), self.padded))
        return self._table(f"value{k}", _padded(values(element, self.rule), self.padded))

    def over_nodes(self, element: Any, derivative: bool) -> str:
        """Return the table [point][axis][node], or [point][node] of values."""
        k = self._element(element)
        many = _whole(element.dim)
        if derivative:
            table = gradients(element, self.rule).transpose(2, 0, 1)
            return self._table(f"slopes{k}", _padded(table, many, 0.0))
        return self._table(f"values{k}", _padded(values(element, self.rule).T, many, 0.0))


def _whole(count: int) -> int:
    """Return the next multiple of the widest vector."""
    return -(-count // LANES) * LANES


def _padded(table: Float, size: int, value: float | None = None) -> Float:
    """Return a table whose last axis is filled up, with its last entry unless told."""
    extra = size - table.shape[-1]
    tail = table[..., -1:] if value is None else np.full((*table.shape[:-1], 1), value)
    return np.concatenate([table, np.repeat(tail, extra, axis=-1)], axis=-1)
