"""The talk button in the App: what presses it, what ends a hold, and what it tells the show."""

from collections.abc import Coroutine
from time import monotonic
from typing import Any

from textual.driver import Driver
from textual.events import Event, MouseDown, MouseUp
from textual.screen import Screen
from textual.timer import Timer

from console.tui.client.screen_state import ScreenState
from console.tui.client.show_client import ShowClient
from console.tui.client.show_connection import ShowConnection
from console.tui.input.drivers import KeysReported
from console.tui.input.key_protocol import KeyReleased
from console.tui.input.key_queue import InOrder
from console.tui.input.talk_button import LONGEST_S, TalkButton

_REPEAT_S = 0.1


class Talking(InOrder):
    """The part of the App that listens to fingers."""

    link: ShowConnection
    steering: ShowClient

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class)
        self.talk_button = TalkButton(self._pressed, self._let_go)
        self.keys_reported = False
        """The terminal tells when a key is let go, so SPACE can be held."""
        self._mouse_down = self._mouse_up = 0.0
        self._talked_at = float("-inf")
        self._longest: Timer | None = None

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Send something to the show; a refusal is one line in a corner."""
        raise NotImplementedError

    def on_mount(self) -> None:
        self.screen_change_signal.subscribe(self, self._other_screen)

    async def on_event(self, event: Event) -> None:
        """Only here the mouse still has the time of the terminal's end; what widgets get is stamped again."""
        if isinstance(event, MouseDown) and not event.is_forwarded:
            self._mouse_down = event.time
        elif isinstance(event, MouseUp) and not event.is_forwarded:
            self._mouse_up = event.time
        await super().on_event(event)

    @property
    def mouse_held_s(self) -> float:
        """How long the mouse's button was down, once it is up again."""
        return self._mouse_up - self._mouse_down

    def mind_talk(self, picture: ScreenState) -> None:
        """A show that is gone has let go by itself."""
        if picture.link != "live":
            self.talk_button.lose()

    def action_talk(self) -> None:
        """A tap. A key that is held down repeats itself, where nobody tells of its end; that is not a wish."""
        before, self._talked_at = self._talked_at, monotonic()
        if self.second_tap or self._talked_at - before > _REPEAT_S:
            self.do(self.steering.press())

    def action_talk_key(self) -> None:
        if self.keys_reported:
            self.talk_button.down("key")
        else:
            self.action_talk()

    def on_keys_reported(self, event: KeysReported) -> None:
        self.keys_reported = True
        self.link.on_change()

    def on_key_released(self, event: KeyReleased) -> None:
        if not event.is_forwarded and (self.focused or self.screen).post_message(event.forwarded()):
            return
        if event.key == "space":
            self.talk_button.up("key", event.held_s)
            self.link.on_change()
        else:
            self.arrow_up(event.key)

    def arrow_up(self, key: str) -> None:
        """It means what the page makes of it."""
        raise NotImplementedError

    def on_app_blur(self) -> None:
        """Another window has the keyboard: it will be told of the key's end, and we shall not."""
        self.talk_button.lose()

    def _other_screen(self, screen: Screen[Any]) -> None:
        self.talk_button.lose()

    def _pressed(self) -> None:
        if self._longest is not None:
            self._longest.stop()
        self._longest = self.set_timer(LONGEST_S, self.talk_button.lose)
        self.do(self._press())
        self.link.on_change()

    async def _press(self) -> None:
        self.talk_button.turn = await self.steering.press()

    def _let_go(self) -> None:
        self.do(self.steering.let_go())
        self.link.on_change()
