"""The last line of a page: its own keys, each where the mouse can press it, and a word at the end."""

from textual.events import Click
from textual.widget import Widget

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, spread, width
from console.tui.input.keymap import KeyAction


class PageKeys(Panel):
    def acts(self) -> list[KeyAction]:
        """What can be done now."""
        raise NotImplementedError

    def said(self) -> Line:
        """What has just happened, or could not."""
        raise NotImplementedError

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        keys = tuple(span for act in self._fitting(width) for span in _key(act))
        return [spread(keys, (*self.said(), (" ", "")), width)]

    def _fitting(self, cells: int) -> list[KeyAction]:
        """Those that matter most; the word comes first."""
        shown, room = list(self.acts()), cells - width(self.said()) - 2
        while shown and sum(width(_key(act)) for act in shown) > room:
            shown.remove(max(shown, key=lambda act: act.rank))
        return shown

    async def on_click(self, event: Click) -> None:
        at, left = event.get_content_offset(self), 0
        for act in self._fitting(self.content_size.width):
            if at is not None and left <= at.x < left + width(_key(act)):
                assert isinstance(self.parent, Widget)
                await self.parent.run_action(act.action)
                return
            left += width(_key(act))


def _key(act: KeyAction) -> Line:
    return (f" {act.shown} ", "key"), (f"{act.label} ", "")
