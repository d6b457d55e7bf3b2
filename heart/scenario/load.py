"""Read a scenario file: which kind it is, its validated model, and the files it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from heart.core.errors import MissingDataError, ScenarioError, UsageError
from heart.core.validation import as_yaml_data, did_you_mean, validate
from heart.core.yaml import Document, load_yaml, locate
from heart.scenario.crt import CrtScenario
from heart.scenario.electro import ElectroScenario
from heart.scenario.mechanics import MechanicsScenario

Scenario = CrtScenario | ElectroScenario | MechanicsScenario
Model = type[CrtScenario] | type[ElectroScenario] | type[MechanicsScenario]

KINDS: dict[str, Model] = {
    "crt_screen": CrtScenario,
    "electro": ElectroScenario,
    "mechanics": MechanicsScenario,
}


@dataclass(frozen=True)
class LoadedScenario[Kind: Scenario]:
    """A scenario and where it came from.

    Attributes
    ----------
    scenario
        The validated question.
    document
        Its YAML, with lines.
    case_file
        The case.yaml of the heart; None for tissue that is made from a formula.
    files
        Other files that the scenario names (veins, electrodes, cell models), by name.
    """

    scenario: Kind
    document: Document
    case_file: Path | None
    files: dict[str, Path]

    @property
    def case(self) -> Path:
        """The case.yaml of the heart.

        Raises
        ------
        MissingDataError
            The scenario is about tissue that is made from a formula.
        """
        if self.case_file is None:
            raise MissingDataError(
                f"scenario {self.scenario.name!r} has no case", expected="a scenario about a heart"
            )
        return self.case_file

    @property
    def inputs(self) -> tuple[Path, ...]:
        """Every file that the scenario was read from or names."""
        case = () if self.case_file is None else (self.case_file,)
        return (*self.document.files, *case, *self.files.values())


def load_scenario(path: Path | str, settings: Sequence[str] = ()) -> LoadedScenario[Any]:
    """Read a scenario, with `settings` such as ``mesh.edge_length=2 mm`` laid over it.

    Raises
    ------
    ScenarioError, ParameterError, UnitError, UnsafeInputError
        One line that names file, line and key.
    UsageError
        A setting without ``=``.
    """
    path = Path(path)
    document = load_yaml(path)
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(f"--set {setting!r}", expected="section.key=value")
        document = document.with_value(key.strip(), value.strip())
    scenario = validate(model_of(document), document)
    root = path.resolve().parent
    at = ("case",) if "case" in type(scenario).model_fields else ("body", "case")
    case = None if scenario.case is None else _case_file(scenario.case, root, document.where(at))
    files = {
        name: locate(name, root, root, where=document.where(key))[0]
        for key, name in scenario.file_names().items()
    }
    return LoadedScenario(scenario, document, case, files)


def model_of(document: Document) -> Model:
    """Return the model for the `kind` that the document says it is.

    Raises
    ------
    ScenarioError
        No `kind`, or an unknown one.
    """
    data = document.data if isinstance(document.data, dict) else {}
    if "kind" not in data:
        raise ScenarioError(
            "the key 'kind' is missing", where=document.where(), expected=" or ".join(KINDS)
        )
    kind = str(data["kind"])
    if kind not in KINDS:
        raise ScenarioError(
            f"unknown kind {kind!r}",
            where=document.where(("kind",)),
            fix=did_you_mean(kind, list(KINDS)),
        )
    return KINDS[kind]


def resolved_text(scenario: Scenario) -> str:
    """Return the scenario as YAML with every default filled in and units as text."""
    yaml = YAML()
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.representer.add_representer(
        type(None), lambda r, _: r.represent_scalar("tag:yaml.org,2002:null", "null")
    )
    stream = StringIO()
    yaml.dump(as_yaml_data(scenario), stream)
    return stream.getvalue()


def _case_file(name: str, root: Path, where: str) -> Path:
    file = name if name.endswith((".yaml", ".yml")) else f"{name.rstrip('/')}/case.yaml"
    return locate(file, root, root, where=where)[0]
