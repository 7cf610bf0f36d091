"""The OpenAI chat protocol as llama.cpp's server speaks it: streaming, a primed slot, timings."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import msgspec

from clients.chat import CAPTION_TOKENS, DESCRIBE, ChatModel, Piece
from conversation.errors import ConversationError, Refused
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from conversation.window import Counted


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


class _Modalities(msgspec.Struct):
    vision: bool = False


class _Slot(msgspec.Struct):
    n_ctx: int = 0


class _Props(msgspec.Struct):
    """Of llama.cpp's /props: whether a projector (mmproj) was loaded beside the model, and how long its window is."""

    modalities: _Modalities = msgspec.field(default_factory=_Modalities)
    default_generation_settings: _Slot = msgspec.field(default_factory=_Slot)


class _Templated(msgspec.Struct):
    prompt: str


class _Tokens(msgspec.Struct):
    tokens: list[int]


class _Answer(msgspec.Struct):
    message: _Delta = msgspec.field(default_factory=_Delta)


class _Whole(msgspec.Struct):
    choices: list[_Answer] = msgspec.field(default_factory=list)


class OpenAIChat(ChatModel):
    """A server of the OpenAI protocol; llama.cpp's extensions are asked for, and done without where they are not."""

    path = "/v1/chat/completions"

    def __init__(self, name: str, base_url: str, model: str = "") -> None:
        super().__init__(name, base_url)
        self._model = model
        self._decoder = msgspec.json.Decoder(_Chunk)

    async def prime(self, messages: Sequence[Message]) -> None:
        """One token is asked for, because zero gives one too (measured)."""
        await self.post(self.path, json=self._body(messages, max_tokens=1, temperature=0.0))

    async def counted(self, messages: Sequence[Message]) -> Counted | None:
        """llama.cpp alone counts: with its own template and tokenizer."""
        rows = [{"role": m.role, "content": m.content} for m in messages]
        try:
            props = self._decoded(msgspec.json.Decoder(_Props), await self.get("/props"))
            made = await self.post("/apply-template", json={"messages": rows})
            asked = {
                "content": self._decoded(msgspec.json.Decoder(_Templated), made).prompt,
                "add_special": True,
                "parse_special": True,
            }
            tokens = self._decoded(msgspec.json.Decoder(_Tokens), await self.post("/tokenize", json=asked)).tokens
        except ConversationError:
            return None
        window = props.default_generation_settings.n_ctx
        return Counted(len(tokens), window) if window else None

    async def sees(self) -> bool:
        """Other servers than llama.cpp's do not tell; they are taken for blind."""
        try:
            return self._decoded(msgspec.json.Decoder(_Props), await self.get("/props")).modalities.vision
        except Refused:
            return False

    async def describe(self, picture: bytes, mime: str) -> str:
        url = f"data:{mime};base64,{b64encode(picture).decode()}"
        parts = [{"type": "text", "text": DESCRIBE}, {"type": "image_url", "image_url": {"url": url}}]
        asked: dict[str, Any] = {"messages": [{"role": "user", "content": parts}], "cache_prompt": False}
        asked |= {"max_tokens": CAPTION_TOKENS, "temperature": 0.1} | ({"model": self._model} if self._model else {})
        whole = self._decoded(msgspec.json.Decoder(_Whole), await self.post(self.path, json=asked))
        return ((whole.choices[0].message.content or "") if whole.choices else "").strip()

    def _question(self, messages: Sequence[Message], sampling: Sampling) -> dict[str, Any]:
        return self._body(
            messages,
            stream=True,
            timings_per_token=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            repeat_penalty=sampling.repeat_penalty,
            seed=sampling.seed,
            max_tokens=sampling.max_tokens,
        )

    def _piece(self, line: bytes) -> Piece | None:
        data = line[5:].strip() if line.startswith(b"data:") else b""
        if not data or data == b"[DONE]":
            return Piece(last=True) if data else None
        chunk = self._decoded(self._decoder, data)
        if chunk.error is not None:
            raise self.wrong(f"gave up ({str(chunk.error)[:120]})")
        return Piece(chunk.text, _figures(chunk.timings) if chunk.timings else None, chunk.last)

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
