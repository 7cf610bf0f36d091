"""A stream of text cut into clauses that a voice can start on: the first after 3-6 words, later ones longer."""

import re

from msgspec import Struct

from conversation.text.sentence_ends import CLOSERS, OPENERS, End, judge

FIRST_MIN, FIRST_MAX = 3, 6
LATER_MIN, LATER_MAX = 6, 18
_BREAK_BEFORE = frozenset(
    """and but or nor so because that which who when while where if unless until as than though although for with
    without from into like before after to in on at of by""".split()
)
_AT_ONCE = re.compile(r"[A-Za-z][,;:!?]$")
_QUOTED = re.compile(r"(?<!\S)['‘]")
_STRAY = re.compile(rf"^[{re.escape(CLOSERS)}.,;:!?…]+\s+")
_LONGEST = 240
"""Characters after which text is cut wherever it stands: without spaces there are no words to count."""


class Clause(Struct, frozen=True):
    """`text` as shown to people; `ends_sentence` counts sentences."""

    text: str
    ends_sentence: bool


class ClauseCutter:
    """Feed text, get the clauses it completes. A word is complete once white space follows it, so decimals
    ("3.5"), abbreviations ("Mr.") and closing quotes never come apart; only a letter before `,;:!?` is sure at once.
    A full stop waits for the next word's first letter, which comes with the space before it, and one behind an
    abbreviation for that whole word. Each character is judged with what came before it alone, so that slicing cannot
    change the result.
    """

    def __init__(self) -> None:
        self._buffer = ""
        self._words = 0
        self._sentence: list[str] = []
        """The words of the clauses that went before in this sentence."""

    def feed(self, text: str) -> list[Clause]:
        clauses = []
        for char in text:
            begins = self._buffer[-1:].isspace() or self._buffer[-1:] in tuple(OPENERS)
            self._buffer += char
            if char.isspace() or begins or char in ",;:!?" or len(self._buffer) >= _LONGEST:
                clauses += self._cut(final=False)
        return clauses

    def expect(self, letter: str) -> list[Clause]:
        """The next word begins with `letter`, and is not to be had yet: a sentence before it may be over."""
        if not self._buffer or self._buffer[-1].isspace():
            return []
        self._buffer += " " + letter
        clauses = self._cut(final=False)
        self._buffer = self._buffer[:-2]
        return clauses

    def flush(self) -> list[Clause]:
        """The rest; whatever it ends with, "5 p.m." too, a full stop ends a sentence here."""
        clauses = self._cut(final=True)
        rest, self._buffer = _STRAY.sub("", self._buffer.strip()), ""
        if _speaks(rest):
            clauses.append(self._make(rest, rest.rstrip(CLOSERS).endswith((".", "!", "?", "…"))))
        return clauses

    def _cut(self, final: bool) -> list[Clause]:
        clauses = []
        while (found := self._next_end(final)) is not None:
            end, ends = found
            text, self._buffer = _STRAY.sub("", self._buffer[:end].strip()), self._buffer[end:]
            if _speaks(text):
                clauses.append(self._make(text, ends))
        return clauses

    def _make(self, text: str, ends: bool) -> Clause:
        words = text.split()
        self._words += len(words)
        self._sentence = [] if ends else self._sentence + words
        return Clause(text, ends)

    def _next_end(self, final: bool) -> tuple[int, bool] | None:
        """Where the next clause ends in the buffer and whether a sentence does, or None while that is open."""
        words = [m.span() for m in re.finditer(r"\S+", self._buffer)]
        if not words:
            return None
        texts = [self._buffer[slice(*span)] for span in words]
        complete = len(words) if final or self._buffer[-1].isspace() or self._sure(words[-1]) else len(words) - 1
        low, high = (LATER_MIN, LATER_MAX) if self._words >= FIRST_MIN else (FIRST_MIN, FIRST_MAX)
        for number in range(1, complete + 1):
            end, word = words[number - 1][1], texts[number - 1]
            following = texts[number] if number < len(words) else ""
            verdict = judge(self._sentence + texts[: number - 1], word, following, number < complete)
            if verdict is End.WAIT:
                break
            if verdict is End.YES:
                return end, True
            if number >= low and (verdict is End.BREAK or word.rstrip(CLOSERS)[-1:] in (",", ";", ":", "—", "–")):
                return end, False
            if number >= high and number < len(words):
                return self._softest(words, low, number), False
        if len(self._buffer) >= _LONGEST:
            return (words[complete - 1][1] if complete else len(self._buffer)), False
        return None

    def _sure(self, span: tuple[int, int]) -> bool:
        """Whether the last word is complete although no space follows: "bones!" is, "3." is not."""
        before = self._buffer[: span[1]]
        in_quotes = before.count('"') % 2 == 1 or before.count("“") > before.count("”") or _QUOTED.search(before)
        return not in_quotes and bool(_AT_ONCE.search(self._buffer[slice(*span)]))

    def _softest(self, words: list[tuple[int, int]], low: int, high: int) -> int:
        """No punctuation: break before a small word that begins a phrase, as late as possible."""
        for number in range(high - 1, low - 1, -1):
            if self._buffer[slice(*words[number])].lower().strip(",.;:!?" + CLOSERS) in _BREAK_BEFORE:
                return words[number - 1][1]
        return words[high - 1][1]


def ends_sentence(text: str) -> bool:
    """Whether the text's last word ends a sentence before a name: "Dr." and "J." do not, `bones."` does."""
    words = text.split()
    return bool(words) and judge(words[:-1], words[-1], "Bones", True) is End.YES


def _speaks(text: str) -> bool:
    return any(c.isalnum() for c in text)
