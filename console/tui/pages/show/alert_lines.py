"""One line of plain words for each thing that is wrong, and the key that mends it."""

from textual.events import Click

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, cut, spread, wrap
from console.tui.pages.show.alerts import Alert, troubles

_MARKS = {"bad": "✖", "warn": "▲", "info": "·"}


class AlertLines(Panel):
    def __init__(self) -> None:
        super().__init__()
        self._owners: list[Alert] = []
        """Of each line: whose it is, for the mouse."""
        self.enter = True
        """Whether ENTER mends the topmost; a page may have another use for it."""

    def title(self, picture: ScreenState) -> str:
        return "what matters"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        found = troubles(picture)
        if not found and not picture.state.ready:
            return [(("· ", "dim"), ("Setting up; there is nothing to do.", "dim"))]
        if not found:
            return [(("✓ ", "good"), ("All is well.", "dim"))]
        shown = found if len(found) <= height else found[: max(1, height - 1)]
        first = next((trouble for trouble in found if trouble.action and self.enter), None)
        spare = height - len(shown) - (len(shown) < len(found))
        lines: list[Line] = []
        self._owners = []
        for trouble in shown:
            rows = _rows(trouble, trouble is first, width, 1 + spare)
            spare -= len(rows) - 1
            lines += rows
            self._owners += [trouble] * len(rows)
        if len(shown) < len(found):
            lines.append(((f"  and {len(found) - len(shown)} more", "dim"),))
        return lines

    async def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and at.y < len(self._owners) and self._owners[at.y].action:
            await self.app.run_action(f"app.{self._owners[at.y].action}")


def _rows(trouble: Alert, first: bool, width: int, most: int) -> list[Line]:
    """The sentence, over as many lines as there are to spare; the key that mends it at the end of the first."""
    style = "dim" if trouble.level == "info" else trouble.level
    key = f"[ENTER] {trouble.label}" if first else f"[click] {trouble.label}" if trouble.action else ""
    room = width - 3 - (len(key) if key else 0)
    rows = wrap(trouble.text, room)
    rows = [*rows[: most - 1], cut(" ".join(rows[most - 1 :]), room)] if len(rows) > most else rows
    ink = "" if style == "dim" else "bold"
    head: Line = ((f"{_MARKS[trouble.level]} ", style), (rows[0], ink))
    return [spread(head, ((key, "key"),), width) if key else head, *((("  " + row, ink),) for row in rows[1:])]
