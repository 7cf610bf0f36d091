"""What was said: the exchange of this moment on top, its words lighting up as they are heard, older ones below."""

from time import localtime, strftime

from console.api.state import TurnView
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, column, cut, paragraph, seconds, spread, wrap
from console.tui.pages.turns import turn_stats
from conversation.stages import Outcome, Stage

_LABEL = 11
_LONGEST_LABEL = 18
_ENDS = {
    Outcome.INTERRUPTED: ("✂ interrupted", "warn"),
    Outcome.DEGRADED: ("▲ degraded", "warn"),
    Outcome.UNHEARD: ("○ nothing heard", "dim"),
    Outcome.FAILED: ("✖ failed", "bad"),
}


class TalkPanel(Panel):
    def title(self, picture: ScreenState) -> str:
        return "talk"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        state = picture.state
        past = [one for one in reversed(state.history) if one is not state.exchange]
        lines: list[Line] = []
        for one in ([state.exchange] if state.exchange else []) + [
            p for p in past if p.number != _number(state.exchange)
        ]:
            lines += [*_exchange(one, picture, width), ()]
            if len(lines) >= height:
                break
        return lines or _invitation(picture, width)


def _number(now: TurnView | None) -> int:
    return now.number if now else -1


def _exchange(one: TurnView, picture: ScreenState, width: int) -> list[Line]:
    lines = [] if one.source == "say" else _visitor(one, picture, width)
    return lines + _character(one, picture, width)


def _visitor(one: TurnView, picture: ScreenState, width: int) -> list[Line]:
    text, style = one.transcript or (one.ended.transcript if one.ended else ""), "visitor"
    if not text:
        stage = one.steps[-1].stage if one.steps and not one.ended else None
        text = {Stage.LISTENING: "… listening", Stage.TRANSCRIBING: "… writing it down"}.get(
            stage or Stage.IDLE, "(no words)"
        )
        style = "dim"
    wall = strftime("%H:%M:%S", localtime(picture.state.began + one.at / 1000))
    return _speech("visitor", [(text, style)], (wall, "dim"), width, _indent(picture, width))


def _character(one: TurnView, picture: ScreenState, width: int) -> list[Line]:
    heard, rest = turn_stats.said(one, picture.now)
    if not heard and not rest and one.ended is None:
        return []
    style = "strike dim" if one.ended else "faint"
    end = _ENDS.get(one.ended.outcome, ("", "")) if one.ended else ("", "")
    if not end[0] and one.ended and one.source != "say":
        end = (seconds(turn_stats.wait_s(one.ended.marks)), "dim")
    if one.source == "say":
        end = end if end[0] else ("said by the operator", "dim")
    return _speech(
        one.speaker or picture.state.character_name,
        [(heard, "character"), (rest, style)],
        end,
        width,
        _indent(picture, width),
    )


def _indent(picture: ScreenState, width: int) -> int:
    """Room for the character's name, the same for everybody who speaks."""
    return _LABEL if width < 60 else max(_LABEL, min(_LONGEST_LABEL, len(picture.state.character_name) + 2))


def _speech(who: str, parts: list[tuple[str, str]], note: tuple[str, str], width: int, indent: int) -> list[Line]:
    """Label, words with a hanging indent, and a note at the right end of the first line."""
    room = max(10, width - indent)
    aside = len(note[0]) + 2 if note[0] and room > 40 else 0
    words = [(word, style) for text, style in parts for word in text.split()]
    rows = wrap(" ".join(word for word, _ in words), room - aside)
    lines: list[Line] = []
    for number, row in enumerate(rows):
        taken, words = _take(row, words)
        label = column(cut(who, indent - 2), indent) if number == 0 else " " * indent
        body: Line = ((label, "dim"), *taken)
        lines.append(spread(body, ((note[0], note[1]),), width) if number == 0 and aside else body)
    return lines


def _take(row: str, words: list[tuple[str, str]]) -> tuple[Line, list[tuple[str, str]]]:
    """The words of one row with their styles, and what is left for the next."""
    spans: list[tuple[str, str]] = []
    room = row
    while words and room:
        word, style = words[0]
        if not room.startswith(word):  # a long word that was broken
            spans.append((room, style))
            return tuple(spans), [(word[len(room) :], style), *words[1:]]
        room = room[len(word) :]
        gap = " " if room.startswith(" ") else ""
        spans.append((word + gap, style))
        room, words = room[len(gap) :], words[1:]
    return tuple(spans), words


def _invitation(picture: ScreenState, width: int) -> list[Line]:
    name = picture.state.character_name or "the character"
    if not picture.state.ready:
        return [(("Nobody has asked anything yet.", "dim"),)]
    lines: list[Line] = [
        (("SPACE", "key"), (f"  asks {name} something; again when you are done", "")),
        (("    /", "key"), ("  makes the character say a line", "")),
        (("    ?", "key"), ("  lists all keys", "")),
    ]
    microphone = picture.state.devices.get("microphone")
    if microphone and microphone.state == "simulated":
        lines += [(), *paragraph("No microphone was found: a recorded visitor asks in your place.", width)]
    return lines
