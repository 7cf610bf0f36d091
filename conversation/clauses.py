"""A stream of text cut into clauses that a voice can start on: the first after 3-6 words, later ones longer."""

import re

from msgspec import Struct

FIRST_MIN, FIRST_MAX = 3, 6
LATER_MIN, LATER_MAX = 6, 18
_ABBREVIATIONS = frozenset(
    """mr. mrs. ms. dr. prof. st. sr. jr. vs. etc. e.g. i.e. a.m. p.m. fig. approx. dept. est. inc. ltd. co. mt.
    capt. col. gen. lt. sgt. rev. hon. gov. u.s. u.k. ph.d. feb. aug. sept. oct. nov. dec. jan.""".split()
)
_CLOSERS = "\"'”’)]»"
_OPENERS = "\"'“‘(["
_BREAK_BEFORE = frozenset(
    """and but or nor so because that which who when while where if unless until as than though although for with
    without from into like before after to in on at of by""".split()
)
_AT_ONCE = re.compile(r"[A-Za-z][,;:!?]$")
_STRAY = re.compile(rf"^[{re.escape(_CLOSERS)}.,;:!?…]+\s+")
_LONGEST = 240
"""Characters after which text is cut wherever it stands: without spaces there are no words to count."""


class Clause(Struct, frozen=True):
    """`text` as shown to people; `ends_sentence` counts sentences."""

    text: str
    ends_sentence: bool


class ClauseCutter:
    """Feed text, get the clauses it completes. A word is complete once white space follows it, so decimals
    ("3.5"), abbreviations ("Mr.") and closing quotes never come apart; only a letter before `,;:!?` is sure at once.
    Each character is judged with what came before it alone, so that slicing cannot change the result.
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._words = 0

    def feed(self, text: str) -> list[Clause]:
        clauses = []
        for char in text:
            new_word = self._buffer[-1:].isspace()
            self._buffer += char
            if char.isspace() or new_word or char in ",;:!?" or len(self._buffer) >= _LONGEST:
                clauses += self._cut(final=False)
        return clauses

    def flush(self) -> list[Clause]:
        """The rest; whatever it ends with, "5 p.m." too, a full stop ends a sentence here."""
        clauses = self._cut(final=True)
        rest, self._buffer = _STRAY.sub("", self._buffer.strip()), ""
        if _speaks(rest):
            clauses.append(self._make(rest, rest.rstrip(_CLOSERS).endswith((".", "!", "?", "…"))))
        return clauses

    def _cut(self, final: bool) -> list[Clause]:
        clauses = []
        while (end := self._next_end(final)) is not None:
            text, self._buffer = _STRAY.sub("", self._buffer[:end].strip()), self._buffer[end:]
            if _speaks(text):
                clauses.append(self._make(text, ends_sentence(text)))
        return clauses

    def _make(self, text: str, ends: bool) -> Clause:
        self._words += len(text.split())
        return Clause(text, ends)

    def _next_end(self, final: bool) -> int | None:
        """Where the next clause ends in the buffer, or None while that is open."""
        words = [m.span() for m in re.finditer(r"\S+", self._buffer)]
        if not words:
            return None
        complete = len(words) if final or self._buffer[-1].isspace() or self._sure(words[-1]) else len(words) - 1
        low, high = (LATER_MIN, LATER_MAX) if self._words >= FIRST_MIN else (FIRST_MIN, FIRST_MAX)
        for number in range(1, complete + 1):
            end = words[number - 1][1]
            word = self._buffer[words[number - 1][0] : end]
            following = self._buffer[slice(*words[number])] if number < len(words) else ""
            if not following and not final and _depends(word):
                return None
            if _ends(word, following):
                return end
            if number >= low and word.rstrip(_CLOSERS)[-1:] in (",", ";", ":", "—", "–"):
                return end
            if number >= high and number < len(words):
                return self._softest(words, low, number)
        if len(self._buffer) >= _LONGEST:
            return words[complete - 1][1] if complete else len(self._buffer)
        return None

    def _sure(self, span: tuple[int, int]) -> bool:
        """Whether the last word is complete although no space follows: "bones!" is, "3." is not."""
        before = self._buffer[: span[1]]
        in_quotes = before.count('"') % 2 == 1 or before.count("“") > before.count("”")
        return not in_quotes and bool(_AT_ONCE.search(self._buffer[slice(*span)]))

    def _softest(self, words: list[tuple[int, int]], low: int, high: int) -> int:
        """No punctuation: break before a small word that begins a phrase, as late as possible."""
        for number in range(high - 1, low - 1, -1):
            if self._buffer[slice(*words[number])].lower().strip(",.;:!?" + _CLOSERS) in _BREAK_BEFORE:
                return words[number - 1][1]
        return words[high - 1][1]


def _depends(word: str) -> bool:
    """Whether only the next word can tell if the sentence ends here: "wait... what", "No. 5"."""
    bare = word.rstrip(_CLOSERS)
    return bare.endswith(("...", "…")) or bare.lower().lstrip(_OPENERS) == "no."


def _ends(word: str, following: str) -> bool:
    after = following.lstrip(_OPENERS)[:1]
    if _depends(word) and (after.isdigit() if word.rstrip(_CLOSERS).endswith("o.") else after.islower()):
        return False
    return ends_sentence(word)


def ends_sentence(text: str) -> bool:
    """Whether the text's last word ends a sentence: "Dr." and "J." do not, `bones."` does."""
    word = text.rsplit(None, 1)[-1] if text.strip() else ""
    bare = word.rstrip(_CLOSERS)
    if bare.endswith(("!", "?", "…")):
        return True
    if not bare.endswith("."):
        return False
    plain = bare.lower().lstrip(_OPENERS)
    if plain == "i.":  # "So am I." ends; "J. R." does not
        return True
    return plain not in _ABBREVIATIONS and not re.fullmatch(r"(?:[a-z]\.)+", plain)


def _speaks(text: str) -> bool:
    return any(c.isalnum() for c in text)
