"""What visitor and character said to each other, kept so that the model's cached prompt stays valid."""

import re
from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from conversation.ports import Message

_CHARACTERS_PER_TOKEN = 3
"""English has four or more; names, numbers and other tongues have fewer."""
_TOKENS_PER_MESSAGE = 8
"""What a chat template puts around each."""
_ALIKE, _SHORTEST, _PATTERN = 0.75, 4, 3
"""Answers that share so many of their words, of so many words at least ("Yes." is no habit), are one; from so many on a
small model goes on with it whatever it is asked."""


class _Exchange(Struct, frozen=True):
    visitor: str
    """Empty for a line of the operator's."""
    heard: str
    kind: int
    """Of the answer: the same for all that are alike."""


class History:
    """Trimmed in blocks: dropping one exchange per turn would change the head of the prompt every time,
    and the model would read everything again (hundreds of ms). It grows to twice `keep`, then falls to `keep`;
    sooner, to its younger half, when it would not fit into `budget` tokens.
    """

    def __init__(self, keep: int, budget: int = 1_000_000) -> None:
        self._keep, self.budget = keep, budget
        self._exchanges: list[_Exchange] = []
        self._kinds = 0
        self.last_line = ""
        """The last thing that was heard of us, canned lines too: the microphone may hear it again."""

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, visitor: str, heard: str) -> None:
        """`heard` is what was heard of the reply, not what was meant; `visitor` is empty for the operator's lines."""
        if not heard:
            return
        self.last_line = heard
        self._exchanges.append(_Exchange(visitor, heard, self._kind(heard)))
        if len(self._exchanges) > 2 * self._keep:
            self._exchanges = self._exchanges[len(self._exchanges) - self._keep :]
        while self._exchanges and tokens(self.messages()) > self.budget:
            self.forget_older_half()

    def forget_older_half(self) -> None:
        self._exchanges = self._exchanges[(len(self._exchanges) + 1) // 2 :]

    def clear(self) -> None:
        self._exchanges.clear()
        self.last_line = ""

    def messages(self) -> list[Message]:
        """Of answers that have become a habit the last alone, with what it answered: no pattern to go on with."""
        out: list[Message] = []
        count = Counter(e.kind for e in self._exchanges)
        last = {e.kind: e for e in self._exchanges}
        for exchange in self._exchanges:
            habit = count[exchange.kind] >= _PATTERN
            if habit and last[exchange.kind] is not exchange:
                continue
            if exchange.visitor:
                out.append(Message("user", exchange.visitor))
            out.append(Message("assistant", exchange.heard))
        return out

    def _kind(self, heard: str) -> int:
        known = (e.kind for e in reversed(self._exchanges) if _alike(e.heard, heard))
        self._kinds += 1
        return next(known, self._kinds)


def _alike(one: str, other: str) -> bool:
    a, b = (Counter(re.findall(r"\w+", text.lower())) for text in (one, other))
    if min(a.total(), b.total()) < _SHORTEST:
        return False
    return 2 * (a & b).total() / (a.total() + b.total()) >= _ALIKE


def tokens(messages: Iterable[Message]) -> int:
    """An estimate on the safe side; only the engine can count."""
    return sum(len(m.content) // _CHARACTERS_PER_TOKEN + _TOKENS_PER_MESSAGE for m in messages)
