"""The preflight: everything once, each line fine or with the one thing to do. What is not fine stands first."""

from collections.abc import Sequence

from console.api.body_status import PreflightRow
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.clickable import Piece, TouchPanel, button
from console.tui.drawing.styled_text import Line, column, cut, paragraph, width
from console.tui.pages.rig.view_model import RigViewModel, possible

_MARKS = {"ok": ("✓ ", "good"), "todo": ("· ", "warn"), "missing": ("○ ", "warn"), "fault": ("✖ ", "bad")}
_WHAT, _TWO = 12, 120


class PreflightPanel(TouchPanel):
    def __init__(self, desk: RigViewModel) -> None:
        super().__init__(id="preflight", classes="box")
        self._desk = desk
        self.first = 0
        """The uppermost line, where there are more than there is room for."""

    def title(self, picture: ScreenState) -> str:
        desk = self._desk
        name = f"{'› ' if desk.part == 'preflight' else ''}preflight"
        if desk.looking:
            return f"{name} · looking …"
        if not desk.rows:
            return name
        bad = sum(row.state != "ok" for row in desk.rows)
        told = f"{bad} of {len(desk.rows)} to be mended" if bad else f"all {len(desk.rows)} are well"
        return f"{name} · {told} · {desk.looked_at}"

    def pieces(self, picture: ScreenState, width: int, height: int) -> list[Sequence[Piece]]:
        desk = self._desk
        if desk.looking:
            return [(("Everything is tried once, on the live path …", "info"),)]
        if not desk.rows:
            words = "Every engine, microphone, speaker, jaw, camera, disk, memory and port is tried once."
            start = button("P preflight", "rig_preflight", possible("rig_preflight", desk, picture))
            return [*paragraph(words, width), (start,)]
        columns = 2 if width >= _TWO else 1
        lines = _lines(desk.rows, (width - 2 * (columns - 1)) // columns)
        return list(_laid_out(lines, columns, width, height, self._kept(len(lines), columns * height)))

    def scroll(self, by: int) -> None:
        self.first = max(0, self.first + by)

    def _kept(self, count: int, room: int) -> int:
        self.first = min(self.first, max(0, count - room))
        return self.first


def _lines(rows: Sequence[PreflightRow], cells: int) -> list[Line]:
    """One line for what is well; what is not has a second one, with what to do."""
    lines: list[Line] = []
    for row in sorted(rows, key=lambda row: row.state == "ok"):
        mark = _MARKS[row.state]
        fine = row.state == "ok"
        detail = row.detail or ("well" if fine else "not well")
        head: Line = (mark, (column(row.what, _WHAT - 1) + " ", "" if fine else "bold"))
        if fine or not row.mend:
            lines.append((*head, (cut(detail, cells - _WHAT - 2), "dim" if fine else "bold")))
            continue
        whole = f"{detail}  → {row.mend}"
        if len(whole) <= cells - _WHAT - 2:
            lines.append((*head, (detail, "bold"), (f"  → {row.mend}", "key")))
        else:
            lines.append((*head, (cut(detail, cells - _WHAT - 2), "bold")))
            lines.append(((" " * (_WHAT + 2), ""), (cut(f"→ {row.mend}", cells - _WHAT - 2), "key")))
    return lines


def _laid_out(lines: Sequence[Line], columns: int, cells: int, height: int, first: int) -> list[Line]:
    """Down the first column, then down the second; what has no room is counted."""
    shown = list(lines[first : first + columns * height])
    left = len(lines) - first - len(shown)
    if left > 0 and shown:
        shown[-1] = ((f"  ↓ {left + 1} more", "dim"),)
    if columns == 1:
        return shown
    half = min(height, max((len(shown) + 1) // 2, len(shown) - height))
    wide = (cells - 2) // 2
    out: list[Line] = []
    for number in range(min(half, len(shown))):
        one, other = shown[number], shown[half + number] if half + number < len(shown) else ()
        out.append((*one, (" " * max(2, wide + 2 - width(one)), ""), *other))
    return out
