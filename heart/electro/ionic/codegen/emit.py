"""The C source of a kernel: scalars prepared per call, passes over blocks of cells, drivers.

The text of a kernel is a function of the model, its options and nothing else, so that its hash
names the compiled library. What is the same for every model (vector functions, the loop over
blocks with sub-steps) is in simd.h and driver.h beside this file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from heart.electro.ionic.codegen.calculus import substitute
from heart.electro.ionic.codegen.graph import Expr, Graph, Kind, Op
from heart.electro.ionic.codegen.lower import Pass, Slots, identifier, single_roots
from heart.electro.ionic.codegen.schedule import scheduled
from heart.electro.ionic.codegen.schemes import (
    Method,
    gates,
    increments,
    middle,
    starts,
)
from heart.electro.ionic.codegen.shares import Share, shared_out, together
from heart.electro.ionic.codegen.translate import System

FOLDER = Path(__file__).parent
BLOCK = 64


@dataclass(frozen=True)
class Options:
    """What a kernel is generated for, besides the equations."""

    method: Method
    mixed: bool
    varying: tuple[str, ...]
    parameters: tuple[str, ...]


def source(system: System, options: Options) -> str:
    """Return the C source of the kernel of `system`.

    Exported are ``advance``, ``current``, ``monitor`` and ``rates``; see driver.h.
    """
    graph = system.graph
    slots, stages = _stages(system, options)
    stimulus = graph.symbol(Kind.STIMULUS, "stimulus")
    passive = substitute(graph, system.rates[0], {stimulus: graph.zero})
    functions = [
        *(_stage(system, options, slots, stage) for stage in stages),
        _observer(system, options, slots, "current_block", [graph.negate(passive)]),
        _observer(system, options, slots, "monitor_block", list(system.monitors)),
        _observer(system, options, slots, "rates_block", list(system.rates)),
    ]
    timed = any(entry.symbols & graph.mask([Kind.TIME]) for entry in slots.entries)
    prepare = _prepare(slots, options)
    head = [
        (FOLDER / "simd.h").read_text(encoding="utf-8"),
        f"#define BLOCK {BLOCK}",
        f"#define STATES {len(system.states)}",
        f"#define STAGES {len(stages)}",
        f"#define APART {int(stages[-1].apart)}",
        f"#define SLOTS {max(1, len(slots.entries))}",
        f"#define TIMED {int(timed)}",
        f"#define MIXED {int(options.mixed)}",
        f"#define MONITORS {len(system.monitors)}",
        f"#define PARAMETERS {len(options.parameters)}",
    ]
    return "\n".join([*head, prepare, *functions, (FOLDER / "driver.h").read_text("utf-8")])


@dataclass(frozen=True)
class Stage:
    """A function that adds increments to the states of a block.

    Attributes
    ----------
    name
        Of the function.
    step
        What is added to each state.
    starts
        The states it is added to, which may be others than those that rates are taken at.
    shares
        The passes that compute `step` in double precision.
    single
        What a pass in single precision computes before.
    middle
        Whether rates are taken at the states of the middle, which are in an array of their own.
    """

    name: str
    step: Sequence[Expr]
    starts: Sequence[Expr]
    shares: Sequence[Share]
    single: Sequence[Expr]
    middle: bool

    @property
    def apart(self) -> bool:
        """Whether new states have to be kept apart, because a later pass reads the old ones."""
        return not self.middle and len(self.shares) > 1


def _stages(system: System, options: Options) -> tuple[Slots, list[Stage]]:
    """Return the functions that advance a block by one step; `whole_block` is the last."""
    half, whole = middle(system, options.method), increments(system, options.method)
    steps = [("whole_block", whole, system.states, False)]
    if half is not None:
        steps = [
            ("half_block", half, system.states, False),
            ("whole_block", whole, starts(system), True),
        ]
    # After the steps: what is a vector follows from the symbols that they have brought.
    slots = Slots(system.graph)
    stages = []
    for name, step, begin, at_middle in steps:
        # In several passes mixed precision was slower: 249 against 282 ns, ToR-ORd.
        single = single_roots(system.graph, step, gates(system)) if options.mixed else []
        shares = [together(step)] if options.mixed else shared_out(slots, step)
        stages.append(Stage(name, step, begin, shares, single, at_middle))
    return slots, stages


def _stage(system: System, options: Options, slots: Slots, stage: Stage) -> str:
    body: list[str] = []
    given: dict[Expr, str] = {}
    if stage.single:
        code = Pass(slots, stage.single, "f")
        lines = [_kept("f", k, code.value(node)) for k, node in enumerate(stage.single)]
        body += [_buffer("f", len(stage.single)), *_loop("FLANES", code.lines, lines)]
        given = {node: f"d_loadf(f_kept + {k * BLOCK} + i)" for k, node in enumerate(stage.single)}
    kept = sum(len(share.kept) for share in stage.shares)
    body += [_buffer("d", kept), "vd change = d_set(0.0);"]
    place = 0
    for share in stage.shares:
        code = Pass(slots, [*(stage.step[row] for row in share.rows), *share.kept], "d", given)
        lines = []
        for row in share.rows:
            value, old = code.value(stage.step[row]), code.value(stage.starts[row])
            new = f"{old} + {value}"
            if row == 0:
                lines.append(f"change = d_max(change, d_abs({value}));")
                new = f"hold ? {old} : {new}"
            lines.append(f"d_store(b + {row} * bstride + i, {new});")
        given = dict(given)
        for node in share.kept:
            lines.append(_kept("d", place, code.value(node)))
            given[node] = f"d_load(d_kept + {place * BLOCK} + i)"
            place += 1
        body += _loop("LANES", code.lines, lines)
    body += ["double largest = 0.0;", "for (int k = 0; k < LANES; k++)",
             "  if (!(change[k] <= largest)) largest = change[k];", "return largest;"]  # fmt: skip
    pointers = [
        f"const double *{source}_{identifier(state.symbol[1])} = {array} + {row} * {stride};"
        for row, state in enumerate(system.states)
        for source, array, stride in (
            ("S", "a", "BLOCK" if stage.middle else "stride"),
            ("Y", "s", "stride"),
        )
    ]
    return _function(
        f"double {stage.name}(const double *s, long stride, const double *a, double *b, "
        "long bstride, const double *restrict varying, long vstride, "
        "const double *restrict stimulus, long count, const double *restrict h, "
        "const float *restrict hf, int hold)",
        options, pointers, body,
    )  # fmt: skip


def _buffer(prefix: str, rows: int) -> str:
    kind = {"d": "double", "f": "float"}[prefix]
    return f"static __thread {kind} {prefix}_kept[{rows * BLOCK}] ALIGNED;" if rows else ""


def _kept(prefix: str, place: int, value: str) -> str:
    return f"{prefix}_store({prefix}_kept + {place * BLOCK} + i, {value});"


def _observer(
    system: System, options: Options, slots: Slots, name: str, roots: Sequence[Expr]
) -> str:
    """Return a function that evaluates `roots` over a block into rows of 64."""
    code = Pass(slots, roots, "d")
    values = [code.value(root) for root in roots]
    stores = [f"d_store(out + {row * BLOCK} + i, {value});" for row, value in enumerate(values)]
    pointers = [
        f"const double *S_{identifier(state.symbol[1])} = s + {row} * stride;"
        for row, state in enumerate(system.states)
    ]
    return _function(
        f"void {name}(double *restrict s, long stride, const double *restrict varying, "
        "long vstride, const double *restrict stimulus, long count, const double *restrict h, "
        "double *restrict out)",
        options, pointers, _loop("LANES", code.lines, stores) if roots else [],
    )  # fmt: skip


def _function(head: str, options: Options, pointers: Sequence[str], body: Sequence[str]) -> str:
    pointers = [
        *pointers,
        *(
            f"const double *K_{identifier(name)} = varying + {row} * vstride;"
            for row, name in enumerate(options.varying)
        ),
        "const double *I_stimulus = stimulus;",
    ]
    lines = "\n    ".join([*pointers, *body])
    return f"static __attribute__((noinline)) {head}\n{{\n    {lines}\n}}\n"


def _loop(lanes: str, lines: Sequence[str], stores: Sequence[str]) -> list[str]:
    # The empty statement keeps the compiler from copying every scalar to a vector on the stack.
    opaque = '__asm__("" : "+r"(h));' if lanes == "LANES" else '__asm__("" : "+r"(hf));'
    head = f"for (long i = 0; i < count; i += {lanes}) {{"
    return [head, opaque, *scheduled(lines), *stores, "}"]


def _prepare(slots: Slots, options: Options) -> str:
    """Return the functions that fill the scalars: those of a call, and those of a step length."""
    graph = slots.graph
    stepped = graph.mask([Kind.STEP, Kind.TIME])
    symbols = {
        graph.symbol(Kind.PARAMETER, name): f"p[{k}]" for k, name in enumerate(options.parameters)
    }
    for entry in [entry for entry in slots.entries if entry.symbols & stepped]:
        stack = [entry]
        while stack:
            node = stack.pop()
            if node.symbols & stepped:
                stack.extend(node.args)
            elif node.args:
                slots.slot(node)
    constant = _Scalars(symbols)
    lines = [
        f"h[{k}] = {constant.value(entry)};"
        for entry, k in slots.entries.items()
        if not entry.symbols & stepped
    ]
    timed = {graph.symbol(Kind.STEP, "dt"): "dt"}
    timed |= {s: "time" for s in _symbols(graph, Kind.TIME)}
    ready = {e: f"h[{k}]" for e, k in slots.entries.items() if not e.symbols & stepped and e.args}
    varying = _Scalars({**symbols, **timed, **ready})
    moving = [
        f"h[{k}] = {varying.value(entry)};"
        for entry, k in slots.entries.items()
        if entry.symbols & stepped
    ]
    return "\n".join(
        [
            "static void prepare(const double *p, double *h)\n{",
            *constant.lines, *lines, "(void)p; (void)h;\n}",
            "static void prepare_step(const double *p, double dt, double time, double *h)\n{",
            *varying.lines, *moving, "(void)p; (void)dt; (void)time; (void)h;\n}",
        ]
    )  # fmt: skip


def _symbols(graph: Graph, kind: Kind) -> list[Expr]:
    return [s for s in graph.all_symbols if s.symbol[0] is kind]


class _Scalars:
    """C of scalar expressions, each node once."""

    def __init__(self, known: Mapping[Expr, str]) -> None:
        self.lines: list[str] = []
        self._names: dict[Expr, str] = dict(known)

    def value(self, expr: Expr) -> str:
        if expr not in self._names:
            if expr.op is Op.NUMBER:
                self._names[expr] = _number(expr.number)
            else:
                text = self._value(expr)
                self._names[expr] = name = f"s{len(self.lines)}"
                self.lines.append(f"const double {name} = {text};")
        return self._names[expr]

    def _value(self, expr: Expr) -> str:
        if expr.op is Op.SUM:
            constant, terms = expr.terms
            return " + ".join(
                [_number(constant), *(f"{_number(c)} * {self.value(t)}" for c, t in terms)]
            )
        if expr.op is Op.PRODUCT:
            return " * ".join(self._power(f, e) for f, e in expr.factors)
        args = [self.value(arg) for arg in expr.args]
        return SCALAR_C[expr.op].format(*args)

    def _power(self, factor: Expr, exponent: float) -> str:
        name = self.value(factor)
        if exponent == 1.0:
            return name
        return f"(1.0 / {name})" if exponent == -1.0 else f"pow({name}, {_number(exponent)})"


def _number(value: float) -> str:
    if value != value:
        return "NAN"
    if value in (float("inf"), float("-inf")):
        return "INFINITY" if value > 0.0 else "(-INFINITY)"
    return f"({value!r})" if value < 0.0 else repr(float(value))


SCALAR_C = {
    Op.EXP: "exp({0})",
    Op.EXPM1: "expm1({0})",
    Op.LOG: "log({0})",
    Op.POW: "pow({0}, {1})",
    Op.ABS: "fabs({0})",
    Op.FLOOR: "floor({0})",
    Op.CEIL: "ceil({0})",
    Op.SIN: "sin({0})",
    Op.COS: "cos({0})",
    Op.TAN: "tan({0})",
    Op.ASIN: "asin({0})",
    Op.ACOS: "acos({0})",
    Op.ATAN: "atan({0})",
    Op.LESS: "(double)({0} < {1})",
    Op.LESS_EQUAL: "(double)({0} <= {1})",
    Op.EQUAL: "(double)({0} == {1})",
    Op.AND: "(double)({0} != 0.0 && {1} != 0.0)",
    Op.OR: "(double)({0} != 0.0 || {1} != 0.0)",
    Op.NOT: "(double)({0} == 0.0)",
    Op.SELECT: "({0} != 0.0 ? {1} : {2})",
    Op.EXPREL: "({0} == 0.0 ? 1.0 : expm1({0}) / {0})",
    Op.BERNOULLI: "({0} == 0.0 ? 1.0 : {0} / expm1({0}))",
    Op.BERNOULLI_SLOPE: "(fabs({0}) < 1e-5 ? {0} / 6.0 - 0.5 : "
    "(1.0 - {0} - {0} / expm1({0})) / expm1({0}))",
}
