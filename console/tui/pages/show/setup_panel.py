"""The first start: what is being brought, how far it is, how long it will take."""

from console.tui.client.screen_state import Fetching, ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, column, meter, paragraph, seconds
from console.tui.pages.show.engines import glyph
from supervisors.states import ServiceState

_DOING = {
    ServiceState.STOPPED: "waits for its turn",
    ServiceState.WAITING: "waits for another engine",
    ServiceState.FETCHING: "looks what is missing",
    ServiceState.STARTING: "starts",
    ServiceState.LOADING: "loads its model",
    ServiceState.READY: "is ready",
}


class SetupPanel(Panel):
    def title(self, picture: ScreenState) -> str:
        return "setting up"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        services = picture.state.services
        if not services:
            return [(("The show is coming up …", ""),)]
        lines: list[Line] = []
        for name, service in services.items():
            mark, style = glyph(service)
            fetching = picture.fetching.get(name) if service.state is ServiceState.FETCHING else None
            head: Line = ((f"{mark} ", style), (column(name, 9), "bold"))
            if fetching is None:
                doing = _DOING.get(service.state, service.last_error or str(service.state))
                lines += [(*head, (doing, "dim")), ()]
            else:
                lines += [(*head, (fetching.what, "")), _progress(fetching, width)]
        hint = "The first start fetches about 0.8 GB; later ones take seconds and need no network."
        brings = any(s.state is ServiceState.FETCHING for s in services.values())
        return [*lines, *paragraph(hint, width)] if brings else lines


def _progress(row: Fetching, width: int) -> Line:
    if row.unit == "bytes":
        done = f"{row.done / 1e6:.0f}" + (f" of {row.total / 1e6:.0f} MB" if row.total else " MB")
    else:
        done = f"{row.done}" + (f" of {row.total}" if row.total else "") + f" {row.unit}"
    left = f"{seconds(row.seconds_left)} left" if row.seconds_left is not None and 0.02 < row.share < 1 else ""
    words = f" {row.share:4.0%}  {done}  {left}" if row.total else f" {done}"
    if row.note:
        words += f"  ({row.note})"
    return ("           ", ""), *meter(row.share, max(4, min(30, width - 12 - len(words))), "info"), (words, "dim")
