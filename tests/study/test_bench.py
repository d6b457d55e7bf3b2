"""Speed tables say what they mean: targets, ratios, and no time without its error."""

from __future__ import annotations

from heart.study.bench import machine
from heart.study.bench.registry import REGISTRY
from heart.study.bench.row import COLUMNS, Order, Row, table


def test_targets_are_undercut_but_percentages_exceeded() -> None:
    """A faster time and a higher efficiency are both better; the verdict follows the number."""
    quick = Row("q", 40.0, "ns", 45.0, error="none", bound=10.0, peer=400.0, must=60.0, aim=20.0)
    assert quick.reached(quick.must)
    assert not quick.reached(quick.aim)
    assert quick.ratio == 10.0
    share = Row("e", 90.0, "%", 89.0, must=85.0, aim=95.0)
    assert share.reached(share.must)
    assert not share.reached(share.aim)
    assert share.reached(None) is None
    assert Row("n", float("nan"), "s", float("nan"), must=1.0).reached(1.0) is None


def test_table_shows_every_column_and_verdict() -> None:
    """The table is what is committed and read: nothing may be cut off."""
    text = table([Row("q", 40.0, "ns", 45.0, error="P8 41.7 ms", must=60.0, aim=20.0)])
    head, _, line = text.splitlines()
    assert [cell.strip() for cell in head.strip("|").split("|")] == list(COLUMNS)
    assert "60 ns (met)" in line
    assert "20 ns (not met)" in line
    assert "P8 41.7 ms" in line


def test_bandwidth_is_measured() -> None:
    """A bound without a measurement of this machine would be somebody else's."""
    facts = machine.measure(200_000)
    assert 0.5 < facts.bandwidth < 2000.0
    assert facts.bandwidth_all >= facts.bandwidth
    assert str(facts.cores) in facts.line()


def test_workloads_are_named_and_the_ionic_one_states_errors() -> None:
    """Each workload has a title, and a kernel's speed comes with the error of the same step."""
    assert all(workload.title for workload in REGISTRY.values())
    from heart.study.bench import ionic

    order = Order(full=False, peer=False, machine=machine.measure(200_000))
    row = ionic._row(order, "tt2006_epi", ionic.Precision.DOUBLE, 130.0, 40.0)
    assert row.ours > 0.0
    assert "APD90" in row.error
