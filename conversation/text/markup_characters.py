"""Which characters and which starred words are not for the voice."""

import re
import unicodedata

_SYMBOLS = frozenset("+=$€£°%&@×÷±½¼¾²³§©")
_DROPPED = frozenset("*_`#<>[]{}()|\\~^•·※") | {chr(c) for c in (*range(0xFE00, 0xFE10), *range(0x20D0, 0x2100))}
_DOES = re.compile(r"[a-z]{3,}s|sigh|laugh|chuckle|wink|grin|gasp|cough|smile|nod|giggle|cackle|rattle|bow|wave")
_DOING = re.compile(r"[a-z]+ing")
_NOT_DONE = frozenset(
    """this always hers yours ours theirs was has does goes less unless perhaps besides thus plus its sometimes yes
    across famous serious hilarious enormous precious gorgeous delicious curious ridiculous nervous""".split()
)
_NOUN_FOLLOWS = frozenset(
    """a an the my your his her our their its all of with for no some many these those any few more most
    two three four five six seven eight nine ten what which""".split()
)


def sayable(char: str) -> bool:
    """Whether a voice or a reader can do anything with it; of symbols only those that `spoken` knows."""
    if char in _DROPPED:
        return False
    category = unicodedata.category(char)
    return char in _SYMBOLS if category[0] == "S" else category[0] != "C"


def is_emphasis(words: str, before: str) -> bool:
    """`so *very* cold` is a stressed word, `Ha! *cackles* Hello` a stage direction: those stand at a sentence's edge
    or begin with what somebody does. `before` is what was said last.
    """
    before = before.rstrip()
    if not before or before[-1] in '.!?…"”:' or not words.strip():
        return False
    plain = [re.sub(r"\W", "", w).lower() for w in words.split()]
    if plain[0] in _NOT_DONE or re.sub(r"\W", "", before.split()[-1]).lower() in _NOUN_FOLLOWS:
        return True
    return not _DOES.fullmatch(plain[0]) and not (len(plain) > 1 and _DOING.fullmatch(plain[0]))
