"""What visitor and character said to each other, kept so that the model's cached prompt stays valid."""

from conversation.ports import Message


class History:
    """Trimmed in blocks: dropping one exchange per turn would change the head of the prompt every time,
    and the model would read everything again (hundreds of ms). It grows to twice `keep`, then falls to `keep`.
    """

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._exchanges: list[tuple[str, str]] = []
        self.last_line = ""
        """The last thing that was heard of us, canned lines too: the microphone may hear it again."""

    def __len__(self) -> int:
        return len(self._exchanges)

    def add(self, visitor: str, heard: str) -> None:
        """`heard` is what was heard of the reply, not what was meant; `visitor` is empty for the operator's lines."""
        if not heard:
            return
        self.last_line = heard
        self._exchanges.append((visitor, heard))
        if len(self._exchanges) > 2 * self._keep:
            self._exchanges = self._exchanges[len(self._exchanges) - self._keep :]

    def clear(self) -> None:
        self._exchanges.clear()
        self.last_line = ""

    def messages(self) -> list[Message]:
        out: list[Message] = []
        for visitor, heard in self._exchanges:
            if visitor:
                out.append(Message("user", visitor))
            out.append(Message("assistant", heard))
        return out
