"""The voice's and the recogniser's clients against a server that misbehaves."""

import asyncio
import io
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing

import numpy as np
import pytest

from clients.speech import Speech
from clients.whisper_server import WhisperServer, sized, wav
from conversation.audio import Samples
from conversation.errors import ConversationError
from conversation.stages import Stage
from tests.fakes.http_server import Asked, Script, head, pieces, serving, whole

PCM: Samples = np.arange(-5000, 5000, 7, dtype=np.int16)
RAW = PCM.astype("<i2").tobytes()


async def spoken(url: str) -> tuple[set[int], Samples]:
    client = Speech("tts", url, voice="joe")
    try:
        parts = [part async for part in client.speak("hello", 1.1)]
        return {rate for rate, _ in parts}, np.concatenate([np.zeros(0, np.int16), *(pcm for _, pcm in parts)])
    finally:
        assert not client.busy
        await client.aclose()


@pytest.mark.parametrize("size", [1, 3, 7, 100, 10_000])
async def test_odd_slices_of_sound_are_put_together(size: int) -> None:
    script = pieces(head(200, "audio/pcm", x_sample_rate="22050"), *(RAW[i : i + size] for i in range(0, 700, size)))
    async with serving(script) as (url, server):
        rates, pcm = await spoken(url)
    assert rates == {22050}
    whole_bytes = min(-(-700 // size) * size, len(RAW)) // 2
    assert (pcm == PCM[:whole_bytes]).all() and len(pcm) == whole_bytes
    assert server.asked[0].path == "/v1/audio/speech"
    assert server.asked[0].json == {"input": "hello", "response_format": "pcm", "speed": 1.1, "voice": "joe"}


async def test_an_odd_last_byte_and_no_rate() -> None:
    async with serving(pieces(head(200, "application/octet-stream"), RAW[:101])) as (url, _):
        rates, pcm = await spoken(url)
    assert rates == {24_000} and (pcm == PCM[:50]).all()


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (whole(b'{"detail": "no such voice"}', 422), "422"),
        (whole(b'{"detail": "no such voice"}'), "sent application/json"),
        (whole(b"RIFF", kind="audio/wav"), "sent audio/wav"),
        (whole(b"<html>", kind="text/html; charset=utf-8"), "sent text/html"),
        (pieces(head(200, "audio/pcm", x_sample_rate="fast"), RAW), "rate that cannot be"),
        (pieces(head(200, "audio/pcm", x_sample_rate="0"), RAW), "rate that cannot be"),
        (pieces(head(200, "audio/pcm", Content_Length="99999"), RAW), "broke off"),
        (pieces(b""), "broke off"),
    ],
)
async def test_what_is_no_sound_is_one_plain_line(script: Script, word: str) -> None:
    async with serving(script) as (url, _):
        with pytest.raises(ConversationError) as caught:
            await spoken(url)
    assert caught.value.stage is Stage.SPEAKING
    assert word in str(caught.value) and "\n" not in str(caught.value)


async def test_cancelling_a_voice_closes_its_connection() -> None:
    async def endless(asked: Asked) -> AsyncIterator[bytes]:
        yield head(200, "audio/pcm")
        while True:
            yield RAW
            await asyncio.sleep(0.005)

    async with serving(endless) as (url, server):
        client = Speech("tts", url)
        async with aclosing(client.speak("hello", 1.0)) as sound:
            await anext(sound)
        assert not client.busy
        await asyncio.wait_for(server.closed_early.wait(), 1.0)
        await client.aclose()


async def test_connections_of_a_voice_are_kept_and_a_stale_one_is_replaced() -> None:
    async with serving(whole(RAW, kind="audio/pcm"), keep=True) as (url, server):
        client = Speech("tts", url)
        for _ in range(3):
            assert len([part async for part in client.speak("hello", 1.0)]) >= 1
        assert server.connections == 1
        server.hang_up()
        assert len([part async for part in client.speak("hello", 1.0)]) >= 1
        assert server.connections == 2
        await client.aclose()


async def transcript(url: str, pcm: Samples = PCM) -> str:
    client = WhisperServer("stt", url)
    try:
        return await client.transcribe(pcm)
    finally:
        assert not client.busy
        await client.aclose()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" Hello,\n there. ", "Hello, there."),
        ("[BLANK_AUDIO]", ""),
        (" (wind howling) Who are *coughs* you? ♪", "Who are you?"),
        ("", ""),
        ("¿Qué?", "¿Qué?"),
    ],
)
async def test_only_words_are_a_transcript(text: str, expected: str) -> None:
    import json

    async with serving(whole(json.dumps({"text": text, "new": 1}).encode())) as (url, server):
        assert await transcript(url) == expected
    body = server.asked[0].body
    assert server.asked[0].path == "/inference"
    assert RAW in body and b'name="audio_ctx"\r\n\r\n512' in body


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (whole(b"no", 500), "500"),
        (whole(b"{}"), "no transcript"),
        (whole(b"junk"), "no transcript"),
        (whole(b'{"error": "failed to read"}'), "no transcript"),
        (whole(b'{"text": "\xff"}'), "no transcript"),
        (pieces(head(200, "application/json", Content_Length="500"), b'{"te'), "broke off"),
        (pieces(b""), "broke off"),
    ],
)
async def test_what_is_no_transcript_is_one_plain_line(script: Script, word: str) -> None:
    async with serving(script) as (url, _):
        with pytest.raises(ConversationError) as caught:
            await transcript(url)
    assert caught.value.stage is Stage.TRANSCRIBING
    assert word in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("seconds", "window", "tokens"),
    [(0.3, "512", "11"), (2.0, "512", "22"), (9.0, "512", "71"), (9.1, "768", "72"), (14.0, "768", "106"),
     (14.1, "0", "107"), (30.0, "0", "218")],
)  # fmt: skip
def test_requests_are_sized_to_the_utterance(seconds: float, window: str, tokens: str) -> None:
    fields = sized(seconds)
    assert (fields["audio_ctx"], fields["max_tokens"]) == (window, tokens)
    assert (fields["temperature_inc"], fields["vad"]) == ("0.0", "false")


def test_the_wav_is_one() -> None:
    with wave.open(io.BytesIO(wav(PCM))) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (16_000, 1, 2)
        assert file.readframes(99_999) == RAW
