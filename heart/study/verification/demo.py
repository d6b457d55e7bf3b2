"""The demo beside its expected results: the whole chain from label map to ranking."""

from __future__ import annotations

from heart.core.progress import Telemetry
from heart.study import expected
from heart.study.crt import run_crt
from heart.study.crt.qoi import quantities
from heart.study.verification.benchmark import Benchmark, Check, near, shown
from heart.study.verification.nominal import example

SOURCE = "scenarios/expected"


def run(telemetry: Telemetry) -> list[Check]:
    """Run the scenario of `make demo` and compare every expected quantity."""
    loaded = example()
    result = run_crt(loaded, telemetry)
    found = quantities(result)
    checks = [
        near(item.name, expected.value_of(found, item.name), item.value, item.tolerance, item.unit,
             SOURCE)
        for item in expected.load(loaded.scenario.name)
    ]  # fmt: skip
    best = result.best
    checks.append(shown(f"P(best) of {best.label}", best.p_best, "1", SOURCE))
    checks.append(shown("time of the screen", found["timing.screen_s"]["value"], "s", SOURCE))
    return checks


BENCHMARK = Benchmark(
    "demo",
    "The example scenario from label map to ranking, beside its expected results",
    150.0,
    run,
    (
        "Expected values are this program's own at the commit named in the file: a regression "
        "test of the whole chain, not a validation.",
    ),
)
