"""POST /v1/audio/speech over any voice that turns text into pieces of sound."""

import asyncio
import io
import re
import wave
from collections.abc import AsyncIterator, Iterator
from typing import Any, Protocol

import numpy as np
from _serving import MAX_BODY, ServedModel
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

Samples = np.ndarray[Any, np.dtype[np.float32]]

SILENCE = 10 ** (-50 / 20)
"""What a voice puts before its first sound is dead air for the visitor."""
KEPT_BEFORE_S = 0.010
LONGEST_PIECE = 400
"""Characters handed to the voice at once: a page without a full stop would be one huge run that no cancel ends."""


class LoadedVoice(Protocol):
    """One loaded voice."""

    rate: int

    def speak(self, text: str, speed: float) -> Iterator[Samples]:
        """Pieces of mono sound in [-1, 1], each as soon as it is ready."""


def blocks(text: str) -> Iterator[str]:
    """Text in runs of at most LONGEST_PIECE characters, cut after a sentence, else a clause, else a word."""
    text = " ".join(text.split())
    while len(text) > LONGEST_PIECE:
        head = text[:LONGEST_PIECE]
        ends = [[m.end() for m in re.finditer(mark, head)] for mark in (r"[.!?…][\"”’)]*\s", r"[,;:—]\s", r"\s")]
        cut = next((found[-1] for found in ends if found), LONGEST_PIECE)
        yield text[:cut]
        text = text[cut:]
    if text:
        yield text


def trimmed(samples: Samples, rate: int) -> Samples:
    """Without the leading silence; empty when all of it is silent."""
    loud = np.flatnonzero(np.abs(samples) > SILENCE)
    return samples[max(0, int(loud[0]) - int(KEPT_BEFORE_S * rate)) :] if loud.size else samples[:0]


def pcm_pieces(voice: LoadedVoice, text: str, speed: float) -> Iterator[bytes]:
    """s16le pieces of one request."""
    begun = False
    for block in blocks(text):
        for samples in voice.speak(block, speed):
            heard = samples if begun else trimmed(samples, voice.rate)
            if heard.size:
                begun = True
                yield (np.clip(heard, -1.0, 1.0) * 32767.0).astype("<i2").tobytes()


async def stream(model: ServedModel[LoadedVoice], text: str, speed: float) -> AsyncIterator[bytes]:
    """One piece at a time off the event loop; the lock is held for a piece, so that a slow reader starves nobody."""
    pieces = pcm_pieces(model.get(), text, speed)
    while True:
        async with model.lock:
            piece = await asyncio.to_thread(next, pieces, None)
        if piece is None:
            return
        yield piece


def whole_wav(pcm: bytes, rate: int) -> bytes:
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(pcm)
    return out.getvalue()


async def read_order(request: Request) -> tuple[str, float, str]:
    """Text, speed and format of one request, or a 400 that names the field."""
    if int(request.headers.get("content-length") or 0) > MAX_BODY:
        raise HTTPException(413, "the text is too long; send it in parts")
    try:
        order = await request.json()
    except ValueError:
        order = None
    if not isinstance(order, dict):
        raise HTTPException(400, 'the body must be JSON such as {"input": "Hello."}')
    text = order.get("input")
    if not isinstance(text, str) or not text.strip():
        raise HTTPException(400, "'input' is empty; send the text to speak")
    speed = order.get("speed", 1.0)
    if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0.25 <= speed <= 4.0:
        raise HTTPException(400, "'speed' must be a number from 0.25 to 4")
    kind = order.get("response_format", "pcm")
    if kind not in {"pcm", "wav"}:
        raise HTTPException(400, "'response_format' must be pcm or wav")
    return text, float(speed), kind


def routes(model: ServedModel[LoadedVoice]) -> list[Route]:
    async def speech(request: Request) -> Response:
        rate = model.get().rate
        text, speed, kind = await read_order(request)
        headers = {"x-sample-rate": str(rate)}
        pieces = stream(model, text, speed)
        if kind == "pcm":
            # starlette cancels the iteration when the client hangs up; at most the piece in work is finished.
            return StreamingResponse(pieces, media_type="audio/pcm", headers=headers)
        whole = bytearray()
        async for piece in pieces:
            whole += piece
            if await request.is_disconnected():
                return Response(status_code=499)
        return Response(whole_wav(bytes(whole), rate), media_type="audio/wav", headers=headers)

    return [Route("/v1/audio/speech", speech, methods=["POST"])]


def warm(voice: LoadedVoice) -> None:
    """The first run of an ONNX model is several times slower than the next; let no visitor wait for it."""
    for _ in voice.speak("Good evening, come a little closer.", 1.0):
        pass
