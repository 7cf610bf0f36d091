"""The OpenAI speech protocol, streaming: POST /v1/audio/speech, s16le mono out, `x-sample-rate` says the rate."""

from collections.abc import AsyncGenerator

import httpx

from clients.http import Engine, Opened
from conversation.audio import Samples, from_bytes
from conversation.stages import Stage

DEFAULT_RATE = 24_000
"""What servers of this protocol send when they do not say."""


class Speech(Engine):
    """Fits `conversation.ports.TextToSpeech`."""

    stage = Stage.SPEAKING

    def __init__(self, name: str, base_url: str, model: str = "", voice: str = "") -> None:
        super().__init__(name, base_url)
        self._named = {key: value for key, value in (("model", model), ("voice", voice)) if value}

    async def speak(self, text: str, speed: float) -> AsyncGenerator[tuple[int, Samples], None]:
        body = {"input": text, "response_format": "pcm", "speed": speed, **self._named}
        with self.request():
            async with Opened(await self.send("/v1/audio/speech", json=body)) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                rate = self._rate(answer.headers)
                odd = b""
                async for data in answer.aiter_bytes():
                    data = odd + data
                    odd = data[len(data) // 2 * 2 :]
                    yield rate, from_bytes(data)

    def _rate(self, headers: httpx.Headers) -> int:
        """Anything but sound would be heard as noise."""
        kind = headers.get("content-type", "").split(";")[0].strip().lower()
        if kind.startswith("text/") or kind in ("application/json", "audio/wav", "audio/mpeg"):
            raise self.wrong(f"sent {kind} where samples were asked for")
        said = headers.get("x-sample-rate", str(DEFAULT_RATE))
        if not said.isdecimal() or not 4000 <= int(said) <= 384_000:
            raise self.wrong(f"sends sound at a rate that cannot be ({said[:20]})")
        return int(said)
