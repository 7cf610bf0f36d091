"""The OpenAI chat protocol as llama.cpp's server speaks it: streaming, a primed slot, timings."""

from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from typing import Any

import msgspec

from clients.http import Engine, Opened
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
    finish_reason: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = msgspec.field(default_factory=list)
    timings: _Timings | None = None
    error: Any = None

    @property
    def text(self) -> str:
        return (self.choices[0].delta.content or "") if self.choices else ""

    @property
    def last(self) -> bool:
        return any(c.finish_reason is not None for c in self.choices)


_LAST = _Chunk([_Choice(finish_reason="[DONE]")])


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
        await self.post(_PATH, json=self._body(messages, max_tokens=1, temperature=0.0))

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
            async with Opened(await self.send(_PATH, json=body)) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                whole, rest = False, b""
                async for piece in answer.aiter_bytes():
                    *lines, rest = (rest + piece).split(b"\n")  # and at no other line end: replies may hold those
                    for chunk in self._chunks(lines):
                        if chunk.timings is not None:
                            on_figures(_figures(chunk.timings))
                        whole = whole or chunk.last
                        if chunk.text:
                            yield chunk.text
                if not whole:  # a server that dies may still end its answer in good order
                    raise self.wrong("broke off in the middle")

    def _chunks(self, lines: Sequence[bytes]) -> Iterator[_Chunk]:
        for line in lines:
            data = line[5:].strip() if line.startswith(b"data:") else b""
            if data == b"[DONE]":
                yield _LAST
            elif data:
                yield self._chunk(data)

    def _chunk(self, data: bytes) -> _Chunk:
        try:
            chunk = self._decoder.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.wrong("sent a reply that is not JSON") from None
        if chunk.error is not None:
            raise self.wrong(f"gave up ({str(chunk.error)[:120]})")
        return chunk

    def _body(self, messages: Sequence[Message], **more: Any) -> dict[str, Any]:
        rows = [{"role": m.role, "content": m.content} for m in messages]
        body: dict[str, Any] = {"messages": rows, "cache_prompt": True, "id_slot": 0, **more}
        return body | {"model": self._model} if self._model else body


def _figures(timings: _Timings) -> ModelFigures:
    prompt = timings.cache_n + timings.prompt_n
    speed = timings.predicted_per_second
    return ModelFigures(
        tokens_per_s=round(speed, 1) if speed is not None and timings.predicted_n > 1 else None,
        kv_hit=round(timings.cache_n / prompt, 3) if prompt else None,
    )
