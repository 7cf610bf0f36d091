"""One line of a log: when, what, how bad. Engines' words are hostile; what leaves here is fit for a terminal."""

import re
from datetime import datetime
from enum import IntEnum

from msgspec import Struct

SHOWN = 4096
"""Bytes of a line that are shown and searched; one can be 64 KiB long."""
STAMP = 24
"""Bytes: 2026-11-22T13:22:04.123Z. As bytes they sort like the times they say."""
_WORDS = {
    2: (
        b"error", b"fatal", b"critical", b"traceback", b"exception", b"panic", b"abort", b"assert", b"segmentation",
        b"segfault", b"failed", b"out of memory", b"no space left", b"permission denied",
    ),
    1: (b"warn", b"deprecated"),
}  # fmt: skip
_ESCAPE = re.compile(
    r"\x1b(?:[]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?"  # a string for the terminal: title, clipboard, picture
    r"|\[[0-?]*[ -/]*[@-~]?|[ -/]+[0-~]?|[0-~])"
)
COLOUR = re.compile(r"\x1b\[([0-9;:]*)m")
_DROPPED = dict.fromkeys(
    (
        *range(0x1B),
        *range(0x1C, 0x20),
        *range(0x7F, 0xA0),
        0x2028,
        0x2029,
        *range(0x202A, 0x202F),
        *range(0x2066, 0x206A),
    )
)
"""Control characters, and those that turn the direction of text; ESC itself goes with its sequence."""


class Level(IntEnum):
    ALL = 0
    WARNING = 1
    ERROR = 2


class Line(Struct, frozen=True, gc=False):
    source: int
    """Which of the logs, by its place in the book."""
    at: int
    """Where it begins, in bytes since the oldest byte that was ever there."""
    end: int
    """Where the next one begins."""
    stamp: bytes
    """When it was written, or the line before it if it has no time of its own; empty: nobody knows."""
    data: bytes
    """What was said, without time and end of line."""
    whole: bool = True
    """Whether its end has been written."""


def split_stamp(row: bytes) -> tuple[bytes, bytes]:
    """The time at the head of a row, if there is one, and the rest."""
    if row[23:25] == b"Z " and row[10:11] == b"T" and row[4:5] == b"-" and row[19:20] == b".":
        return row[:STAMP], row[STAMP + 1 :]
    return b"", row


def last_state(data: bytes) -> bytes:
    """Of a bar of progress, which draws over itself."""
    data = data.rstrip(b"\r")
    return data[data.rfind(b"\r") + 1 :]


def coloured(data: bytes, most: int = SHOWN) -> str:
    """The text with its colours, and nothing else that a terminal would obey."""
    text = last_state(data)[:most].decode("utf-8", "replace")
    if text.isprintable():  # nearly all are, and a search goes through millions
        return text
    text = text.expandtabs(4)
    if "\x1b" in text:
        text = _without_orders(text)
    return text.translate(_DROPPED)


def plain(data: bytes, most: int = SHOWN) -> str:
    text = coloured(data, most)
    return COLOUR.sub("", text) if "\x1b" in text else text


def _without_orders(text: str) -> str:
    """What is not a colour goes, and every ESC that is left: the rests of two orders may make a third."""
    parts = COLOUR.split(text)
    for n in range(0, len(parts), 2):
        parts[n] = _ESCAPE.sub("", parts[n]).replace("\x1b", "")
    return "".join(part if n % 2 == 0 else f"\x1b[{part}m" for n, part in enumerate(parts))


def level(data: bytes) -> Level:
    said = last_state(data)[:SHOWN].lower()
    for word in _WORDS[2]:
        if word in said:
            return Level.ERROR
    for word in _WORDS[1]:
        if word in said:
            return Level.WARNING
    return Level.ALL


def troubled(block: bytes, least: Level) -> bool:
    """Whether some line of it may be as bad; 16 searches in C for thousands of lines."""
    said = block.lower()
    return any(word in said for bad, words in _WORDS.items() if bad >= least for word in words)


def local_time(stamp: bytes) -> datetime | None:
    """On the clock of the wall here."""
    try:
        return datetime.fromisoformat(stamp.decode()).astimezone()
    except ValueError:
        return None
