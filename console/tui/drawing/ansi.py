"""The colours that engines give their words, as spans with the names of inks (see inks.py). Pure."""

from console.logbook.line import COLOUR
from console.tui.drawing.styled_text import Span

_ATTRIBUTES = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_ENDED_BY = {22: ("bold", "dim"), 23: ("italic",), 24: ("underline",), 27: ("reverse",), 29: ("strike",)}


class _Pen:
    """What is switched on."""

    def __init__(self) -> None:
        self.colours: dict[str, int] = {}
        self.attributes: dict[str, None] = {}

    @property
    def names(self) -> str:
        colours = (f"{kind}:{number}" for kind, number in self.colours.items() if number >= 0)
        return " ".join([*colours, *(f"at:{name}" for name in self.attributes)])

    def obey(self, codes: list[int]) -> None:
        rest = iter(codes)
        for code in rest:
            if code == 0:
                self.colours.clear()
                self.attributes.clear()
            elif code in _ATTRIBUTES:
                self.attributes[_ATTRIBUTES[code]] = None
            elif code in _ENDED_BY:
                for name in _ENDED_BY[code]:
                    self.attributes.pop(name, None)
            elif code in (38, 48):
                self.colours["fg" if code == 38 else "bg"] = _many(list(rest))
            elif code in (39, 49):
                self.colours["fg" if code == 39 else "bg"] = -1
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.colours["fg"] = code - 30 if code < 90 else code - 82
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.colours["bg"] = code - 40 if code < 100 else code - 92


def spans(text: str) -> list[Span]:
    """`text` has colours and no other orders (`console.logbook.line.coloured`)."""
    if "\x1b" not in text:
        return [(text, "")]
    out: list[Span] = []
    pen = _Pen()
    for number, part in enumerate(COLOUR.split(text)):
        if number % 2:
            pen.obey([int(code) if code and len(code) < 4 else 0 for code in part.replace(":", ";").split(";")])
        elif part:
            out.append((part, pen.names))
    return out or [("", "")]


def _many(words: list[int]) -> int:
    """One of 256, or the nearest of them; -1 where it is no colour. What follows in the same order is passed over."""
    match words:
        case [5, number, *_] if 0 <= number < 256:
            return number
        case [2, red, green, blue, *_] if max(red, green, blue) < 256:
            return 16 + 36 * round(red / 51) + 6 * round(green / 51) + round(blue / 51)
    return -1
