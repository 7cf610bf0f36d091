"""One animated SVG of a screen that was watched: every run of equal cells is drawn once and shown while it was there.

Frames are rows of cells as Textual composed them, each with the second at which it was on the screen. Nothing is drawn
that was not in a frame. The picture needs no script: it is animated by SMIL, which browsers also run in an <img>.
"""

from collections.abc import Iterable, Sequence
from html import escape
from itertools import groupby

from msgspec import Struct
from rich.cells import cell_len
from rich.color import ColorType
from rich.color_triplet import ColorTriplet
from rich.style import Style
from rich.terminal_theme import SVG_EXPORT_THEME, TerminalTheme
from textual.strip import Strip

CELL_W, CELL_H, BASELINE = 8.43, 16.3, 13.0
"""Of a font of 14 pixels, so that its blocks and lines touch."""
MARGIN = 8.0
FONTS = "'DejaVu Sans Mono', Menlo, Consolas, 'Liberation Mono', monospace"
_THEME: TerminalTheme = SVG_EXPORT_THEME


class Frame(Struct, frozen=True):
    at_s: float
    rows: tuple[Strip, ...]


class Run(Struct, frozen=True):
    """Cells of one row in one style."""

    x: int
    y: int
    width: int
    text: str
    style: str
    """The attributes of its text; empty where there is only a background."""
    background: str


def animated(frames: Sequence[Frame], end_s: float, title: str) -> str:
    """It starts again after `end_s`."""
    columns = max(strip.cell_length for strip in frames[0].rows)
    width, height = columns * CELL_W + 2 * MARGIN, len(frames[0].rows) * CELL_H + 2 * MARGIN
    classes: dict[str, str] = {}
    bodies = "".join(_element(run, spans, end_s, classes) for run, spans in _seen(frames, end_s).items())
    styles = "".join(f".{name}{{{rules}}}" for rules, name in classes.items())
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" role="img">'
        f"<title>{escape(title)}</title>"
        f"<style>text{{font:14px {FONTS};white-space:pre}}rect{{shape-rendering:crispEdges}}{styles}</style>"
        f'<rect width="{width:g}" height="{height:g}" rx="6" fill="{_THEME.background_color.hex}"/>'
        f'<g transform="translate({MARGIN:g} {MARGIN:g})">{bodies}</g></svg>\n'
    )


def runs(rows: Iterable[Strip]) -> list[Run]:
    out = []
    for y, row in enumerate(rows):
        x = 0
        cells = [(segment.text, segment.style or Style.null(), segment.cell_length) for segment in row]
        for style, group in groupby((cell for cell in cells if cell[2]), key=lambda cell: cell[1]):
            parts = list(group)
            text, width = "".join(part[0] for part in parts), sum(part[2] for part in parts)
            out.append(_run(x, y, width, text, style))
            x += width
    return out


def _run(x: int, y: int, width: int, text: str, style: Style) -> Run:
    front, back = _colours(style)
    rules = [f"fill:{front}"]
    rules += ["font-weight:bold"] if style.bold else []
    rules += ["font-style:italic"] if style.italic else []
    rules += ["text-decoration:underline"] if style.underline else []
    drawn = ";".join(rules) if text.strip() else ""
    return Run(x, y, width, text.rstrip() if drawn else "", drawn, back)


def _colours(style: Style) -> tuple[str, str]:
    """Of text and background, as a terminal with true colours shows them."""
    front = style.color.get_truecolor(_THEME) if style.color else _THEME.foreground_color
    back = _THEME.background_color
    if style.bgcolor is not None and style.bgcolor.type is not ColorType.DEFAULT:
        back = style.bgcolor.get_truecolor(_THEME)
    if style.reverse:
        front, back = back, front
    if style.dim:
        front = ColorTriplet(*(round(0.6 * f + 0.4 * b) for f, b in zip(front, back, strict=True)))
    return front.hex, back.hex


def _seen(frames: Sequence[Frame], end_s: float) -> dict[Run, list[tuple[float, float]]]:
    """Each run with the times from and until which it was on the screen."""
    out: dict[Run, list[tuple[float, float]]] = {}
    ends = [*(frame.at_s for frame in frames[1:]), end_s]
    for frame, until in zip(frames, ends, strict=True):
        for run in runs(frame.rows):
            spans = out.setdefault(run, [])
            if spans and spans[-1][1] == frame.at_s:
                spans[-1] = (spans[-1][0], until)
            else:
                spans.append((frame.at_s, until))
    return out


def _element(run: Run, spans: list[tuple[float, float]], end_s: float, classes: dict[str, str]) -> str:
    x, y = run.x * CELL_W, run.y * CELL_H
    drawn = ""
    if run.background != _THEME.background_color.hex:
        drawn = (
            f'<rect x="{x:g}" y="{y:g}" width="{run.width * CELL_W:g}" height="{CELL_H:g}" fill="{run.background}"/>'
        )
    if run.text:
        name = classes.setdefault(run.style, f"s{len(classes)}")
        indent = len(run.text) - len(run.text.lstrip())
        words = run.text[indent:]
        place = f'x="{x + indent * CELL_W:g}" y="{y + BASELINE:g}" textLength="{cell_len(words) * CELL_W:g}"'
        drawn += f'<text class="{name}" {place}>{escape(words, quote=False)}</text>'
    if not drawn or spans == [(0.0, end_s)]:
        return drawn
    return f"<g>{_shown(spans, end_s)}{drawn}</g>"


def _shown(spans: list[tuple[float, float]], end_s: float) -> str:
    """An animation that hides it at all other times."""
    values, times = (["none"], [0.0]) if spans[0][0] > 0 else ([], [])
    for begin, until in spans:
        values += ["inline", "none"]
        times += [begin / end_s, until / end_s]
    if times[-1] >= 1:
        values, times = values[:-1], times[:-1]
    keys = ";".join(f"{time:.4f}".rstrip("0").rstrip(".") or "0" for time in times)
    return (
        f'<animate attributeName="display" calcMode="discrete" dur="{end_s:g}s" repeatCount="indefinite" '
        f'values="{";".join(values)}" keyTimes="{keys}"/>'
    )
