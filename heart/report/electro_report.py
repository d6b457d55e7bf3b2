"""The page of an electrophysiology run: what was asked, numbers, traces, what was assumed."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
from jinja2 import Environment, PackageLoader, select_autoescape

from heart.core.errors import StorageError
from heart.report import theme
from heart.study.electro.qoi import quantities
from heart.study.electro.result import ElectroResult

SHOWN = 9


def write_report(result: ElectroResult, run_dir: Path) -> Path:
    """Draw the figures of a result and write ``report.html``.

    Parameters
    ----------
    result
        From `heart.study.electro.run.run_electro`.
    run_dir
        Folder of the run.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    StorageError
        A file cannot be written.
    """
    numbers = quantities(result)
    environment = Environment(
        loader=PackageLoader("heart.report"),
        autoescape=select_autoescape(default=True, default_for_string=True),
    )
    target = run_dir / "report.html"
    try:
        traces = _traces(result, run_dir / "figures") if result.probes else None
        text = environment.get_template("electro.html.j2").render(
            result=result,
            numbers={name: one for name, one in numbers.items() if "." in name},
            branches=numbers["branches"],
            traces=None if traces is None else _embedded(traces),
            disclaimer=theme.DISCLAIMER,
        )
        target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StorageError(f"cannot write report.html: {error}") from error
    return target


def _traces(result: ElectroResult, folder: Path) -> Path:
    """Draw the potential at the probes, in the order of their activation."""
    from matplotlib.figure import Figure

    branch = result.branches[0]
    first = branch.first_activation[[probe.node for probe in result.probes]]
    order = np.argsort(np.where(np.isfinite(first), first, np.inf))[:SHOWN]
    figure = Figure(figsize=(8.0, 4.0), layout="constrained")
    axes = figure.subplots()
    for k in order:
        axes.plot(branch.times, branch.traces[k], label=result.probes[k].label, linewidth=1.2)
    axes.set_xlabel("time (ms)")
    axes.set_ylabel("potential (mV)")
    axes.legend(frameon=False, ncols=3)
    axes.spines[["top", "right"]].set_visible(False)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "traces.png"
    figure.savefig(path, dpi=130)
    return path


def _embedded(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
