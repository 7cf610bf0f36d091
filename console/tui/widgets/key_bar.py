"""The last line: the keys that work now, each where the mouse can press it. Those that do not are dim, not gone."""

from textual.events import Click

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, Span, width
from console.tui.input.keymap import ACTS, KeyAction

_PALETTE = KeyAction("command_palette", "ctrl+p", "^P", 1, "all", "")


class KeyBar(Panel):
    def __init__(self) -> None:
        super().__init__()
        self.open: dict[str, bool | None] = {}
        """Of each action: whether it can be done now; None = not now, False = not here."""

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        *spans, (last, ink) = [s for act in self._acts(width) for s in _key(act, self.open.get(act.action, True))]
        return [(*spans, (last.rstrip(), ink))]

    def _acts(self, cells: int) -> list[KeyAction]:
        """As many as fit; the palette, which has all of them, always does."""
        shown = [act for act in ACTS if act.rank and self.open.get(act.action, True) is not False]
        while shown and sum(map(_cells, shown)) + _cells(_PALETTE) > cells + 1:  # but for the last space
            shown.remove(max(shown, key=lambda act: act.rank))
        return [*shown, _PALETTE]

    async def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        left = 0
        for act in self._acts(self.content_size.width):
            if at is not None and left <= at.x < left + _cells(act):
                await self.app.run_action(f"app.{act.action}")
                return
            left += _cells(act)


def _key(act: KeyAction, possible: bool | None) -> tuple[Span, ...]:
    dim = possible is None
    return (f" {act.shown} ", "faint" if dim else "key"), (f"{act.label} ", "faint" if dim else "")


def _cells(act: KeyAction) -> int:
    return width(_key(act, True))
