"""A scenario in one line: what `heart validate` says when nothing is wrong."""

from __future__ import annotations

from heart.anatomy.case import load_case
from heart.scenario.crt import CrtScenario
from heart.scenario.electro import ElectroScenario
from heart.scenario.load import LoadedScenario, Scenario
from heart.scenario.mechanics import MechanicsScenario


def summary(loaded: LoadedScenario[Scenario]) -> str:
    """Return what is asked, in words; the case and the files that it names are checked.

    Raises
    ------
    HeartError
        The case cannot be read, or one of its files is missing.
    """
    name = ""
    if loaded.case_file is not None:
        case = load_case(loaded.case_file)
        for file in case.file_names():
            case.file(file)
        name = case.name
    if isinstance(loaded.scenario, CrtScenario):
        return _crt(loaded.scenario, name)
    if isinstance(loaded.scenario, MechanicsScenario):
        return _mechanics(loaded.scenario, name)
    return _electro(loaded.scenario, name)


def _crt(asked: CrtScenario, case: str) -> str:
    confirmed = (
        f", first {asked.confirm.sites} confirmed by {asked.confirm.engine.value}"
        if asked.confirm
        else ""
    )
    return (
        f"{asked.kind} of case {case}, {len(asked.candidates)} candidate generators, "
        f"{asked.ensemble.members} members, {len(asked.pacing.vv_delays)} VV delays{confirmed}."
    )


def _electro(asked: ElectroScenario, case: str) -> str:
    tissue = f"case {case}" if case else f"a {asked.body.kind}"
    branches = asked.protocol.resolve().branches()
    count = len(branches[0].events())
    return (
        f"{asked.engine.kind.value} on {tissue} at {asked.body.edge_length:g} mm, "
        f"{asked.cells[0].model}, {count} stimuli in {asked.protocol.duration:g} ms, "
        f"{len(branches)} branches."
    )


def _mechanics(asked: MechanicsScenario, case: str) -> str:
    body = f"case {case}" if case else f"a {asked.body.kind}"
    stages = ", ".join(stage.label for stage in asked.loads.stages)
    return (
        f"{asked.law} on {body} at {asked.body.edge_length:g} mm, {asked.elements.kind}, "
        f"stages: {stages}."
    )
