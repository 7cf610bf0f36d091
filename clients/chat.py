"""What all chat protocols share: a prompt out, lines in, each of which may hold words, figures or the end."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from clients.http import EngineClient, OpenStream
from conversation.errors import ConversationError, TooLong
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from conversation.stages import Stage
from conversation.text.markup_filter import SpeakableStream
from conversation.window import TokenCount
from supervisors.health import probes

T = TypeVar("T")
DESCRIBE = "Say in one short sentence what is in this picture."
CAPTION_TOKENS = 60
_LOOK_S, _COMPUTES = 0.5, 0.1
"""A process that uses so much of a core while it is looked at is at work."""
_LONG = re.compile(
    r"exceed_context_size|context[ _](size|length|window|overflow)|n_ctx\b|maximum (input|prompt|sequence) length"
    r"|exceed\w* (the )?(available |maximum |max )?(context|prompt|input|number of tokens)"
    r"|(prompt|input|request|message)\w*( \w+)? (is|are) too (long|large)|too many tokens|reduce the length",
    re.I,
)
_NUMBERS = re.compile(r'"(n_prompt_tokens|n_ctx)"\s*:\s*(\d+)')
_HERE = ("127.0.0.1", "localhost", "::1")
UNTHINKING = "start its server without reasoning (--reasoning-budget 0), or choose a model that does not think"
_COMING = "(A visitor comes closer.)"
_GREETING, _QUESTION = (
    (Message("user", "Hello."), Message("assistant", "Good evening.")),
    Message("user", "Who are you?"),
)
_TRIES, _PATIENCE_S = 3, 50.0
"""A model may say nothing for once. For a word that comes later after the first sign of life no visitor waits."""


class Piece(Struct, frozen=True):
    """What one line of a reply says."""

    text: str = ""
    figures: ModelFigures | None = None
    last: bool = False
    thinks: bool = False
    """It carries thoughts, which are no words."""


class ChatModel(EngineClient):
    """Fits `conversation.ports.LanguageModel`. One connection per request: llama.cpp closes each streamed one,
    although it promises to keep it, and the next request on it would fail.
    """

    stage = Stage.THINKING
    path: ClassVar[str]
    health_path: ClassVar[str] = "/health"

    def __init__(self, name: str, base_url: str) -> None:
        super().__init__(name, base_url, keep_alive=False)
        self.pid: int | None = None
        """Of a server of ours; None: somebody else runs it."""

    async def prime(self, messages: Sequence[Message]) -> None:
        """Put the prompt into the model's cache. Raises ConversationError."""
        raise NotImplementedError

    async def counted(self, messages: Sequence[Message]) -> TokenCount | None:
        """A prompt measured by the engine itself; None where it does not count. Raises nothing."""
        return None

    def too_long(self, said: str) -> bool:
        """Whether a refusal speaks of a prompt that is longer than the window."""
        return _LONG.search(said) is not None

    def refuse(self, status: int, body: bytes) -> None:
        """A prompt that is too long has words of its own, whatever the server's are."""
        if status >= 400 and self.too_long(said := body.decode("utf-8", "replace")):
            numbers = dict(_NUMBERS.findall(said))
            tokens, window = numbers.get("n_prompt_tokens"), numbers.get("n_ctx")
            figures = f" ({int(tokens):,} tokens, the window {int(window):,})" if tokens and window else ""
            hint = "shorten the persona or give the engine a larger context"
            raise TooLong(self.stage, f"{self.name}: the prompt is longer than the window{figures}", hint)
        super().refuse(status, body)

    async def sees(self) -> bool:
        """Whether the model takes pictures, as far as its server tells. Raises ConversationError."""
        return False

    async def describe(self, picture: bytes, mime: str) -> str:
        """A sentence on what is to be seen, by a model that `sees`; it may take seconds. Raises ConversationError."""
        raise NotImplementedError

    async def lives(self) -> bool:
        """Whether it is at work. Fits `conversation.thinking_deadline.SignOfLife`. A server of ours must compute, for
        one that is stuck still answers its health. Of a server of other people any HTTP answer will do.
        """
        if self.pid is not None:
            return await _computes(self.pid)
        if await self.answers():
            return True
        address = urlsplit(self.base_url)
        if address.hostname not in _HERE:
            return False
        owner = await asyncio.to_thread(probes.port_owner, address.port or 80)
        return owner is not None and await _computes(owner)

    async def answers(self) -> bool:
        """Whether it says anything at all, if only that it is loading."""
        return await probes.health(self.base_url.rstrip("/") + self.health_path) is not None

    async def word(self, messages: Sequence[Message], sampling: Sampling) -> str:
        """The first that a visitor would hear of an answer, asked for on the very path of a turn. Raises
        ConversationError when nothing is to be had that can be spoken.
        """
        for _ in range(_TRIES):
            speakable, said, alive_since = SpeakableStream(), "", 0.0
            async with aclosing(self.stream(messages, sampling, lambda figures: None)) as pieces:
                async for piece in pieces:
                    said += speakable.feed(piece)
                    if _speaks(said):
                        return said.strip()
                    alive_since = alive_since or monotonic()
                    if monotonic() - alive_since > _PATIENCE_S:
                        raise self.thoughtful(f"thinks for more than {_PATIENCE_S:.0f} s before it speaks")
            if _speaks(said := said + speakable.flush()):
                return said.strip()
        raise self.wrong("answered a test question without a word that can be spoken")

    def ways(self) -> Sequence[str]:
        """What its server was found not to take, and what is done instead: sentences without their subject."""
        return ()

    def thoughtful(self, what: str = "gives nothing but thoughts (reasoning), and no answer") -> ConversationError:
        return ConversationError(self.stage, f"{self.name} {what}", UNTHINKING)

    def _question(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        """The body of a request for a stream."""
        raise NotImplementedError

    def _piece(self, line: bytes) -> Piece | None:
        """None for a line that says nothing. Raises ConversationError."""
        raise NotImplementedError

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        """Text as the model writes it; "" stands for bytes without words: reasoning, or a mere sign of life."""
        with self.request():
            async with OpenStream(await self.send(self.path, json=self._question(messages, sampling))) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                whole, thinks, said, rest = False, False, False, b""
                async for data in answer.aiter_bytes():
                    *lines, rest = (rest + data).split(b"\n")  # and at no other line end: replies may hold those
                    silent = True
                    for piece in map(self._piece, lines):
                        if piece is None:
                            continue
                        if piece.figures is not None:
                            on_figures(piece.figures)
                        whole, thinks, said = whole or piece.last, thinks or piece.thinks, said or bool(piece.text)
                        if piece.text:
                            silent = False
                            yield piece.text
                    if silent:
                        yield ""
                if not whole:  # a server that dies may still end its answer in good order
                    raise self.wrong("broke off in the middle")
                if thinks and not said:
                    raise self.thoughtful()

    def _decoded(self, decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.wrong("sent a reply that is not JSON") from None


async def _computes(pid: int) -> bool:
    used = probes.tree_work_s(pid)
    await asyncio.sleep(_LOOK_S)
    return probes.tree_work_s(pid) - used > _COMPUTES * _LOOK_S


def _speaks(text: str) -> bool:
    return any(char.isalnum() for char in text)


def orderly(messages: Sequence[Message]) -> list[Message]:
    """As every chat template takes them: neighbours of one role as one, and no answer before the first question."""
    out: list[Message] = []
    for message in messages:
        if out and out[-1].role == message.role:
            both = "\n".join(text for text in (out[-1].content, message.content) if text)
            out[-1] = Message(message.role, both)
            continue
        if message.role == "assistant" and (not out or out[-1].role == "system"):
            out.append(Message("user", _COMING))
        out.append(message)
    return out


def rehearsal(head: Sequence[Message]) -> list[Message]:
    """The frozen head and what a turn has behind it: both roles, and a question that is not empty."""
    begun = [m for m in head if m.content]
    return [*begun, *(() if any(m.role == "assistant" for m in begun) else _GREETING), _QUESTION]
