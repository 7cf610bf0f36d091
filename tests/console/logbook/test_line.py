"""What an engine said, fit for a terminal."""

import random
import re

import pytest

from console.logbook.line import Level, coloured, last_state, level, plain, split_stamp, troubled

STAMP = b"2026-11-22T13:22:04.123Z"


def test_the_time_at_the_head_of_a_row() -> None:
    assert split_stamp(STAMP + b" hello") == (STAMP, b"hello")
    assert split_stamp(STAMP + b" ") == (STAMP, b"")
    for row in (b"", b"hello", STAMP, b"x" * 25, STAMP[:-1] + b"+ hello"):
        assert split_stamp(row) == (b"", row)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        (b"one", "one"),
        (b"10%\r20%\r30%", "30%"),
        (b"10%\r20%\r", "20%"),
        (b"\r\n"[:1], ""),
        (b"a\tb", "a   b"),
        (b"\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        (b"\x1b[38;5;208morange\x1b[m", "\x1b[38;5;208morange\x1b[m"),
        (b"\x1b[2J\x1b[5;5Hmoved", "moved"),
        (b"\x1b]0;title\x07after", "after"),
        (b"\x1b]52;c;ZXZpbA==\x1b\\after", "after"),
        (b"\x1b]0;never ended", ""),
        (b"\x1bP1;2|picture\x1b\\after", "after"),
        (b"\x1b\x1b[2J[31mhalf", "[31mhalf"),
        (b"\x1b]0;x\x1b[31mred\x07", "\x1b[31mred"),
        (b"\x1bc\x1b(Bplain\x1b", "plain"),
        (b"\x07\x08\x00bell\x7f", "bell"),
        ("\x9b31mC1\x85".encode(), "31mC1"),
        ("\u202eevil\u2066".encode(), "evil"),
        (b"\xff\xfe\x80 not text", "\ufffd\ufffd\ufffd not text"),
        (b"[bold]markup[/bold] [@click=app.quit]x[/]", "[bold]markup[/bold] [@click=app.quit]x[/]"),
    ],
)
def test_only_text_and_colours_are_left(said: bytes, seen: str) -> None:
    assert coloured(said) == seen


def test_whatever_is_said_no_order_is_left() -> None:
    dice = random.Random(1)
    alphabet = [b"\x1b", b"[", b"]", b"m", b"3", b"1", b";", b"\x07", b"\\", b"P", b"\xc2\x9b", b"a", b"\r", b"?", b" "]
    for _ in range(5000):
        said = b"".join(dice.choices(alphabet, k=dice.randrange(20)))
        left = re.sub(r"\x1b\[[0-9;:]*m", "", coloured(said))
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", left), said
        assert "\x1b" not in plain(said)


def test_a_long_line_is_cut_and_quick() -> None:
    assert len(coloured(b"x" * 65536)) == 4096
    assert len(plain(b"x" * 65536, 1 << 20)) == 65536
    assert coloured(b"\xc3\xa9" * 40_000).startswith("é")


@pytest.mark.parametrize(
    ("said", "bad"),
    [
        (b"all is well", Level.ALL),
        (b"ValueError: no such voice", Level.ERROR),
        (b"GGML_ASSERT(x) failed", Level.ERROR),
        (b"\x1b[31mCUDA error\x1b[0m: out of memory", Level.ERROR),
        (b"UserWarning: slow", Level.WARNING),
        (b"error 10%\rdone", Level.ALL),
        (b" " * 5000 + b"error", Level.ALL),
    ],
)
def test_how_bad_a_line_is(said: bytes, bad: Level) -> None:
    assert level(said) == bad
    if bad:
        assert troubled(b"fine\n" + said + b"\nfine\n", bad) and not troubled(b"fine\nall is well\n", bad)


def test_progress_is_its_last_state() -> None:
    assert last_state(b"a\rb\r\r") == b"b"
