"""What terminals send for keys, with and without the protocol that tells of their ends."""

import random

import pytest
from textual.events import AppBlur, Key, MouseDown, Paste
from textual.message import Message

from console.tui.input.key_protocol import AGAIN, KeyboardFlags, KeyParser, KeyReleased, TerminalAttributes


def told(text: str, pieces: int = 0) -> list[Message]:
    """All at once, or in pieces of so many characters, as a slow line brings them."""
    parser = KeyParser()
    parts = [text[at : at + pieces] for at in range(0, len(text), pieces)] if pieces else [text]
    return [message for part in parts for message in parser.feed(part)]


def keys(text: str) -> list[tuple[str, str | None]]:
    found = told(text)
    assert all(isinstance(one, Key) for one in found), found
    return [(one.key, one.character) for one in found if isinstance(one, Key)]


@pytest.mark.parametrize(
    ("sequence", "key", "character"),
    [
        # as Textual has asked for so far: no events
        ("\x1b[32;;32u", "space", " "),
        ("\x1b[97;;97u", "a", "a"),
        ("\x1b[97;2;65u", "A", "A"),
        ("\x1b[97;65;65u", "A", "A"),  # caps lock
        ("\x1b[0;;128512u", "grinning_face", "😀"),
        ("\x1b[13u", "enter", "\r"),
        ("\x1b[9u", "tab", "\t"),
        ("\x1b[9;2u", "shift+tab", None),
        ("\x1b[127u", "backspace", "\x7f"),
        ("\x1b[27u", "escape", None),
        ("\x1b[120;5u", "ctrl+x", None),
        ("\x1b[120;3u", "alt+x", None),
        ("\x1b[120;8u", "alt+ctrl+shift+x", None),
        ("\x1b[57404;129;53u", "5", "5"),  # on the keypad, with num lock
        ("\x1b[57414;129u", "enter", None),
        ("\x1b[A", "up", None),
        ("\x1b[1;5A", "ctrl+up", None),
        ("\x1b[3~", "delete", None),
        ("\x1b[15;2~", "shift+f5", None),
        ("\x1b[1P", "f1", None),
        # the same with events
        ("\x1b[32;1:1;32u", "space", " "),
        ("\x1b[32;129:1;32u", "space", " "),
        ("\x1b[97;1:2;97u", "a", "a"),
        ("\x1b[97:65;2:2;65u", "A", "A"),
        ("\x1b[13;1:2u", "enter", "\r"),
        ("\x1b[127;1:2u", "backspace", "\x7f"),
        ("\x1b[1;1:2A", "up", None),
        ("\x1b[1;5:1C", "ctrl+right", None),
        ("\x1b[3;1:2~", "delete", None),
        ("\x1b[120;5:1u", "ctrl+x", None),
        ("\x1b[32;1:2;32u", AGAIN, " "),
        # as every other terminal
        (" ", "space", " "),
        ("a", "a", "a"),
        ("é", "é", "é"),
        ("\x18", "ctrl+x", "\x18"),
        ("\x1bOP", "f1", None),
        ("\x1b[Z", "shift+tab", None),
    ],
)
def test_a_key(sequence: str, key: str, character: str | None) -> None:
    (found,) = keys(sequence)
    assert found[0] == key and (character is None or found[1] == character)


@pytest.mark.parametrize(
    "sequence",
    [
        "\x1b[97;1:3u",
        "\x1b[97:65;2:3u",
        "\x1b[13;1:3u",
        "\x1b[27;1:3u",
        "\x1b[120;5:3u",
        "\x1b[57441;1:3u",
        "\x1b[57404;129:3u",
        "\x1b[1;1:3H",
        "\x1b[1;5:3Q",
        "\x1b[3;1:3~",
        "\x1b[15;2:3~",
        "\x1b[1;1:3P",
        "\x1b[1;1:3R",
        "\x1b[97;1:9u",
        "\x1b[97;1:0u",
        "\x1b[55357;;55357u",
        "\x1b[97;;56832u",
        "\x1b[99999999;1u",
    ],
)
def test_what_nobody_wants_to_know(sequence: str) -> None:
    assert keys(sequence + "b") == [("b", "b")]


@pytest.mark.parametrize("modifiers", ["1", "2", "5", "65", "129", ""])
def test_space_is_let_go_whatever_is_held_beside_it(modifiers: str) -> None:
    (press, again, end) = told(f"\x1b[32;;32u\x1b[32;1:2;32u\x1b[32;{modifiers}:3u")
    assert isinstance(press, Key) and press.key == "space"
    assert isinstance(again, Key) and again.key == AGAIN and again.is_printable
    assert isinstance(end, KeyReleased) and 0 <= end.held_s < 10


def test_a_hold_is_timed_at_the_terminals_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((10.0, 10.75))
    monkeypatch.setattr("console.tui.input.key_protocol.monotonic", lambda: next(clock))
    end = told("\x1b[32;;32u\x1b[32;1:2;32u\x1b[32;1:3u")[-1]
    assert isinstance(end, KeyReleased) and end.held_s == 0.75
    (alone,) = told("\x1b[32;1:3u")
    assert isinstance(alone, KeyReleased) and alone.held_s == 0, "pressed in another window"


@pytest.mark.parametrize(("end", "key"), [("A", "up"), ("B", "down"), ("C", "right"), ("D", "left")])
def test_arrows_are_let_go_too(end: str, key: str) -> None:
    down, again, up = told(f"\x1b[{end}\x1b[1;1:2{end}\x1b[1;1:3{end}")
    assert isinstance(down, Key) and isinstance(again, Key) and down.key == again.key == key
    assert isinstance(up, KeyReleased) and up.key == key and 0 <= up.held_s < 10


@pytest.mark.parametrize("pieces", [0, 1, 3])
@pytest.mark.parametrize(
    "attributes", ["62;22", "64;1;2;6;9;15;16;17;18;21;22;28;29", "65;" + ";".join(map(str, range(60))), "6"]
)
def test_answers_are_no_keys(attributes: str, pieces: int) -> None:
    flags, fence, key = told(f"\x1b[?27u\x1b[?{attributes}cx", pieces)
    assert isinstance(flags, KeyboardFlags) and flags.flags == 27
    assert isinstance(fence, TerminalAttributes)
    assert isinstance(key, Key) and key.key == "x"


def test_what_is_no_key_is_as_it_was() -> None:
    down, paste, blur = told("\x1b[<0;3;4M\x1b[200~32;1:3u \x1b[201~\x1b[O")
    assert isinstance(down, MouseDown) and (down.x, down.y, down.button) == (2, 3, 1)
    assert isinstance(paste, Paste) and paste.text == "32;1:3u "
    assert isinstance(blur, AppBlur)


def test_nothing_that_can_be_sent_is_too_much() -> None:
    """Sequences made of their parts, and cut anywhere; the parser goes on."""
    dice = random.Random(6)
    parts = [
        "\x1b[",
        "\x1b",
        "[",
        "?",
        "<",
        ";",
        ":",
        "u",
        "~",
        "A",
        "R",
        "M",
        "c",
        "m",
        "t",
        "$y",
        "O",
        "é",
        "\ud800",
        "\0",
    ]
    parts += ["0", "1", "3", "32", "97", "57441", "1114112", "55296", "99999999999999999999", "200~", "201~", "²", "٣"]
    for _ in range(3000):
        parser = KeyParser()
        text = "".join(dice.choice(parts) for _ in range(dice.randint(1, 40)))
        found = [message for character in text for message in parser.feed(character)]
        for one in found:
            assert not isinstance(one, Key) or not one.key.startswith("\x1b")
        assert [*parser.feed("\x1b[201~"), *parser.feed("\x1b[32;1:3u")]
