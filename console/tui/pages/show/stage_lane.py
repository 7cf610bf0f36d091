"""Where the turn is: its stages side by side, each with its running time, and what the visitor waited."""

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, column, rule, seconds, spread
from console.tui.pages.turns import turn_stats
from console.tui.pages.turns.turn_stats import StageTime

_FULL_S = 6.0
"""A bar is full after so long."""


class StageLane(Panel):
    def title(self, picture: ScreenState) -> str:
        now = picture.state.exchange
        return f"turn {now.number}" if now else "turn"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        stages = turn_stats.lane(picture.state.exchange, picture.now)
        each = max(1, (width + 1) // len(stages) - 1)
        names = [part for stage in stages for part in (*_name(stage, each), (" ", ""))]
        bars = [part for stage in stages for part in (*_bar(stage, each), (" ", ""))]
        return [tuple(names), tuple(bars), _wait(picture, width)]


def _name(stage: StageTime, cells: int) -> Line:
    time = seconds(stage.seconds) if stage.seconds is not None else ""
    glyph = "▶" if stage.running else "✓" if stage.seconds is not None else "·"
    roomy = cells >= len(stage.stage) + 8
    text = f"{glyph} {stage.stage}" if roomy else f"{glyph}{stage.stage}"
    style = "active" if stage.running else "" if stage.seconds is not None else "faint"
    return ((column(text, max(0, cells - len(time) - 1)) + " " + time, style),)


def _bar(stage: StageTime, cells: int) -> Line:
    return rule((stage.seconds or 0.0) / _FULL_S, cells, "info" if stage.running else "dim")


def _wait(picture: ScreenState, width: int) -> Line:
    now, ordered = picture.state.exchange, turn_stats.waits(picture.state)
    waited = turn_stats.waiting_s(now, picture.now) if now and now.source != "say" else None
    left: Line = (("release → first audio ", "dim"), (f"{seconds(waited):>6}", "bold"))
    if now and now.ended and (slow := turn_stats.slowest_part(now.ended.marks)) and width >= 76:
        left += ((f"   {slow[0]} is {slow[1]:.0%} of it", "dim"),)
    if not ordered:
        return left
    p50, p95 = (seconds(turn_stats.percentile(ordered, share)) for share in (0.5, 0.95))
    return spread(left, ((f"p50 {p50:>5}  p95 {p95:>5}", "dim"),), width)
