"""Text that a server escaped for a web page or a program, back to what the model wrote: `&lt;think&gt;` is a tag."""

import re

_NAMED = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&apos;": "'", "&nbsp;": " ", "\\<": "<", "\\>": ">"}
_NUMBER = re.compile(r"(?i)&#(?:(\d{1,6})|x([0-9a-f]{1,5}));|\\u00(3c|3e|26)")
_MAYBE_NUMBER = re.compile(r"(?i)&(?:#(?:\d{0,6}|x[0-9a-f]{0,5})?)?|\\(?:u(?:0|00|003|002)?)?")
_BEGINNINGS = frozenset(name[:end] for name in _NAMED for end in range(1, len(name)))
STARTS = frozenset("&\\")


class Entities:
    """Feed characters, get the same without entities; what may become one is held until it is clear."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, char: str) -> str:
        if not self.held and char not in STARTS:
            return char
        held = self.held + char
        self.held = ""
        plain = _NAMED.get(held) or _numbered(held)
        if plain is not None:
            self.held = plain if plain in STARTS else ""  # a server may escape twice
            return "" if self.held else plain
        if held in _BEGINNINGS or _MAYBE_NUMBER.fullmatch(held):
            self.held = held
            return ""
        return held[:-1] + self.feed(char)

    def flush(self) -> str:
        held, self.held = self.held, ""
        return held


def _numbered(text: str) -> str | None:
    if (found := _NUMBER.fullmatch(text)) is None:
        return None
    code = int(found[1]) if found[1] else int(found[2] or found[3], 16)
    return chr(code) if 32 <= code < 0x110000 and not 0xD800 <= code < 0xE000 else " "
