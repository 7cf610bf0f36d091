"""Where the time of one turn went."""

from console.api.state import TurnView
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, column, seconds
from conversation.events import Marks

_PARTS = (
    ("release", "stt_final", "the words were recognised"),
    ("llm_sent", "first_token", "the model read the question"),
    ("first_token", "first_clause", "it wrote the first words"),
    ("first_clause", "first_pcm", "the voice rendered them"),
    ("first_pcm", "first_audio", "they came out of the speaker"),
    ("first_audio", "played", "speaking"),
)


class Waterfall(Panel):
    """When each part of one turn began and how long it took, from the release on."""

    def __init__(self) -> None:
        super().__init__(id="waterfall", classes="box")
        self.turn: TurnView | None = None

    def title(self, picture: ScreenState) -> str:
        return f"turn {self.turn.number}: from the release on" if self.turn else "no turn yet"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        if self.turn is None or self.turn.ended is None:
            return [(("After the first answer its times are shown here.", "dim"),)]
        ended = self.turn.ended
        lines = waterfall(ended.marks, width)
        if ended.message:
            lines += [(), ((ended.message, "warn"),)]
        tail = [f"{ended.audio.seconds:.1f} s heard"] if ended.audio.seconds else []
        if ended.llm.tokens_per_s:
            tail.append(f"{ended.llm.tokens_per_s:.0f} tokens/s")
        if ended.llm.kv_hit is not None:
            tail.append(f"KV hit {ended.llm.kv_hit:.0%}")
        if ended.jaw.sync_p95_ms is not None:
            tail.append(f"jaw within {ended.jaw.sync_p95_ms:.1f} ms (p95)")
        return [*lines, ((" · ".join(tail), "dim"),)]


def waterfall(marks: Marks, width: int) -> list[Line]:
    """One row per part that happened: its bar stands where it was in time."""
    rows = [(words, getattr(marks, a), getattr(marks, b)) for a, b, words in _PARTS]
    known = [(words, begin, end) for words, begin, end in rows if begin is not None and end is not None]
    if not known:
        return [(("This turn was over before anything was said.", "dim"),)]
    zero, last = known[0][1], max(end for _, _, end in known)
    room = max(10, width - 40)
    scale = room / max(1.0, last - zero)
    lines: list[Line] = []
    for words, begin, end in known:
        left = round((begin - zero) * scale)
        cells = max(1, round((end - begin) * scale))
        bar = (" " * left + "━" * cells)[:room]
        lines.append(
            ((column(words, 31), ""), (column(bar, room), "info"), (f" {seconds((end - begin) / 1000):>6}", "dim"))
        )
    return lines
