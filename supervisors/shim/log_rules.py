"""Words in a log after which a server may be alive and of no more use (stdlib only)."""

import re
from collections.abc import Iterable

_LINE = 300
_KEPT = 20


class LogRules:
    """Told every byte, it finds the lines that match one of the given regular expressions.

    A match is a suspicion, no proof: an engine may log what a visitor said. The caller asks the engine.
    """

    def __init__(self, rules: Iterable[str]) -> None:
        whole = "|".join(f"(?:{rule})" for rule in rules)
        self._rule = re.compile(whole.encode()) if whole else None
        self._rest = b""
        self._found: list[str] = []

    def read(self, data: bytes) -> None:
        if self._rule is None:
            return
        whole = self._rest + data
        end = whole.rfind(b"\n") + 1
        self._rest = whole[end:][-_LINE:]
        for match in self._rule.finditer(whole, 0, end):
            if len(self._found) >= _KEPT:
                return
            begin = whole.rfind(b"\n", 0, match.start()) + 1
            line = whole[begin : whole.find(b"\n", match.start())].decode("utf-8", "replace").strip()
            self._found.append(line[:_LINE])

    def take(self) -> list[str]:
        found, self._found = self._found, []
        return found
