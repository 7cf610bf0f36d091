"""Strict reading: every mistake in a file becomes one line that helps."""

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
        ({"height": "tall"}, "height: expected int, got str"),
        ({"height": 100}, "height: expected int <= 99"),
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
            "branches.a.leaves[0].kind: invalid value 'blue'",
        ),
        (
            {"height": 5, "branches": {"a": {"twig": {"nam": ""}}}},
            'branches.a.twig.nam: unknown key; did you mean "name"?',
        ),
        ({"height": 5, "branches": {"a": {}, "b": 7}}, "branches.b: expected object, got int"),
        ({"height": 5, "rows": [{"p": {}}, {"q": {"twig": 3}}]}, "rows[1].q.twig: expected object | null, got int"),
    ],
)
def test_mistakes_are_named_with_their_place_and_a_hint(data: dict[str, Any], said: str) -> None:
    assert complaint(data) == f"tree.toml: {said}"


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        ({"name": "x", "persona": "y", "voices": {}}, Character, 'did you mean "voice"?'),
        ({"name": "x", "persona": ""}, Character, "persona: expected str of length >= 1"),
        ({"name": "x", "persona": "y", "voice": {"speed": 9}}, Character, "voice.speed: expected float <= 2.0"),
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
            "engines.llm.port: expected int <= 65535",
        ),
        (
            {"title": "x", "engines": {"llm": {"engine": "a", "options": {"k": []}}}},
            Rig,
            "engines.llm.options.k: expected",
        ),
        ({"title": "x", "engines": {"llm": {"engine": "a", "launch": "fork"}}}, Rig, "engines.llm.launch: invalid"),
    ],
)
def test_real_rigs_and_characters(data: dict[str, Any], kind: Any, said: str) -> None:
    assert said in complaint(data, kind)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a = ", "it is not valid TOML: "),
        (b"a = 1\na = 2", "it is not valid TOML: "),
        ("name = 'Bj\xf6rn'".encode("latin-1"), "it is not UTF-8 text; save it as UTF-8"),
        (b"\x00\x01", "it is not valid TOML: "),
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
        (tmp_path / "no.toml", "there is no such file"),
        (tmp_path, "it cannot be read (Is a directory)"),
    ):
        with pytest.raises(ProfileError) as caught:
            read_toml(file)
        assert str(caught.value) == f"{file}: {said}"


def test_a_mark_that_windows_editors_leave_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b"\xef\xbb\xbfa = 1\r\n")
    assert read_toml(file) == {"a": 1}
