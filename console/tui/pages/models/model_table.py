"""All models, one a line: what each is, where it is, whether it fits now, how fast it was, what it takes."""

from rich.cells import cell_len
from textual.events import Click
from textual.message import Message

from console.api.model_card import ModelCard
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, Span, column, cut, meter, seconds, size
from console.tui.pages.show.engines import glyph, swapping
from supervisors.states import ServiceState

_STATES = {
    "stored": ("○", "", "stored"),
    "partial": ("◔", "dim", "partly here"),
    "absent": ("·", "dim", "not here"),
}
_ROOMY, _WIDE = 100, 140


class ModelTable(Panel):
    class Pointed(Message):
        """At a model."""

        def __init__(self, number: int) -> None:
            super().__init__()
            self.number = number

    def __init__(self) -> None:
        super().__init__(id="models-table", classes="box")
        self.cards: list[ModelCard] = []
        self.chosen = 0
        self.asked = False
        """An answer has come, even an empty one."""
        self._first = 0
        self._rows: list[int | None] = []
        """Of each line: the number of its model."""

    def title(self, picture: ScreenState) -> str:
        return f"models · {len(self.cards)}" if self.cards else "models"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        if not self.cards:
            words = "This show knows no models." if self.asked else "Asking the show for its models …"
            return [((words, "dim"),)]
        head = [_heads(width)] if height > 2 else []
        seen = _seen(self.cards, self._first_of(height - len(head)), height)
        self._rows = [*(None for _ in head), *seen][:height]
        rows = self._rows[len(head) :]
        return [*head, *(() if n is None else _row(self.cards[n], picture, width, n == self.chosen) for n in rows)]

    def _first_of(self, room: int) -> int:
        """The uppermost model: no other than before, as long as the cursor can be seen."""
        self._first = max(min(self._first, self.chosen), self.chosen - max(1, room) + 1, 0)
        self._first = min(self._first, max(0, len(self.cards) - room))
        return self._first

    def on_click(self, event: Click) -> None:
        at = event.get_content_offset(self)
        if at is not None and at.y < len(self._rows) and (number := self._rows[at.y]) is not None:
            self.post_message(self.Pointed(number))


def _seen(cards: list[ModelCard], first: int, height: int) -> list[int | None]:
    """Which model is on which line; with room to spare a gap before each role."""
    numbers: list[int | None] = []
    gaps = len(cards) + len({card.role for card in cards}) < height
    for n, card in enumerate(cards[first:], first):
        if gaps and n and card.role != cards[n - 1].role:
            numbers.append(None)
        numbers.append(n)
    return numbers


class _Cells:
    """How wide each column is."""

    def __init__(self, width: int) -> None:
        self.roomy, self.wide = width >= _ROOMY, width >= _WIDE
        self.id = 19 if self.roomy else 17
        self.size = 8 if width >= 60 else 0
        self.licence = 12 if self.roomy else 0
        self.fits = 16 if self.roomy else 9
        self.speed, self.memory = 9, 8
        self.source = 30 if self.wide else 0
        fixed = 9 + self.id + self.size + self.licence + self.fits + self.speed + self.memory + self.source
        left = max(10, width - fixed)
        self.title = min(40, left - 29) if self.wide else 0
        self.state = min(29, left - self.title)


def _heads(width: int) -> Line:
    cells = _Cells(width)
    names = (
        column("", 4)
        + column("role", 5)
        + column("model", cells.id)
        + column("title", cells.title)
        + column("size  ", cells.size, right=True)
        + column("licence", cells.licence)
        + column("state", cells.state)
        + column("fits now", cells.fits)
        + column("speed", cells.speed, right=True)
        + column("memory", cells.memory, right=True)
        + column("  known from", cells.source)
    )
    return ((names, "dim"),)


def _row(card: ModelCard, picture: ScreenState, width: int, here: bool) -> Line:
    cells = _Cells(width)
    mark, ink, state = state_of(card, picture, cells.state - 1)
    fits = fit_of(card, cells.roomy)
    spans: list[Span] = [
        ("› " if here else "  ", "key"),
        (f"{mark} ", ink),
        (column(card.role, 5), "dim"),
        (column(card.id, cells.id - 1) + " ", "bold" if card.state == "loaded" else ""),
        (column(card.title, max(0, cells.title - 1)) + " " * bool(cells.title), "dim"),
        (column(size(card.bytes) + "  ", cells.size, right=True), ""),
        (column(card.licence, max(0, cells.licence - 1)) + " " * bool(cells.licence), "dim"),
        *state,
        (column(fits[0], cells.fits), fits[1]),
        (column(speed_of(card), cells.speed, right=True), "" if card.speed is not None else "dim"),
        (column(size(card.need_ram + card.need_vram) if card.service else "-", cells.memory, right=True), ""),
        (column(f"  {source_of(card)}", cells.source), "dim"),
    ]
    if not here:
        return tuple(spans)
    rest = " " * (width - sum(cell_len(text) for text, _ in spans))
    return tuple((text, f"cursor {names}") for text, names in (*spans, (rest, "")))


def state_of(card: ModelCard, picture: ScreenState, cells: int) -> tuple[str, str, Line]:
    """A mark with its ink, and the words: exactly so many cells, and a gap."""
    swap = next((s for s in picture.state.swaps.values() if s.model == card.id), None)
    if swap is not None and picture.link == "live":
        since = swapping(swap, picture)
        return "◐", "info", ((column(since, cells) + " ", "info"),)
    if card.state == "fetching":
        return "◐", "info", _fetching(card, picture, cells)
    if card.state == "loaded":
        return _loaded(card, picture, cells)
    mark, ink, words = _STATES.get(card.state, ("?", "dim", card.state))
    return mark, ink, ((column(words, cells) + " ", ink),)


def _loaded(card: ModelCard, picture: ScreenState, cells: int) -> tuple[str, str, Line]:
    """By whom, and how that one is."""
    service = picture.state.services.get(card.service)
    mark, ink = glyph(service, picture.link == "live") if service else ("●", "good")
    ready = service is None or service.state is ServiceState.READY
    words = f"loaded by {card.service}" if ready else f"{card.service} {service.state}" if service else ""
    pin: Line = ((" ◆ pinned" if cells >= 27 else " ◆", "warn"),) if card.pinned else ()
    room = cells - sum(len(text) for text, _ in pin)
    words = cut(words, room)
    gap = " " * (room - len(words) + 1)
    return mark, ink, ((words, "" if ready else ink), *pin, (gap, ""))


def _fetching(card: ModelCard, picture: ScreenState, cells: int) -> Line:
    row = picture.fetching.get(f"model {card.id}")
    if row is None or not row.total:
        return ((column("waits to be fetched", cells) + " ", "info"),)
    left = f" {seconds(row.seconds_left)}" if row.seconds_left is not None else ""
    words = column(f" {row.share:4.0%}{left}", 12)
    return *meter(row.share, max(2, cells - len(words)), "info"), (words + " ", "info")


def fit_of(card: ModelCard, roomy: bool) -> Span:
    """Whether it has room now, for somebody who looks for a second."""
    if card.state == "loaded":
        return "-", "dim"
    if not card.service:
        return ("no engine" if roomy else "-"), "dim"
    if card.beside:
        return "✓ beside", "good"
    if card.fits:
        return ("▲ with a pause" if roomy else "▲ pause"), "warn"
    return ("✖ will not fit" if roomy else "✖ no"), "bad"


def speed_of(card: ModelCard) -> str:
    if card.speed is None:
        return "-"
    return f"{card.speed:.0f} t/s" if card.role == "llm" else f"RTF {card.speed:.2f}"


def source_of(card: ModelCard) -> str:
    """Where the memory is known from, and how far that was off."""
    if not card.service:
        return ""
    off = card.error_pct
    if off is None:
        return card.source
    side = "over" if off >= 0 else "under"
    return f"{card.source}, {'formula ' if card.source == 'learned' else ''}{abs(off):.1f} % {side}"
