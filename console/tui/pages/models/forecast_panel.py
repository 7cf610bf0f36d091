"""What a swap to the model under the cursor would do: the memory now and after, and what the visitors would notice."""

from console.api.model_card import ModelCard
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.bars import legend, stack
from console.tui.drawing.panel import Panel
from console.tui.drawing.styled_text import Line, Span, column, seconds, size, wrap
from console.tui.pages.models.model_table import fit_of, source_of
from console.tui.pages.models.view_model import PoolForecast, outlook

_LABEL = 12
_WORDS = 2
"""Lines for what a swap means; the bars below keep their place."""


class ModelForecast(Panel):
    def __init__(self) -> None:
        super().__init__(id="forecast", classes="box")
        self.card: ModelCard | None = None

    def title(self, picture: ScreenState) -> str:
        card = self.card
        return f"forecast · {card.id} · {card.title} · {card.licence}" if card else "forecast"

    def draw(self, picture: ScreenState, width: int, height: int) -> list[Line]:
        card = self.card
        if card is None:
            return []
        lines = _words(card, width)
        pools = outlook(card, picture)
        if not pools:
            return [*lines, (("The meters have not told yet what is free.", "dim"),)]
        for pool in pools:
            lines += _bars(pool, width)
        return lines


def _words(card: ModelCard, width: int) -> list[Line]:
    """What a swap means, and what the model takes; always as many lines, so that the bars keep their place."""
    fit, ink = fit_of(card, roomy=True)
    mark = fit[:1] if ink != "dim" else "·"
    rows = wrap(card.sentence, max(1, width - 2))[:_WORDS]
    lines: list[Line] = [((mark + " " if n == 0 else "  ", ink), (row, "bold")) for n, row in enumerate(rows)]
    facts = [((f"  {fact}", "dim"),) for fact in _facts(card)]
    return [*lines, *facts, *((),) * 2][: _WORDS + 1]


def _facts(card: ModelCard) -> list[str]:
    """What it takes and how that is known; what the old one gives back, and how long the new one loads."""
    if not card.service:
        return []
    takes = f"takes {_amount(card.need_ram, card.need_vram)} ({source_of(card)})"
    more = f"{card.service} gives back {_amount(card.freed_ram, card.freed_vram)}" if card.freed_ram else ""
    loads = f"loads in {seconds(card.load_s)}" if card.load_s is not None else ""
    pinned = "pinned: it keeps its model when memory runs low" if card.pinned else ""
    return [takes, " · ".join(word for word in (more, loads, pinned) if word)]


def _amount(ram: int, vram: int) -> str:
    return f"{size(ram)} of RAM" + (f" and {size(vram)} of VRAM" if vram else "")


def _bars(pool: PoolForecast, width: int) -> list[Line]:
    """Now, after, and whose is what."""
    now = f" {size(pool.free):>5} free of {size(pool.total):>5}"
    cells = max(4, width - _LABEL - len(now))
    first, second = (column(f"{label:<6}{when}", _LABEL) for label, when in ((pool.label, "now"), ("", "after")))
    lines: list[Line] = [((first, "dim"), *stack(pool.now, pool.total, cells), (now, ""))]
    if pool.after is pool.now:
        lines.append(((second, "dim"), ("no change", "dim")))
    else:
        lines.append(((second, "dim"), *stack(pool.after, pool.total, cells), _after(pool)))
    new = [part for part in pool.after if part.ink == "new"]
    return [*lines, (("  ", ""), *legend([*new, *pool.now], width - 2))]


def _after(pool: PoolForecast) -> Span:
    if pool.free_after < 0:
        return f" {size(-pool.free_after):>5} too little", "bad"
    return f" {size(pool.free_after):>5} free", ""
