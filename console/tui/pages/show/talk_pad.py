"""The button to hold while somebody talks, for the mouse; it also says what a hand on SPACE does."""

from typing import Protocol, cast

from textual.events import MouseDown, MouseRelease, MouseUp

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, width
from console.tui.input.talk_button import TalkButton
from conversation.stages import Stage


class PadTarget(Protocol):
    """What the pad needs of its App."""

    talk_button: TalkButton
    keys_reported: bool

    @property
    def mouse_held_s(self) -> float: ...

    def possible(self, action: str, picture: ScreenState) -> bool | None: ...


class TalkPad(Panel):
    def __init__(self, classes: str = "") -> None:
        super().__init__(classes=classes)
        self.can = self.held = self.keys = False
        """Whether one can talk now; whether somebody holds the button; whether SPACE can be held as well."""
        self.turn = 0
        """That the hold began, once it is known."""
        self._down = False

    def show(self, picture: ScreenState) -> None:
        app = cast(PadTarget, self.app)
        self.can, self.keys = app.possible("talk", picture) is True, app.keys_reported
        self.held, self.turn = app.talk_button.held, app.talk_button.turn
        self.set_class(self.can, "-on")
        self.set_class(self.can and picture.state.stage is Stage.LISTENING, "-open")
        super().show(picture)

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        head, hint, ink = self._words(picture)
        rows = [_middle(head, f"{ink} bold", width)]
        rows += [_middle(hint, ink, width)] if height > 1 else []
        blank: Line = ((" " * width, ink),)
        above = (height - len(rows)) // 2
        return [*[blank] * above, *rows, *[blank] * (height - above - len(rows))]

    def _words(self, picture: ScreenState) -> tuple[str, str, str]:
        """What it is, what to do, and the ink of both."""
        if not self.can:
            return "NOT NOW", _why_not(picture), "dim"
        if picture.state.stage is Stage.LISTENING:
            return "● MIC OPEN", "let go when done" if self.held else "tap when done", "alarm"
        if self.held and self._over(picture):
            return "HEARD", "let go", "pad"
        return "HOLD TO TALK", "here, or SPACE" if self.keys else "or tap SPACE", "pad"

    def _over(self, picture: ScreenState) -> bool:
        """The visitor finished by himself, and the hand is still there."""
        now = picture.state.exchange
        return bool(self.turn and now and now.number == self.turn and now.steps)

    def on_mouse_down(self, event: MouseDown) -> None:
        if event.button == 1 and self.can:
            self._down = True
            self.capture_mouse()  # a hand that slips off the pad still holds it
            cast(PadTarget, self.app).talk_button.down("pad")

    def on_mouse_up(self, event: MouseUp) -> None:
        if self._down and event.button == 1:
            self._down = False
            app = cast(PadTarget, self.app)
            app.talk_button.up("pad", app.mouse_held_s)
            self.release_mouse()

    def on_mouse_release(self, event: MouseRelease) -> None:
        """The mouse is somebody else's now."""
        self._down = False
        cast(PadTarget, self.app).talk_button.lose("pad")


def _middle(text: str, ink: str, cells: int) -> Line:
    left = max(0, cells - width(((text, ""),))) // 2
    return ((" " * left + text + " " * max(0, cells - left - width(((text, ""),))), ink),)


def _why_not(picture: ScreenState) -> str:
    if picture.link != "live":
        return "no show"
    if picture.state.halted:
        return "halted"
    return "stopping" if picture.state.stopping else "setting up"
