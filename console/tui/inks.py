"""What the inks look like in a theme. Made once per theme: as styles of every widget they would double the start."""

from collections.abc import Mapping

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
    "alarm": ("alarm-text", "alarm", "bold"),
    "key": ("accent", "", "bold"),
    "bone": ("bone", "", ""),
    "hollow": ("faint", "", ""),
}
"""Of each ink: foreground and background (variables of the theme), and attributes."""


def styles(variables: Mapping[str, str]) -> dict[str, Style]:
    """By name; they are laid over the widget's own style."""
    return {name: _style(variables, *ink) for name, ink in _INKS.items()}


def _style(variables: Mapping[str, str], foreground: str, background: str, attributes: str) -> Style:
    colours = Style(
        color=Color.parse(variables[foreground]).rich_color if foreground else None,
        bgcolor=Color.parse(variables[background]).rich_color if background else None,
    )
    return colours + Style.parse(attributes)
