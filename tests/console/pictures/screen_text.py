"""A screen as text that can be compared and read: its characters, then what their colours are, row by row.

A row of colours is runs of cells, each as long as its number says, in the style that two letters name; below stands
what they mean. The letters follow from the style itself: a new one elsewhere on the screen changes none of the others.
A row of very many colours (a camera's) is told by one sum.
"""

import re
from collections.abc import Iterable
from itertools import groupby
from zlib import crc32

from rich.color import Color, ColorType
from rich.style import Style
from textual.strip import Strip

from console.tui.app.app import ConsoleApp

_MANY = 48
_ATTRIBUTES = ("bold", "dim", "italic", "underline", "underline2", "strike", "reverse", "blink", "overline", "conceal")


def svg_of(app: ConsoleApp) -> str:
    """The same on every machine."""
    return re.sub(r"terminal-\d+-", "terminal-", app.export_screenshot(title="Galactus"))


def text_of(app: ConsoleApp) -> str:
    update = app.screen._compositor.render_update(full=True, screen_stack=app._background_screens)
    rows: list[Iterable[Strip]] = update.strips  # type: ignore[union-attr]
    return told([Strip.join(row) for row in rows])


def told(strips: Iterable[Strip]) -> str:
    rows = list(strips)
    runs = [_runs(row) for row in rows]
    letters = _letters({style for row in runs if len(row) <= _MANY for style, _ in row})
    colours = [_told_row(row, letters) for row in runs]
    said = ["".join(segment.text for segment in row if not segment.control).rstrip() for row in rows]
    meaning = [f"{code} {style}" for style, code in sorted(letters.items(), key=lambda item: item[1])]
    return "\n".join([*said, "--", *colours, "--", *meaning, ""])


def _runs(row: Strip) -> list[tuple[str, int]]:
    cells = [(described(segment.style), segment.cell_length) for segment in row if segment.cell_length]
    return [(style, sum(n for _, n in run)) for style, run in groupby(cells, key=lambda cell: cell[0])]


def _told_row(runs: list[tuple[str, int]], letters: dict[str, str]) -> str:
    if len(runs) > _MANY:
        return f"{len(runs)} runs, {crc32(repr(runs).encode()):08x}"
    return " ".join(f"{cells}{letters[style]}" for style, cells in runs)


def described(style: Style | None) -> str:
    style = style or Style.null()
    attributes = [name for name in _ATTRIBUTES if getattr(style, name)]
    return " ".join([*attributes, _colour(style.color), "on", _colour(style.bgcolor)])


def _colour(colour: Color | None) -> str:
    if colour is None:
        return "default"
    return colour.triplet.hex if colour.type is ColorType.TRUECOLOR and colour.triplet else colour.name


def _letters(styles: set[str]) -> dict[str, str]:
    """Two for each; the next two where another has them."""
    given: dict[str, str] = {}
    for style in sorted(styles):
        number = crc32(style.encode())
        while (code := chr(97 + number % 26) + chr(97 + number // 26 % 26)) in given.values():
            number += 1
        given[style] = code
    return given
