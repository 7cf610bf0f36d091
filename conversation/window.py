"""Whether a character fits into a model's window, in figures; an estimate until the engine has counted."""

import re
from collections.abc import Iterable

from msgspec import Struct

from conversation import prompt
from conversation.history import History
from conversation.ports import Message
from profiles.schema import Character

QUESTION = 60
"""Tokens of a question that must have room: a long sentence."""
_RUN = re.compile(r"(.)\1{3,}", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|\d+|[.,!?;:]+(?=\s|$)")
_BYTES, _USUAL = 8, 1.1
"""No tongue has more bytes than this in a token on the average; English words and stops have 1.1 tokens or so."""


class TokenCount(Struct, frozen=True):
    """By the engine itself."""

    tokens: int
    window: int


def head(character: Character) -> list[Message]:
    """What is always asked for: the frozen head, and a question."""
    return prompt.messages(character, History(0), "")


def misfit(character: Character, window: int, counted: int | None = None, *, ours: bool = True) -> str:
    """Why it cannot be played in a window of so many tokens, and what to do; "" where it can. Without the engine's
    `counted` tokens it errs on the side of those that fit. `ours`: we say how long the window is.
    """
    least, usual = _estimate(head(character))
    tokens, about = (round(usual, -1), "about ") if counted is None else (counted, "")
    want = QUESTION + character.thinking.max_tokens
    if (least if counted is None else counted) + want <= window:
        return ""
    enough = 256
    while enough < tokens + want + tokens // 20:
        enough *= 2
    larger = f"set context = {enough} for the engine in the rig" if ours else f"give that server a window of {enough}"
    mend = f"shorten it or {larger}"
    said = f"{about}{tokens:,} tokens"
    if tokens >= window:
        return f"persona is {said}, the window {window:,}: {mend}"
    return f"persona is {said}, the window {window:,}, and a question and its answer want {want} more: {mend}"


def _estimate(messages: Iterable[Message]) -> tuple[int, int]:
    """(no fewer than, as a rule) tokens."""
    least = usual = 0
    for message in messages:
        text = _RUN.sub(r"\1\1\1", message.content)
        words, size = len(_WORD.findall(text)), len(text.encode("utf-8", "replace"))
        least += max(words, size // _BYTES)
        usual += max(round(words * _USUAL), size // 5)
    return least, usual
