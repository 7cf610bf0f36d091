"""Real questions to real engines: the words really spoken, a reply, marks in order, sound out."""

import asyncio
import time
import wave
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest
import soxr

from clients.whisper_server import WhisperServer
from console.api.commands import Ask, Restart, Swap, Unload
from conversation.audio import HEARING_RATE, from_bytes
from profiles.home import CHECKOUT
from tests.support.real_show import RealShow
from tests.support.words import errors, plain

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.timeout(300)]

VISITORS = {
    "01_bm_george": "Why did the skeleton cross the road?",
    "02_af_bella": "What is your favorite kind of music?",
    "04_bf_emma": "How many bones do you have in your body?",
    "06_af_nicole": "What did you have for breakfast this morning?",
}
OTHERS = {
    "noisy_pirate": "Can you tell me a joke about a pirate?",
    "human_jfk": "And so my fellow Americans ask not what your country can do for you "
    "ask what you can do for your country",
}
ORDER = tuple("press first_mic release stt_final llm_sent first_token first_clause first_pcm first_audio".split())
QUESTIONS = (
    "Tell me about your teeth.",
    "Where do you live?",
    "Who is your best friend?",
    "What do you want for your birthday?",
)


def recording(name: str) -> Path:
    folder = "devices/visitors" if name in VISITORS else "tests/recordings"
    return CHECKOUT / folder / f"{name}.flac"


def check_turn(turn: dict[str, Any], question: str) -> None:
    wrong, words = errors(question, turn["transcript"])
    assert wrong <= words * 0.1, turn["transcript"]
    assert turn["outcome"] == "completed" and plain(turn["reply"]), turn
    assert turn["heard"] == turn["reply"]
    times = [turn["marks"][name] for name in (*ORDER, "last_audio", "played")]
    assert None not in times and times == sorted(times), turn["marks"]
    assert turn["audio"]["seconds"] > 0.3 and turn["jaw"]["frames"] >= 40 * turn["audio"]["seconds"]
    assert not set("*_#<>[]{}") & set(turn["reply"])


@pytest.mark.parametrize(("name", "question"), [*VISITORS.items(), *OTHERS.items()])
def test_a_recorded_question_is_answered(terse: RealShow, tmp_path: Path, name: str, question: str) -> None:
    out = tmp_path / "reply.wav"
    turn = terse.ask("--wav", str(recording(name)), "--out", str(out))
    check_turn(turn, question)
    with wave.open(str(out)) as file:
        assert file.getframerate() == turn["audio"]["sample_rate"]
        heard = from_bytes(file.readframes(file.getnframes()))
    assert abs(len(heard) / turn["audio"]["sample_rate"] - turn["audio"]["seconds"]) < 0.03
    assert np.abs(heard.astype(int)).max() > 3000


def test_what_it_says_can_be_understood(real: RealShow, tmp_path: Path) -> None:
    """What the voice says, heard by whisper: pooled word error at most 10 %."""
    whisper = real.introduced(WhisperServer("stt", f"http://127.0.0.1:{real.service('stt')['port']}"))
    wrong = total = 0

    async def heard(path: Path) -> str:
        with wave.open(str(path)) as file:
            pcm = from_bytes(file.readframes(file.getnframes())).astype(np.float32) / 32768
            pcm = soxr.resample(pcm, file.getframerate(), HEARING_RATE)
        return await whisper.transcribe((pcm * 32767).astype(np.int16))

    async def all_heard() -> list[str]:
        try:
            return [await heard(tmp_path / f"{n}.wav") for n in range(len(QUESTIONS))]
        finally:
            await whisper.aclose()

    replies = [
        real.ask("--text", question, "--out", str(tmp_path / f"{n}.wav"))["reply"]
        for n, question in enumerate(QUESTIONS)
    ]
    for reply, text in zip(replies, asyncio.run(all_heard()), strict=True):
        mistakes, words = errors(reply, text)
        wrong, total = wrong + mistakes, total + words
        print(f"{mistakes}/{words}  {reply!r} -> {text!r}")
    assert total >= 20 and wrong / total <= 0.10, (wrong, total)


def test_status_says_what_runs_and_which_devices(real: RealShow) -> None:
    status = real.status()
    assert status["show"]["on_air"] and status["show"]["rig"] == "rehearsal" and status["show"]["stage"] == "IDLE"
    rows = {s["name"]: s for s in status["services"]}
    assert set(rows) == {"stt", "llm", "tts", "standby"}
    assert all(s["state"] == "READY" and s["rss_bytes"] > 50e6 and s["restarts"] == 0 for s in rows.values())
    assert all(psutil.pid_exists(s["pid"]) and psutil.pid_exists(s["shim_pid"]) for s in rows.values())
    assert {d["role"] for d in status["devices"]} == {"microphone", "speaker", "jaw"}


def test_the_button_hears_the_recorded_visitor(real: RealShow) -> None:
    before = real.status()["turns"]
    assert real.cli("press").returncode == 0
    turns = [e for e in wait_for(real, "TurnEnded", before + 1) if e["turn"] == before + 1]
    assert turns[0]["outcome"] == "completed" and plain(turns[0]["transcript"])
    released = real.cli("release")
    assert released.returncode == 0 and "Nobody" in released.stderr


def test_say_is_said_in_the_characters_voice(real: RealShow) -> None:
    before = real.status()["turns"]
    assert real.cli("say", "The museum", "closes in 5 minutes.").returncode == 0
    turn = wait_for(real, "TurnEnded", before + 1)[-1]
    assert turn["heard"] == "The museum closes in 5 minutes." and turn["llm"]["tokens_per_s"] is None


@pytest.mark.parametrize(("service", "model"), [("llm", "smollm2-135m"), ("tts", "hibari-heart")])
def test_a_model_is_exchanged_while_a_visitor_is_answered(terse: RealShow, service: str, model: str) -> None:
    before = terse.service(service)["model"]
    for wanted in (model, before):
        with ThreadPoolExecutor() as pool:
            asked = pool.submit(terse.call_now, Ask(text="Where do you live?"))
            swapped = terse.call_now(Swap(service=service, model=wanted))
            assert swapped["swapped"], swapped
            assert asked.result()["outcome"] == "completed"
        row = terse.service(service)
        assert (row["state"], row["model"]) == ("READY", wanted)
        turn = terse.ask("--text", "Who are you?")
        assert turn["outcome"] == "completed" and plain(turn["reply"]) and turn["audio"]["seconds"] > 0.3, turn


def test_the_stand_by_speaks_while_the_voice_is_gone(terse: RealShow) -> None:
    terse.call_now(Unload(service="tts"))
    while terse.service("tts")["state"] != "STOPPED":
        time.sleep(0.05)
    turn = terse.ask("--text", "Who are you?")
    assert turn["outcome"] == "degraded" and turn["heard"] and turn["audio"]["seconds"] > 0.3, turn
    terse.call_now(Restart(service="tts"))
    while terse.service("tts")["state"] != "READY":
        time.sleep(0.05)
    assert terse.ask("--text", "And now?")["outcome"] == "completed"


def wait_for(real: RealShow, kind: str, turn: int) -> list[dict[str, Any]]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if found := [e for e in real.events() if e.get("type") == kind and e["turn"] >= turn]:
            return found
        time.sleep(0.1)
    raise AssertionError(f"no {kind} of turn {turn}")
