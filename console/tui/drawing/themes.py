"""Colours: dark for a dark room, light for a bright one, and the terminal's own sixteen.

The hues are those of Okabe and Ito, which people with any kind of colour blindness can tell apart; none of them says
anything that a shape or a word does not say as well.
"""

import os
from collections.abc import Mapping

from textual.theme import Theme

_HUES = {
    "sky": "#56B4E9", "blue": "#0072B2", "green": "#009E73", "orange": "#E69F00",
    "vermillion": "#D55E00", "yellow": "#F0E442",
}  # fmt: skip

DARK = Theme(
    name="booth-dark",
    dark=True,
    primary=_HUES["sky"],
    secondary=_HUES["blue"],
    success="#2EC49A",
    warning=_HUES["orange"],
    error="#FF7A33",
    accent=_HUES["yellow"],
    foreground="#D8DEE4",
    background="#0D1014",
    surface="#151A20",
    panel="#1D242C",
    variables={
        "faint": "#4A5560", "muted": "#8B97A3", "bone": "#E9E2CE", "air": "#C73E00", "air-text": "#FFFFFF",
        "box": "#2D3742", "visitor": _HUES["sky"], "alarm": _HUES["yellow"],
        "alarm-text": "#000000", "magenta": "#CC79A7", "cursor": "#2D3742",
        "part-text": "#0D1014", "part-1": "#56B4E9", "part-2": "#CC79A7", "part-3": "#C9B458", "part-4": "#8C9BDA",
        "rest": "#4A5560", "rest-text": "#D8DEE4", "pad": "#1B4B66", "pad-text": "#FFFFFF",
    },
)  # fmt: skip
LIGHT = Theme(
    name="booth-light",
    dark=False,
    primary=_HUES["blue"],
    secondary="#005A8C",
    success="#00745A",
    warning="#8A5A00",
    error="#A83C00",
    accent="#005A8C",
    foreground="#1B2127",
    background="#F6F4EF",
    surface="#FFFFFF",
    panel="#E7E4DC",
    variables={
        "faint": "#B4B0A6", "muted": "#666C73", "bone": "#5E5747", "air": "#B23A00", "air-text": "#FFFFFF",
        "box": "#CFCBC0", "visitor": "#005A8C", "alarm": _HUES["yellow"],
        "alarm-text": "#000000", "magenta": "#8E4A72", "cursor": "#DDD8CA",
        "part-text": "#FFFFFF", "part-1": "#005A8C", "part-2": "#8E4A72", "part-3": "#74651C", "part-4": "#4A57A8",
        "rest": "#B4B0A6", "rest-text": "#1B2127", "pad": "#005A8C", "pad-text": "#FFFFFF",
    },
)  # fmt: skip
SIXTEEN = Theme(
    name="terminal-16",
    dark=True,
    ansi=True,
    primary="ansi_bright_cyan",
    secondary="ansi_cyan",
    success="ansi_bright_green",
    warning="ansi_bright_yellow",
    error="ansi_bright_red",
    accent="ansi_bright_yellow",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "faint": "ansi_bright_black", "muted": "ansi_default", "bone": "ansi_bright_white", "air": "ansi_red",
        "air-text": "ansi_bright_white", "box": "ansi_bright_black", "visitor": "ansi_bright_cyan",
        "alarm": "ansi_bright_yellow", "alarm-text": "ansi_black", "magenta": "ansi_bright_magenta",
        "cursor": "ansi_default",
        "part-text": "ansi_black", "part-1": "ansi_bright_cyan", "part-2": "ansi_bright_magenta",
        "part-3": "ansi_yellow", "part-4": "ansi_bright_blue", "rest": "ansi_white", "rest-text": "ansi_black",
        "pad": "ansi_cyan", "pad-text": "ansi_black",
        "ansi-background": "ansi_black", "ansi-foreground": "ansi_white", "border-blurred": "ansi_black",
        "block-cursor-foreground": "ansi_black", "block-cursor-background": "ansi_white",
        "input-cursor-background": "ansi_white", "input-cursor-foreground": "ansi_black",
        "input-selection-background": "ansi_bright_blue", "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_bright_blue", "screen-selection-foreground": "ansi_black",
    },
)  # fmt: skip
ALL = (DARK, LIGHT, SIXTEEN)


def fitting(environment: Mapping[str, str]) -> str:
    """The theme for this terminal: what GALACTUS_THEME says, else by the number of colours and the background."""
    wanted = environment.get("GALACTUS_THEME", "")
    if wanted in {theme.name for theme in ALL}:
        return wanted
    term, many = environment.get("TERM", ""), environment.get("COLORTERM", "")
    if many not in ("truecolor", "24bit") and "256" not in term and term not in ("xterm-kitty", "alacritty", "foot"):
        return SIXTEEN.name
    background = environment.get("COLORFGBG", "").rpartition(";")[2]
    return LIGHT.name if background in ("7", "15") else DARK.name


def here() -> str:
    return fitting(os.environ)
