"""The whisper.cpp server: words, windows, aborts, junk, and how it starts and ends."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import numpy as np
import pytest

from tests.engines.conftest import Engine, Start, wav

pytestmark = pytest.mark.engines

SIZED = {"audio_ctx": "512", "max_tokens": "40", "temperature": "0.0", "temperature_inc": "0", "vad": "false"}


def hear(engine: Engine, clip: bytes, fields: dict[str, str], timeout: float = 30) -> tuple[str, float]:
    """The words, and the seconds that they took."""
    began = time.monotonic()
    answer = httpx.post(f"{engine.url}/inference", files={"file": ("a.wav", clip)}, data=fields, timeout=timeout)
    assert answer.status_code == 200, answer.text
    return " ".join(answer.json()["text"].split()), time.monotonic() - began


def test_hears_what_was_said_and_a_sized_window_is_quicker(stt: Engine, question: bytes) -> None:
    naive, naive_s = hear(stt, question, {"response_format": "json"})
    sized, sized_s = min((hear(stt, question, SIZED) for _ in range(2)), key=lambda pair: pair[1])
    assert "how many bones are there in the human body" in naive.lower()
    assert "how many bones are there in the human body" in sized.lower()
    assert sized_s < 0.7 * naive_s


def test_requests_leave_nothing_behind(stt: Engine, question: bytes) -> None:
    capped, _ = hear(stt, question, SIZED | {"max_tokens": "3"})
    full, _ = hear(stt, question, SIZED)
    assert len(capped.split()) < len(full.split())


def test_silence_and_a_click_are_answered(stt: Engine, tmp_path: Path) -> None:
    for samples in (np.zeros(16000, np.float32), np.ones(20, np.float32)):
        words, _ = hear(stt, wav(samples, tmp_path), SIZED)
        assert len(words) < 40


def test_a_client_that_hangs_up_frees_the_engine(stt: Engine, question: bytes, tmp_path: Path) -> None:
    """The rest of the encoder pass is finished, the decoder never runs."""
    clip = np.frombuffer(question[44:], "<i2").astype(np.float32) / 32768
    long = wav(np.tile(np.concatenate([clip, np.zeros(4000, np.float32)]), 5), tmp_path)
    fields = {"temperature_inc": "0", "beam_size": "5"}
    _, whole_s = hear(stt, long, fields)

    def wait_after_hang_up() -> float:
        with pytest.raises(httpx.TimeoutException):
            hear(stt, long, fields, timeout=0.1)
        began = time.monotonic()
        answer = httpx.post(f"{stt.url}/inference", files={"file": ("a.wav", question)}, data=SIZED, timeout=30)
        return time.monotonic() - began - float(answer.json()["timings"]["decode_ms"]) / 1000

    # A busy machine may spoil one try; without the abort each would take whole_s.
    assert any(wait_after_hang_up() < 0.75 * whole_s for _ in range(3))


@pytest.mark.parametrize(
    ("upload", "fields", "word"),
    [
        (b"", {}, "WAV"),
        (b"RIFF\x10\0\0\0WAVEjunk", {}, "WAV"),
        (b"ID3 not audio" * 99, {}, "WAV"),
        (None, {"audio_ctx": "512"}, "file"),
        (b"RIFF", {"audio_ctx": "many"}, "WAV"),
    ],
)
def test_junk_is_refused_in_plain_words(stt: Engine, upload: bytes | None, fields: dict[str, str], word: str) -> None:
    files = {"file": ("a.wav", upload)} if upload is not None else {"other": ("b", b"x")}
    answer = httpx.post(f"{stt.url}/inference", files=files, data=fields, timeout=10)
    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert stt.health() == 200


def test_a_wrong_field_is_named(stt: Engine, question: bytes) -> None:
    for field, value in {"audio_ctx": "many", "temperature": "nan", "max_tokens": "-1", "beam_size": "1e9"}.items():
        answer = httpx.post(f"{stt.url}/inference", files={"file": ("a.wav", question)}, data={field: value})
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(field)


def test_the_wrong_rate_is_refused(stt: Engine, question: bytes) -> None:
    other_rate = question[:24] + (44100).to_bytes(4, "little") + question[28:]
    answer = httpx.post(f"{stt.url}/inference", files={"file": ("a.wav", other_rate)})
    assert answer.status_code == 400
    assert "44100" in answer.json()["error"]


def test_loading_shows_and_term_ends_it_in_a_decode(
    starter: Start, weights: Callable[[str], str], question: bytes
) -> None:
    engine = starter("stt_pywhispercpp", "--model", weights("whisper-tiny.en"))
    assert 503 in engine.seen_until_ready()
    assert "ggml-tiny.en.bin" in engine.log
    with pytest.raises(httpx.TimeoutException):
        hear(engine, question, {}, timeout=0.05)
    assert engine.stop() < 0.3
    assert engine.process.returncode == -15


@pytest.mark.parametrize("kept", [0, 1_000_000])
def test_a_broken_model_is_one_plain_line(
    starter: Start, weights: Callable[[str], str], kept: int, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.bin"
    with open(weights("whisper-tiny.en"), "rb") as good:
        broken.write_bytes(good.read(kept))
    engine = starter("stt_pywhispercpp", "--model", str(broken))
    assert engine.process.wait(20) == 1
    assert engine.log.count("\n") == 1
    assert "models verify" in engine.log
