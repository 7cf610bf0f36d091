"""Lines of styled text with a fixed width: what every panel is made of. Pure; knows no widgets."""

from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size

from console.tui.drawing.glyph_width import clean as clean

Span = tuple[str, str]
"""Text, and the names of its styles ("bold good"); see inks.py."""
Line = tuple[Span, ...]

_EIGHTHS = " ▏▎▍▌▋▊▉█"


def line(*spans: Span | str) -> Line:
    return tuple((span, "") if isinstance(span, str) else span for span in spans)


def width(spans: Sequence[Span]) -> int:
    return sum(_cells(text) for text, _ in spans)


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(clean(text))


def cut(text: str, cells: int) -> str:
    """At most so many cells; what is cut ends in an ellipsis."""
    text = clean(text)
    if (len(text) if text.isascii() else cell_len(text)) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + "…" if cells > 0 else ""


def column(text: str, cells: int, *, right: bool = False) -> str:
    """Exactly so many cells."""
    text = cut(text, cells)
    room = " " * (cells - cell_len(text))
    return room + text if right else text + room


def fit(spans: Line, cells: int) -> Line:
    """Cut to the width; the rest of the line is left empty."""
    out: list[Span] = []
    room = cells
    for text, style in spans:
        if room <= 0:
            break
        out.append((cut(text, room), style))
        room -= width(out[-1:])
    return tuple(out)


def spread(left: Line, right: Line, cells: int) -> Line:
    """`left` and `right` at their ends; where both do not fit, the left one is cut."""
    right = fit(right, cells)
    left = fit(left, max(0, cells - width(right) - 1)) if width(right) else fit(left, cells)
    return (*left, (" " * (cells - width(left) - width(right)), ""), *right)


def meter(share: float, cells: int, style: str) -> Line:
    """A bar of so many cells."""
    eighths = round(max(0.0, min(1.0, share)) * cells * 8)
    full, part = divmod(eighths, 8)
    text = "█" * full + (_EIGHTHS[part] if part else "")
    return (text, style), ("░" * (cells - len(text)), "faint")


def rule(share: float, cells: int, style: str) -> Line:
    """A thin bar: what has run of what there is."""
    full = round(max(0.0, min(1.0, share)) * cells)
    return ("━" * full, style), ("─" * (cells - full), "faint")


def wrap(text: str, cells: int) -> list[str]:
    """Words into lines of at most so many cells; a word that is longer than a line is broken."""
    lines: list[str] = []
    now = ""
    for word in clean(text).split():
        while cell_len(word) > cells > 1:
            head = set_cell_size(word, cells)
            if now:
                lines.append(now)
                now = ""
            lines.append(head.rstrip())
            word = word[len(head.rstrip()) :]
        joined = f"{now} {word}" if now else word
        if cell_len(joined) <= cells:
            now = joined
        else:
            lines.append(now)
            now = word
    return [*lines, now] if now or not lines else lines


def paragraph(text: str, cells: int, style: str = "dim") -> list[Line]:
    return [((row, style),) for row in wrap(text, cells)]


def size(count: int | None) -> str:
    """Bytes as people say them, in at most five characters: 178M, 1.2G."""
    if count is None:
        return "-"
    mega = count / 2**20
    return f"{mega:.0f}M" if mega < 1000 else f"{mega / 1024:.1f}G"


def seconds(value: float | None) -> str:
    """0.31s, 2.9s, 45s, 3m05."""
    if value is None:
        return "-"
    if value < 1:
        return f"{value:.2f}s"
    if value < 59.95:
        return f"{value:.1f}s"
    whole = round(value)
    return f"{whole // 60}m{whole % 60:02d}"


def clock(total: float) -> str:
    """How long, as 1:12:44."""
    whole = max(0, int(total))
    return f"{whole // 3600}:{whole // 60 % 60:02d}:{whole % 60:02d}"
