"""The animated picture shows at each moment what the screen showed then, and nothing else."""

import xml.etree.ElementTree as ET

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from tests.console.pictures.animated_svg import Frame, animated, runs

SVG = "{http://www.w3.org/2000/svg}"
PLAIN, LOUD = Style.parse("white"), Style.parse("bold red on blue")


def _frame(at_s: float, *rows: str) -> Frame:
    """A word in capitals is loud."""
    cells = [[Segment(f"{word:<8}", LOUD if word.isupper() else PLAIN) for word in row.split()] for row in rows]
    return Frame(at_s, tuple(Strip(row) for row in cells))


FRAMES = [
    _frame(0.0, "ready <1>", "skull shut"),
    _frame(1.0, "SPEAKING <1>", "skull open"),
    _frame(2.0, "SPEAKING <2>", "skull shut"),
    _frame(3.0, "ready <2>", "skull shut"),
]
END_S = 5.0


def _there(element: ET.Element, at_s: float) -> bool:
    """Whether SMIL shows this group at that time."""
    if (animation := element.find(f"{SVG}animate")) is None:
        return True
    assert animation.get("calcMode") == "discrete" and animation.get("dur") == f"{END_S:g}s"
    values = (animation.get("values") or "").split(";")
    times = [float(time) for time in (animation.get("keyTimes") or "").split(";")]
    assert times[0] == 0 and times == sorted(times) and len(times) == len(values)
    return [value for value, time in zip(values, times, strict=True) if time <= at_s / END_S][-1] == "inline"


def _words(svg: str, at_s: float) -> set[str]:
    (screen,) = ET.fromstring(svg).findall(f"{SVG}g")
    found = list(screen.findall(f"{SVG}text"))
    for group in screen.findall(f"{SVG}g"):
        if _there(group, at_s):
            found += group.findall(f"{SVG}text")
    return {text.text or "" for text in found}


@pytest.mark.parametrize("at_s", [0.0, 0.9, 1.1, 2.5, 3.1, 4.9])
def test_each_moment_is_that_of_the_screen(at_s: float) -> None:
    shown = [frame for frame in FRAMES if frame.at_s <= at_s][-1]
    assert _words(animated(FRAMES, END_S, "a title"), at_s) == {run.text for run in runs(shown.rows)}


def test_what_comes_again_is_drawn_once() -> None:
    svg = animated(FRAMES, END_S, "a title")
    assert svg.count(">skull   shut<") == svg.count(">skull   open<") == svg.count(">SPEAKING<") == 1
    assert svg.count("<rect") == 1 + 1, "the screen, and one loud background"


def test_a_background_without_words_is_drawn() -> None:
    (run,) = runs([Strip([Segment("   ", LOUD)])])
    assert run.text == "" and run.width == 3
    svg = animated([Frame(0.0, (Strip([Segment("   ", LOUD)]),))], 1.0, "")
    assert run.background in svg and "<animate" not in svg
