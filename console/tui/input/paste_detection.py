"""What is typed in one go: which keys arrived together, and whether they are text rather than keys."""

from collections.abc import Callable, Iterable, Sequence
from itertools import groupby
from time import monotonic

from textual.events import Event, Key, Paste
from textual.message import Message

from console.tui.input.key_protocol import AGAIN, KeyReleased

TOGETHER_S = 0.025
"""Fingers never follow each other so fast four times in a row; a wedge scanner does, and a line that stuttered."""
_HOLD_S = 0.2
"""What comes without a pause is passed on after this long."""
_TEXT, _TEXT_LINE = 4, 3
"""So many characters are text: typed in one go, or typed in one go with ENTER or TAB behind them."""
_PAGE_AND_FIELD = ("1a", "2f")
"""A page, and the key that opens its field."""


class Typed(Event, bubble=False):
    """Keys, key releases and pastes in their order; those of one `burst` came without a pause."""

    def __init__(self, events: Sequence[Event], burst: int) -> None:
        super().__init__()
        self.events, self.burst = tuple(events), burst


class PasteDetector:
    """Gathers in the thread that reads. Letters wait for others up to `TOGETHER_S`; SPACE, ESC and arrows never do."""

    def __init__(self, tell: Callable[[Message], None]) -> None:
        self._tell = tell
        self._kept: list[Event] = []
        self._burst = 0
        self._read_at = self._since = float("-inf")

    @property
    def waits(self) -> bool:
        return bool(self._kept)

    def read(self, messages: Iterable[Message]) -> None:
        """What one read brought. A mouse that moves beside the keys is no part of a burst."""
        found, now = list(messages), monotonic()
        if any(isinstance(message, Key | Paste | KeyReleased) for message in found):
            self._burst += now - self._read_at > TOGETHER_S
            self._read_at = now
        self.take(found)

    def take(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, Key | Paste | KeyReleased):
                self._since = self._since if self._kept else monotonic()
                self._kept.append(message)
            else:
                self.tell()
                self._tell(message)
        if not all(map(_letter, self._kept)) or monotonic() - self._since > _HOLD_S:
            self.tell()

    def tell(self) -> None:
        """After a pause, or at once."""
        kept, self._kept = self._kept, []
        if kept:
            self._tell(Typed(kept, self._burst))


def _letter(event: Event) -> bool:
    return isinstance(event, Key) and event.is_printable and event.character != " "


def ends_line(event: Event) -> bool:
    return isinstance(event, Key) and event.key in ("enter", "tab")


def is_text(run: Iterable[Event]) -> bool:
    """Whether keys that came together, and of which the first opens no field, are text: a scanner's, or a paste's where
    the terminal does not mark it. Few of them are an operator's whose line stuttered; one key hammered or held is one.
    """
    text = ""
    for event in run:
        if not isinstance(event, Key) or event.key == AGAIN:
            continue
        if event.key == "slash" and len(text) < _TEXT_LINE:
            return False  # pages and the like, then a line to be said
        if event.is_printable:
            text += event.character or ""
            if text in _PAGE_AND_FIELD:
                return False
        elif ends_line(event):
            return len(text) >= _TEXT_LINE
        else:
            break
    return sum(1 for _ in groupby(text)) >= _TEXT
