"""What visitor and character said to each other, kept so that the model's cached prompt stays valid."""

from collections.abc import Iterable

from conversation.ports import Message

_CHARACTERS_PER_TOKEN = 3
"""English has four or more; names, numbers and other tongues have fewer."""
_TOKENS_PER_MESSAGE = 8
"""What a chat template puts around each."""


class History:
    """Trimmed in blocks: dropping one exchange per turn would change the head of the prompt every time,
    and the model would read everything again (hundreds of ms). It grows to twice `keep`, then falls to `keep`;
    sooner, to its younger half, when it would not fit into `budget` tokens.
    """

    def __init__(self, keep: int, budget: int = 1_000_000) -> None:
        self._keep, self.budget = keep, budget
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
        while self._exchanges and tokens(self.messages()) > self.budget:
            self.forget_older_half()

    def forget_older_half(self) -> None:
        self._exchanges = self._exchanges[(len(self._exchanges) + 1) // 2 :]

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


def tokens(messages: Iterable[Message]) -> int:
    """An estimate on the safe side; only the engine can count."""
    return sum(len(m.content) // _CHARACTERS_PER_TOKEN + _TOKENS_PER_MESSAGE for m in messages)
