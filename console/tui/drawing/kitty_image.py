"""A picture in a terminal that can draw one: the kitty graphics protocol, as kitty, Ghostty and WezTerm speak it.

A picture is ESC _ G keys ; base64 ESC \\, in pieces of at most 4096 characters, of which all but the last say m=1.
Source: "Terminal graphics protocol", Kovid Goyal. We go by the names of terminals: one that does not know the question
for it may print it.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping

from textual.app import ComposeResult
from textual.events import Key
from textual.screen import ModalScreen
from textual.widgets import Label

_CHUNK = 4096
_DRAWING = ("kitty", "ghostty", "wezterm")
_WORDS = 2
"""Lines below the picture."""
ERASE = "\x1b_Ga=d,d=A,q=2\x1b\\"
"""All pictures, and their memory in the terminal."""


def draws(environment: Mapping[str, str]) -> bool:
    """Whether this terminal is one of those; tmux and screen would not let a picture through."""
    term = environment.get("TERM", "")
    if "TMUX" in environment or "STY" in environment or term.startswith(("tmux", "screen")):
        return False
    names = f"{term} {environment.get('TERM_PROGRAM', '')}".lower()
    return any(name in names for name in _DRAWING)


def drawn(png: bytes, column: int, row: int, columns: int, rows: int) -> str:
    """Orders that put a PNG over so many cells, from that one on (counted from 1); the cursor stays where it is."""
    data = b64encode(png).decode()
    parts = [data[start : start + _CHUNK] for start in range(0, len(data), _CHUNK)]
    keys = f"a=T,f=100,q=2,C=1,c={columns},r={rows},"
    orders = [
        f"\x1b_G{keys if number == 0 else ''}m={int(number < len(parts) - 1)};{part}\x1b\\"
        for number, part in enumerate(parts)
    ]
    return f"\x1b7\x1b[{row};{column}H{''.join(orders)}\x1b8"


def fitting(width: int, height: int, columns: int, rows: int) -> tuple[int, int]:
    """(columns, rows) that a picture of that size fills, in its own shape; a cell is twice as high as it is wide."""
    share = min(columns / width, 2 * rows / height)
    return max(1, round(width * share)), max(1, round(height * share / 2))


class StillScreen(ModalScreen[None]):
    """A snapshot over the whole screen, until a key is pressed. The show goes on behind it."""

    def __init__(self, png: bytes, size: tuple[int, int], words: str, stop: Callable[[], None]) -> None:
        """`stop`: X stops the motors here as well."""
        super().__init__()
        self._png, self._picture_size, self._words, self._stop = png, size, words, stop

    def compose(self) -> ComposeResult:
        yield Label(self._words, classes="still-words", markup=False)
        yield Label("any key closes it", classes="still-words", markup=False)

    def on_resize(self) -> None:
        self.call_after_refresh(self._paint)

    def on_screen_resume(self) -> None:
        self.call_after_refresh(self._paint)

    def on_screen_suspend(self) -> None:
        """A question lies over it, which the picture would hide."""
        self._write(ERASE)

    def on_key(self, event: Key) -> None:
        if event.key == "x":
            self._stop()
        self.dismiss()

    def on_click(self) -> None:
        self.dismiss()

    def on_unmount(self) -> None:
        self._write(ERASE)

    def _paint(self) -> None:
        if not self.is_current:
            return
        width, height = self.size
        columns, rows = fitting(*self._picture_size, width, max(1, height - _WORDS))
        self._write(ERASE + drawn(self._png, 1 + (width - columns) // 2, 1, columns, rows))

    def _write(self, orders: str) -> None:
        if (driver := self.app._driver) is not None:
            driver.write(orders)
