"""Bars that say who has how much, and little drawings of the last ten minutes. Pure."""

from collections.abc import Iterable, Sequence

from msgspec import Struct

from console.api.telemetry_types import DeviceMemory, Memory
from console.logbook.sparkline import spark
from console.tui.drawing.styled_text import Line, Span, size, width

_INKS = 4
"""Services that are told apart by colour; each has its name and its place besides."""
MARKS = {"swap": ("⇄", "info"), "crash": ("✖", "bad")}


class BarSegment(Struct, frozen=True, kw_only=True):
    """Somebody's share of a pool."""

    name: str
    bytes: int
    ink: str
    """The number of a colour, or "rest", or "new"."""
    inferred: bool = False


def ram_parts(memory: Memory, services: Iterable[str]) -> list[BarSegment]:
    """In the order of the services, which is the same everywhere; RAM that several share is counted for each."""
    parts = _of_services(memory.services, services)
    parts.append(BarSegment(name="show", bytes=memory.show, ink="rest"))
    return _with_others(parts, memory.used)


def device_parts(device: DeviceMemory, services: Iterable[str]) -> list[BarSegment]:
    parts = _of_services(device.services, services, device.inferred)
    rest = (("others", device.others), ("reserved", device.reserved))
    return [*parts, *(BarSegment(name=name, bytes=count, ink="rest") for name, count in rest if count)]


def _of_services(shares: dict[str, int], services: Iterable[str], inferred: Sequence[str] = ()) -> list[BarSegment]:
    inks = {name: str(n % _INKS + 1) for n, name in enumerate(services)}
    names = [*(name for name in inks if name in shares), *(name for name in shares if name not in inks)]
    return [
        BarSegment(name=name, bytes=shares[name], ink=inks.get(name, "rest"), inferred=name in inferred)
        for name in names
    ]


def _with_others(parts: list[BarSegment], used: int) -> list[BarSegment]:
    others = used - sum(part.bytes for part in parts)
    return [*parts, BarSegment(name="others", bytes=others, ink="rest")] if others > 0 else parts


def stack(parts: Iterable[BarSegment], total: int, cells: int) -> Line:
    """A bar of so many cells: each share with its name where there is room for it; what is free is dotted."""
    spans: list[Span] = []
    have = at = 0
    for part in parts:
        have += part.bytes
        end = min(cells, round(have / total * cells)) if total else 0
        if end > at:
            name = f"▏{part.name}" if len(part.name) < end - at else "▏"
            spans.append((name.ljust(end - at), f"part-{part.ink}"))
            at = end
    if total and have > total and spans:  # more than there is
        text, ink = spans[-1]
        spans[-1:] = [(text[:-1], ink), ("▶", "bad")]
    return (*spans, ("░" * (cells - at), "faint"))


def legend(parts: Iterable[BarSegment], cells: int, *, sizes: bool = True) -> Line:
    """What the bar has no room for, as far as there is room here. `sizes`: also those of services."""
    spans: list[Span] = []
    for part in parts:
        sized = sizes or part.ink in ("rest", "new")
        words = f"{'~' if part.inferred else ''}{part.name}{f' {size(part.bytes)}' if sized else ''}"
        if width(spans) + 1 + len(words) <= cells:
            spans += [("■", f"mark-{part.ink}"), (f"{words} ", "dim")]
    return tuple(spans)


def course(columns: Sequence[int], happened: Iterable[tuple[int, str, str]], cells: int) -> Line:
    """How full it was, the fullest moment of each cell; a swap or a crash stands in the place of its moment."""
    spans: list[Span] = []
    count = len(columns)
    marks = {column * cells // count: kind for column, kind, _ in happened} if count else {}
    for cell in range(cells if count else 0):
        fullest = max(columns[cell * count // cells : max(cell * count // cells + 1, (cell + 1) * count // cells)])
        drawn = (spark((fullest / 100,)), "warn" if fullest >= 90 else "info") if fullest >= 0 else ("·", "faint")
        spans.append(MARKS.get(marks.get(cell, ""), drawn))
    return _joined(spans, cells)


def _joined(spans: list[Span], cells: int) -> Line:
    out: list[Span] = []
    for text, ink in spans:
        if out and out[-1][1] == ink:
            out[-1] = (out[-1][0] + text, ink)
        else:
            out.append((text, ink))
    return (*out, (" " * (cells - width(out)), ""))
