"""What the terminal says of keys, also of those let go: event types of the kitty keyboard protocol. Knows no widgets.

A key is CSI code[:alternates] ; modifiers[:event] ; text u, where the event is 1 press, 2 repeat, 3 release; keys that
had a sequence before there was the protocol keep its last letter. Source: "Comprehensive keyboard handling in
terminals", Kovid Goyal. Textual knows the same without events, and fails on a sequence that has one.
"""

import re
from collections.abc import Iterable
from time import monotonic
from typing import Any

from textual._xterm_parser import XTermParser
from textual.events import Event, Key
from textual.keys import Keys

_KEY = re.compile(r"\x1b\[(\d*)(?::[\d:]*)?(?:;(\d*)(?::(\d+))?)?(?:;([\d:]*))?([u~ABCDEFHPQRS])", re.ASCII)
_FLAGS = re.compile(r"\x1b\[\?(\d{1,4})u", re.ASCII)
_ATTRIBUTES = re.compile(r"\x1b\[\?[\d;]*c", re.ASCII)
_ANSWER_SO_FAR = re.compile(r"\x1b\[\?[\d;]*", re.ASCII)
_INSIDE = frozenset("0123456789;:<?")
"""A sequence that ends in one of these is not whole."""
_PRESS, _REPEAT, _RELEASE = "1", "2", "3"
_HELD = {"32u": "space", "1A": "up", "1B": "down", "1C": "right", "1D": "left"}
"""Keys that mean something while they are held, by code and last letter."""
AGAIN = "space_again"
"""A SPACE that repeats itself, by name: a text box goes by its character, but no binding takes it for a press."""
_LONGEST = 30
"""Characters of a sequence; from 33 on Textual takes them for typed ones."""


class KeyReleased(Event, bubble=True):
    """SPACE or an arrow was let go. Of other keys nobody wants to know. It goes the way that keys go, to the widget in
    focus and up again, so that it never overtakes its own press.
    """

    def __init__(self, held_s: float, key: str = "space") -> None:
        super().__init__()
        self.key = key
        self.held_s = held_s
        """By the clock at the terminal's end, so that a busy screen makes no hold of a tap."""

    def forwarded(self) -> "KeyReleased":
        """As it goes on to the widget with the focus."""
        on = KeyReleased(self.held_s, self.key)
        on._set_forwarded()
        return on


class KeyboardFlags(Event, bubble=False):
    """The terminal speaks the protocol; these of its enhancements are on."""

    key = ""

    def __init__(self, flags: int) -> None:
        super().__init__()
        self.flags = flags


class TerminalAttributes(Event, bubble=False):
    """Every terminal answers this question, and all questions in their order: what was asked before is answered."""

    key = ""


class KeyParser(XTermParser):
    """Textual's parser, which may be fed anything."""

    def __init__(self, debug: bool = False) -> None:
        self._down = dict[str, float]()
        """Keys that are held, since when."""
        self._passing = False
        """The rest of an answer that is too long for Textual goes by."""
        super().__init__(debug)

    def _sequence_to_key_events(self, sequence: str, alt: bool = False) -> Iterable[Any]:
        """Events for a sequence, or none while it is not whole. Called with each character that joins it."""
        if self._passing and (passed := self._pass(sequence)) is not None:
            return [passed]
        if not sequence.startswith("\x1b["):
            return self._plain(sequence, alt)
        if len(sequence) >= _LONGEST and _ANSWER_SO_FAR.fullmatch(sequence):
            self._passing = True
            return [_ignored(sequence)]
        if sequence[-1] in _INSIDE:
            return []
        if (flags := _FLAGS.fullmatch(sequence)) is not None:
            return [KeyboardFlags(int(flags[1]))]
        if _ATTRIBUTES.fullmatch(sequence):
            return [TerminalAttributes()]
        if (key := _KEY.fullmatch(sequence)) is not None:
            return self._key(*key.groups(default=""))
        return self._plain(sequence, alt)

    def _pass(self, sequence: str) -> Event | None:
        """Of the attributes' answer only its end counts."""
        if len(sequence) == 1 and sequence in "0123456789;":
            return _ignored(sequence)
        self._passing = False
        return TerminalAttributes() if sequence == "c" else None

    def _key(self, code: str, modifiers: str, event: str, text: str, end: str) -> Iterable[Any]:
        event = event or _PRESS
        held = _HELD.get(code + end, "")
        if event == _RELEASE and held:
            return [self._let_go(held)]
        if event not in (_PRESS, _REPEAT) or not all(map(_letter, (code, *text.split(":")))):
            return [_ignored(code)]
        if held and event == _PRESS:
            self._down[held] = monotonic()
        modifiers = "" if modifiers in ("0", "1") else modifiers
        plain = ";".join((code, modifiers, text)).rstrip(";")
        found = list(self._plain(f"\x1b[{plain}{end}")) or [_ignored(code)]
        if event == _REPEAT:
            return [Key(AGAIN, one.character) if one.key == "space" else one for one in found]
        return found

    def _let_go(self, key: str) -> KeyReleased:
        """One that was pressed in another window was held for no time."""
        since = self._down.pop(key, None)
        return KeyReleased(0.0 if since is None else monotonic() - since, key)

    def _plain(self, sequence: str, alt: bool = False) -> Iterable[Any]:
        """As Textual reads it; what it fails on is nothing."""
        if sequence == "\n" and not alt:  # some scanners, and lines over a serial cable, end in it
            sequence = "\r"
        try:
            return list(super()._sequence_to_key_events(sequence, alt))
        except (ValueError, OverflowError):
            return [_ignored(sequence)]


def _ignored(sequence: str) -> Key:
    return Key(Keys.Ignore, sequence)


def _letter(number: str) -> bool:
    """Whether there is such a character: half of a surrogate pair, once on the screen, could not be written."""
    value = int(number or "0")
    return value < 0x110000 and not 0xD800 <= value < 0xE000
