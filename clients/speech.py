"""The OpenAI speech protocol, streaming: POST /v1/audio/speech, sound out, raw or as a WAV, of any rate."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from io import BytesIO
from typing import Any

import httpx

from clients import refusals
from clients.http import EngineClient, OpenStream
from clients.sound_stream import CompressedSound, NoSound, SoundStream, mono
from conversation.audio import Samples
from conversation.errors import ConversationError
from conversation.stages import Stage

_CAN_GO = ("speed", "response_format")
"""Without the second, sound comes in a form of the server's choice."""
_MOST_BYTES = 64 << 20
"""Of an answer that has to be decoded as a whole."""


class Speech(EngineClient):
    """Fits `conversation.ports.TextToSpeech`."""

    stage = Stage.SPEAKING

    def __init__(
        self, name: str, base_url: str, model: str = "", voice: str = "", form: str = "pcm", rate: int = 0
    ) -> None:
        """`form`: the response_format that is asked for; `rate`: of raw samples, where the server does not say."""
        super().__init__(name, base_url)
        self._named = {key: value for key, value in (("model", model), ("voice", voice)) if value}
        self._asked, self._rate = form, rate
        self.left_out: set[str] = set()
        """Fields that its server refuses; the clients of one engine may share it."""
        self.tell: Callable[[str], None] = lambda words: None

    async def speak(self, text: str, speed: float) -> AsyncGenerator[tuple[int, Samples], None]:
        body = {"input": text, "response_format": self._asked, "speed": speed, **self._named}
        with self.request():
            async with OpenStream(await self._plainly(body)) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                try:
                    async for part in self._parts(answer):
                        yield part
                except NoSound as error:
                    wrong = self.wrong(str(error))
                    hint = wrong.hint if self.theirs is None else self._other_form
                    raise ConversationError(self.stage, wrong.message, hint) from None

    async def _plainly(self, body: dict[str, Any]) -> httpx.Response:
        """Without what the server does not take, which is remembered once it has answered so."""
        left = set(self.left_out)
        while True:
            asked = {key: value for key, value in body.items() if key not in left}
            answer = await self.send("/v1/audio/speech", json=asked)
            if answer.status_code not in (400, 422):
                break
            said = refusals.said(await answer.aread())
            less = {key for key in _CAN_GO if key in asked and (not said or key in said)}
            if not less:
                return answer
            await answer.aclose()
            left |= less
        if left - self.left_out and answer.status_code < 300:
            self.tell(f"{self.name} does not take {', '.join(sorted(left))}: it is asked without")
            self.left_out |= left
        return answer

    @property
    def _other_form(self) -> str:
        """What may help with somebody else's server."""
        other = "wav" if self._asked == "pcm" else "pcm"
        return f'try response_format = "{other}" under [{self.theirs.table}.options]' if self.theirs else ""

    async def _parts(self, answer: httpx.Response) -> AsyncGenerator[tuple[int, Samples], None]:
        stream, pieces = SoundStream(answer.headers, self._rate), answer.aiter_bytes()
        try:
            async for data in pieces:
                for part in stream.feed(data):
                    yield part
            for part in stream.feed(b"", last=True):
                yield part
        except CompressedSound:
            whole = bytearray(stream.rest)
            async for data in pieces:
                whole += data
                if len(whole) > _MOST_BYTES:
                    raise NoSound("sends sound without an end") from None
            yield await asyncio.to_thread(_decoded, stream.kind, bytes(whole))


def _decoded(kind: str, data: bytes) -> tuple[int, Samples]:
    """A file of a compressed kind. Raises NoSound."""
    import soundfile  # with libsndfile 4 MB: only those whose voice needs it pay

    try:
        sound, rate = soundfile.read(BytesIO(data), dtype="float64", always_2d=True)
    except (soundfile.SoundFileError, RuntimeError, OSError):
        raise NoSound(f"sent {kind or 'sound'} that cannot be decoded here") from None
    return int(rate), mono(sound * 32767.0)
