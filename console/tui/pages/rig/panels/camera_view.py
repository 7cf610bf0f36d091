"""What the camera sees, in half-blocks, and plainly that it sees: two pixels in each cell, one above the other."""

from rich.cells import cell_len

from console.api.body_status import DARK_PERCENT, OLD_PICTURE_S
from console.api.telemetry_types import CameraReading
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, clean, cut, seconds, wrap
from console.tui.input.drivers import AsciiDriver

"""Percent, below which nobody is recognised."""
_LEVELS = bytes(level & 0xF8 | level >> 5 for level in range(256))
"""32 of each colour: what only trembles in the lowest bits is not painted again, 8 times a second."""
_RAMP = " .:-=+*#%@"
_LEAST_CONTRAST = 64


class CameraView(Panel):
    """The page sets `camera` and `name` before `show`; while nobody can see it, it must end its `Watch`."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.camera: CameraReading | None = None
        """None: the rig has none, or nothing was heard of it yet."""
        self.name_shown = ""
        self.plain = False
        """The terminal has few colours or none, or no half-blocks."""

    def show(self, picture: ScreenState) -> None:
        if self.is_attached:
            app = self.app
            self.plain = app.no_color or app.native_ansi_color or issubclass(app.driver_class, AsciiDriver)
        super().show(picture)

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        words = below(self.camera, self.name_shown, width)
        camera, rows = self.camera, height - len(words)
        if camera is None or not camera.rgb or rows < 2:
            return words
        drawn = (shades if self.plain else half_blocks)(camera.rgb, camera.width, camera.height, width, rows)
        pad = (width - sum(cell_len(text) for text, _ in drawn[0])) // 2 if drawn else 0
        return [*(((" " * pad, ""), *line) for line in drawn), *words]


def below(camera: CameraReading | None, name: str, width: int) -> list[Line]:
    """Whether it sees, what it is, how old the picture is, and how bright."""
    if camera is None:
        return [(("○ no camera", "dim"),)]
    if camera.fault:
        rows = wrap(camera.fault, max(1, width - 2))
        return [(("▲ " if n == 0 else "  ", "warn"), (row, "warn")) for n, row in enumerate(rows)]
    if camera.age_s is None:
        return [(("◐ ", "info"), (f"{name or 'the camera'} is opened", ""))]
    on, room = ("● CAMERA ON", "alarm"), width - len("● CAMERA ON") - 2
    age = (f"{seconds(camera.age_s)} old", "warn" if camera.age_s > OLD_PICTURE_S else "dim")
    light = camera.brightness
    dark = light is not None and light < DARK_PERCENT
    bright = ("" if light is None else f"{light}% bright" + (", too dark" if dark else ""), "warn" if dark else "dim")
    facts: Line = (age, ("  ", ""), bright)
    name = clean(name)
    if cell_len(name) + 2 + sum(cell_len(text) for text, _ in facts) <= room:
        return [(on, ("  ", ""), (name, ""), ("  ", ""), *facts)]
    return [(on, ("  ", ""), (cut(name, max(0, room)), "")), facts]


def half_blocks(rgb: bytes, width: int, height: int, columns: int, rows: int) -> list[Line]:
    """Lines of at most `columns` cells, at most `rows` of them, in the picture's shape. `rgb` has rows of 3 bytes a
    pixel; what is not a picture of this size is not drawn. 0.8 ms for 60 x 22 cells.
    """
    size = fitting(width, height, columns, rows)
    if size is None or len(rgb) != width * height * 3:
        return []
    across = [x * width // size[0] * 6 for x in range(size[0])]
    levels = rgb.translate(_LEVELS)
    lines = [levels[y * height // size[1] * width * 3 :][: width * 3].hex() for y in range(size[1])]
    return [_cells(lines[y], lines[y + 1], across) for y in range(0, size[1], 2)]


def shades(rgb: bytes, width: int, height: int, columns: int, rows: int) -> list[Line]:
    """The same in plain characters, from the darkest to the brightest that there is; for a dark terminal."""
    size = fitting(width, height, columns, rows)
    if size is None or len(rgb) != width * height * 3:
        return []
    grey = [(2 * red + 5 * green + blue) >> 3 for red, green, blue in zip(rgb[::3], rgb[1::3], rgb[2::3], strict=True)]
    low = min(grey)
    span = max(_LEAST_CONTRAST, max(grey) - low)
    signs = [_RAMP[min(len(_RAMP) - 1, (level - low) * len(_RAMP) // span)] for level in grey]
    across = [x * width // size[0] for x in range(size[0])]
    down = [y * height // size[1] * width for y in range(0, size[1], 2)]
    return [(("".join(signs[start + x] for x in across), ""),) for start in down]


def fitting(width: int, height: int, columns: int, rows: int) -> tuple[int, int] | None:
    """(across, down) in pixels, of which a cell has two; None where there is no room."""
    if min(width, height, columns, rows) < 1:
        return None
    share = min(columns / width, rows * 2 / height)
    down = 2 * max(1, min(rows, round(height * share / 2)))
    return max(1, min(columns, round(width * share))), down


def _cells(above: str, under: str, across: list[int]) -> Line:
    """Equal neighbours are one span: each colour costs the terminal forty bytes."""
    spans: list[tuple[str, str]] = []
    last, count = "", 0
    for x in across:
        ink = f"half:{above[x : x + 6]}:{under[x : x + 6]}"
        if ink != last:
            if count:
                spans.append(("▀" * count, last))
            last, count = ink, 0
        count += 1
    return (*spans, ("▀" * count, last))
