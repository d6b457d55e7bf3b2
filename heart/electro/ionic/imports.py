"""Read the cell model of a user: CellML 1.0, 1.1 and 2.0, Myokit's `.mmt`, gotran's `.ode`.

A file is parsed, never executed: CellML goes through a reader that refuses document types and
entities, the protocol and script sections of an `.mmt` stay text, an `.ode` has a grammar. What
comes out is one text with the conventions of heart/electro/ionic/models, checked like those.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from heart.core.errors import HeartError, ScenarioError, UnsafeInputError, UsageError
from heart.electro.ionic.conform import Names, conform
from heart.electro.ionic.library import load_myokit
from heart.electro.ionic.text import LARGEST_TEXT, CellText, parse_text

SUFFIXES = (".cellml", ".xml", ".mmt", ".ode")
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
_DEPTH = 60
_ASSIGNED = re.compile(r"\s*([A-Za-z_]\w*)\s*=(?!=)")


@dataclass(frozen=True)
class Imported:
    """A foreign cell model as a text of ours.

    Attributes
    ----------
    text
        The text, parsed and checked.
    changes
        What had to be changed or assumed, one line each.
    unit_problems
        Units that contradicted each other and were dropped, one line each.
    """

    text: CellText
    changes: tuple[str, ...]
    unit_problems: tuple[str, ...]


def import_cell(path: Path, *, name: str = "", names: Names | None = None) -> Imported:
    """Read a cell model file of any known format.

    Parameters
    ----------
    path
        ``.cellml`` or ``.xml``, ``.mmt``, or ``.ode``.
    name
        Name of the model; that of the file by default.
    names
        Which variable is the potential, the stimulus, calcium and tension.

    Raises
    ------
    UsageError
        Unknown format, impossible name, or gotranx is not installed.
    UnsafeInputError
        Not a regular file, too large, nested too deep, or with a document type or entities.
    ScenarioError
        No such file, or it cannot be parsed or understood.
    ParameterError, UnitError
        As `conform`.
    """
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(
            f"{path.name!r} is no cell model file", expected=f"one of: {', '.join(SUFFIXES)}"
        )
    name = name or re.sub(r"\W+", "_", path.stem).strip("_")
    if not NAME.match(name):
        raise UsageError(
            f"{name!r} is no name for a cell model",
            expected="a letter, then letters, digits, _ and -",
            fix="give one with --name",
        )
    raw = _read(path)
    try:
        if suffix == ".mmt":
            kept = _as_it_is(raw, path.name, name, names or Names())
            if kept is not None:
                return kept
        model, changes = _READERS[suffix](raw, path.name)
        model.set_name(name)
        more, problems = conform(model, names or Names(), where=path.name)
        digest = hashlib.sha256(raw).hexdigest()
        model.meta["imported_from"] = f"{path.name} (sha256 {digest[:16]})"
        text = parse_text(model.code(), where=path.name)
    except RecursionError as error:
        raise UnsafeInputError("nested too deep", where=path.name) from error
    except load_myokit().MyokitError as error:
        what = " ".join(str(error).split())[:200]
        raise ScenarioError(f"not understood: {what}", where=path.name) from error
    return Imported(text, (*changes, *more), tuple(problems))


def _read(path: Path) -> bytes:
    if not path.exists():
        raise ScenarioError(f"no such file: {path.name!r}")
    if not path.is_file():
        raise UnsafeInputError(f"{path.name!r} is not a regular file")
    if path.stat().st_size > LARGEST_TEXT:
        raise UnsafeInputError(
            f"{path.stat().st_size / 1e6:.1f} MB of cell model",
            where=path.name,
            expected=f"at most {LARGEST_TEXT / 1e6:g} MB",
        )
    return path.read_bytes()


def _decoded(raw: bytes, where: str) -> str:
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScenarioError("text is not UTF-8", where=where, fix="save it as UTF-8") from error
    depth = deepest = 0
    for character in text:
        depth += (character == "(") - (character == ")")
        deepest = max(deepest, depth)
    if deepest > _DEPTH:
        raise UnsafeInputError(f"parentheses nested {deepest} deep", where=where)
    return text


def _as_it_is(raw: bytes, where: str, name: str, names: Names) -> Imported | None:
    """Return an `.mmt` that follows the conventions already, comments and all; else None."""
    if names != Names():
        return None
    try:
        text = parse_text(_decoded(raw, where), where=where)
    except UnsafeInputError:
        raise
    except HeartError:
        return None
    model = text.model()
    changes, problems = conform(model, names, where=where)
    return Imported(text, (), ()) if not changes and not problems and text.name == name else None


def _mmt(raw: bytes, where: str) -> tuple[Any, list[str]]:
    myokit = load_myokit()
    try:
        model, protocol, script = myokit.parse(_decoded(raw, where))
    except myokit.ParseError as error:
        place = f"{where}:{error.line}" if error.line else where
        raise ScenarioError(f"{error.name}: {error.desc}", where=place) from error
    if model is None:
        raise ScenarioError("the text has no [[model]] section", where=where)
    left = [part for part, found in (("protocol", protocol), ("script", script)) if found]
    return model, [f"not kept: {' and '.join(left)}"] if left else []


def _cellml(raw: bytes, where: str) -> tuple[Any, list[str]]:
    load_myokit()
    import defusedxml.ElementTree
    import myokit.formats.cellml as cellml
    import myokit.formats.cellml.v1 as v1
    import myokit.formats.cellml.v2 as v2
    from defusedxml.common import DefusedXmlException

    try:
        root = defusedxml.ElementTree.fromstring(raw, forbid_dtd=True)
    except DefusedXmlException as error:
        raise UnsafeInputError(
            f"a document type or entity ({type(error).__name__})",
            where=where,
            expected="plain CellML",
            fix="remove the DOCTYPE",
        ) from error
    except (SyntaxError, ValueError, LookupError) as error:
        raise ScenarioError(f"not valid XML: {error}", where=where) from error
    _check_depth(root, where)
    space = root.tag[1:].partition("}")[0] if root.tag.startswith("{") else ""
    versions = {
        cellml.NS_CELLML_1_0: v1,
        cellml.NS_CELLML_1_1: v1,
        cellml.NS_CELLML_2_0: v2,
    }
    if space not in versions:
        raise ScenarioError("this is no CellML", where=where, expected="CellML 1.0, 1.1 or 2.0")
    version = versions[space]
    try:
        # There is no document type any more that this second parser could expand.
        parsed = version.CellMLParser().parse_file(io.BytesIO(raw))
        parsed.validate()
        return parsed.myokit_model(), []
    except (version.CellMLParsingError, version.CellMLError) as error:
        raise ScenarioError(f"not understood: {error}", where=where) from error


def _check_depth(root: Any, where: str) -> None:
    level, depth = [root], 0
    while level:
        level = [child for element in level for child in element]
        depth += 1
        if depth > 2 * _DEPTH:
            raise UnsafeInputError(f"elements nested deeper than {2 * _DEPTH}", where=where)


def _ode(raw: bytes, where: str) -> tuple[Any, list[str]]:
    load_myokit()
    try:
        import gotranx
        from gotranx.myokit import gotran_to_myokit
        from lark.exceptions import LarkError
    except ImportError as error:
        raise UsageError(
            "reading .ode files needs gotranx", where=where, fix="pip install 'heart-twin[ode]'"
        ) from error
    _silence()
    source = _decoded(raw, where)
    _check_assignments(source, where)
    try:
        # Removable singularities are guarded when code is generated, for all formats alike.
        ode = gotranx.load.ode_from_string(source, name="imported", remove_singularities=False)
        model = gotran_to_myokit(ode, time_unit="ms")
    except LarkError as error:
        line = getattr(error, "line", 0)
        place = f"{where}:{line}" if isinstance(line, int) and line > 0 else where
        first = (str(error).strip().splitlines() or ["not understood"])[0]
        raise ScenarioError(f"not a valid .ode: {first[:200]}", where=place) from error
    except (gotranx.exceptions.GotranxError, ValueError, TypeError, KeyError) as error:
        what = " ".join(str(error).split())[:200]
        raise ScenarioError(f"not understood: {what}", where=where) from error
    _describe(model, (*ode.states, *ode.parameters))
    # The reader keeps sets: in their order the same file would give another text each time.
    model.reorder_state(sorted(state.qname() for state in model.states()))
    return model, []


def _check_assignments(source: str, where: str) -> None:
    """Refuse a name that is assigned twice, of which gotranx would keep one and not say which."""
    depth, seen = 0, dict[str, int]()
    for number, line in enumerate(source.splitlines(), start=1):
        code = re.sub(r'"[^"]*"|#.*', "", line)
        found = _ASSIGNED.match(code) if depth == 0 else None
        if found and found[1] in seen:
            raise ScenarioError(
                f"{found[1]} is assigned in lines {seen[found[1]]} and {number}", where=where
            )
        if found:
            seen[found[1]] = number
        depth += code.count("(") - code.count(")")


def _describe(model: Any, atoms: tuple[Any, ...]) -> None:
    described = {atom.name: atom.description for atom in atoms if atom.description}
    for item in model.variables():
        if item.name() in described:
            item.meta["desc"] = " ".join(str(described[item.name()]).split())


def _silence() -> None:
    """Keep the reader's log off standard output, where the answer is written."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


_READERS = {".cellml": _cellml, ".xml": _cellml, ".mmt": _mmt, ".ode": _ode}
