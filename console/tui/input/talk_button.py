"""What a finger on the talk button means: a hold is talking, a tap opens the microphone until the next one. Pure."""

from collections.abc import Callable

TAP_S = 0.3
"""A hand that lets go sooner than this has tapped."""
LONGEST_S = 30.0
"""A hold ends by itself after this long; the show's own limit is `audio.max_hold_s`."""


class TalkButton:
    """One finger at a time, on a key or on the pad. `press` opens the microphone, or ends the question that is being
    recorded; `let_go` ends the one that this finger began, if there still is one.
    """

    def __init__(self, press: Callable[[], None], let_go: Callable[[], None]) -> None:
        self._press, self._let_go = press, let_go
        self._by = ""
        self.turn = 0
        """That this finger began; 0 while none is known."""

    @property
    def held(self) -> bool:
        return bool(self._by)

    def down(self, by: str) -> None:
        """`by`: "key" or "pad". A second finger does nothing, and so does a key that repeats itself."""
        if not self._by:
            self._by, self.turn = by, 0
            self._press()

    def up(self, by: str, held_s: float) -> None:
        if self._by == by:
            self._by = ""
            if held_s >= TAP_S:
                self._let_go()

    def lose(self, by: str = "") -> None:
        """Nobody can tell any more whether the finger is still there: that ends a hold, also one that may have become a
        tap. A microphone that was opened by a tap stays open.
        """
        if self._by and by in ("", self._by):
            self._by = ""
            self._let_go()
