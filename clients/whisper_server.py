"""whisper.cpp's server protocol: POST /inference, a WAV in, its words out."""

import io
import math
import re
import wave

import msgspec

from clients.http import EngineClient
from conversation.audio import HEARING_RATE, Samples
from conversation.stages import Stage

_NOT_WORDS = re.compile(r"\[[^\]]*\]|\([^)]*\)|\*[^*]*\*|[♪♫]")
"""whisper's notes on sounds: [BLANK_AUDIO], (wind howling)."""


class _Answer(msgspec.Struct):
    text: str


class WhisperServer(EngineClient):
    """Fits `conversation.ports.SpeechToText`."""

    stage = Stage.TRANSCRIBING

    async def transcribe(self, pcm: Samples) -> str:
        file = {"file": ("question.wav", wav(pcm), "audio/wav")}
        body = await self.post("/inference", files=file, data=sized(len(pcm) / HEARING_RATE))
        try:
            text = msgspec.json.decode(body, type=_Answer).text
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.wrong("sent no transcript") from None
        return " ".join(_NOT_WORDS.sub(" ", text).split())


def sized(seconds: float) -> dict[str, str]:
    """Request fields for an utterance this long: whisper's encoder costs by its window, 50 frames a second.

    Under 512 the decoder runs away on some voices; the token cap bounds it everywhere, and without a
    temperature step no second pass doubles the wait (measured: research, spikes A).
    """
    window = 512 if seconds <= 9 else 768 if seconds <= 14 else 0
    return {
        "response_format": "json",
        "temperature": "0.0",
        "temperature_inc": "0.0",
        "audio_ctx": str(window),
        "max_tokens": str(math.ceil(7 * seconds) + 8),
        "no_timestamps": "true",
        "vad": "false",
    }


def wav(pcm: Samples) -> bytes:
    """16 kHz mono samples as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setparams((1, 2, HEARING_RATE, len(pcm), "NONE", ""))
        file.writeframes(pcm.astype("<i2").tobytes())
    return out.getvalue()
