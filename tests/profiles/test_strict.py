"""Strict reading: every mistake in a file becomes one line that helps."""

import datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct

from profiles.errors import ProfileError
from profiles.schema import Character, Rig
from profiles.strict import convert, read_toml


class Leaf(Struct, forbid_unknown_fields=True, tag_field="kind"):
    name: str = ""


class Red(Leaf, forbid_unknown_fields=True, tag="red"):
    ripe: bool = False


class Green(Leaf, forbid_unknown_fields=True, tag="green"):
    length: int = 0


class Branch(Struct, forbid_unknown_fields=True):
    leaves: tuple[Red | Green, ...] = ()
    named: dict[str, Red | Green] = {}
    twig: Leaf | None = None


class Tree(Struct, forbid_unknown_fields=True):
    height: Annotated[int, Meta(ge=1, le=99)]
    branches: dict[str, Branch] = {}
    rows: list[dict[str, Branch]] = []


def complaint(data: dict[str, Any], kind: Any = Tree) -> str:
    with pytest.raises(ProfileError) as caught:
        convert(data, kind, "tree.toml")
    assert "\n" not in str(caught.value)
    return str(caught.value)


LEAF = {"kind": "green"}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"height": 5, "branchs": 1}, 'branchs: unknown key; did you mean "branches"?'),
        ({"height": 5, "xyz": 1}, "xyz: unknown key; known keys here: branches, height, rows"),
        ({}, "height: this key is missing; add it"),
        ({"height": "tall"}, 'height: it must be a whole number from 1 to 99; it is the text "tall"'),
        ({"height": 100}, "height: it must be a whole number from 1 to 99; it is 100"),
        (
            {"height": 5, "branches": {"a": {}, "b": {"leafs": []}}},
            'branches.b.leafs: unknown key; did you mean "leaves"?',
        ),
        (
            {"height": 5, "branches": {"a": {"leaves": [LEAF, {"kind": "red", "rip": 1}]}}},
            'branches.a.leaves[1].rip: unknown key; did you mean "ripe"?',
        ),
        (
            {"height": 5, "branches": {"a": {"leaves": [{"kind": "green", "qqqq": 1}]}}},
            "branches.a.leaves[0].qqqq: unknown key; known keys here: kind, length, name",
        ),
        (
            {"height": 5, "branches": {"a": {}, "x.y": {"named": {"u": LEAF, "v": {"kind": "red", "zz": 1}}}}},
            "branches.x.y.named.v.zz: unknown key; known keys here: kind, name, ripe",
        ),
        ({"height": 5, "branches": {"a": {"leaves": [{}]}}}, "branches.a.leaves[0].kind: this key is missing; add it"),
        (
            {"height": 5, "branches": {"a": {"leaves": [{"kind": "blue"}]}}},
            'branches.a.leaves[0].kind: it must be one of "green", "red"; it is the text "blue"',
        ),
        (
            {"height": 5, "branches": {"a": {"twig": {"nam": ""}}}},
            'branches.a.twig.nam: unknown key; did you mean "name"?',
        ),
        ({"height": 5, "branches": {"a": {}, "b": 7}}, "branches.b: it must be a table with keys of its own; it is 7"),
        (
            {"height": 5, "rows": [{"p": {}}, {"q": {"twig": 3}}]},
            "rows[1].q.twig: it must be a table with keys of its own; it is 3",
        ),
    ],
)
def test_mistakes_are_named_with_their_place_and_a_hint(data: dict[str, Any], said: str) -> None:
    assert complaint(data) == f"tree.toml: {said}"


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        ({"name": "x", "persona": "y", "voices": {}}, Character, 'did you mean "voice"?'),
        (
            {"name": "x", "persona": ""},
            Character,
            'persona: it must be text in quotes that is not empty; it is the text ""',
        ),
        (
            {"name": "x", "persona": "y", "voice": {"speed": 9}},
            Character,
            "voice.speed: it must be a number from 0.5 to 2, such as 1.0; it is 9",
        ),
        ({"name": "x", "persona": "y", "lines": {"trouble": []}}, Character, "lines.trouble: "),
        (
            {"name": "x", "persona": "y", "examples": [{"visitor": "a"}]},
            Character,
            "examples[0].reply: this key is missing",
        ),
        ({"title": "x", "engines": {"llm": {"engine": "a"}, "tts": {"engin": "b"}}}, Rig, 'did you mean "engine"?'),
        (
            {"title": "x", "engines": {"llm": {"engine": "a", "port": 99999}}},
            Rig,
            "engines.llm.port: it must be a whole number from 0 to 65535, such as 0; it is 99999",
        ),
        (
            {"title": "x", "engines": {"llm": {"engine": "a", "options": {"k": []}}}},
            Rig,
            "engines.llm.options.k: it must be text in quotes or a whole number or a number or true or false",
        ),
        (
            {"title": "x", "engines": {"llm": {"engine": "a", "launch": "fork"}}},
            Rig,
            'launch: it must be one of "attach", "process"; it is the text "fork"',
        ),
    ],
)
def test_real_rigs_and_characters(data: dict[str, Any], kind: Any, said: str) -> None:
    assert said in complaint(data, kind)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = ", "line 1: it is not valid TOML: there is no value behind a =; write a = "),
        (b"a = 1\na = 2", "line 2: it is not valid TOML: a is there twice; keep one of them"),
        ("name = 'Bj\xf6rn'".encode("latin-1"), "line 1: it is not UTF-8 text; save it as UTF-8"),
        (b"\x00\x01", "it is not text; "),
    ],
)
def test_files_that_are_no_toml(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    with pytest.raises(ProfileError) as caught:
        read_toml(file)
    assert str(caught.value).startswith(f"{file}: {said}")


def test_missing_and_folder(tmp_path: Path) -> None:
    for file, said in (
        (tmp_path / "no.toml", "there is no such file; see where you are, or give its whole path"),
        (tmp_path, "it is a folder, not a file; name a file that ends in .toml"),
    ):
        with pytest.raises(ProfileError) as caught:
            read_toml(file)
        assert str(caught.value) == f"{file}: {said}"


def test_a_mark_that_windows_editors_leave_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert read_toml(file) == {"a": 1}


WORDS_OF_PROGRAMMERS = ("int", "str", "float", "bool", "object", "array", "null", "enum", "regex", "expected", "`", "$")


@pytest.mark.parametrize(
    ("where", "value", "said"),
    [
        ("context", "abc", 'a whole number from 256 to 1048576, such as 2048; it is the text "abc"'),
        ("context", "2048", "write the number without quotes"),
        ("context", 2048.0, "it is 2048.0"),
        ("context", True, "it is true"),
        ("context", [], "it is a list"),
        ("context", {}, "it is a table"),
        ("context", -1, "it is -1"),
        ("context", 10**30, "it is 1"),
        ("device", "GPU", 'one of "auto", "cpu", "gpu"; it is the text "GPU"; did you mean "gpu"?'),
        ("device", 3, "it is 3"),
        ("role", "brain", 'one of "llm", "stt", "tts", "vision"'),
        ("enabled", "yes", 'true or false; it is the text "yes"; write true without quotes'),
        ("enabled", 1, "true or false; it is 1"),
        ("model", 3, "text in quotes; it is 3; put it in quotes"),
        ("model", datetime.date(2026, 1, 2), "it is 2026-01-02"),
        ("nice", float("nan"), "it is nan"),
        ("ladder", "big", 'a list in [ ]; it is the text "big"; write it as ["big"]'),
        ("ladder", ["big"], "a table with keys of its own"),
        ("options", 3, "a table with keys of its own; it is 3"),
        ("binary", "", "text in quotes of one line that is not empty"),
    ],
)
def test_values_are_spoken_of_in_plain_words(where: str, value: object, said: str) -> None:
    """F41"""
    line = complaint({"title": "x", "engines": {"llm": {"engine": "a", where: value}}}, Rig)
    assert line.startswith(f"tree.toml: engines.llm.{where}") and said in line, line
    assert not set(WORDS_OF_PROGRAMMERS) & set(line.replace(";", " ").replace(",", " ").split()), line


def test_a_language_that_is_not_there_yet() -> None:
    """F41"""
    line = complaint({"name": "x", "persona": "y", "language": "de"}, Character)
    assert line == 'tree.toml: language: it must be one of "en"; it is the text "de"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "a = tru",
            'line 1, column 5: it is not valid TOML: tru is neither a number nor text; text needs quotes: a = "tru"',
        ),
        (
            "x = 1\na = True",
            "line 2, column 5: it is not valid TOML: True is no value here; write true in small letters",
        ),
        ("a = yes", "write true in small letters, without quotes"),
        ("a = 1,5", "a number has a point, not a comma"),
        ("a : 3", "there is no = between a name and its value; write a line as name = value"),
        ("[a\nb = 1", "a heading is not closed"),
        ("[a]\nb=1\n[a]\nc=2", "line 3, column 3: it is not valid TOML: [a] is there twice"),
        ("a = 1\n[b]\nx=1\nx=2", "x is there twice"),
        ("a = [1, 2\n\n\n", "line 1: it is not valid TOML: a list or table is not closed"),
        ("a = {b = 1", "a list or table is not closed"),
        ('a = "x\ny"', "a text is not closed"),
        ("a = 'x", "a text is not closed"),
        ('a = """x', "a text is not closed"),
        ("a = 'it's'", "something stands behind the value"),
        ('a = "C:\\Users"', "a backslash begins a special letter; write it twice, or put the text in single quotes"),
        ('a = "\\q"', "a backslash begins a special letter"),
        ("a = C:\\x", "text needs quotes"),
        ("a = “x”", "a typographic quote stands where a plain one is due"),
        ("“a” = 3", "a typographic quote stands where a plain one is due"),
        ("<<<<<<< HEAD\na=1", "it holds the marks of two versions"),
        ('{"a": 1}', "this is neither a heading nor a value"),
        ("a = 5s", "text needs quotes"),
        ("a = " + "[" * 5000, "too many brackets"),
        ("a = 'x\x01'", "there is a letter that cannot be shown"),
    ],
)
def test_what_is_no_toml_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    """F41"""
    file = tmp_path / "x.toml"
    file.write_text(text, "utf-8")
    with pytest.raises(ProfileError) as caught:
        read_toml(file)
    assert said in str(caught.value), str(caught.value)
    assert "\n" not in str(caught.value) and str(caught.value).startswith(f"{file}: ")
