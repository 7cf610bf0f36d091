"""`make bench-turn`: how long a visitor waits, beside a naive loop and beside the engines' own bound."""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx

from clients.openai_chat import OpenAIChat
from clients.speech import Speech
from clients.whisper_server import WhisperServer, wav
from console.api.client import OperatorClient
from console.api.commands import Ask, Interrupt
from conversation import prompt
from conversation.audio import Samples
from conversation.history import History
from conversation.ports import Message
from conversation.text.clauses import ClauseCutter
from conversation.text.markup_filter import SpeakableStream
from conversation.text.number_words import spoken
from devices.audio.microphone_clip import recorded_visitors
from devices.sound.sound_file import read_sound
from profiles.home import Home
from profiles.loader import load_character
from profiles.schema import Character
from tests.support.real_show import RealShow, borrowed_home

BUDGET_S = 270.0
ROUNDS = 5
BEST_OF = 3
_STAGES = (
    ("stt", "release", "stt_final"),
    ("llm_prefill", "stt_final", "first_token"),
    ("llm_clause", "first_token", "first_clause"),
    ("tts", "first_clause", "first_pcm"),
    ("output", "first_pcm", "first_audio"),
)
_CHARACTER = 'extends = "mr_bones"\n[thinking]\nseed = 7\nhistory_turns = 0\n'
"""A fixed seed and no memory, so that every peer answers the same prompt with the same words."""


class Bench:
    """One warm show, and direct connections to its engines."""

    def __init__(self, show: RealShow, character: Character) -> None:
        self.show, self.character = show, character
        ports = {s["name"]: f"http://127.0.0.1:{s['port']}" for s in show.status()["services"]}
        self.stt = show.introduced(WhisperServer("stt", ports["stt"]))
        self.llm = show.introduced(OpenAIChat("llm", ports["llm"]))
        self.tts = show.introduced(Speech("tts", ports["tts"]))
        self.plain = httpx.AsyncClient(timeout=120.0, trust_env=False, headers=self.stt.http.headers)
        self.urls = ports

    async def loop(self, pcm: Samples) -> dict[str, Any]:
        """One turn of the show; cut short once it is audible, for only the wait is measured."""
        async with asyncio.TaskGroup() as tasks:
            heard = asyncio.Event()
            watching = tasks.create_task(self._until_audible(heard))
            await asyncio.sleep(0.05)
            asked = tasks.create_task(self.show.call(Ask(pcm=pcm.astype("<i2").tobytes())))
            await heard.wait()
            await self.show.call(Interrupt())
            result: dict[str, Any] = await asked
            watching.cancel()
        return result

    async def _until_audible(self, heard: asyncio.Event) -> None:
        async with OperatorClient(Path(self.show.file.socket)) as client:
            async for line in client.events(telemetry=False):
                if line.get("type") in ("ClausePlaying", "TurnEnded"):
                    heard.set()
                    return

    async def naive(self, pcm: Samples) -> float:
        """Whole transcript with the default request, whole reply, whole WAV, then play; seconds."""
        began = time.perf_counter()
        files = {"file": ("q.wav", wav(pcm), "audio/wav")}
        heard = await self.plain.post(f"{self.urls['stt']}/inference", files=files, data={"response_format": "json"})
        thinking = self.character.thinking
        body = {
            "messages": [{"role": m.role, "content": m.content} for m in self._messages(heard.json()["text"].strip())],
            "temperature": thinking.temperature,
            "top_p": thinking.top_p,
            "repeat_penalty": thinking.repeat_penalty,
            "seed": thinking.seed,
            "max_tokens": thinking.max_tokens,
        }
        reply = await self.plain.post(f"{self.urls['llm']}/v1/chat/completions", json=body)
        text: str = reply.json()["choices"][0]["message"]["content"]
        speech = {"input": spoken(text), "response_format": "wav"}
        (await self.plain.post(f"{self.urls['tts']}/v1/audio/speech", json=speech)).raise_for_status()
        return time.perf_counter() - began

    async def alone(self, pcm: Samples, transcript: str) -> tuple[float, float, float]:
        """Each call that the loop has to wait for, by itself: sized STT, primed LLM to the first clause, its TTS; s."""
        stt = await _timed(self.stt.transcribe(pcm))
        await self.llm.prime(self._messages(""))
        began = time.perf_counter()
        clause = await self._first_clause(transcript)
        llm = time.perf_counter() - began
        return stt, llm, await _timed(self._first_pcm(spoken(clause)))

    async def _first_clause(self, transcript: str) -> str:
        speakable, cutter = SpeakableStream(self.character.name), ClauseCutter()
        sampling = prompt.sampling(self.character)
        async with aclosing(self.llm.stream(self._messages(transcript), sampling, lambda _: None)) as pieces:
            async for piece in pieces:
                if clauses := cutter.feed(speakable.feed(piece)):
                    return clauses[0].text
        return (cutter.feed(speakable.flush()) + cutter.flush())[0].text

    async def _first_pcm(self, text: str) -> None:
        async with aclosing(self.tts.speak(text, self.character.voice.speed)) as chunks:
            await anext(chunks)

    def _messages(self, question: str) -> list[Message]:
        return prompt.messages(self.character, History(0), question)


async def _timed(call: Awaitable[object]) -> float:
    began = time.perf_counter()
    await call
    return time.perf_counter() - began


async def measure(bench: Bench, budget_s: float) -> dict[str, Any]:
    """Peers interleaved, question by question, for ROUNDS or until the time is up."""
    questions = [(path.stem, read_sound(path)) for path in recorded_visitors()]
    turns: list[dict[str, Any]] = []
    naive: list[float] = []
    alone: dict[str, list[tuple[float, float, float]]] = {}
    ends = time.monotonic() + budget_s
    await bench.loop(questions[0][1])
    await bench.naive(questions[0][1])
    for number in range(ROUNDS):
        for name, pcm in questions:
            if time.monotonic() > ends and number:
                break
            turns.append(turn := await bench.loop(pcm))
            naive.append(await bench.naive(pcm))
            if number < BEST_OF:
                alone.setdefault(name, []).append(await bench.alone(pcm, turn["transcript"]))
            print(
                f"  {name:<14} {_wait(turn):5.0f} ms   naive {naive[-1] * 1000:5.0f}   bound {_bound(alone[name]):5.0f}"
            )
    return report(turns, naive, [_bound(calls) for calls in alone.values()])


def _bound(calls: list[tuple[float, float, float]]) -> float:
    """Of one question, ms: the best call of each stage, summed."""
    stages: list[tuple[float, ...]] = list(zip(*calls, strict=True))
    return 1000.0 * sum(min(times) for times in stages)


def _wait(turn: dict[str, Any]) -> float:
    marks = turn["marks"]
    return float(marks["first_audio"]) - float(marks["release"])


def report(turns: list[dict[str, Any]], naive: list[float], bounds: list[float]) -> dict[str, Any]:
    waits = sorted(_wait(t) for t in turns)
    stages = {
        name: {"p50_ms": round(_percentile(times, 50), 1), "p95_ms": round(_percentile(times, 95), 1)}
        for name, first, last in _STAGES
        if (times := sorted(t["marks"][last] - t["marks"][first] for t in turns))
    }
    p50 = statistics.median(waits)
    bound, plain = statistics.median(bounds), statistics.median(naive) * 1000
    return {
        "turns": len(turns),
        "p50_ms": round(p50, 1),
        "p95_ms": round(_percentile(waits, 95), 1),
        "stages": stages,
        "lower_bound_p50_ms": round(bound, 1),
        "naive_p50_ms": round(plain, 1),
        "ratio_to_bound": round(p50 / bound, 3),
        "ratio_to_naive": round(p50 / plain, 3),
    }


def _percentile(ordered: list[float], percent: float) -> float:
    """Nearest rank, of sorted values."""
    return ordered[max(0, -(-len(ordered) * int(percent) // 100) - 1)]


def table(figures: dict[str, Any]) -> str:
    lines = [f"{figures['turns']} turns, release to first audio", f"{'':<14}{'p50':>8}{'p95':>8}  ms"]
    lines += [f"  {name:<12}{row['p50_ms']:>8.0f}{row['p95_ms']:>8.0f}" for name, row in figures["stages"].items()]
    lines.append(f"{'whole wait':<14}{figures['p50_ms']:>8.0f}{figures['p95_ms']:>8.0f}")
    lines.append(f"{'naive loop':<14}{figures['naive_p50_ms']:>8.0f}{'':>8}  {figures['ratio_to_naive']:.2f} of it")
    lines.append(f"{'bound':<14}{figures['lower_bound_p50_ms']:>8.0f}{'':>8}  {figures['ratio_to_bound']:.2f} of it")
    return "\n".join(lines)


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="galactus-bench-") as folder:
        home = borrowed_home(Path(folder) / "home")
        own = home / "profiles" / "characters"
        own.mkdir(parents=True)
        (own / "bench.toml").write_text(_CHARACTER)
        show = RealShow(home, "--character", "bench")
        try:
            bench = Bench(show.start(), load_character("bench", Home(home)).value)
            figures = asyncio.run(measure(bench, float(sys.argv[1]) if len(sys.argv) > 1 else BUDGET_S))
        finally:
            show.end()
    print(table(figures))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
