"""How lines reach the terminal, plain where it is not UTF-8, and how keys come from it, their ends too where it can."""

import os
import selectors
from codecs import getincrementaldecoder
from collections.abc import Mapping
from threading import Event, Lock
from typing import Any, Literal

from textual.driver import Driver
from textual.drivers import linux_driver as textuals
from textual.drivers.linux_driver import LinuxDriver
from textual.events import Event as Told
from textual.message import Message

from console.host.surroundings import PLAIN
from console.tui.input.key_protocol import KeyboardFlags, KeyParser, TerminalAttributes
from console.tui.input.paste_detection import TOGETHER_S, PasteDetector

_TEXTUALS = (
    textuals.KITTY_DISAMBIGUATE_ESCAPE_CODES | textuals.KITTY_REPORT_ALL_KEYS | textuals.KITTY_REPORT_ASSOCIATED_TEXT
)
_WANTED = _TEXTUALS | textuals.KITTY_REPORT_EVENT_TYPES
_TEXTUALS_PUSH, _PUSH, _POP = f"\x1b[>{_TEXTUALS}u", f"\x1b[>{_WANTED}u", "\x1b[<u"
_WHICH_FLAGS, _FENCE = "\x1b[?u", "\x1b[c"
_LAST_ANSWER_S = 0.3
"""How long the way out waits for what the terminal still has to say: longer than a line to another continent."""
_LOOK_S = 0.1
_FALLBACK = 80, 24


def own_size(terminal: int) -> tuple[int, int]:
    """Columns and rows; of a terminal that does not know them, such as a serial line, those that every one has."""
    try:
        columns, rows = os.get_terminal_size(terminal)
    except OSError:
        columns = rows = 0
    return columns or _FALLBACK[0], rows or _FALLBACK[1]


class KeysReported(Told, bubble=False):
    """From now on the terminal tells when a key is let go."""


class ConsoleDriver(LinuxDriver):
    """Asks the terminal before it changes its keyboard, and gives it back before the last look at the input: what came
    after that would be typed into the operator's shell.
    """

    def __init__(
        self, app: Any, *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self._keyboard: Literal["plain", "asked", "pushed", "reports"] = "plain"
        self._changing = Lock()
        """Answers come in the thread that reads, the end in the other one."""
        self._answered = Event()

    def _get_terminal_size(self) -> tuple[int, int]:
        """The terminal's own: COLUMNS and LINES, if somebody exported them, are those of another day."""
        return own_size(self.fileno)

    def write(self, data: str) -> None:
        """Where Textual would switch its flags on unasked, we ask; it is we who switch them off."""
        if data == _TEXTUALS_PUSH:
            self._keyboard = "asked"
            self._answered.clear()
            data = _WHICH_FLAGS + _FENCE
        elif data == _POP:
            return
        super().write(data)

    def process_message(self, message: Message) -> None:
        if isinstance(message, KeyboardFlags):
            self._negotiate(message.flags)
        elif isinstance(message, TerminalAttributes):
            self._answered.set()
        else:
            super().process_message(message)

    def _negotiate(self, flags: int) -> None:
        """All of what we want, or the keyboard as it was: with half of it text could not be typed."""
        with self._changing:
            if self._keyboard == "asked":
                self._keyboard = "pushed"
                super().write(_PUSH + _WHICH_FLAGS)
            elif self._keyboard == "pushed":
                able = flags & _WANTED == _WANTED
                self._keyboard = "reports" if able else "plain"
                super().process_message(KeysReported()) if able else super().write(_POP)

    def disable_input(self) -> None:
        self._give_back_keyboard()
        super().disable_input()

    def _give_back_keyboard(self) -> None:
        with self._changing:
            before, self._keyboard = self._keyboard, "plain"
            if before == "asked" and self._answered.is_set():  # it does not know the protocol
                return
            self._answered.clear()
            if before != "plain":
                super().write((_POP if before != "asked" else "") + _FENCE)
        if before != "plain":
            self._answered.wait(_LAST_ANSWER_S)

    def run_input_thread(self) -> None:
        """Until `exit_event`. Raises EOFError or OSError when the terminal has gone."""
        parser, together = KeyParser(), PasteDetector(self.process_message)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            last = False
            while not last:
                last = self.exit_event.is_set()  # then one look more
                if selector.select(0 if last else TOGETHER_S if together.waits else _LOOK_S):
                    if not (data := os.read(self.fileno, 4096)):
                        raise EOFError("the terminal has gone")
                    together.read(parser.feed(decode(data)))
                else:
                    together.tell()
                together.take(parser.tick())
        for _ in parser.feed(""):  # what is half there is nothing
            pass


class AsciiDriver(ConsoleDriver):
    """Every glyph of ours has a plain stand-in of the same width; what else cannot be shown becomes a question mark."""

    def write(self, data: str) -> None:
        super().write(data.translate(PLAIN).encode("ascii", "replace").decode())


def driver(environment: Mapping[str, str]) -> type[Driver]:
    """No locale at all is taken for a modern terminal; one that says C, or another charset, is believed."""
    named = (environment.get(key, "") for key in ("LC_ALL", "LC_CTYPE", "LANG"))
    # Python itself turns C into C.UTF-8 before we can look: that tells nothing about the terminal.
    said = next((name for name in named if name and name != "C.UTF-8"), "")
    return AsciiDriver if said and "utf" not in said.lower() else ConsoleDriver
