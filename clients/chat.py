"""What all chat protocols share: a prompt out, lines in, each of which may hold words, figures or the end."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, ClassVar, TypeVar
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from clients.http import Engine, Opened
from conversation.errors import TooLong
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from conversation.stages import Stage
from conversation.window import Counted
from supervisors import probes

T = TypeVar("T")
DESCRIBE = "Say in one short sentence what is in this picture."
CAPTION_TOKENS = 60
_LOOK_S, _COMPUTES = 0.5, 0.1
"""A process that uses so much of a core while it is looked at is at work."""
_LONG = re.compile(
    r"exceed_context_size|exceeds? the (available )?context|context[ _](size|length|window|overflow)", re.I
)
_NUMBERS = re.compile(r'"(n_prompt_tokens|n_ctx)"\s*:\s*(\d+)')
_HERE = ("127.0.0.1", "localhost", "::1")


class Piece(Struct, frozen=True):
    """What one line of a reply says."""

    text: str = ""
    figures: ModelFigures | None = None
    last: bool = False


class ChatModel(Engine):
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

    async def counted(self, messages: Sequence[Message]) -> Counted | None:
        """A prompt measured by the engine itself; None where it does not count. Raises nothing."""
        return None

    def refuse(self, status: int, body: bytes) -> None:
        """A prompt that is too long has words of its own, whatever the server's are."""
        if status >= 400 and _LONG.search(said := body.decode("utf-8", "replace")):
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
        """Whether it is at work. Fits `conversation.patience.Lively`. A server of ours must compute, for one that is
        stuck still answers its health. Of one that somebody else runs any HTTP answer will do, or that it computes.
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
            async with Opened(await self.send(self.path, json=self._question(messages, sampling))) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                whole, rest = False, b""
                async for data in answer.aiter_bytes():
                    *lines, rest = (rest + data).split(b"\n")  # and at no other line end: replies may hold those
                    silent = True
                    for piece in map(self._piece, lines):
                        if piece is None:
                            continue
                        if piece.figures is not None:
                            on_figures(piece.figures)
                        whole = whole or piece.last
                        if piece.text:
                            silent = False
                            yield piece.text
                    if silent:
                        yield ""
                if not whole:  # a server that dies may still end its answer in good order
                    raise self.wrong("broke off in the middle")

    def _decoded(self, decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
        try:
            return decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.wrong("sent a reply that is not JSON") from None


async def _computes(pid: int) -> bool:
    used = probes.tree_work_s(pid)
    await asyncio.sleep(_LOOK_S)
    return probes.tree_work_s(pid) - used > _COMPUTES * _LOOK_S
