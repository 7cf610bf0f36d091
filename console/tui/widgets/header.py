"""The first line: on air or not, who and where, which visitor, what time it is."""

from time import localtime, strftime

from console.api.telemetry_types import Memory
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.bars import course
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, Span, clock, spread
from conversation.stages import Stage

_COURSE = 10


class Header(Panel):
    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        state, memory = picture.state, picture.memory
        who = state.character_name or "Galactus"
        if state.rig and width >= 90:
            who += f" · {state.rig}"
        left: Line = (air(picture), ("  ", ""), (who, "bold"))
        right: list[Span] = []
        if state.turns and width >= 60:
            right += [(f"visitor {state.visitors}  turn {state.turns}", ""), ("   ", "")]
        if memory and width >= 100:
            right += [*machine(picture, memory, width), ("   ", "")]
        right += [microphone(picture), ("  ", ""), (strftime("%H:%M:%S ", localtime(picture.clock)), "")]
        ground = "onair" if picture.on_air else ""
        return [tuple((text, f"{ground} {style}") for text, style in spread(left, tuple(right), width))]


def air(picture: ScreenState) -> Span:
    """On air must be seen from across the room, and so must its absence."""
    state = picture.state
    since = clock((picture.now - state.ready_at) / 1000)
    if picture.link == "stopped":
        return " ○ STOPPED ", "offair"
    if picture.link in ("lost", "failed", "reviving"):
        return " ✖ NO SHOW ", "alarm"
    if picture.hangs:
        return " ✖ HANGS ", "alarm"
    if picture.link == "starting":
        return f" ○ SETTING UP {since} ", "offair"
    if state.stopping:
        return " ◌ STOPPING ", "offair"
    if state.halted:
        return " ■ HALTED ", "alarm"
    if state.ready:
        return f" ● ON AIR {since} ", ""
    word = "SETTING UP" if picture.setting_up else "OFF AIR"
    return f" ○ {word} {since} ", "offair"


def machine(picture: ScreenState, memory: Memory, width: int) -> list[Span]:
    """What will run out, in figures; with room also how it came."""
    if memory.stale:
        return [("the meters do not answer", "")]
    words = [f"CPU {memory.cpu_pct:>3}%"] if memory.cpu_pct is not None else []
    words.append(f"RAM {_of(memory.used, memory.total)}")
    own = [device for device in memory.devices if device.total and not device.unified]
    if own and width >= 120:
        total = sum(device.total for device in own)
        words.append(f"VRAM {_of(total - sum(device.free for device in own), total)}")
    columns = picture.history.vram if own else picture.history.ram
    drawn = course(columns, (), _COURSE) if columns and width >= 140 else ()
    if drawn:
        words.append("".join(text for text, _ in drawn))  # on this ground no colour but its own can be read
    return [("  ".join(words), "")]


def _of(used: int, total: int) -> str:
    return f"{used / 2**30:4.1f}/{total / 2**30:.1f}G"


def microphone(picture: ScreenState) -> Span:
    """An open microphone is never a secret."""
    if picture.state.stage is Stage.LISTENING and picture.link == "live":
        return " ● MIC OPEN ", "alarm"
    return " ○ mic shut ", ""
