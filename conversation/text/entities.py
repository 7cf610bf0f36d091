"""Text that a server escaped for a web page, back to what the model wrote: `&lt;think&gt;` is a tag."""

_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"', "&apos;": "'", "&#39;": "'", "&nbsp;": " "}


class Entities:
    """Feed characters, get the same without entities; what may become one is held until it is clear."""

    def __init__(self) -> None:
        self.held = ""

    def feed(self, char: str) -> str:
        if not self.held and char != "&":
            return char
        held = self.held + char
        self.held = ""
        if held in _ENTITIES:
            return _ENTITIES[held]
        if any(entity.startswith(held) for entity in _ENTITIES):
            self.held = held
            return ""
        return held[:-1] + self.feed(char)

    def flush(self) -> str:
        held, self.held = self.held, ""
        return held
