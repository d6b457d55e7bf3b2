"""The YAML reader: exact plain data, the place of every value, bounded work on hostile input."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from heart.core.errors import HeartError, ParameterError, ScenarioError, UnsafeInputError
from heart.core.yaml import load_yaml, read_text


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e3", 1000.0), ("1_000", "1_000"), ("0.5", 0.5), (".5", 0.5), ("-7", -7), ("007", 7),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("true", True), ("~", None), ("", None),
        ("'1'", "1"), ('"nan"', "nan"), ("0.65 m/s", "0.65 m/s"), ("12:30", "12:30"),
        ("2026-11-22", "2026-11-22"), ("|\n  a\n  b\n", "a\nb\n"),
    ],
)  # fmt: skip
def test_scalars_follow_yaml_1_2(text: str, value: object) -> None:
    """YAML 1.1 reads `on` as true, 12:30 as 750 and 1e3 as text: each has spoiled a study."""
    found = read_text(f"a: {text}").data["a"]
    assert found == value
    assert type(found) is type(value)


def test_every_value_has_its_line(tmp_path: Path) -> None:
    """An error message is worth little without the line; lists and flow mappings included."""
    path = tmp_path / "a.yaml"
    path.write_text("# head\na:\n  b: 1\n  c:\n    - x\n    - {d: 2,\n       e: 3}\n")
    document = load_yaml(path)
    assert document.line(("a", "b")) == 3
    assert document.line(("a", "c", 0)) == 5
    assert document.line(("a", "c", 1, "e")) == 7
    assert document.line(("a", "c", 1, "not there")) == 6
    assert document.where(("a",)) == "a.yaml:2"


def test_extends_merges_deeply_and_keeps_places(tmp_path: Path) -> None:
    """A variant states only its differences, and errors point into the file that said it."""
    (tmp_path / "base.yaml").write_text("a: {x: 1, y: 2}\nb: [1, 2, 3]\nc: keep\n")
    (tmp_path / "top.yaml").write_text("extends: base.yaml\n\na: {y: 9}\nb: [7]\n")
    document = load_yaml(tmp_path / "top.yaml")
    assert document.data == {"a": {"x": 1, "y": 9}, "b": [7], "c": "keep"}
    assert document.where(("a", "x")) == "base.yaml:1"
    assert document.where(("a", "y")) == "top.yaml:3"
    assert document.where(("b", 0)) == "top.yaml:4"
    assert [path.name for path in document.files] == ["base.yaml", "top.yaml"]


def test_extends_in_a_circle_is_refused(tmp_path: Path) -> None:
    """Two files that extend each other must not hang."""
    (tmp_path / "a.yaml").write_text("extends: b.yaml\n")
    (tmp_path / "b.yaml").write_text("extends: a.yaml\n")
    with pytest.raises(ScenarioError, match="circle"):
        load_yaml(tmp_path / "a.yaml")


def test_extends_does_not_leave_the_tree(tmp_path: Path) -> None:
    """A scenario from a stranger must not read files beside its folder."""
    (tmp_path / "secret.yaml").write_text("a: 1\n")
    inner = tmp_path / "inner"
    inner.mkdir()
    (inner / "a.yaml").write_text("extends: ../secret.yaml\n")
    with pytest.raises(UnsafeInputError):
        load_yaml(inner / "a.yaml")
    assert load_yaml(inner / "a.yaml", root=tmp_path).data == {"a": 1}


def test_setting_replaces_a_value_and_names_itself() -> None:
    """`--set` reaches into lists and makes sections, and its errors name it, not a file."""
    document = read_text("a: {b: [1, {c: 2}]}\n", "f.yaml").with_value("a.b.1.c", "3 mm")
    assert document.data == {"a": {"b": [1, {"c": "3 mm"}]}}
    assert document.where(("a", "b", 1, "c")) == "--set a.b.1.c"
    assert document.with_value("new.part", "[1, 2]").data["new"] == {"part": [1, 2]}
    with pytest.raises(ScenarioError):
        document.with_value("a.b.x", "1")


def test_alias_is_shared_not_expanded() -> None:
    """Anchors are a convenience that scenarios may use."""
    assert read_text("a: &x {v: 1}\nb: *x\n").data == {"a": {"v": 1}, "b": {"v": 1}}


def test_exponential_aliases_cost_nothing() -> None:
    """Nine to the tenth values from a kilobyte: refused while counting, before building."""
    text = "a0: &a0 [x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 11)
    )
    with pytest.raises(UnsafeInputError, match="expanded"):
        read_text(text)


@pytest.mark.parametrize("text", ["a: .nan", "a: [1, -.INF]", "a: 1e400", "a: NaN", "a: inf"])
def test_numbers_are_finite(text: str) -> None:
    """A NaN in the input is a NaN in the answer."""
    with pytest.raises(ParameterError, match=r"text:1:\d"):
        read_text(text)


PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**15), 10**15)
    | st.floats(allow_nan=False, allow_infinity=False)
    # ruamel writes a lone "?" in a list so that it cannot read it itself: not our reader's fault
    | st.text(
        st.characters(codec="ascii", categories=("L", "N", "P", "S"), exclude_characters="?"),
        max_size=12,
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None)
@given(st.dictionaries(st.from_regex(r"[a-z]{1,6}", fullmatch=True), PLAIN, max_size=4))
def test_what_a_yaml_writer_writes_is_read_back(data: dict[str, object]) -> None:
    """Any plain data survives the way through a standard YAML 1.2 writer."""
    stream = StringIO()
    YAML(typ="safe", pure=True).dump(data, stream)
    assert read_text(stream.getvalue()).data == data


def refusal(text: str) -> str:
    try:
        read_text(text)
    except HeartError as error:
        return error.line()
    return ""


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Whatever comes in, the answer is data or one of our errors, never another exception."""
    assert "\n" not in refusal(text)
