"""An electrophysiology run from the command line."""

from __future__ import annotations

from heart.cli.resumable import Parts, Resumable


def _parts() -> Parts:
    from heart.report.electro_report import write_report
    from heart.study.electro.outputs import write_outputs
    from heart.study.electro.result import ElectroResult
    from heart.study.electro.run import run_electro

    return Parts(run_electro, write_outputs, write_report, ElectroResult)


COMMANDS = Resumable(_parts)
