"""The parts of generated kernels: the graph, its derivatives, and the C functions of vectors."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from mpi4py import MPI

from heart.numerics.element_kernel.compilation import loaded
from heart.numerics.element_kernel.derivatives import Derivatives
from heart.numerics.element_kernel.graph import UNARY, Graph, Node, Op
from heart.numerics.element_kernel.vector_c import PRELUDE

COMPARE: dict[object, Callable[[complex, complex], bool]] = {
    ">": lambda a, b: a.real > b.real,
    "<": lambda a, b: a.real < b.real,
}
FUNCTIONS = {
    "v_exp": (np.exp, np.linspace(-700.0, 700.0, 4000)),
    "v_ln": (np.log, np.logspace(-300.0, 300.0, 4000)),
    "v_sqrt": (np.sqrt, np.logspace(-300.0, 300.0, 400)),
    "v_tanh": (np.tanh, np.linspace(-30.0, 30.0, 400)),
}
EDGE = [-np.inf, -1.0, -0.0, 0.0, 1.0, 800.0, np.inf, np.nan]


def evaluated(graph: Graph, root: Node, inputs: dict[str, float]) -> float:
    """Return the value of a node, by a few lines that share nothing with the generator."""
    values: dict[Node, float] = {}
    for node in graph.reachable([root]):
        a = [values[k] for k in graph.arguments[node]]
        match graph.operations[node]:
            case Op.NUMBER:
                values[node] = float(str(graph.payloads[node]))
            case Op.INPUT:
                values[node] = inputs[graph.payloads[node][0]]
            case Op.ADD:
                values[node] = a[0] + a[1]
            case Op.MULTIPLY:
                values[node] = a[0] * a[1]
            case Op.INVERSE:
                values[node] = 1.0 / a[0]
            case Op.POWER:
                values[node] = a[0] ** a[1]
            case Op.SELECT:
                values[node] = a[2] if COMPARE[graph.payloads[node]](a[0], a[1]) else a[3]
            case operation:
                values[node] = UNARY[operation](a[0])
    return values[root]


def everything(graph: Graph, x: Node, y: Node) -> Node:
    """Return a function with each operation in it."""
    product = graph.multiply(x, graph.multiply(y, y))
    shifted = graph.add(product, graph.number(3.0))
    parts = [graph.function(operation, shifted) for operation in UNARY]
    parts.append(graph.power(shifted, graph.number(-1.0 / 3.0)))
    parts.append(graph.inverse(graph.add(shifted, y)))
    parts.append(
        graph.select(">", x, y, graph.multiply(x, product), graph.power(y, graph.number(3.0)))
    )
    return graph.multiply(graph.total(parts), graph.add(x, graph.function(Op.SIN, y)))


@pytest.mark.parametrize("place", [(0.7, 0.4), (0.2, 0.9)], ids=["first branch", "second branch"])
def test_gradient_and_hessian_are_those_of_finite_differences(place: tuple[float, float]) -> None:
    """Each operation's first and second derivative, mixed ones too, to the error of differences."""
    graph = Graph()
    x, y = graph.input(("x",)), graph.input(("y",))
    root = everything(graph, x, y)
    derivatives = Derivatives(graph, root, [x, y])
    gradient, hessian = derivatives.gradient(), derivatives.hessian()

    def value(node: Node, dx: float = 0.0, dy: float = 0.0) -> float:
        return evaluated(graph, node, {"x": place[0] + dx, "y": place[1] + dy})

    h = 1e-5
    for k, step in enumerate(((h, 0.0), (0.0, h))):
        back = (-step[0], -step[1])
        slope = (value(root, *step) - value(root, *back)) / (2 * h)
        assert value(gradient[k]) == pytest.approx(slope, rel=1e-7)
        for m in (0, 1):
            bend = (value(gradient[m], *step) - value(gradient[m], *back)) / (2 * h)
            assert value(hessian[min(k, m), max(k, m)]) == pytest.approx(bend, rel=1e-7)


def test_derivatives_by_inner_nodes_stop_there() -> None:
    """W(C(F)) by C: what C is made of counts as given."""
    graph = Graph()
    x = graph.input(("x",))
    c = graph.multiply(x, x)
    root = graph.multiply(c, c)
    (slope,) = Derivatives(graph, root, [c]).gradient()
    assert evaluated(graph, slope, {"x": 3.0}) == 18.0


def test_equal_operations_are_one_and_numbers_are_folded() -> None:
    """Sharing is what keeps the generated text short."""
    graph = Graph()
    x, y = graph.input(("x",)), graph.input(("y",))
    assert graph.multiply(x, y) == graph.multiply(y, x)
    assert graph.add(x, graph.zero) == x
    assert graph.multiply(graph.number(2.0), graph.multiply(graph.number(0.5), x)) == x
    assert graph.multiply(x, graph.zero) == graph.zero
    assert graph.inverse(graph.inverse(x)) == x
    assert graph.power(x, graph.number(2.0)) == graph.multiply(x, x)


@pytest.fixture(scope="module")
def library() -> ctypes.CDLL:
    """Return the functions of vectors, each over an array."""
    loops = [
        f"void {name}_all(const double *x, double *y, long n) {{ for (long i = 0; i < n; i += W) "
        f"{{ vec v; for (int l = 0; l < W; ++l) v[l] = x[i + l]; v = {name}(v); "
        "for (int l = 0; l < W; ++l) y[i + l] = v[l]; } }"
        for name in FUNCTIONS
    ]
    return loaded("\n".join([PRELUDE, *loops, ""]), MPI.COMM_SELF)


def applied(library: ctypes.CDLL, name: str, x: np.ndarray) -> np.ndarray:
    y = np.zeros_like(x)
    pointer = ctypes.c_void_p
    library[f"{name}_all"](pointer(x.ctypes.data), pointer(y.ctypes.data), ctypes.c_long(len(x)))
    return y


@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_functions_of_vectors_are_exact_to_rounding(library: ctypes.CDLL, name: str) -> None:
    """A law's exponentials are no place to lose digits."""
    function, x = FUNCTIONS[name]
    ours, wanted = applied(library, name, x), function(x)
    assert np.abs(ours / wanted - 1.0)[wanted != 0.0].max() < 5e-16
    near = np.linspace(0.5, 1.5, 4000)
    assert np.abs(applied(library, name, near) - function(near)).max() < 1e-15


@pytest.mark.parametrize("name", ["v_exp", "v_ln", "v_sqrt"])
def test_what_is_not_finite_stays_so(library: ctypes.CDLL, name: str) -> None:
    """A Newton step that went wrong is recognised by NaN and infinity."""
    with np.errstate(all="ignore"):
        wanted = FUNCTIONS[name][0](np.array(EDGE))
    ours = applied(library, name, np.array(EDGE))
    np.testing.assert_array_equal(np.isfinite(ours), np.isfinite(wanted))
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(wanted))


def test_the_text_has_no_place_for_chance() -> None:
    """Equal laws give equal text, or the cache of compiled code would grow with each run."""
    texts = set()
    for _ in range(2):
        graph = Graph()
        x, y = graph.input(("x",)), graph.input(("y",))
        Derivatives(graph, everything(graph, x, y), [x, y]).hessian()
        texts.add(repr((graph.operations, graph.arguments, graph.payloads)))
    assert len(texts) == 1
