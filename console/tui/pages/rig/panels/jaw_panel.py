"""The jaw: may it move, where is it, what did it do, and the hands on it."""

from collections.abc import Sequence

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.clickable import Piece, TouchPanel, button
from console.tui.drawing.large_digits import big
from console.tui.drawing.styled_text import Line, Span, column, cut, spread, width, wrap
from console.tui.pages.rig.panels.jaw_plot import plot
from console.tui.pages.rig.view_model import STEPS, RigViewModel, possible
from console.tui.pages.rig.wording import dropped, jaw_state, sync, travel
from profiles.schema import LOOK_AHEAD_MS

_LARGE = 26
"""Lines from which there is room for the large number."""
_ROOMY = 12
(_LOWEST, _HIGHEST), _GRAIN = LOOK_AHEAD_MS, 5
_PLOT = 3


class JawPanel(TouchPanel):
    def __init__(self, desk: RigViewModel) -> None:
        super().__init__(id="jaw", classes="box")
        self._desk = desk
        self._plotted_of: object = None
        self._plotted: tuple[object, ...] = ()
        self._plot: list[Line] = []

    def title(self, picture: ScreenState) -> str:
        view = self._desk.view
        name = f" · {view.board}" if view and view.board else ""
        deaf = " · this kind never answers: a loose cable cannot be seen" if view and not view.board_answers else ""
        return f"{'› ' if self._desk.part == 'jaw' else ''}jaw{name}{deaf}"

    def pieces(self, picture: ScreenState, width: int, height: int) -> list[Sequence[Piece]]:
        desk = self._desk
        head = [*_banner(picture, desk, width, height), *_number(picture, desk, width, height)]
        foot = _wizard(desk, width) if desk.wizard is not None else _hands(picture, desk, width)
        gap: list[Sequence[Piece]] = [()] if height >= _LARGE else []
        room = height - len(head) - len(foot) - 2 * len(gap)
        drawn = self._plot_of(picture, width, room) if room >= _PLOT else []
        return [*head, *gap, *drawn, *gap, *foot]

    def _plot_of(self, picture: ScreenState, width: int, room: int) -> list[Line]:
        """2 ms; not for a level of the microphone."""
        view = self._desk.view
        if self._plotted_of is not picture.course or self._plotted != (view, width, room):
            self._plotted_of, self._plotted = picture.course, (view, width, room)
            self._plot = plot(picture.course, view, width, room)
        return self._plot


def _banner(picture: ScreenState, desk: RigViewModel, cells: int, height: int) -> list[Sequence[Piece]]:
    """The word, what it means, and the stop: as long as there is a show it can always be pressed."""
    word, sentence = jaw_state(picture, desk.view)
    stop: Piece = (" X E-STOP ", "onair", "rig_estop") if picture.link == "live" else (" X E-STOP ", "offair")
    room = cells - width((word,)) - len(stop[0]) - 2
    rows = wrap(sentence, max(8, room))
    most = 3 if height >= _ROOMY else 1
    if len(rows) > most:
        rows = [*rows[: most - 1], cut(" ".join(rows[most - 1 :]), room)]
    first: list[Piece] = [word, (" " + column(rows[0], room) + " ", "bold"), stop]
    indent = " " * (width((word,)) + 1)
    return [first, *([(indent + row, "bold")] for row in rows[1:])]


def _number(picture: ScreenState, desk: RigViewModel, cells: int, height: int) -> list[Sequence[Piece]]:
    reading = picture.jaw
    stood = f"{desk.stood:4d}" if desk.stood else "----"
    known = reading is not None and bool(reading.us) and picture.link == "live"
    rows = big(stood.replace(" ", "-"), 5 if height >= _LARGE else 3 if height >= 9 else 1)
    ink = "bone" if known else "hollow"
    drawn: list[Line] = [((f" {row}  ", ink),) for row in rows]
    blank = (" " * width(drawn[0]), "")
    facts = _facts(picture, desk, known)
    if len(rows) == 1:
        return [(*drawn[0], *facts[0])]
    lines: list[Sequence[Piece]] = []
    for number in range(max(len(rows), len(facts))):
        fact = facts[number] if number < len(facts) else ()
        lines.append((*(drawn[number] if number < len(drawn) else (blank,)), *fact))
    return [(), *lines] if height >= _LARGE else lines


def _facts(picture: ScreenState, desk: RigViewModel, known: bool) -> list[Line]:
    """Beside the number; the first says the same in small, for terminals that have no blocks."""
    reading = picture.jaw
    where: Span = (f"{reading.opening:4.0%} open", "") if reading and known else ("limp: it stood there last", "dim")
    if not desk.stood:
        where = ("it has not moved yet", "dim")
    asks = f"the voice asks for {reading.track:4.0%}" if reading else ""
    plain = f"{desk.stood} µs   " if desk.stood else ""
    return [((plain, "bold"), where), ((asks, "dim"),), ((f"{sync(picture)} · ", "dim"), dropped(picture))]


def _hands(picture: ScreenState, desk: RigViewModel, cells: int) -> list[Sequence[Piece]]:
    """Travel, jog, look-ahead."""
    view = desk.view
    if view is None:
        asking = picture.link == "live"
        return [(("Asking the show for its body …" if asking else "There is no show to ask.", "dim"),)]
    state: Span = ("", "")
    if not view.calibrated:
        state = ("▲ not calibrated: E", "warn")
    if view.unsaved:
        state = ("▲ not saved yet: V", "warn")
    first = spread((("travel   ", "dim"), (travel(view), "")), (state,), cells)
    return [first, _jog(picture, desk), _look_ahead(view.look_ahead_ms, view.output_latency_ms, cells)]


def _jog(picture: ScreenState, desk: RigViewModel) -> list[Piece]:
    now = possible("rig_jog(1)", desk, picture)
    row: list[Piece] = [("jog      ", "dim"), button("↑ open", "rig_jog(1)", now), (" ", "")]
    row += [button("↓ close", "rig_jog(-1)", now), ("  ", ""), ("J", "key", "rig_step"), (" by ", "dim")]
    for number, (amount, unit) in enumerate(STEPS):
        chosen = number == desk.step
        row.append((f"›{amount}‹" if chosen else f" {amount} ", "active" if chosen else "", f"rig_step_to({number})"))
        if number == len(STEPS) - 1 or STEPS[number + 1][1] != unit:
            row.append((f" {unit}  ", "dim"))
    return row


def _look_ahead(value: int, latency: float | None, cells: int) -> list[Piece]:
    """Each cell of the slider can be pressed."""
    side = f"  jaw {abs(value)} ms {'early' if value >= 0 else 'late'}"
    delay = f"  output latency {latency:.0f} ms" if latency is not None else "  output latency unknown"
    bar = max(8, min(41, cells - 9 - 10 - len(side) - len(delay)))
    at = round((value - _LOWEST) / (_HIGHEST - _LOWEST) * (bar - 1))
    row: list[Piece] = [("ahead    ", "dim"), (f"{_LOWEST} ", "dim")]
    for cell in range(bar):
        there = _LOWEST + round(cell / (bar - 1) * (_HIGHEST - _LOWEST) / _GRAIN) * _GRAIN
        mark = ("●", "key") if cell == at else ("━", "info") if cell < at else ("─", "faint")
        row.append((*mark, f"rig_look_ahead_to({there})"))
    return [*row, (f" +{_HIGHEST}", "dim"), (side, "bold"), (delay, "dim")]


def _wizard(desk: RigViewModel, cells: int) -> list[Sequence[Piece]]:
    """A strip, so that the plot stays in sight; it always has as many lines."""
    wizard, view = desk.wizard, desk.view
    assert wizard is not None
    sentence = [*wrap(wizard.step.sentence, cells - 2), "", "", ""][:3]
    amount, unit = STEPS[desk.step]
    keys = f"{wizard.step.keys} · BACKSPACE back · ESC cancel"
    title = f"─ {wizard.title} "
    return [
        ((title, "info bold"), ("─" * (cells - len(title)), "info")),
        *([("  " + row, "")] for row in sentence),
        (("  now: ", "dim"), (travel(view) if view else "", ""), (f"   step {amount} {unit}", "dim")),
        (("  " + cut(keys, cells - 2), "key"),),
    ]
