"""Read a scenario file: which kind it is, its validated model, and the files it names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML

from heart.core.errors import ScenarioError, UsageError
from heart.core.validation import as_yaml_data, did_you_mean, validate
from heart.core.yaml import Document, load_yaml, locate
from heart.scenario.crt import CrtScenario

KINDS: dict[str, type[CrtScenario]] = {"crt_screen": CrtScenario}


@dataclass(frozen=True)
class LoadedScenario:
    """A scenario and where it came from.

    Attributes
    ----------
    scenario
        The validated question.
    document
        Its YAML, with lines.
    case
        The case.yaml of the heart.
    files
        Other files that the scenario names (veins, electrodes), by name.
    """

    scenario: CrtScenario
    document: Document
    case: Path
    files: dict[str, Path]


def load_scenario(path: Path | str, settings: Sequence[str] = ()) -> LoadedScenario:
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
    case = _case_file(scenario.case, root, document.where(("case",)))
    files = {
        name: locate(name, root, root, where=document.where(at))[0]
        for at, name in scenario.file_names().items()
    }
    return LoadedScenario(scenario, document, case, files)


def model_of(document: Document) -> type[CrtScenario]:
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


def resolved_text(scenario: CrtScenario) -> str:
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
