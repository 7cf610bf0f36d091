"""The voice's and the recogniser's clients against a server that misbehaves."""

import asyncio
import io
import struct
import wave
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Literal

import numpy as np
import pytest
import soundfile

from clients.http import RemoteServer
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


TONE: Samples = (9000 * np.sin(np.arange(2205) / 20)).astype(np.int16)
F = TONE.astype(np.float64)


def riff(body: bytes, fmt: bytes, *, size: int | None = None, before: bytes = b"", kind: bytes = b"RIFF") -> bytes:
    order: Literal["little", "big"] = "big" if kind == b"RIFX" else "little"
    length = len(body) if size is None else size
    chunks = b"fmt " + len(fmt).to_bytes(4, order) + fmt + before + b"data" + length.to_bytes(4, order)
    return kind + (36 if size is None else size).to_bytes(4, order) + b"WAVE" + chunks + body


def fmt(rate: int, channels: int = 1, bits: int = 16, tag: int = 1, order: str = "<") -> bytes:
    width = channels * bits // 8
    return struct.pack(f"{order}HHIIHH", tag, channels, rate, rate * width, width, bits)


def extensible(rate: int, channels: int, bits: int, tag: int) -> bytes:
    guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
    return fmt(rate, channels, bits, 0xFFFE) + struct.pack("<HHI", 22, bits, 3) + guid


def stereo(left: Samples, right: Samples) -> bytes:
    return np.stack([left, right], axis=1).astype("<i2").tobytes()


def packed(kind: str, rate: int, sub: str | None = None) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, F / 32768, rate, format=kind, subtype=sub)
    return out.getvalue()


LE, LOUD = TONE.astype("<i2").tobytes(), TONE.astype("<i4") * 65536
QUIET = np.zeros_like(TONE)
LIST = b"LIST\x1b\0\0\0INFOISFT\x0e\0\0\0Lavf60.16.100\0x\0"
WAV = riff(LE, fmt(22050))
SOUNDS = {
    "pcm with its rate": ("audio/pcm;rate=22050", LE, 22050),
    "pcm with its rate, written otherwise": ('Audio/PCM; Rate="22050"; channels=1', LE, 22050),
    "pcm, samplerate": ("audio/x-pcm;samplerate=16000", LE, 16000),
    "pcm without a rate": ("audio/pcm", LE, 24000),
    "pcm of two channels": ("audio/pcm;rate=44100;channels=2", stereo(TONE, TONE), 44100),
    "pcm as floats": ("audio/pcm;rate=24000;encoding=float;bits=32", (F / 32767).astype("<f4").tobytes(), 24000),
    "gstreamer's": ("audio/x-raw;format=S16BE;rate=22050;channels=1", TONE.astype(">i2").tobytes(), 22050),
    "L16 is big-endian": ("audio/L16;rate=24000;channels=1", TONE.astype(">i2").tobytes(), 24000),
    "L16 of two channels": ("audio/l16; rate=16000; channels=2", TONE.repeat(2).astype(">i2").tobytes(), 16000),
    "L16 of a server that does not know": ("audio/L16;codec=pcm;rate=24000", LE, 24000),
    "L24": ("audio/L24;rate=48000", (LOUD >> 8).astype(">i4").view("u1").reshape(-1, 4)[:, 1:].tobytes(), 48000),
    "wav": ("audio/wav", WAV, 22050),
    "x-wav": ("audio/x-wav", WAV, 22050),
    "wav called pcm": ("audio/pcm;rate=24000", WAV, 22050),
    "wav called nothing": ("application/octet-stream", WAV, 22050),
    "wav called text": ("text/html; charset=utf-8", WAV, 22050),
    "wav called mp3": ("audio/mpeg", WAV, 22050),
    "wav of no length": ("audio/wav", riff(LE, fmt(22050), size=0), 22050),
    "wav into a pipe": ("audio/wav", riff(LE, fmt(22050), size=0xFFFFFFFF), 22050),
    "wav into a pipe, sox": ("audio/wav", riff(LE, fmt(22050), size=0x7FFFFFFF - 36), 22050),
    "wav with notes": ("audio/wav", riff(LE, fmt(22050), before=LIST), 22050),
    "wav with notes behind": ("audio/wav", WAV + LIST, 22050),
    "wav of 8 bits": ("audio/wav", riff(((TONE >> 8) + 128).astype("u1").tobytes(), fmt(22050, 1, 8)), 22050),
    "wav of 24 bits": (
        "audio/wav",
        riff((LOUD >> 8).astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes(), fmt(48000, 1, 24)),
        48000,
    ),
    "wav of 32 bits": ("audio/wav", riff(LOUD.astype("<i4").tobytes(), fmt(8000, 1, 32)), 8000),
    "wav of floats": ("audio/wav", riff((F / 32767).astype("<f4").tobytes(), fmt(24000, 1, 32, 3)), 24000),
    "wav of doubles": ("audio/wav", riff((F / 32767).astype("<f8").tobytes(), fmt(24000, 1, 64, 3)), 24000),
    "wav of two channels": ("audio/wav", riff(stereo(TONE, TONE), fmt(44100, 2)), 44100),
    "wav of one loud channel": ("audio/wav", riff(stereo(TONE * 2, QUIET), fmt(44100, 2)), 44100),
    "extensible": ("audio/wav", riff(LE, extensible(32000, 1, 16, 1)), 32000),
    "extensible floats": ("audio/wav", riff((F / 32767).astype("<f4").tobytes(), extensible(96000, 1, 32, 3)), 96000),
    "big-endian wav": ("audio/wav", riff(TONE.astype(">i2").tobytes(), fmt(22050, order=">"), kind=b"RIFX"), 22050),
    "mu-law in a wav": ("audio/wav", packed("WAV", 16000, "ULAW"), 16000),
    "flac": ("audio/flac", packed("FLAC", 22050), 22050),
    "flac called nothing": ("application/octet-stream", packed("FLAC", 22050), 22050),
    "ogg": ("audio/ogg", packed("OGG", 22050), 22050),
    "mp3": ("audio/mpeg", packed("MP3", 22050), 22050),
}


@pytest.mark.parametrize("size", [13, 1001, 100_000])
@pytest.mark.parametrize("kind", SOUNDS)
async def test_sound_is_played_at_the_rate_and_in_the_shape_that_it_has(kind: str, size: int) -> None:
    content_type, body, rate = SOUNDS[kind]
    parts = [body[i : i + size] for i in range(0, len(body), size)]
    async with serving(pieces(head(200, content_type), *parts)) as (url, _):
        rates, pcm = await spoken(url)
    assert rates == {rate}
    near = 3000 if kind in ("ogg", "mp3") else 800 if "mu-law" in kind else 260 if "8 bits" in kind else 2
    count = min(len(pcm), len(TONE))
    assert count >= len(TONE) - 1 or near > 800
    late = 1105 + 1152 if kind == "mp3" else 0
    offsets = range(min(late, count - 500) + 1)
    drift = [np.abs(pcm[n:count].astype(int) - TONE[: count - n]).mean() for n in offsets]
    assert min(drift) <= near, "headers are no sound, and no byte is out of step"


async def test_the_rate_of_the_rig_counts_where_the_server_says_none() -> None:
    for content_type, rate in (("audio/pcm", 22050), ("audio/pcm;rate=16000", 16000), ("audio/wav", 44100)):
        body = riff(LE, fmt(44100)) if "wav" in content_type else LE
        async with serving(whole(body, kind=content_type)) as (url, server):
            client = Speech("tts", url, form="wav", rate=22050)
            assert {r async for r, _ in client.speak("hello", 1.0)} == {rate}
            assert server.asked[0].json["response_format"] == "wav"
            await client.aclose()


async def test_two_wavs_behind_each_other_are_one_line_of_speech() -> None:
    body = riff(LE[:-2], fmt(22050)) + LIST + riff(LE, fmt(22050))
    async with serving(pieces(head(200, "audio/wav"), body[:5000], body[5000:])) as (url, _):
        rates, pcm = await spoken(url)
    assert rates == {22050} and (pcm == np.concatenate([TONE[:-1], TONE])).all()


@pytest.mark.parametrize(
    ("content_type", "body", "word"),
    [
        ("audio/pcm", b'{"error": {"message": "voice not found"}}', "voice not found"),
        ("application/octet-stream", b'{"detail": "busy, try later"}', "busy, try later"),
        ("application/json; charset=utf-8", b'{"error": "out of memory"}', "out of memory"),
        ("text/event-stream", b'data: {"type": "speech.audio.delta"}\n\n', "sent text/event-stream"),
        ("image/png", b"\x89PNG" * 50, "sent image/png"),
        ("audio/wav", b"RIFF\0\0\0\0WAVEfmt ", "ends before its sound"),
        ("audio/wav", LE, "sent audio/wav that is none"),
        ("audio/mpeg", b"\xff\xfb" + b"\0" * 300, "audio/mpeg that cannot be decoded"),
        ("audio/aac", b"\xff\xf1" * 300, "sent audio/aac, which cannot be played here"),
        ("application/octet-stream", b"\0\0\0\x20ftypM4A " + b"x" * 300, "cannot be played here"),
        ("audio/pcm;rate=24000;channels=99", LE, "channels that cannot be"),
        ("audio/pcm;rate=1", LE, "rate that cannot be"),
        ("audio/pcm;bits=12", LE, "12 bits"),
        ("audio/wav", riff(LE, fmt(0)), "rate that cannot be"),
        ("audio/wav", riff(LE, fmt(22050, 0)), "channels that cannot be"),
    ],
)
async def test_what_cannot_be_played_says_what_to_set(content_type: str, body: bytes, word: str) -> None:
    async with serving(pieces(head(200, content_type), body[:50], body[50:])) as (url, _):
        client = Speech("tts", url)
        client.belongs_to(RemoteServer(url=url, table="engines.tts"))
        with pytest.raises(ConversationError) as caught:
            [part async for part in client.speak("hello", 1.0)]
        await client.aclose()
    assert word in caught.value.message and "\n" not in str(caught.value)
    assert caught.value.hint == 'try response_format = "wav" under [engines.tts.options]'


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


@pytest.mark.parametrize(
    ("refusal", "fields"),
    [
        (b'{"detail": [{"loc": ["body", "speed"], "msg": "Extra inputs are not permitted"}]}', ("speed",)),
        (b'{"error": {"message": "Unknown field: response_format"}}', ("response_format",)),
        (b"", ("speed", "response_format")),
    ],
)
async def test_a_voice_is_asked_without_what_its_server_refuses(refusal: bytes, fields: tuple[str, ...]) -> None:
    async def strict(asked: Asked) -> AsyncIterator[bytes]:
        refused = any(field in asked.json for field in fields)
        script = whole(refusal, 422) if refused else whole(RAW, kind="audio/pcm")
        async for data in script(asked):
            yield data

    told: list[str] = []
    async with serving(strict) as (url, server):
        client = Speech("tts", url)
        client.tell = told.append
        for _ in range(2):
            assert sum([len(pcm) async for _, pcm in client.speak("hello", 1.1)]) == len(PCM)
        await client.aclose()
    assert len(server.asked) == 3, "found out once"
    assert len(told) == 1 and all(field in told[0] for field in fields)


async def test_a_refusal_that_nothing_mends_is_told_as_it_is() -> None:
    async with serving(whole(b'{"detail": "no such voice"}', 422)) as (url, server):
        with pytest.raises(ConversationError, match="no such voice"):
            await spoken(url)
    assert len(server.asked) == 1
