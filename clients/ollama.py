"""Ollama's own API (its docs/api.md): chat as a stream of JSON lines; models pulled, loaded, measured and unloaded."""

from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from time import monotonic
from typing import Any, TypeVar

import msgspec
from msgspec.structs import replace

from clients.chat import CAPTION_TOKENS, DESCRIBE, ChatModel, Piece, orderly
from clients.http import OpenStream
from clients.manners import ROOM, KnownManners, UnsupportedRequest
from clients.ollama_wire import (
    ChatLine,
    LoadedModel,
    LoadedModels,
    ModelDetails,
    PullLine,
    StoredModel,
    StoredModels,
    Version,
    error_in,
    explained,
    full_name,
    program,
)
from conversation.errors import ConversationError
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling

T = TypeVar("T")

EVENING = -1
"""keep_alive: until somebody unloads it."""
_PULL_PROMISES = "success"


class Ollama(ChatModel):
    """One model of one server. `runner` holds the options with which it is loaded (num_ctx, num_batch, num_gpu,
    num_thread): they go with every request, because any other value makes Ollama load the model again.
    """

    path = "/api/chat"
    health_path = "/api/version"

    def __init__(
        self,
        name: str,
        base_url: str,
        model: str,
        runner: Mapping[str, int] | None = None,
        known: KnownManners | None = None,
    ) -> None:
        super().__init__(name, base_url)
        self.known, self._wrote = known or KnownManners(), False
        self.model, self._runner = model, dict(runner or {})
        self._lines, self._pulls = msgspec.json.Decoder(ChatLine), msgspec.json.Decoder(PullLine)
        self.timings: ChatLine | None = None
        """Ollama's own figures of the last answer; None until that has come to its end."""

    async def prime(self, messages: Sequence[Message]) -> None:
        """Loads the model if it must, and reads the prompt. One token is asked for: zero means no limit to some."""
        options = {"num_predict": 1, "temperature": 0.0}
        body = await self.post(self.path, json=self._body(messages, stream=False, **options))
        self.timings = self._line(body)

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        """Ollama tells its speed at the very end, which an answer that is long enough never reaches: until then it is
        what is seen from here, a token a line.
        """
        try:
            async with aclosing(self._measured(messages, sampling, on_figures)) as pieces:
                async for text in pieces:
                    yield text
        except UnsupportedRequest:  # some models cannot be told to leave it, but to be brief
            self.known.learn(replace(self.known.manners, patient=True))
            async with aclosing(self._measured(messages, sampling, on_figures)) as pieces:
                async for text in pieces:
                    yield text

    async def _measured(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        count, began, self.timings, self._wrote = 0, 0.0, None, False
        async with aclosing(super().stream(messages, sampling, on_figures)) as pieces:
            async for text in pieces:
                self._wrote = self._wrote or bool(text)
                now, count = monotonic(), count + bool(text)
                if not text:
                    pass
                elif count == 1:
                    began = now
                elif now > began and self.timings is None:
                    on_figures(ModelFigures(tokens_per_s=round((count - 1) / (now - began), 1)))
                yield text

    def _question(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        return self._body(
            messages,
            stream=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            repeat_penalty=sampling.repeat_penalty,
            seed=sampling.seed,
            num_predict=sampling.max_tokens + (ROOM if self.known.manners.patient else 0),
        )

    def _piece(self, line: bytes) -> Piece | None:
        if not line.strip():
            return None
        said = self._line(line)
        if said.message.thinking and not (said.message.content or self._wrote or self.known.manners.patient):
            raise UnsupportedRequest("thinks")
        if not said.done:
            return Piece(said.message.content or "", thinks=bool(said.message.thinking))
        self.timings = said
        figures = ModelFigures(tokens_per_s=said.tokens_per_s) if said.tokens_per_s else None
        return Piece(said.message.content or "", figures, last=True, thinks=bool(said.message.thinking))

    def _line(self, line: bytes) -> ChatLine:
        said = self._decoded(self._lines, line)
        self._mind(said.error)
        return said

    def _body(self, messages: Sequence[Message], *, stream: bool, **options: Any) -> dict[str, Any]:
        """`think` off: a character that ponders for a minute before its first word is none; others ignore it."""
        rows = [{"role": m.role, "content": m.content} for m in orderly(messages)]
        asked = {"model": self.model, "messages": rows, "stream": stream, "keep_alive": EVENING}
        asked["think"] = "low" if self.known.manners.patient else False
        return asked | {"options": {**self._runner, **options}}

    def ways(self) -> Sequence[str]:
        return self.known.manners.words()

    async def lives(self) -> bool:
        """It waits for the disk, not for the processor, while it loads a model that had been unloaded."""
        return await super().lives() or await self.answers()

    async def sees(self) -> bool:
        return "vision" in (await self.show()).capabilities

    async def describe(self, picture: bytes, mime: str) -> str:
        asked = self._body((), stream=False, temperature=0.1, num_predict=CAPTION_TOKENS)
        row = {"role": "user", "content": DESCRIBE, "images": [b64encode(picture).decode()]}
        said = self._line(await self.post(self.path, json=asked | {"messages": [row]}))
        return (said.message.content or "").strip()

    async def version(self) -> str:
        return self._whole_of(Version, await self.get("/api/version")).version

    async def models(self) -> list[StoredModel]:
        """On the server's disk."""
        return self._whole_of(StoredModels, await self.get("/api/tags")).models or []

    async def stored(self) -> bool:
        """Whether our model is among them."""
        wanted = full_name(self.model)
        return any(full_name(m.name) == wanted for m in await self.models())

    async def running(self) -> list[LoadedModel]:
        """In the server's memory, those of others too."""
        return self._whole_of(LoadedModels, await self.get("/api/ps")).models or []

    async def loaded(self) -> LoadedModel | None:
        """Our model, if it is there."""
        wanted = full_name(self.model)
        return next((m for m in await self.running() if full_name(m.name) == wanted), None)

    async def show(self) -> ModelDetails:
        return self._whole_of(ModelDetails, await self.post("/api/show", json={"model": self.model}))

    async def load(self, keep_alive: int | None = EVENING) -> None:
        """Into memory, without a word asked; None: kept for as long as the server keeps models by itself."""
        body: dict[str, Any] = {"model": self.model, "stream": False, "options": self._runner}
        await self._generate(body if keep_alive is None else body | {"keep_alive": keep_alive})

    async def unload(self) -> None:
        """Out of memory at once; of no consequence when it is not there."""
        await self._generate({"model": self.model, "stream": False, "keep_alive": 0})

    async def _generate(self, body: dict[str, Any]) -> None:
        self._mind(error_in(await self.post("/api/generate", json=body)))

    async def pull(self) -> AsyncGenerator[PullLine, None]:
        """Onto the server's disk; resumed by the server where it broke off. Closing the iterator cancels."""
        with self.request():
            async with OpenStream(await self.send("/api/pull", json={"model": self.model, "stream": True})) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                rest, status = b"", ""
                async for data in answer.aiter_bytes():
                    *lines, rest = (rest + data).split(b"\n")
                    for line in filter(bytes.strip, lines):
                        said = self._decoded(self._pulls, line)
                        self._mind(said.error, pulling=True)
                        status = said.status
                        yield said
                if status != _PULL_PROMISES:
                    raise self.wrong("broke off the download")

    def refuse(self, status: int, body: bytes) -> None:
        """In plain words where we know what it means: a model that is missing is no prompt that is too long."""
        if status >= 400 and (plain := self._explained(error_in(body))):
            raise ConversationError(self.stage, *plain)
        super().refuse(status, body)

    def _mind(self, error: object, *, pulling: bool = False) -> None:
        """Errors come in the midst of an answer too, after a 200."""
        if error:
            said = " ".join(str(error).split())
            if plain := self._explained(said, pulling=pulling):
                raise ConversationError(self.stage, *plain)
            raise self.wrong(f"gave up ({said[:120]})")

    def _explained(self, said: str, *, pulling: bool = False) -> tuple[str, str] | None:
        """The address may be shown: user and password are kept apart from it."""
        ollama = program(self.theirs.url if self.theirs else self.base_url)
        return explained(self._shown(said), self.model, pulling=pulling, ollama=ollama)

    def _whole_of(self, kind: type[T], body: bytes) -> T:
        return self._decoded(msgspec.json.Decoder(kind), body)
