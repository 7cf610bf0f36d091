"""Word error rate, with digits and words for numbers taken as the same."""

import re

from conversation.text.number_words import spoken


def plain(text: str) -> list[str]:
    """Lower-case words, numbers spelled out, no punctuation."""
    return re.sub(r"[^a-z0-9 ]", "", spoken(text).lower().replace("-", " ").replace("'", "")).split()


def errors(meant: str, heard: str) -> tuple[int, int]:
    """(edit distance in words, words meant)."""
    a, b = plain(meant), plain(heard)
    row = list(range(len(b) + 1))
    for i, word in enumerate(a, 1):
        above, row = row, [i]
        for j, other in enumerate(b, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (word != other)))
    return row[-1], len(a)
