"""Expression graphs and generated C: equal sub-expressions are one, singular points are not."""

import numpy as np
import pytest

from heart.core.errors import ScenarioError
from heart.electro.ionic.codegen.calculus import below, derivative, evaluate, linear_in, substitute
from heart.electro.ionic.codegen.emit import Options, source
from heart.electro.ionic.codegen.factoring import factored
from heart.electro.ionic.codegen.graph import Expr, Graph, Kind, Op
from heart.electro.ionic.codegen.schedule import scheduled
from heart.electro.ionic.codegen.schemes import Method, gates, increments
from heart.electro.ionic.codegen.singular import guard
from heart.electro.ionic.codegen.translate import translate
from heart.electro.ionic.registry import cell_model


@pytest.fixture
def graph() -> Graph:
    return Graph()


def symbols(graph: Graph) -> tuple[Expr, Expr, Expr]:
    """Voltage, a concentration and a constant of all cells."""
    return (
        graph.symbol(Kind.STATE, "V"),
        graph.symbol(Kind.STATE, "c"),
        graph.symbol(Kind.PARAMETER, "k"),
    )


def test_equal_expressions_are_one_node(graph: Graph) -> None:
    """Common sub-expressions need no search, because they cannot exist twice."""
    v, c, k = symbols(graph)
    assert graph.multiply(v, c, k) is graph.multiply(k, graph.multiply(c, v))
    assert graph.add(v, c) is graph.add(c, v)
    assert graph.divide(graph.multiply(v, c), c) is v
    assert graph.subtract(graph.add(v, c), graph.zero) is graph.add(v, c)
    assert graph.power(v, graph.number(3.0)) is graph.multiply(v, v, v)
    assert graph.scale(2.0, graph.scale(0.5, v)) is v


def test_switches_leave_no_trace(graph: Graph) -> None:
    """A condition on numbers is decided when code is made."""
    v, c, _ = symbols(graph)
    one = graph.number(1.0)
    assert graph.select(graph.call(Op.EQUAL, one, one), v, c) is v
    assert graph.logical(Op.AND, graph.zero, graph.call(Op.LESS, v, c)) is graph.zero


def test_derivatives_agree_with_differences(graph: Graph) -> None:
    """Every rule of differentiation, against central differences at random points."""
    v, c, k = symbols(graph)
    u = graph.scale(0.5, v)
    roots = [
        graph.call(Op.EXP, u),
        graph.call(Op.LOG, graph.add(v, c)),
        graph.product([(v, 2.5), (graph.add(v, c), -1.0)]),
        graph.call(Op.BERNOULLI, u),
        graph.power(v, graph.multiply(c, k)),
        graph.call(Op.ATAN, u),
        graph.call(Op.SIN, graph.multiply(u, c)),
        graph.select(graph.call(Op.LESS, v, c), graph.multiply(v, v), graph.call(Op.COS, v)),
        graph.call(Op.ABS, graph.subtract(v, graph.number(9.0))),
    ]
    rng = np.random.default_rng(2)
    point = {v: rng.uniform(0.5, 1.5, 50), c: rng.uniform(0.5, 1.5, 50), k: np.full(50, 1.3)}
    point[c] = np.where(np.abs(point[c] - point[v]) < 1e-3, point[c] + 0.1, point[c])
    h = 1e-6
    for root in roots:
        exact = evaluate([derivative(graph, root, v)], point)[0]
        up = evaluate([root], {**point, v: point[v] + h})[0]
        down = evaluate([root], {**point, v: point[v] - h})[0]
        assert exact == pytest.approx((up - down) / (2 * h), rel=1e-7, abs=1e-7)


def test_linear_states_are_found(graph: Graph) -> None:
    """A gate is what is linear in itself; a condition on itself makes it none."""
    v, c, k = symbols(graph)
    rate = graph.multiply(graph.subtract(graph.call(Op.EXP, v), c), k)
    found = linear_in(graph, rate, c)
    assert found is not None
    assert found[1] is graph.negate(k)
    assert linear_in(graph, rate, v) is None
    stepped = graph.select(graph.call(Op.LESS, c, k), graph.one, c)
    assert linear_in(graph, stepped, c) is None
    assert substitute(graph, rate, {c: graph.zero}) is found[0]


@pytest.mark.parametrize("shape", ["rate", "reversed", "flux", "inverse", "cubed"])
def test_removable_singularities_are_guarded(graph: Graph, shape: str) -> None:
    """No numerator over exp(u) - 1 is left where both vanish together, in any of its forms."""
    v, c, k = symbols(graph)
    shifted = graph.add(v, graph.scale(3.0, k))
    u = graph.divide(shifted, k)
    minus = graph.subtract(graph.call(Op.EXP, u), graph.one)
    inner = graph.subtract(graph.multiply(c, graph.call(Op.EXP, u)), graph.number(2.0))
    root = {
        "rate": lambda: graph.divide(graph.scale(0.1, shifted), minus),
        "reversed": lambda: graph.divide(
            graph.negate(shifted), graph.subtract(graph.one, graph.call(Op.EXP, u))
        ),
        "flux": lambda: graph.divide(graph.multiply(k, shifted, inner), minus),
        "inverse": lambda: graph.divide(graph.negate(minus), graph.multiply(c, shifted)),
        "cubed": lambda: graph.divide(graph.product([(shifted, 3.0)]), minus),
    }[shape]()
    safe = guard(graph, root)
    assert any(node.op is Op.BERNOULLI for node in below([safe]))
    at = {k: 2.0, c: 0.7}
    near = np.array([-6.0 + d for d in (-1e-5, 1e-5)])
    there = evaluate([safe], {**at, v: np.array([-6.0])})[0]
    around = evaluate([safe], {**at, v: near})[0]
    assert np.isfinite(there).all()
    assert there[0] == pytest.approx(around.mean(), rel=1e-6, abs=1e-8)
    far = np.linspace(-50.0, 50.0, 101) + 0.01
    one, other = evaluate([root, safe], {**at, v: far})
    assert other == pytest.approx(one, rel=1e-11)


def test_what_is_no_singularity_stays(graph: Graph) -> None:
    """A numerator with another root is a real pole and is not papered over."""
    v, _, k = symbols(graph)
    minus = graph.subtract(graph.call(Op.EXP, graph.divide(v, k)), graph.one)
    root = graph.divide(graph.add(v, graph.one), minus)
    assert guard(graph, root) is root


def test_gates_of_tt2006_are_its_thirteen_linear_states() -> None:
    """Twelve gates and R' of the 2006 paper, found by algebra instead of by name."""
    system = translate(cell_model("tt2006_epi"))
    assert sum(gates(system)) == 13
    assert system.folded == ("cell.type",)


def test_code_is_a_function_of_the_text_alone() -> None:
    """Two translations give the same C, or the cache would miss; values do not enter."""

    def code(g_na: float) -> str:
        model = cell_model("tt2006_epi").with_values(g_Na=g_na)
        names = tuple(n for n in model.text.parameters if n != "cell.type")
        return source(translate(model), Options(Method.GRL1, True, (), names))

    assert code(14.0) == code(15.0)


def test_slow_gates_use_no_quotient_of_rates() -> None:
    """(limit - y)/tau is stepped as (limit - y)(1 - exp(-dt/tau)), without 0/0 at rest."""
    system = translate(cell_model("tt2006_epi"))
    steps = increments(system, Method.GRL1)
    gate = [s.symbol[1] for s in system.states].index("ina.m")
    assert any(node.op is Op.EXPM1 for node in below([steps[gate]]))
    assert not any(node.op is Op.EXPREL for node in below([steps[gate]]))


def test_a_switch_cannot_vary() -> None:
    """What decides the shape of code is not an argument of it."""
    with pytest.raises(ScenarioError, match=r"cell\.type .* cannot vary"):
        translate(cell_model("tt2006_epi"), varying=("cell.type",))


def test_factoring_keeps_products_and_saves_multiplications() -> None:
    """Replacing common pairs must not change what is multiplied, only how often."""
    rng = np.random.default_rng(5)
    products = [list(rng.integers(0, 8, rng.integers(1, 7))) for _ in range(60)]
    found, pairs = factored([[int(k) for k in product] for product in products], 8)
    values = list(rng.uniform(0.5, 2.0, 8))
    for first, second in pairs:
        values.append(values[first] * values[second])
    for product, tokens in zip(products, found, strict=True):
        expected = np.prod([values[k] for k in product])
        assert np.prod([values[k] for k in tokens]) == pytest.approx(expected, rel=1e-14)
    before = sum(len(product) - 1 for product in products)
    after = len(pairs) + sum(len(tokens) - 1 for tokens in found)
    assert after < 0.75 * before


def test_schedule_defines_before_use_and_fills_waiting_time() -> None:
    """A schedule is a permutation that respects operands and starts long chains early."""
    lines = [
        "const vd d0 = d_load(S_V + i);",
        "const vd d1 = d0 * d0;",
        "const vd d2 = d1 + d0;",
        "const vd d3 = d_exp2(d0);",
        "const vd d4 = d_rcp(d3);",
        "const vd d5 = d4 * d2;",
    ]
    order = scheduled(lines)
    assert sorted(order) == lines
    assert order[:2] == [lines[0], lines[3]]
    assert order[-1] == lines[5]
