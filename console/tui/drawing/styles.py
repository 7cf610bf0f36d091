"""What the inks look like in a theme. Made once per theme: as styles of every widget they would double the start."""

from collections.abc import Mapping

from rich.color import Color as RichColor
from rich.style import Style
from textual.color import Color

_INKS: dict[str, tuple[str, str, str]] = {
    "faint": ("faint", "", ""),
    "dim": ("muted", "", ""),
    "bold": ("", "", "bold"),
    "strike": ("", "", "strike"),
    "good": ("success", "", ""),
    "warn": ("warning", "", ""),
    "bad": ("error", "", "bold"),
    "info": ("primary", "", ""),
    "visitor": ("visitor", "", ""),
    "character": ("", "", "bold"),
    "active": ("", "", "bold reverse"),
    "onair": ("air-text", "air", "bold"),
    "offair": ("", "box", ""),
    "pad": ("pad-text", "pad", ""),
    "alarm": ("alarm-text", "alarm", "bold"),
    "key": ("accent", "", "bold"),
    "bone": ("bone", "", ""),
    "ready": ("success", "", "bold reverse"),
    "fill": ("rest", "", ""),
    "cut": ("rest-text", "rest", ""),
    "hollow": ("faint", "", ""),
    "magenta": ("magenta", "", ""),
    "cursor": ("", "cursor", "bold"),
    "part-1": ("part-text", "part-1", ""),
    "part-2": ("part-text", "part-2", ""),
    "part-3": ("part-text", "part-3", ""),
    "part-4": ("part-text", "part-4", ""),
    "part-rest": ("rest-text", "rest", ""),
    "part-new": ("part-text", "success", ""),
    "mark-1": ("part-1", "", ""),
    "mark-2": ("part-2", "", ""),
    "mark-3": ("part-3", "", ""),
    "mark-4": ("part-4", "", ""),
    "mark-rest": ("rest", "", ""),
    "mark-new": ("success", "", ""),
    "hit": ("alarm-text", "alarm", ""),
}
"""Of each ink: foreground and background (variables of the theme), and attributes."""


_SIXTEEN = ("faint", "error", "success", "warning", "primary", "magenta", "visitor", "")
"""The terminal's eight colours as variables: on every theme an engine's red is red and can be read."""

_MOST_HALVES = 4096


class Styles(dict[str, Style]):
    """Besides ours those of the engines, as ansi.py names them: "fg:1", "bg:208", "at:italic"; 540 at most. And two
    pixels in one cell, "half:RRGGBB:RRGGBB" from above: of those the latest thousands, for a camera never ends.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        super().__init__({name: _style(variables, *ink) for name, ink in _INKS.items()})
        self._variables = variables
        self._halves: dict[str, Style] = {}

    def __missing__(self, name: str) -> Style:
        kind, _, value = name.partition(":")
        if kind == "half":
            return self._half(value)
        if kind == "at":
            self[name] = Style.parse(value)
        elif kind in ("fg", "bg"):
            number = int(value)
            basic = _SIXTEEN[number % 8] if number < 16 else ""
            colour = Color.parse(self._variables[basic]).rich_color if basic else None
            if number > 15:
                colour = RichColor.from_ansi(number)
            self[name] = Style(color=colour) if kind == "fg" else Style(bgcolor=colour)
        else:
            raise KeyError(name)
        return self[name]

    def _half(self, colours: str) -> Style:
        found = self._halves.get(colours)
        if found is None:
            if len(self._halves) >= _MOST_HALVES:
                self._halves.clear()
            above, under = (RichColor.from_rgb(*bytes.fromhex(colour)) for colour in colours.split(":"))
            found = self._halves[colours] = Style(color=above, bgcolor=under)
        return found


def styles(variables: Mapping[str, str]) -> dict[str, Style]:
    """By name; they are laid over the widget's own style."""
    return Styles(variables)


def _style(variables: Mapping[str, str], foreground: str, background: str, attributes: str) -> Style:
    colours = Style(
        color=Color.parse(variables[foreground]).rich_color if foreground else None,
        bgcolor=Color.parse(variables[background]).rich_color if background else None,
    )
    return colours + Style.parse(attributes)
