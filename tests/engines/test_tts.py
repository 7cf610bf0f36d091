"""The voices: streaming, speed, silence before the first word, junk, cancels, and how they end."""

import time
import wave
from io import BytesIO
from typing import Any

import httpx
import numpy as np
import pytest

from tests.engines.conftest import Engine, Start, free_port

pytestmark = pytest.mark.engines

THREE = "Good evening, traveller. The moon is up and so am I. Sit down, and tell me why you came."
LONG = " ".join(f"This is bone number {n}, and it rattles." for n in range(260))[:10_000]
ENDLESS_SENTENCE = ("and then another bone " * 500)[:10_000]


def order(engine: Engine, **fields: Any) -> httpx.Response:
    return httpx.post(f"{engine.url}/v1/audio/speech", json=fields, timeout=30)


def seconds(answer: httpx.Response) -> float:
    return len(answer.content) / 2 / int(answer.headers["x-sample-rate"])


def test_pcm_streams_and_the_first_byte_is_well_before_the_last(voice: Engine) -> None:
    began = time.monotonic()
    with httpx.stream("POST", f"{voice.url}/v1/audio/speech", json={"input": THREE * 4}, timeout=30) as answer:
        assert answer.headers["content-type"] == "audio/pcm"
        rate = int(answer.headers["x-sample-rate"])
        arrived, count = list[float](), 0
        for piece in answer.iter_bytes():
            arrived.append(time.monotonic() - began)
            count += len(piece)
    assert count % 2 == 0
    assert 12 < count / 2 / rate < 60
    assert arrived[0] < 0.5 * arrived[-1]


def test_no_dead_air_before_the_first_word(voice: Engine) -> None:
    answer = order(voice, input="Hello.")
    samples = np.abs(np.frombuffer(answer.content, "<i2").astype(np.float32)) / 32768
    loud = np.flatnonzero(samples > 10 ** (-50 / 20))
    assert loud[0] / int(answer.headers["x-sample-rate"]) <= 0.011


def test_speed_changes_the_length(voice: Engine) -> None:
    slow, quick = (seconds(order(voice, input=THREE, speed=speed)) for speed in (0.8, 1.6))
    assert 1.5 < slow / quick < 2.7


def test_wav_is_whole(voice: Engine) -> None:
    answer = order(voice, input=THREE, response_format="wav")
    with wave.open(BytesIO(answer.content)) as file:
        assert file.getframerate() == int(answer.headers["x-sample-rate"])
        assert len(file.readframes(file.getnframes())) == len(answer.content) - 44


@pytest.mark.parametrize(
    ("fields", "word"),
    [
        ({"input": ""}, "input"),
        ({"input": " \n"}, "input"),
        ({"input": 7}, "input"),
        ({}, "input"),
        ({"input": "Hi.", "speed": 99}, "speed"),
        ({"input": "Hi.", "speed": "fast"}, "speed"),
        ({"input": "Hi.", "response_format": "mp3"}, "response_format"),
    ],
)
def test_junk_is_refused_in_plain_words(voice: Engine, fields: dict[str, object], word: str) -> None:
    answer = order(voice, **fields)
    assert answer.status_code == 400
    assert word in answer.json()["error"]


def test_what_cannot_be_spoken_is_silence(voice: Engine) -> None:
    assert httpx.post(f"{voice.url}/v1/audio/speech", content=b"\xff\xfe junk").status_code == 400
    for text in ("...", "🎃💀", "\u200b."):
        answer = order(voice, input=text)
        assert answer.status_code == 200
        assert seconds(answer) < 3
    assert voice.health() == 200


@pytest.mark.parametrize("text", [LONG, ENDLESS_SENTENCE], ids=["sentences", "one sentence"])
def test_a_long_text_starts_soon_and_a_hang_up_frees_the_voice(voice: Engine, text: str) -> None:
    began = time.monotonic()
    with httpx.stream("POST", f"{voice.url}/v1/audio/speech", json={"input": text}, timeout=30) as answer:
        assert next(answer.iter_bytes())
        assert time.monotonic() - began < 6
    began = time.monotonic()
    assert seconds(order(voice, input="Hello.")) > 0.2
    assert time.monotonic() - began < 6  # all of it would take minutes


def test_two_requests_share_the_voice(voice: Engine) -> None:
    """A stream that nobody reads must not keep the next request out."""
    with httpx.stream("POST", f"{voice.url}/v1/audio/speech", json={"input": LONG}, timeout=30):
        assert seconds(order(voice, input="Hello.")) > 0.2


def test_loading_shows_and_term_ends_it_in_a_sentence(starter: Start) -> None:
    engine = starter("tts_hibari")
    assert 503 in engine.seen_until_ready()
    with httpx.stream("POST", f"{engine.url}/v1/audio/speech", json={"input": LONG}, timeout=30) as answer:
        assert next(answer.iter_bytes())
        assert engine.stop() < 0.3
    assert engine.process.returncode == -15


def test_a_missing_model_and_a_taken_port_are_one_plain_line(starter: Start, hibari: Engine) -> None:
    missing = starter("tts_piper", "--model", "/nowhere/voice.onnx", port=free_port())
    taken = starter("tts_hibari", port=hibari.port)
    for engine in (missing, taken):
        assert engine.process.wait(20) == 1
        assert engine.log.count("\n") == 1
        assert "Traceback" not in engine.log
