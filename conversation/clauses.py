"""A stream of text cut into clauses that a voice can start on: the first after 3-6 words, later ones longer."""

import re

from msgspec import Struct

FIRST_MIN, FIRST_MAX = 3, 6
LATER_MIN, LATER_MAX = 6, 18
_ABBREVIATIONS = frozenset(
    """mr. mrs. ms. dr. prof. st. sr. jr. vs. etc. e.g. i.e. a.m. p.m. no. fig. approx. dept. est. inc. ltd. co. mt.
    capt. col. gen. lt. sgt. rev. hon. gov. u.s. u.k. ph.d. feb. aug. sept. oct. nov. dec. jan.""".split()
)
_CLOSERS = "\"'”’)]»"
_BREAK_BEFORE = frozenset(
    """and but or nor so because that which who when while where if unless until as than though although for with
    without from into like before after to in on at of by""".split()
)
_AT_ONCE = re.compile(r"[A-Za-z][,;:!?][" + re.escape(_CLOSERS) + r"]?$")


class Clause(Struct, frozen=True):
    """`text` as shown to people; `ends_sentence` counts sentences."""

    text: str
    ends_sentence: bool


class ClauseCutter:
    """Feed text, get the clauses it completes. A word is complete once white space follows it, so decimals
    ("3.5"), abbreviations ("Mr.") and closing quotes never come apart.
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._count = 0

    def feed(self, text: str) -> list[Clause]:
        self._buffer += text
        return self._cut(final=False)

    def flush(self) -> list[Clause]:
        clauses = self._cut(final=True)
        rest, self._buffer = self._buffer.strip(), ""
        if _speaks(rest):
            clauses.append(self._make(rest))
        return clauses

    def _cut(self, final: bool) -> list[Clause]:
        clauses = []
        while (end := self._next_end(final)) is not None:
            text, self._buffer = self._buffer[:end].strip(), self._buffer[end:]
            if _speaks(text):
                clauses.append(self._make(text))
        return clauses

    def _make(self, text: str) -> Clause:
        self._count += 1
        return Clause(text, ends_sentence(text))

    def _next_end(self, final: bool) -> int | None:
        """Where the next clause ends in the buffer, or None while that is open."""
        words = [m.span() for m in re.finditer(r"\S+", self._buffer)]
        if not words:
            return None
        complete = len(words) if final or self._buffer[-1].isspace() or self._sure(words[-1]) else len(words) - 1
        low, high = (LATER_MIN, LATER_MAX) if self._count else (FIRST_MIN, FIRST_MAX)
        for number in range(1, complete + 1):
            end = words[number - 1][1]
            word = self._buffer[words[number - 1][0] : end]
            following = self._buffer[slice(*words[number])] if number < len(words) else ""
            if ends_sentence(word) and not (following[:1].islower() and word.endswith("...")):
                return end
            if number >= low and word.rstrip(_CLOSERS)[-1:] in (",", ";", ":", "—", "–"):
                return end
            if number >= high and (number < len(words) or final):
                return self._softest(words, low, number)
        return None

    def _sure(self, span: tuple[int, int]) -> bool:
        """Whether the last word is complete although no space follows: "bones!" is, "3." is not."""
        in_quotes = self._buffer[: span[1]].count('"') % 2 == 1
        return not in_quotes and bool(_AT_ONCE.search(self._buffer[slice(*span)]))

    def _softest(self, words: list[tuple[int, int]], low: int, high: int) -> int:
        """No punctuation: break before a small word that begins a phrase, as late as possible. Looks at complete
        words alone, so that it does not matter how the text was sliced."""
        for number in range(high - 1, low - 1, -1):
            if self._buffer[slice(*words[number])].lower().strip(",.;:!?" + _CLOSERS) in _BREAK_BEFORE:
                return words[number - 1][1]
        return words[high - 1][1]


def ends_sentence(text: str) -> bool:
    """Whether the text's last word ends a sentence: "Dr." and "J." do not, `bones."` does."""
    word = text.rsplit(None, 1)[-1] if text.strip() else ""
    bare = word.rstrip(_CLOSERS)
    if bare.endswith(("!", "?", "…")):
        return True
    if not bare.endswith("."):
        return False
    plain = bare.lower().lstrip("\"'“‘(")
    if plain == "i.":  # "So am I." ends; "J. R." does not
        return True
    return plain not in _ABBREVIATIONS and not re.fullmatch(r"(?:[a-z]\.)+", plain)


def _speaks(text: str) -> bool:
    return any(c.isalnum() for c in text)
