"""Where the time of the last answered turn went, and how the waits of the evening ran."""

from console.logbook.sparkline import spark
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, cut, seconds
from console.tui.pages.turns import turn_stats
from console.tui.pages.turns.waterfall import waterfall


class LastAnswer(Panel):
    def title(self, picture: ScreenState) -> str:
        return "last answer, from the release on"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        ended = [past.ended for past in picture.state.history if past.ended and past.source != "say"]
        answered = [one for one in ended if turn_stats.wait_s(one.marks) is not None]
        if not answered:
            return [(("No turn yet.", "dim"),)]
        lines = waterfall(answered[-1].marks, width)
        waits = [turn_stats.wait_s(one.marks) or 0.0 for one in answered][-min(40, width - 30) :]
        longest = max(waits)
        run: Line = (("waits so far ", "dim"), (spark(wait / longest for wait in waits), "info"))
        return [*lines, (*run, (cut(f" up to {seconds(longest)}", 14), "dim"))]
