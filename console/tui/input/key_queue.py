"""Keys one after another: what is typed behind a key that opens a field or a question belongs to that."""

from collections import deque
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

from textual.app import App
from textual.dom import DOMNode
from textual.driver import Driver
from textual.events import Event, Key, Paste
from textual.timer import Timer
from textual.widgets import Input

from console.tui.input.key_protocol import AGAIN, KeyReleased
from console.tui.input.paste_detection import Typed, ends_line, is_text

PANIC = "ctrl+x"
"""Waits behind nothing."""
_LOST_S = 1.0
"""A key that has not been dealt with by then has gone with the widget that had it."""
_OPENING_S, _LOOK_S = 2.0, 0.01
_NO_FIELD = "Text came while no field was open, and was not taken for keys: press / first."


class KeyDone(Event, bubble=True):
    """Follows a key on its way, to the widget in focus and up again: back here, the key has been dealt with. Two
    rounds, because what it did may have been one message more (a choice, a line sent).
    """

    def __init__(self, number: int, rounds: int = 2) -> None:
        super().__init__()
        self.number, self.rounds = number, rounds


class _Waiting(NamedTuple):
    event: Event
    burst: int
    """0: it came alone."""
    second: bool = False


class InOrder(App[str]):
    """The part of the App that takes keys."""

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self._typed = deque[_Waiting]()
        self._way: Any = None
        self._number = self._awaited = 0
        self._lost: Timer | None = None
        self._text_burst = self._field_burst = 0
        """The burst that was taken for text; the one of which a field had a part."""
        self.second_tap = False
        """This SPACE is the second of just two that came together: taps, not a key that repeats itself."""

    async def on_event(self, event: Event) -> None:
        if isinstance(event, Typed):
            await self._line_up(event)
        elif isinstance(event, Key | Paste | KeyReleased) and not event.is_forwarded:
            await self._line_up(Typed((event,), 0))
        else:
            await super().on_event(event)

    async def _line_up(self, typed: Typed) -> None:
        spaces = [event for event in typed.events if isinstance(event, Key) and event.key == "space"]
        for event in typed.events:
            if isinstance(event, Key) and event.key == PANIC:
                await super().on_event(event)
            else:
                self._typed.append(_Waiting(event, typed.burst, len(spaces) == 2 and event is spaces[1]))
        if not self._awaited:
            await self._take_next()

    async def _take_next(self) -> None:
        """Until one is on its way. A field takes letters as they come."""
        while self._typed and self.screen_stack:
            event, burst, self.second_tap = self._typed.popleft()
            if not self._wanted(event, burst):
                continue
            way, typing = self.focused or self.screen, self._typing
            await super().on_event(event)
            if not (typing and isinstance(event, Key) and event.is_printable):
                self._follow(way)
                return
            if not self._typed:
                self._follow(way)

    @property
    def _typing(self) -> bool:
        return isinstance(self.focused, Input)

    # What is done

    def _follow(self, way: DOMNode) -> None:
        self._number += 1
        self._awaited, self._way = self._number, way
        self._lost = self.set_timer(_LOST_S, partial(self.call_later, self._settle, self._number))
        if not way.post_message(KeyDone(self._number)):
            self.call_later(self._settle, self._number)

    def on_key_done(self, event: KeyDone) -> None:
        if event.number != self._awaited:
            return
        again = KeyDone(event.number, event.rounds - 1)
        if not again.rounds or not self._way.post_message(again):
            self.call_later(self._settle, event.number)  # behind the focus, which comes later, too

    async def _settle(self, number: int, waited_s: float = 0.0) -> None:
        """A question that opens must be there before the keys for it."""
        if number != self._awaited or not self.screen_stack:
            return
        if not self.screen.is_mounted and waited_s < _OPENING_S:
            self.set_timer(_LOOK_S, partial(self._settle, number, waited_s + _LOOK_S))
            return
        self._awaited, self._way = 0, None
        if self._lost is not None:
            self._lost.stop()
        await self._take_next()

    # What is a key

    def stops(self, key: str) -> bool:
        """Whether it stops something that moves: then it is a key, whatever it came with."""
        raise NotImplementedError

    def opens_field(self, key: str) -> bool:
        raise NotImplementedError

    def _wanted(self, event: Event, burst: int) -> bool:
        if self._typing:
            self._field_burst = burst
            return True
        if isinstance(event, Paste):
            self._refuse(burst)
            return False
        if not isinstance(event, Key) or event.key in ("escape", AGAIN) or self.stops(event.key):
            return True
        if not event.is_printable and not ends_line(event):
            return not burst or burst != self._text_burst or event.key.startswith("ctrl+")
        return not burst or self._is_key(event, burst)

    def _is_key(self, event: Key, burst: int) -> bool:
        """One of several that came together, and no field is open."""
        if burst == self._text_burst:
            return False
        if self.opens_field(event.key) and (event.key == "slash" or burst != self._field_burst):
            return True
        if burst == self._field_burst and ends_line(event):
            return False  # CR and LF
        if burst == self._field_burst or is_text(self._run(event, burst)):
            self._refuse(burst)
            return False
        return True

    def _run(self, first: Event, burst: int) -> Iterator[Event]:
        yield first
        yield from (event for event, number, _ in self._typed if number == burst)

    def _refuse(self, burst: int) -> None:
        self._text_burst = burst
        self.notify(_NO_FIELD, severity="warning", markup=False, timeout=6)
