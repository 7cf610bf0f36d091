"""The camera's picture in half-blocks, exact on small pictures, and what is said below it."""

import random

import pytest
from rich.cells import cell_len
from rich.style import Style
from textual.app import App, ComposeResult

from console.api.telemetry_types import CameraReading
from console.tui.client.screen_state import ScreenState
from console.tui.drawing import styles, themes
from console.tui.drawing.styled_text import Line
from console.tui.pages.rig.panels.camera_view import CameraView, below, fitting, half_blocks, shades

RED, GREEN, BLUE, WHITE, BLACK = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\xff\xff\xff", b"\0\0\0"


def text(lines: list[Line]) -> list[str]:
    return ["".join(words for words, _ in line) for line in lines]


def test_two_pixels_are_one_cell() -> None:
    assert half_blocks(RED + GREEN + BLUE + WHITE, 2, 2, 2, 1) == [
        (("▀", "half:ff0000:0000ff"), ("▀", "half:00ff00:ffffff")),
    ]


def test_equal_neighbours_are_one_span() -> None:
    assert half_blocks(RED * 3 + BLACK + BLUE * 3 + BLACK, 4, 2, 4, 1) == [
        (("▀▀▀", "half:ff0000:0000ff"), ("▀", "half:000000:000000")),
    ]


def test_larger_and_smaller_ones_keep_their_shape() -> None:
    assert half_blocks(RED + BLUE, 2, 1, 4, 9) == [(("▀▀", "half:ff0000:ff0000"), ("▀▀", "half:0000ff:0000ff"))]
    rows = RED * 8 + GREEN * 8 + BLUE * 8 + WHITE * 8
    assert half_blocks(rows, 8, 4, 4, 9) == [(("▀▀▀▀", "half:ff0000:0000ff"),)]


def test_what_only_trembles_stays_as_it_is() -> None:
    before, after = (half_blocks(bytes((level, 100, 100)) * 2, 1, 2, 1, 1) for level in (129, 132))
    assert before == after == [(("▀", "half:846363:846363"),)]


def test_in_characters_from_the_darkest_to_the_brightest() -> None:
    row = b"".join(bytes((level,)) * 3 for level in range(0, 256, 26))
    assert text(shades(row * 2, 10, 2, 10, 1)) == [" .:-=+*#%@"]
    assert text(shades(BLACK * 4, 2, 2, 2, 1)) == ["  "]


@pytest.mark.parametrize("draw", [half_blocks, shades])
def test_what_is_no_picture_is_not_drawn(draw: object) -> None:
    assert callable(draw)
    for data, width, height, columns, rows in (
        (b"", 2, 2, 9, 9),
        (RED, 2, 2, 9, 9),
        (b"", 0, 0, 9, 9),
        (RED, 1, 1, 0, 9),
    ):
        assert draw(data, width, height, columns, rows) == []


def test_every_size_fits_its_place() -> None:
    dice = random.Random(6)
    for _ in range(300):
        width, height = dice.randint(1, 96), dice.randint(1, 96)
        columns, rows = dice.randint(1, 60), dice.randint(1, 25)
        rgb = dice.randbytes(width * height * 3)
        size = fitting(width, height, columns, rows)
        assert size is not None
        for draw in (half_blocks, shades):
            lines = text(draw(rgb, width, height, columns, rows))
            assert len(lines) == size[1] // 2 <= rows
            assert {len(line) for line in lines} == {size[0]} and size[0] <= columns


SEEING = CameraReading(width=2, height=2, rgb=RED + GREEN + BLUE + WHITE, age_s=0.12, brightness=41)


def test_what_is_said_below() -> None:
    assert text(below(SEEING, "C920", 60)) == ["● CAMERA ON  C920  0.12s old  41% bright"]
    assert text(below(SEEING, "HD Pro Webcam C920", 36)) == ["● CAMERA ON  HD Pro Webcam C920", "0.12s old  41% bright"]
    assert text(below(None, "", 40)) == ["○ no camera"]
    assert text(below(CameraReading(), "C920", 40)) == ["◐ C920 is opened"]
    fault = CameraReading(fault="C920: gives no pictures; it is started again by itself", age_s=3.0)
    assert text(below(fault, "C920", 30)) == ["▲ C920: gives no pictures; it", "  is started again by itself"]
    old = below(CameraReading(age_s=2.5, brightness=3), "C920", 60)
    assert text(old) == ["● CAMERA ON  C920  2.5s old  3% bright, too dark"]
    assert [ink for _, ink in old[0] if ink] == ["alarm", "warn", "warn"]


def test_an_endless_film_does_not_fill_the_memory() -> None:
    pens = styles.Styles(themes.DARK.to_color_system().generate() | themes.DARK.variables)
    seen = {pens[f"half:{number:06x}:000000"] for number in range(10_000)}
    assert len(seen) == 10_000 and len(pens._halves) <= 4096
    assert pens["half:ff0000:0000ff"] == Style.parse("#ff0000 on #0000ff")


class Booth(App[None]):
    """A camera and nothing else."""

    CSS = "CameraView { width: 40; height: 12; }"

    def __init__(self) -> None:
        super().__init__()
        for theme in themes.ALL:
            self.register_theme(theme)
        self.theme = "booth-dark"
        self.inks: dict[str, Style] = {}

    def compose(self) -> ComposeResult:
        yield CameraView()

    def use(self, theme: str) -> CameraView:
        self.theme = theme
        self.inks = styles.styles(self.get_css_variables())
        view = self.query_one(CameraView)
        view.camera, view.name_shown = SEEING, "C920"
        view.show(ScreenState())
        return view


async def test_on_a_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    async with Booth().run_test(size=(60, 20)) as pilot:
        assert isinstance(pilot.app, Booth)
        view = pilot.app.use("booth-dark")
        await pilot.pause()
        row = view.render_line(0)
        assert cell_len(row.text) == 40 and row.text.strip() == "▀" * 22
        assert "CAMERA ON" in view.render_line(11).text
        first = next(segment.style for segment in row if segment.text.startswith("▀"))
        assert first is not None and str(first) == "#ff0000 on #ff0000"
        view = pilot.app.use("terminal-16")
        await pilot.pause()
        assert "▀" not in view.render_line(0).text and view.plain


async def test_without_colours_it_is_drawn_in_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with Booth().run_test(size=(60, 20)) as pilot:
        assert isinstance(pilot.app, Booth)
        view = pilot.app.use("booth-dark")
        await pilot.pause()
        assert view.plain and "@" in view.render_line(10).text
