"""What an operator looks for: a regular expression, or plain words."""

import re
from collections.abc import Iterator

from console.logbook.line import plain

_SPECIAL = re.compile(r"[\\.^$*+?{}\[\]|()]")
_REPEATED_GROUP = re.compile(r"(?<!\\)\)(?:[*+]|\{)")
_COLOUR = re.compile(rb"\x1b\[[0-9;:]*m")
_HIDDEN = re.compile(rb"\xc2[\x80-\x9f]|\xe2\x80[\xa8-\xae]|\xe2\x81[\xa6-\xa9]")
_CONTROL = bytes((*range(10), *range(11, 32), 127))
"""What is not shown of a line, as bytes; words are found across it."""
LONGEST = 200


class BadPattern(ValueError):
    """`str()` is one plain sentence."""


class SearchPattern:
    """Small letters find large ones too. Raises BadPattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        if len(text) > LONGEST:
            raise BadPattern(f"a search may be {LONGEST} characters long at most")
        # Such a search can take longer than the evening, and nothing can interrupt it.
        if _REPEATED_GROUP.search(text):
            raise BadPattern("a repeated group (…)+ cannot be searched for; write it without the brackets")
        flags = re.IGNORECASE if text == text.lower() else re.NOFLAG
        try:
            self._expression = re.compile(text, flags)
        except (re.error, OverflowError) as error:
            raise BadPattern(f"this is no regular expression ({error}); put \\ before {_special(text)}") from None
        words = not _SPECIAL.search(text) and text.isascii()
        self._words = text.lower().encode() if words else b""

    def line(self, data: bytes) -> bool:
        return self._expression.search(plain(data)) is not None

    def block(self, data: bytes) -> bool:
        """False only if no line of it can match: words are looked for in all lines at once."""
        if not self._words:
            return True
        data = _COLOUR.sub(b"", data) if b"\x1b[" in data else data
        if b"\x1b" in data or (b"\t" in data and b" " in self._words):
            return True
        return self._words in _HIDDEN.sub(b"", data.translate(None, _CONTROL)).lower()

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where it is found in a text, for those who mark it."""
        return (found.span() for found in self._expression.finditer(text) if found.end() > found.start())


def _special(text: str) -> str:
    found = dict.fromkeys(_SPECIAL.findall(text))
    return " ".join(found) if found else "special characters"
