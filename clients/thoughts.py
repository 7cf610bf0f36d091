"""Thoughts where words are expected: whether an answer begins with them, which asking can help."""

OPENERS = (
    "<think>",
    "<thinking>",
    "<thought>",
    "<thoughts>",
    "<reasoning>",
    "<seed:think>",
    "[think]",
    "◁think▷",
    "<|channel|>analysis",
    "<|channel>thought",
)


class ThoughtOpening:
    """Holds the first text back while it may still turn out to open thoughts; other text at no point."""

    def __init__(self, *, patient: bool) -> None:
        """`patient`: thoughts are let through, for a reader that skips them."""
        self.thinks = False
        self._held = ""
        self._open = not patient

    def feed(self, text: str) -> str:
        """What is no such opening."""
        if not self._open:
            return text
        self._held += text
        start = self._held.lstrip().lower()
        for opener in OPENERS:
            inside = start[len(opener) :].lstrip()
            if opener.startswith(start) or (start.startswith(opener) and not inside):
                return ""
            self.thinks = self.thinks or (start.startswith(opener) and inside[0] not in "<[◁")
        self._open = False
        return "" if self.thinks else self._held

    def rest(self) -> str:
        """At the end: what looked like an opening so far, unless it is a whole one with nothing inside."""
        start = self._held.strip().lower()
        return "" if not self._open or start in OPENERS else self._held
