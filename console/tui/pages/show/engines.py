"""The engines: state, model, where it runs, memory, restarts, and how fast it was in the last turn."""

from console.api.events import ServiceChanged, SwapPhase
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, column, cut, seconds, size, spread, width
from supervisors.states import ServiceState

GLYPHS = {
    ServiceState.READY: ("●", "good"),
    ServiceState.DEGRADED: ("▲", "warn"),
    ServiceState.BACKOFF: ("▲", "warn"),
    ServiceState.FAILED: ("✖", "bad"),
    ServiceState.STOPPED: ("◌", "dim"),
    ServiceState.STOPPING: ("◌", "dim"),
}


def glyph(service: ServiceChanged, live: bool = True) -> tuple[str, str]:
    """Shape and colour say the same. Without a show nothing is known of its engines."""
    if not live:
        return "◌", "dim"
    return GLYPHS.get(service.state, ("◐", "info"))


class EnginesPanel(Panel):
    def title(self, picture: ScreenState) -> str:
        return "engines"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        if height == 1:
            return [_all_in_one(picture, width)]
        return [_row(picture, name, service, width) for name, service in picture.state.services.items()]


SHORT = {
    "waiting for the line's end": "waits for a gap",
    "waiting for the memory": "memory settles",
    "stopping the old one": "old one stops",
}
"""Phases of a swap, where there is little room."""


def swapping(swap: SwapPhase, picture: ScreenState) -> str:
    """What it is doing now; a fetch with its share."""
    fetching = picture.fetching.get(f"{swap.name} swap") if swap.phase == "fetching" else None
    if fetching is not None and fetching.total:
        return f"fetching {fetching.share:.0%}"
    return SHORT.get(swap.phase, swap.phase)


def _all_in_one(picture: ScreenState, cells: int) -> Line:
    spans: list[tuple[str, str]] = [("engines  ", "dim")]
    for name, service in picture.state.services.items():
        mark, style = glyph(service, picture.link == "live")
        word = "" if picture.link != "live" or service.state is ServiceState.READY else f" {service.state}"
        if (swap := picture.state.swaps.get(name)) is not None:
            mark, style, word = "◐", "info", f" → {swap.model} {swapping(swap, picture)}"
        spans += [(mark, style), (f" {name}{word}   ", "" if not word else style)]
    shares = _shares(picture)
    return spread(tuple(spans), shares, cells) if width(spans) + width(shares) <= cells else tuple(spans)


def _shares(picture: ScreenState) -> Line:
    """How full the memory is: at the end of the line, where there is no panel for it."""
    if (memory := picture.memory) is None or picture.link != "live":
        return ()
    words = [f"RAM {1 - memory.available / max(1, memory.total):4.0%}"]
    own = [device for device in memory.devices if device.total and not device.unified]
    if own:
        words.append(f"VRAM {1 - sum(d.free for d in own) / max(1, sum(d.total for d in own)):4.0%}")
    return ((" ".join(words), "dim"),)


def _swap_row(swap: SwapPhase, service: ServiceChanged, picture: ScreenState, cells: int) -> Line:
    """From which model to which, and how far it is."""
    head: Line = (("◐ ", "info"), (column(swap.name, 9), "bold"))
    doing = swapping(swap, picture)
    way = f"{service.model} → {swap.model}" if swap.model != service.model else f"{service.model} stays"
    return (*head, (cut(way, max(0, cells - 13 - len(doing))), ""), (f"  {doing}", "info"))


def _row(picture: ScreenState, name: str, service: ServiceChanged, width: int) -> Line:
    live = picture.link == "live"
    if live and (swap := picture.state.swaps.get(name)) is not None:
        return _swap_row(swap, service, picture, width)
    mark, style = glyph(service, live)
    rss = picture.memory.services.get(name) if picture.memory else None
    roomy = width >= 58
    ready = service.state is ServiceState.READY
    left: list[tuple[str, str]] = [(f"{mark} ", style), (column(name, 9), "bold")]
    left += [(column(service.model or "-", 17 if roomy else 15), "" if ready else "dim")]
    if not live:
        return (*left, ("waits for a show" if picture.link == "reviving" else "gone with the show", "dim"))
    if not ready:
        waited = f"{(picture.now - picture.state.since.get(name, picture.now)) / 1000:.0f}s"
        return (*left, (column(service.state, 10), style), (f"{waited:>6}", "dim"))
    if roomy:
        left += [(column(service.device, 5), "dim")]
    left += [
        (column(size(rss), 6, right=True), ""),
        (f"  ↻{service.restarts:<2}", "warn" if service.restarts else "faint"),
    ]
    return (*left, ("  ", ""), (_speed(picture, service.role, name), "dim"))


def _speed(picture: ScreenState, role: str, name: str) -> str:
    """From the last turn in which that engine worked."""
    for past in reversed(picture.state.history):
        ended = past.ended
        if ended is None:
            continue
        marks = ended.marks
        if role == "stt" and marks.stt_final is not None and marks.release is not None:
            return seconds((marks.stt_final - marks.release) / 1000)
        if role == "llm" and ended.llm.tokens_per_s:
            hit = f"  KV {ended.llm.kv_hit:.0%}" if ended.llm.kv_hit is not None else ""
            return f"{ended.llm.tokens_per_s:.0f} t/s{hit}"
        if role == "tts" and name == "tts" and ended.audio.rtf:
            return f"RTF {ended.audio.rtf:.2f}"
    return "stands by" if name == "standby" else ""
