"""How lines reach the terminal: as they are, or in plain ASCII where the locale is not UTF-8."""

from collections.abc import Mapping

from textual.driver import Driver
from textual.drivers.linux_driver import LinuxDriver

_PLAIN = str.maketrans(
    {
        **dict.fromkeys("━─▔▁▂▀▄", "-"), **dict.fromkeys("│┃▌▐▏▎▍", "|"), **dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼", "+"),
        **dict.fromkeys("█▉▊▋▅▆▇", "#"), "░": ".", "▒": ":", "▓": "%", "●": "*", "○": "o", "◌": "o", "◐": "~", "◉": "@",
        "◔": "o", "◕": "O", "■": "#", "▪": ".", "▲": "!", "✖": "X", "×": "x", "✓": "v", "▶": ">", "·": "-", "…": ".",
        "→": ">", "←": "<", "↑": "^", "↓": "v", "⇧": "^", "›": ">",
        "↻": "r", "✂": "%", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "é": "e",
        "µ": "u", "┄": ".", "‹": "<", "▃": "-",
    }
)  # fmt: skip


class AsciiDriver(LinuxDriver):
    """Every glyph of ours has a plain stand-in of the same width; what else cannot be shown becomes a question mark."""

    def write(self, data: str) -> None:
        super().write(data.translate(_PLAIN).encode("ascii", "replace").decode())


def driver(environment: Mapping[str, str]) -> type[Driver]:
    """No locale at all is taken for a modern terminal; one that says C, or another charset, is believed."""
    named = (environment.get(key, "") for key in ("LC_ALL", "LC_CTYPE", "LANG"))
    # Python itself turns C into C.UTF-8 before we can look: that tells nothing about the terminal.
    said = next((name for name in named if name and name != "C.UTF-8"), "")
    return AsciiDriver if said and "utf" not in said.lower() else LinuxDriver
