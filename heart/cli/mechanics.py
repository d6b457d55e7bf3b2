"""A mechanics run from the command line."""

from __future__ import annotations

from heart.cli.resumable import Parts, Resumable


def _parts() -> Parts:
    from heart.report.mechanics_report import write_report
    from heart.study.mechanics.outputs import write_outputs
    from heart.study.mechanics.result import MechanicsResult
    from heart.study.mechanics.run import run_mechanics

    return Parts(run_mechanics, write_outputs, write_report, MechanicsResult)


COMMANDS = Resumable(_parts)
