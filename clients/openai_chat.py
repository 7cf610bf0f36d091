"""The OpenAI chat protocol: as llama.cpp's server speaks it (streaming, a primed slot, timings), and more plainly."""

import asyncio
import logging
import re
from base64 import b64encode
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import httpx
import msgspec

from clients import refusals
from clients.chat import CAPTION_TOKENS, DESCRIBE, ChatModel
from clients.http import OpenStream
from clients.manners import NO_PATH, KnownManners, Manners, PlainerRequests, UnsupportedRequest, speaks_of_model
from clients.openai_wire import Chunk, ChunkReader
from clients.thoughts import ThoughtOpening
from conversation.errors import ConversationError, RequestRefused
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from conversation.window import TokenCount

_LOG = logging.getLogger(__name__)
_NO_CHAT = (404, 405, 410, 501)
_LATER = (429, 502, 503, 504)
_FINAL = (401, 402, 403, 407, 413)
"""Asked in another way the answer would be the same."""
_WAITS, _WAIT_S, _LONGEST_WAIT_S = 3, 1.0, 5.0
"""In all: a visitor waits."""
_BROKE_OFF = "it broke off"
_BUSY = re.compile(r"load|busy|overload|capacity|warming|starting|not ready", re.IGNORECASE)
_OTHER = re.compile(r"embed|rerank|whisper|tts|moderation|\bbge\b", re.IGNORECASE)
"""In the names of models that do not chat."""


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


class _Listed(msgspec.Struct):
    id: str = ""


class _Models(msgspec.Struct):
    data: list[_Listed] = msgspec.field(default_factory=list)


class OpenAIChat(ChatModel):
    """A server of the OpenAI protocol. llama.cpp's extensions are asked for first; what a server does not take is found
    out at the canary, or in the midst of a turn when it has changed, and remembered in `known`.
    """

    def __init__(self, name: str, base_url: str, model: str = "", known: KnownManners | None = None) -> None:
        super().__init__(name, base_url)
        self._model = model
        self.known = known or KnownManners()

    async def prime(self, messages: Sequence[Message]) -> None:
        """One token is asked for, because zero gives one too (measured)."""
        manners = self.known.manners
        asked = self._asked(stream=False, max_tokens=1, temperature=0.0)
        await self.post(manners.path, json=manners.body(messages, asked))

    def ways(self) -> Sequence[str]:
        return self.known.manners.words()

    async def counted(self, messages: Sequence[Message]) -> TokenCount | None:
        """llama.cpp alone counts: with its own template and tokenizer."""
        rows = [{"role": m.role, "content": m.content} for m in self.known.manners.shaped(messages)]
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
        return TokenCount(len(tokens), window) if window else None

    async def sees(self) -> bool:
        """Other servers than llama.cpp's do not tell; they are taken for blind."""
        try:
            with self.request():
                async with OpenStream(await self.send("/props", method="GET")) as answer:
                    body = await answer.aread()
            if answer.status_code in _NO_CHAT:
                return False
            self.refuse(answer.status_code, body)
            return msgspec.json.decode(body, type=_Props).modalities.vision
        except (RequestRefused, msgspec.DecodeError, UnicodeDecodeError):
            return False

    async def describe(self, picture: bytes, mime: str) -> str:
        url = f"data:{mime};base64,{b64encode(picture).decode()}"
        parts = [{"type": "text", "text": DESCRIBE}, {"type": "image_url", "image_url": {"url": url}}]
        manners = self.known.manners
        asked = manners.body((), self._asked(cache_prompt=False, max_tokens=CAPTION_TOKENS, temperature=0.1))
        asked |= {"messages": [{"role": "user", "content": parts}]}
        asked.pop("id_slot", None)
        reading = ChunkReader()
        try:
            chunks = [*reading.feed(await self.post(manners.path, json=asked)), *reading.end()]
        except ValueError:
            raise self.wrong("sent a reply that is not JSON") from None
        return "".join(chunk.text for chunk in chunks).strip()

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        asked = self._asked(
            stream=True,
            timings_per_token=True,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            repeat_penalty=sampling.repeat_penalty,
            seed=sampling.seed,
            max_tokens=sampling.max_tokens,
        )
        walk, waits, waited, speaks = PlainerRequests(self.known.manners), 0, 0.0, False
        with self.request():
            while True:
                try:
                    async with aclosing(self._answer(walk.now, messages, asked, on_figures)) as pieces:
                        async for text in pieces:
                            if text and not speaks:
                                speaks = True
                                self.known.learn(walk.now, guessed=walk.guessed)
                            yield text
                    return
                except UnsupportedRequest as unfit:
                    said = self._shown(unfit.body.decode("utf-8", "replace") or unfit.said)
                    _LOG.info("%s: %s %s %.2000s", self.name, unfit.why, unfit.status, said)
                    if unfit.why == "later" and waits < _WAITS and waited + unfit.pause_s <= _LONGEST_WAIT_S:
                        waits, waited = waits + 1, waited + unfit.pause_s
                        await asyncio.sleep(unfit.pause_s)
                    elif unfit.why == "later" or not await self._plainer(walk, unfit, asked):
                        raise await self._explained(walk, unfit) from None

    async def _answer(
        self,
        manners: Manners,
        messages: Sequence[Message],
        asked: dict[str, Any],
        on_figures: Callable[[ModelFigures], None],
    ) -> AsyncGenerator[str, None]:
        """Text as it comes, "" for a sign of life that is no word. Raises Unfit before the first text."""
        begun, finish, beginning = False, "", ThoughtOpening(patient=manners.patient)
        try:
            async with aclosing(self._chunks(manners.path, manners.body(messages, asked))) as chunks:
                async for chunk in chunks:
                    if chunk.trouble:
                        self._mind_trouble(chunk.trouble, begun=begun)
                    if chunk.timings is not None and chunk.figures:
                        on_figures(chunk.figures)
                    finish = finish or chunk.finish
                    text = beginning.feed(chunk.text)
                    if beginning.thinks or (chunk.thinks and not (begun or text or manners.patient)):
                        raise UnsupportedRequest("thinks")
                    begun = begun or bool(text)
                    yield text
        except (httpx.RemoteProtocolError, httpx.ReadError):
            if begun:
                raise
        if not begun and not finish:
            raise UnsupportedRequest("refused", said=_BROKE_OFF)  # and no word was heard yet: it may be asked again
        if rest := beginning.rest():
            begun = True
            yield rest
        if finish:
            self.known.marks_end = True
        if not begun and finish == "length":
            raise UnsupportedRequest("thinks", said="no room for a word")
        if not finish and not await self._never_marks_ends(manners, messages, asked):
            raise self.wrong("broke off in the middle")

    async def _chunks(self, path: str, body: dict[str, Any]) -> AsyncGenerator[Chunk, None]:
        """Raises Unfit for what is no answer, and ConversationError where no other way of asking would help."""
        try:
            answer = await self.send(path, json=body)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            raise UnsupportedRequest("refused", said=_BROKE_OFF) from None
        async with OpenStream(answer):
            if answer.status_code >= 300:
                self._mind_status(answer.status_code, answer.headers, await answer.aread())
            reading, seen, ended = ChunkReader(), False, False
            try:
                async for data in answer.aiter_bytes():
                    for chunk in reading.feed(data):
                        seen = True
                        yield chunk
                ended = True
                for chunk in reading.end():
                    seen = True
                    yield chunk
            except ValueError:
                if ended and seen:
                    raise httpx.RemoteProtocolError("it ended in the middle of an event") from None
                raise self.wrong("sent a reply that is not JSON") from None
            if not seen:
                page = "html" in answer.headers.get("content-type", "")
                raise UnsupportedRequest("elsewhere" if page else "refused", said="a web page" if page else _BROKE_OFF)

    def _mind_status(self, status: int, headers: httpx.Headers, body: bytes) -> None:
        said = refusals.said(body)
        spent = refusals.quota(said) and status < 500
        if status in _LATER and not spent:
            asked_for = headers.get("retry-after", "")
            default = _WAIT_S if status == 429 or _BUSY.search(said) else 9e9
            wait = max(_WAIT_S, float(asked_for)) if asked_for.isdecimal() else default
            if wait <= _LONGEST_WAIT_S:
                raise UnsupportedRequest("later", status, said, body, wait)
        if spent or status in _FINAL or status in _LATER or self.too_long(said):
            self.refuse(status, body)
        nowhere = status in _NO_CHAT and not speaks_of_model(said)
        raise UnsupportedRequest("elsewhere" if nowhere else "refused", status, said, body)

    def _mind_trouble(self, trouble: Any, *, begun: bool) -> None:
        """An error in an answer that began as a success."""
        body = trouble.encode() if isinstance(trouble, str) else msgspec.json.encode(trouble)
        said = refusals.said(body)
        if begun:
            raise self.wrong(f"gave up ({refusals.plain(said) or 'it does not say why'})")
        if self.too_long(said) or refusals.quota(said):
            self.refuse(400, body)
        raise UnsupportedRequest("elsewhere" if NO_PATH.search(said) else "refused", 200, said)

    async def _never_marks_ends(self, manners: Manners, messages: Sequence[Message], asked: dict[str, Any]) -> bool:
        """Of an answer that just stopped: whether all of this server do. It is asked for another one, of a word."""
        if self.known.marks_end is None:
            body, ends = manners.body(messages, asked | {"max_tokens": 1}), []
            try:
                async with aclosing(self._chunks(manners.path, body)) as chunks:
                    ends = [bool(chunk.finish) async for chunk in chunks]
            except (ConversationError, UnsupportedRequest, httpx.HTTPError):
                return False
            self.known.marks_end = any(ends)
        return not self.known.marks_end

    async def _plainer(self, walk: PlainerRequests, unfit: UnsupportedRequest, asked: dict[str, Any]) -> bool:
        if self.known.in_vain(unfit):
            return False
        if walk.again(unfit, asked):
            return True
        model = ""
        if unfit.why == "refused" and not self._model:
            model = next((m for m in await self._models(walk) if not _OTHER.search(m)), "")
        if walk.plainer(unfit, asked, model):
            return True
        self.known.nothing_helps(walk.met)
        return False

    async def _models(self, walk: PlainerRequests) -> list[str]:
        """What the server says that it has; nothing when it does not say. Asked once."""
        if walk.models is None:
            walk.models = await self._listed(walk.now.path)
        return walk.models

    async def _listed(self, path: str) -> list[str]:
        try:
            listed = msgspec.json.decode(await self.get(path.replace("chat/completions", "models")), type=_Models)
        except (ConversationError, msgspec.DecodeError, UnicodeDecodeError):
            return []
        return [model.id for model in listed.data if model.id]

    async def _explained(self, walk: PlainerRequests, unfit: UnsupportedRequest) -> ConversationError:
        """What no way of asking could mend, in one line."""
        match unfit.why:
            case "thinks":
                return self.thoughtful()
            case "elsewhere":
                what = f"{self.name} has no chat at {self.base_url}{walk.now.path}" + (
                    f" ({unfit.status})" if unfit.status else ""
                )
                return ConversationError(self.stage, what, "correct its url in the rig")
        asks = unfit.why != "later" and speaks_of_model(unfit.said)
        if asks and (models := await self._models(walk)) and self._model not in models:
            what = f'has no model "{self._model}"' if self._model else "wants to be told which model"
            listed = ", ".join(models[:5])
            return ConversationError(self.stage, f"{self.name} {what}; it has {listed}", "name one of them in the rig")
        try:
            self.refuse(unfit.status, unfit.body)
        except ConversationError as error:
            return error
        words = refusals.plain(unfit.said) or "it does not say why"
        return self.wrong(f"gave up ({words})" if unfit.status else "broke off in the middle")

    def _asked(self, **more: Any) -> dict[str, Any]:
        body: dict[str, Any] = {"cache_prompt": True, "id_slot": 0, **more}
        return body | {"model": self._model} if self._model else body
