"""Text as every terminal counts it. Of joined, coloured and combined characters each has its own idea of the width,
and one cell of difference moves the border of a row; so they are reduced to what all agree upon.
"""

import re
from unicodedata import category, combining, east_asian_width, normalize

from rich.cells import cell_len

SIGN = "▪"
"""Stands for what terminals draw each in its own width."""
_CONTROL = {number: " " if number in (9, 10, 13) else None for number in (*range(32), *range(127, 160))}
_AGREED = re.compile(
    "[ -~\u00a0-\u00ac\u00ae-\u02ff\u0370-\u0373\u0376\u0377\u037b-\u037f\u0384-\u0386\u0388-\u038a\u038e-\u03a1"
    "\u03a3-\u0482\u048a-\u052f\u2010-\u2027\u2030-\u205e\u20a0-\u20bf\u2100-\u218b\u2190-\u2426\u2440-\u244a\u2460-\u262f"
    "\u2638-\u2689\u2690-\u2b73"
    "\u3001-\u3029\u3041-\u3096\u309b-\u30ff\u4e00-\u9ffc\uac00-\ud7a3\uff01-\uff60"
    "\U0001f300-\U0001f3fa\U0001f400-\U0001f64f\U0001f680-\U0001f6d2\U0001f910-\U0001f93a\U0001f93c-\U0001f945"
    "\U0001f947-\U0001f96f]*"
)
"""Most of all text: nothing to do."""
_MARKS = 2
"""On one letter; what is heaped higher is cut by one terminal and drawn by another."""
_JOINER = "\u200d"
_FLOWING = frozenset((*range(0x0900, 0x0E00), *range(0x0F00, 0x10A0), *range(0x1780, 0x1800)))
"""Scripts of India, Tibet, Burma and the Khmer, whose letters flow together."""


def clean(text: str) -> str:
    """Without what a terminal would obey, either: a visitor's or a client's words must not move the cursor."""
    if _AGREED.fullmatch(text):
        return text
    out: list[str] = []
    joined, marks = False, 0
    for one in normalize("NFC", text.translate(_CONTROL)):
        if one == _JOINER:
            joined = bool(out) and _pictured(out[-1])
            continue
        if joined and _pictured(one):
            continue  # of a family the first one is seen
        shown = _agreed(one)
        if category(one) == "Mn":
            marks += 1
            if out and out[-1][0].isalpha() and marks <= _MARKS:
                out[-1] += shown
        elif shown:
            joined, marks = False, 0
            out.append(shown)
    return "".join(out)


def _agreed(one: str) -> str:
    """What stands for a character by itself."""
    number = ord(one)
    if 0x1F1E6 <= number <= 0x1F1FF:
        return chr(number - 0x1F1E6 + ord("A"))  # half of a flag
    if 0x1F3FB <= number <= 0x1F3FF or one in "\u3099\u309a":
        return ""  # the colour of a skin; a voice that found no kana
    kind = category(one)
    if kind in ("Cf", "Me", "Mc"):
        return ""
    if kind == "Mn":
        varies = 0xFE00 <= number <= 0xFE0F or number >= 0x10000 or number in _FLOWING or combining(one) == 9
        return "" if varies else one
    if kind in ("Zs", "Zl", "Zp"):
        return " "
    if kind in ("Cn", "Co", "Cs") or _drawn_anyhow(number):
        return SIGN
    return one


def _drawn_anyhow(number: int) -> bool:
    """Letters of which Hangul is put together, fillers, words as one letter, and what older tables count otherwise."""
    jamo = 0x1100 <= number <= 0x11FF or 0xA960 <= number <= 0xA97F or 0xD7B0 <= number <= 0xD7FF
    long = number in (0x0E33, 0x2E3A, 0x2E3B, 0x3164, 0xFFA0) or 0xFDFA <= number <= 0xFDFD
    return jamo or long or cell_len(chr(number)) != (2 if east_asian_width(chr(number)) in "WF" else 1)


def _pictured(one: str) -> bool:
    return category(one[0]) in ("So", "Sk", "Cn") or one[0] in "♀♂"
