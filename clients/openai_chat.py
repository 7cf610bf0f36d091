"""The OpenAI chat protocol as llama.cpp's server speaks it: streaming, a primed slot, timings."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any

import httpx
import msgspec

from clients.http import Engine
from conversation.errors import ConversationError
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from conversation.stages import Stage

_PATH = "/v1/chat/completions"


class _Timings(msgspec.Struct):
    """llama.cpp's own figures; other servers leave them out."""

    cache_n: int = 0
    prompt_n: int = 0
    predicted_n: int = 0
    predicted_per_second: float | None = None


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta = msgspec.field(default_factory=_Delta)


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = msgspec.field(default_factory=list)
    timings: _Timings | None = None
    error: Any = None


class OpenAIChat(Engine):
    """Fits `conversation.ports.LanguageModel`. One connection per request: llama.cpp closes each streamed one,
    although it promises to keep it, and the next request on it would fail.
    """

    stage = Stage.THINKING

    def __init__(self, name: str, base_url: str, model: str = "") -> None:
        super().__init__(name, base_url, keep_alive=False)
        self._model = model
        self._decoder = msgspec.json.Decoder(_Chunk)

    async def prime(self, messages: Sequence[Message]) -> None:
        """One token is asked for, because zero gives one too (measured)."""
        with self.request():
            answer = await self.http.post(_PATH, json=self._body(messages, max_tokens=1, temperature=0.0))
        self.refuse(answer.status_code, answer.content)

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        body = self._body(
            messages,
            stream=True,
            timings_per_token=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            repeat_penalty=sampling.repeat_penalty,
            seed=sampling.seed,
            max_tokens=sampling.max_tokens,
        )
        with self.request():
            async with await self._open(body) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                async for line in answer.aiter_lines():
                    if not line.startswith("data:") or (data := line[5:].strip()) == "[DONE]":
                        continue
                    chunk = self._chunk(data)
                    if chunk.timings is not None:
                        on_figures(_figures(chunk.timings))
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        yield text

    async def _open(self, body: dict[str, Any]) -> "_Opened":
        """A fresh connection; tried twice, since a server that has just closed one may refuse the next."""
        request = self.http.build_request("POST", _PATH, json=body)
        try:
            return _Opened(await self.http.send(request, stream=True))
        except (httpx.RemoteProtocolError, httpx.ReadError):
            return _Opened(await self.http.send(request, stream=True))

    def _chunk(self, data: str) -> _Chunk:
        try:
            chunk = self._decoder.decode(data)
        except msgspec.DecodeError:
            raise ConversationError(
                self.stage, f"{self.name} sent a reply that is not JSON", f"see {self.name}'s log"
            ) from None
        if chunk.error is not None:
            raise ConversationError(
                self.stage, f"{self.name} gave up ({str(chunk.error)[:120]})", f"restart {self.name}"
            )
        return chunk

    def _body(self, messages: Sequence[Message], **more: Any) -> dict[str, Any]:
        rows = [{"role": m.role, "content": m.content} for m in messages]
        body: dict[str, Any] = {"messages": rows, "cache_prompt": True, "id_slot": 0, **more}
        return body | {"model": self._model} if self._model else body


class _Opened:
    """A streamed answer that is closed at the end of its block; closing early is what cancels the model."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aenter__(self) -> httpx.Response:
        return self._response

    async def __aexit__(self, *_: object) -> None:
        await self._response.aclose()


def _figures(timings: _Timings) -> ModelFigures:
    prompt = timings.cache_n + timings.prompt_n
    speed = timings.predicted_per_second
    return ModelFigures(
        tokens_per_s=round(speed, 1) if speed is not None and timings.predicted_n > 1 else None,
        kv_hit=round(timings.cache_n / prompt, 3) if prompt else None,
    )
