"""The OpenAI speech protocol, streaming: POST /v1/audio/speech, s16le mono out, `x-sample-rate` says the rate."""

from collections.abc import AsyncGenerator

from clients.http import Engine
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
            async with self.http.stream("POST", "/v1/audio/speech", json=body) as answer:
                if answer.status_code >= 400:
                    self.refuse(answer.status_code, await answer.aread())
                rate = int(answer.headers.get("x-sample-rate", DEFAULT_RATE))
                odd = b""
                async for data in answer.aiter_raw():
                    data = odd + data
                    odd = data[len(data) // 2 * 2 :]
                    yield rate, from_bytes(data)
