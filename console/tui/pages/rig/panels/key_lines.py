"""The last lines of the rig page: what has just happened, and what can be done with the part that is chosen."""

from msgspec import structs
from textual.events import Click

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.styled_text import Line
from console.tui.input.keymap import RIG_ACTS, KeyAction
from console.tui.pages.rig.view_model import RigViewModel, possible
from console.tui.widgets.page_keys import PageKeys

_PARTS = {
    "jaw": ("jog", "look_ahead", "arm", "sweep", "line", "calibrate", "save"),
    "sound": ("microphone", "speaker", "hear", "beep"),
    "eyes": ("look", "home", "snapshot"),
    "preflight": (),
}
_ALWAYS = ("estop", "acknowledge", "part", "preflight")


class RigKeys(PageKeys):
    def __init__(self, desk: RigViewModel) -> None:
        super().__init__(id="rig-keys")
        self._desk = desk

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        """The word has a line of its own: it never pushes the stop aside."""
        return [((" ", ""), self._desk.word), *super().draw(picture, width, 1)]

    def acts(self) -> list[KeyAction]:
        desk, picture = self._desk, self._picture
        names = {f"rig_{name}" for name in (*_PARTS[desk.part], *_ALWAYS)}
        if desk.wizard is not None:
            names = {"rig_jog", "rig_step", "rig_estop", "rig_acknowledge", "" if self._armed() else "rig_arm"}
        mine = [act for act in RIG_ACTS if act.rank and act.action.partition("(")[0] in names]
        return [structs.replace(act, label=self._label(act)) for act in mine if possible(act.action, desk, picture)]

    def _armed(self) -> bool:
        return self._picture.jaw is not None and self._picture.jaw.armed

    def _label(self, act: KeyAction) -> str:
        """The same key undoes it."""
        if act.action == "rig_arm" and self._armed():
            return "disarm"
        return act.label

    def said(self) -> Line:
        return ()

    async def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and at.y == 1:
            await super().on_click(event)
