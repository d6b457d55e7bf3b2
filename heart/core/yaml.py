"""Strict and safe YAML 1.2: plain data out, and the file and line of every value.

Scenario and case files come from strangers, so the reader works on the parser's events: no tag
is ever resolved, aliases, depth and size are bounded before anything is built, and a repeated key
is an error instead of the last one winning. Line numbers are kept because an error without a
place is not a help.
"""

from __future__ import annotations

import codecs
import difflib
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from heart.core.errors import HeartError, ParameterError, ScenarioError, UnsafeInputError
from heart.core.paths import inside, packaged

KeyPath = tuple[str | int, ...]

MAX_BYTES = 1_000_000
MAX_ALIASES = 100
MAX_DEPTH = 20
MAX_VALUES = 100_000
MAX_EXTENDS = 5

_INTEGER = re.compile(r"[-+]?[0-9]{1,18}\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[-+]?\.?(nan|inf|infinity)\Z", re.IGNORECASE)
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_WORDS = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


@dataclass(frozen=True)
class Mark:
    """Where a value was written: file name (or ``--set``), line and column, both from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


@dataclass(frozen=True)
class Document:
    """A YAML file as plain data.

    Attributes
    ----------
    data
        Dicts, lists, str, int, float, bool and None only; every number is finite.
    marks
        Place of every key and list item, by its path from the top.
    path
        The file that was asked for.
    files
        That file and every file it extends, in the order of reading.
    """

    data: Any
    marks: Mapping[KeyPath, Mark]
    path: Path
    files: tuple[Path, ...] = ()

    def line(self, path: KeyPath = ()) -> int:
        """Return the line (from 1) of the value at `path`, or of its nearest parent."""
        return self._mark(path).line

    def where(self, path: KeyPath = ()) -> str:
        """Return ``file:line`` of the value at `path`, or of its nearest parent."""
        return str(self._mark(path))

    def _mark(self, path: KeyPath) -> Mark:
        for length in range(len(path), -1, -1):
            if path[:length] in self.marks:
                return self.marks[path[:length]]
        return Mark(self.path.name, 1, 1)

    def with_value(self, dotted: str, text: str) -> Document:
        """Return a copy in which the value at `dotted` (``section.key``) is the YAML `text`.

        Raises
        ------
        ScenarioError
            The path runs through something that has no keys, or the text is not YAML.
        """
        where = f"--set {dotted}"
        path = tuple(int(part) if part.isdigit() else part for part in dotted.split("."))
        if not all(str(part) for part in path):
            raise ScenarioError("empty key", where=where, expected="section.key=value")
        value = _Reader(where, numbered=False).read(text)
        data = _replaced(self.data, path, value.data, where)
        marks = {key: mark for key, mark in self.marks.items() if key[: len(path)] != path}
        marks[path] = Mark(where, 0, 0)
        marks |= {path + key: Mark(where, 0, 0) for key in value.marks}
        return Document(data, marks, self.path, self.files)


def load_yaml(path: Path | str, root: Path | None = None) -> Document:
    """Read one YAML file and the files it extends.

    A top-level ``extends: other.yaml`` is read first and this file is laid over it: mappings are
    merged key by key, anything else is replaced. The name is relative to the file that says it,
    or ``scenarios/…`` for a packaged one.

    Parameters
    ----------
    path
        The file.
    root
        Folder that no file named inside may leave; by default the folder of `path`.

    Raises
    ------
    ScenarioError
        Missing file, bad syntax, repeated key, unreadable encoding, circular `extends`.
    UnsafeInputError
        Tags, too many aliases, too deep, too large, control characters, a path outside `root`.
    ParameterError
        A number that is not finite.
    """
    path = Path(path)
    if not path.exists():
        raise ScenarioError(f"no such file: {str(path)!r}", fix=_nearest(path))
    return _load(path, (root or path.parent).resolve(), ())


def read_text(text: str, name: str = "text") -> Document:
    """Read YAML from a string; `name` stands for the file in messages."""
    return _Reader(name).read(text)


def _load(path: Path, root: Path, above: tuple[Path, ...]) -> Document:
    resolved = path.resolve()
    if not resolved.is_file():
        raise UnsafeInputError(f"{path.name!r} is not a regular file", expected="a YAML file")
    if resolved in above or len(above) >= MAX_EXTENDS:
        chain = " > ".join(p.name for p in (*above, resolved))
        raise ScenarioError(f"'extends' goes in a circle or too far: {chain}", where=path.name)
    document = _Reader(path.name).read(_decode(resolved))
    document = Document(document.data, document.marks, path, (resolved,))
    if not isinstance(document.data, dict) or "extends" not in document.data:
        return document
    where = document.where(("extends",))
    name = document.data.pop("extends")
    if not isinstance(name, str):
        raise ScenarioError("'extends' is not a file name", where=where)
    target, base = locate(name, resolved.parent, root, where=where)
    parent = _load(target, base, (*above, resolved))
    if not isinstance(parent.data, dict):
        raise ScenarioError(f"{name!r} has no keys to extend", where=where)
    marks = dict(parent.marks)
    data = _merge(parent.data, document.data, (), marks)
    marks |= {key: mark for key, mark in document.marks.items() if key != ("extends",)}
    return Document(data, marks, path, (*parent.files, resolved))


def locate(name: str, folder: Path, root: Path, *, where: str = "") -> tuple[Path, Path]:
    """Find the file `name` that a YAML file in `folder` names, and the folder it may not leave.

    Names are relative to the file that says them; ``meshes/…`` and ``scenarios/…`` also reach the
    packaged folders.

    Raises
    ------
    UnsafeInputError
        Absolute, outside `root` (after following links), or not a regular file.
    ScenarioError
        No such file.
    """
    if name.startswith(("/", "~")) or "\\" in name or ":" in name:
        raise UnsafeInputError(
            f"{name!r} is not a relative path", where=where, fix="put the file beside the YAML"
        )
    target = folder / name
    first, *rest = Path(name).parts or ("",)
    if first in ("meshes", "scenarios") and rest and not target.exists():
        base = packaged(first)
        target, root = base.joinpath(*rest), base
    try:
        return inside(target, root, where=where), root
    except UnsafeInputError:
        raise
    except ScenarioError as error:
        raise ScenarioError(f"no such file: {name!r}", where=where, fix=_nearest(target)) from error


def _nearest(path: Path) -> str:
    folder = path.parent
    names = sorted(p.name for p in folder.iterdir()) if folder.is_dir() else []
    close = difflib.get_close_matches(path.name, names, n=3, cutoff=0.5)
    close = close or [name for name in names if name.endswith((".yaml", ".yml"))][:3]
    return f"did you mean {' or '.join(map(repr, close))}?" if close else "check the path"


def _decode(path: Path) -> str:
    if path.stat().st_size > MAX_BYTES:
        raise UnsafeInputError(
            f"{path.stat().st_size / 1e6:.1f} MB of YAML", where=path.name, expected="at most 1 MB"
        )
    raw = path.read_bytes()
    encoding = "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise ScenarioError(
            "text is not UTF-8", where=f"{path.name}:{line}", fix="save the file as UTF-8"
        ) from error


def _merge(below: Any, above: Any, at: KeyPath, marks: dict[KeyPath, Mark]) -> Any:
    """Lay `above` over `below`; places of what is replaced are dropped from `marks`."""
    if isinstance(below, dict) and isinstance(above, dict):
        merged = dict(below)
        for key, value in above.items():
            merged[key] = _merge(below[key], value, (*at, key), marks) if key in below else value
        return merged
    for key in [key for key in marks if key[: len(at)] == at]:
        del marks[key]
    return above


def _replaced(data: Any, path: KeyPath, value: Any, where: str) -> Any:
    if not path:
        return value
    key, rest = path[0], path[1:]
    if isinstance(data, list) and isinstance(key, int) and key < len(data):
        return [_replaced(v, rest, value, where) if i == key else v for i, v in enumerate(data)]
    if isinstance(data, dict) or data is None:
        data = data or {}
        return {**data, str(key): _replaced(data.get(str(key)), rest, value, where)}
    raise ScenarioError(f"there is nothing with a key {key!r}", where=where)


class _Reader:
    """Builds plain data from the events of one YAML text."""

    def __init__(self, name: str, *, numbered: bool = True) -> None:
        self.name, self.numbered = name, numbered
        self.marks: dict[KeyPath, Mark] = {}
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.aliases = self.values = 0

    def read(self, text: str) -> Document:
        bad = _FORBIDDEN.search(text)
        if bad:
            line = text.count("\n", 0, bad.start()) + 1
            raise UnsafeInputError(
                f"control character {bad.group()!r}",
                where=f"{self.name}:{line}" if self.numbered else self.name,
                expected="plain UTF-8 text",
            )
        events: Iterator[Any] = YAML(typ="safe", pure=True).parse(text)
        try:
            data = self._stream(events)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            what = " ".join(str(error.problem or error.context).split())
            hint = "indent with spaces, not tabs" if "\\t" in what else ""
            raise ScenarioError(
                f"not valid YAML: {what}", where=self._place(mark, column=True), fix=hint
            ) from error
        except YAMLError as error:
            raise ScenarioError(f"not valid YAML: {error}", where=self.name) from error
        return Document(data, self.marks, Path(self.name))

    def _place(self, mark: Any, *, column: bool = False) -> str:
        if mark is None or not self.numbered:
            return self.name
        return f"{self.name}:{mark.line + 1}" + (f":{mark.column + 1}" if column else "")

    def _fail(
        self, kind: type[HeartError], event: Any, what: str, expected: str = ""
    ) -> HeartError:
        return kind(what, where=self._place(event.start_mark, column=True), expected=expected)

    def _stream(self, events: Iterator[Any]) -> Any:
        data: Any = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1 or event.tags:
                    raise self._fail(
                        UnsafeInputError if event.tags else ScenarioError,
                        event,
                        "a tag directive" if event.tags else "a second document",
                        "one plain document in a file",
                    )
                data = self._value(next(events), events, (), 0)[0]
            elif isinstance(event, (StreamStartEvent, StreamEndEvent)):
                continue
        return data

    def _value(self, event: Any, events: Iterator[Any], at: KeyPath, depth: int) -> tuple[Any, int]:
        """Build the value that `event` opens; also its number of values with aliases expanded."""
        if depth > MAX_DEPTH:
            raise self._fail(UnsafeInputError, event, f"nested deeper than {MAX_DEPTH}")
        if at not in self.marks:
            mark = event.start_mark
            self.marks[at] = Mark(self.name, mark.line + 1, mark.column + 1)
        if isinstance(event, AliasEvent):
            value, size = self._alias(event)
        else:
            if getattr(event, "tag", None):
                raise self._fail(
                    UnsafeInputError, event, f"tag {str(event.tag)!r} refused", "plain values"
                )
            value, size = self._plain(event, events, at, depth)
            if event.anchor:
                self.anchors[event.anchor] = value, size
        return value, size

    def _alias(self, event: Any) -> tuple[Any, int]:
        self.aliases += 1
        if event.anchor not in self.anchors:
            raise self._fail(ScenarioError, event, f"alias *{event.anchor} has no anchor before it")
        value, size = self.anchors[event.anchor]
        self._count(event, size)
        if self.aliases > MAX_ALIASES:
            raise self._fail(UnsafeInputError, event, f"more than {MAX_ALIASES} aliases")
        return value, size

    def _count(self, event: Any, size: int) -> None:
        self.values += size
        if self.values > MAX_VALUES:
            raise self._fail(
                UnsafeInputError, event, f"more than {MAX_VALUES} values once aliases are expanded"
            )

    def _plain(self, event: Any, events: Iterator[Any], at: KeyPath, depth: int) -> tuple[Any, int]:
        if isinstance(event, ScalarEvent):
            self._count(event, 1)
            return (self._scalar(event) if event.implicit[0] else event.value), 1
        size = 1
        if isinstance(event, SequenceStartEvent):
            items: list[Any] = []
            for inner in events:
                if isinstance(inner, SequenceEndEvent):
                    break
                value, more = self._value(inner, events, (*at, len(items)), depth + 1)
                items.append(value)
                size += more
            return items, size
        if not isinstance(event, MappingStartEvent):
            raise self._fail(ScenarioError, event, "a value is missing")
        mapping: dict[Any, Any] = {}
        for inner in events:
            if isinstance(inner, MappingEndEvent):
                break
            key = self._key(inner, mapping, at)
            self.marks[(*at, key)] = Mark(
                self.name, inner.start_mark.line + 1, inner.start_mark.column + 1
            )
            mapping[key], more = self._value(next(events), events, (*at, key), depth + 1)
            size += more
        return mapping, size

    def _key(self, event: Any, mapping: Mapping[Any, Any], at: KeyPath) -> str:
        if not isinstance(event, ScalarEvent) or event.tag:
            raise self._fail(ScenarioError, event, "a key that is not plain text")
        key = str(event.value)
        if key in mapping:
            first = self.marks[(*at, key)].line
            second = event.start_mark.line + 1
            raise self._fail(
                ScenarioError, event, f"key {key!r} is given twice, in lines {first} and {second}"
            )
        return key

    def _scalar(self, event: Any) -> Any:
        """Resolve a plain scalar by the core schema of YAML 1.2."""
        text = event.value
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.match(text):
            return int(text)
        value = float(text) if _FLOAT.match(text) else math.nan
        if math.isfinite(value):
            return value
        if _FLOAT.match(text) or _NOT_FINITE.match(text):
            raise self._fail(ParameterError, event, f"{text} is not finite", "a finite number")
        return text
