"""Scripted engines, a clip microphone, and a speaker with a tap: what a turn needs, at any speed."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from time import monotonic
from typing import Any

import numpy as np

from conversation.audio import HEARING_RATE, SILENCE, Samples
from conversation.errors import ConversationError
from conversation.events import JawFigures, ModelFigures
from conversation.ports import LanguageModel, Message, Playback, Sampling, SpeechToText, TextToSpeech
from conversation.stages import Stage
from devices.audio.speaker_null import NullSpeaker
from devices.sound.input_ring import InputRing, LiveRecording

RATE = 8000
"""Of the tapped speaker and of the fake voices: little to compute."""


def speech(seconds: float, level: int = 8000, rate: int = HEARING_RATE) -> Samples:
    """What the fake detector takes for speech: anything loud."""
    return np.full(round(seconds * rate), level, np.int16)


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * HEARING_RATE), np.int16)


class LoudIsSpeech:
    """Fits SpeechDetector."""

    def reset(self) -> None:
        """Has no memory."""

    def feed(self, pcm: Samples) -> float:
        return float(np.count_nonzero(np.abs(pcm.astype(np.int32)) > 1000)) / HEARING_RATE


class FakeStt:
    """Says `texts` one after another, the last for ever."""

    def __init__(self, *texts: str, takes_s: float = 0.0) -> None:
        self.texts, self.takes_s = list(texts) or ["hello there"], takes_s
        self.error: Exception | None = None
        self.heard: list[int] = []

    async def transcribe(self, pcm: Samples) -> str:
        self.heard.append(len(pcm))
        await asyncio.sleep(self.takes_s)
        if self.error is not None:
            raise self.error
        return self.texts.pop(0) if len(self.texts) > 1 else self.texts[0]


class FakeLlm:
    """Streams `replies` in pieces, `gap_s` apart; raises `error` after `good` pieces."""

    def __init__(self, *replies: str, gap_s: float = 0.0, first_s: float = 0.0, size: int = 4) -> None:
        self.replies, self.gap_s, self.first_s, self.size = list(replies) or ["I am fine."], gap_s, first_s, size
        self.error: Exception | None = None
        self.good = 0
        self.prompts: list[list[Message]] = []
        self.primed: list[list[Message]] = []
        self.ended_at = self.closed_at = 0.0

    async def prime(self, messages: Sequence[Message]) -> None:
        self.primed.append(list(messages))
        await asyncio.sleep(0)

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        self.prompts.append(list(messages))
        text = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        try:
            await asyncio.sleep(self.first_s)
            for count, start in enumerate(range(0, len(text), self.size)):
                if self.error is not None and count >= self.good:
                    raise self.error
                yield text[start : start + self.size]
                await asyncio.sleep(self.gap_s)
            if self.error is not None:
                raise self.error
            on_figures(ModelFigures(tokens_per_s=10.0, kv_hit=0.5))
            self.ended_at = monotonic()
        finally:
            self.closed_at = monotonic()


class FakeVoice:
    """A tone of `per_word_s` for each word, in chunks of 50 ms; raises `error` after `good` chunks of a clause."""

    def __init__(self, name: str, rate: int = RATE, per_word_s: float = 0.02, factor: float = 0.0) -> None:
        self.name, self.rate, self.per_word_s, self.factor = name, rate, per_word_s, factor
        self.error: Exception | None = None
        self.good = 0
        self.said: list[str] = []

    async def speak(self, text: str, speed: float) -> AsyncGenerator[tuple[int, Samples], None]:
        self.said.append(text)
        pcm = speech(self.per_word_s * len(text.split()), rate=self.rate)
        for count, start in enumerate(range(0, len(pcm), self.rate // 20)):
            if self.error is not None and count >= self.good:
                raise self.error
            chunk = pcm[start : start + self.rate // 20]
            await asyncio.sleep(len(chunk) / self.rate * self.factor)
            yield self.rate, chunk
        if self.error is not None:
            raise self.error


class FakeEngines:
    """Fits Engines; a test sets any of them to None, or changes them during a turn."""

    def __init__(self, stt: FakeStt | None, llm: FakeLlm | None, *voices: FakeVoice) -> None:
        self.the_stt: SpeechToText | None = stt
        self.the_llm: LanguageModel | None = llm
        self.the_voices: list[FakeVoice] = list(voices)
        self.exchanges: dict[str, asyncio.Event] = {}

    def stt(self) -> SpeechToText | None:
        return self.the_stt

    def llm(self) -> LanguageModel | None:
        return self.the_llm

    def voices(self) -> Sequence[TextToSpeech]:
        return self.the_voices

    def main_voice(self, voice: TextToSpeech) -> bool:
        return voice.name == "main"

    def revive(self, role: str) -> str:
        return f"restart {role}"

    def exchange(self, role: str) -> Awaitable[Any] | None:
        event = self.exchanges.get(role)
        return event.wait() if event is not None and not event.is_set() else None


class LiveMicrophone(InputRing):
    """A ring that the test pushes into; `opened` are the pre-rolls that were asked for."""

    name = "live"

    def __init__(self) -> None:
        super().__init__()
        self.opened: list[float] = []

    def record(self, pre_roll_s: float) -> LiveRecording:
        self.opened.append(pre_roll_s)
        return super().record(pre_roll_s)


class ClipRecording:
    """All of a clip at once, without waiting for its time to pass; open until released unless it `ends`."""

    def __init__(self, pcm: Samples, tail: Samples, ends: bool) -> None:
        self._pcm, self._tail, self._ends = pcm, tail, ends
        self.closed = False
        self.first_sample_at: float | None = monotonic()
        self._read_to_end = 0

    def pcm(self) -> Samples:
        """The tail comes 100 ms after the first look: spoken behind the release."""
        late = monotonic() - (self.first_sample_at or 0.0) > 0.1
        return np.concatenate((self._pcm, self._tail if late else SILENCE))

    async def ended(self) -> None:
        if not self._ends:
            await asyncio.Event().wait()

    def close(self) -> None:
        self.closed = True


class ClipMicrophone:
    """Fits Microphone."""

    name = "clip"
    simulated = False

    def __init__(self, pcm: Samples, tail: Samples = SILENCE, ends: bool = True) -> None:
        self._pcm, self._tail, self._ends = pcm, tail, ends
        self.opened: list[float] = []
        self.recordings: list[ClipRecording] = []

    def record(self, pre_roll_s: float) -> ClipRecording:
        self.opened.append(pre_roll_s)
        self.recordings.append(ClipRecording(self._pcm, self._tail, self._ends))
        return self.recordings[-1]


class TappedSpeaker(NullSpeaker):
    """The null speaker, with a memory of what went to the DAC and when: (audible at, asked at, samples)."""

    def __init__(self, rate: int = RATE) -> None:
        super().__init__(rate)
        self.tap: list[tuple[float, float, Samples]] = []

    def pull(self, count: int, at: float) -> Samples:
        out = super().pull(count, at)
        self.tap.append((at, monotonic(), out.copy()))
        return out

    def played(self) -> Samples:
        return np.concatenate([SILENCE, *(out for _, _, out in self.tap)])

    def heard_after(self, moment: float) -> float:
        """Seconds of sound (not silence) that were audible after `moment`."""
        step = 1 / self.rate
        late = 0
        for at, _, out in self.tap:
            times = at + np.arange(len(out)) * step
            late += int(np.count_nonzero((times > moment) & (out != 0)))
        return late * step


class FastSpeaker:
    """Plays everything the moment the utterance is finished: for many turns in little time. Fits Speaker."""

    name = "fast"

    def __init__(self, rate: int = RATE) -> None:
        self.rate = rate
        self._generation = self._count = 0
        self._on: tuple[Callable[[int, float], None] | None, ...] = (None, None)

    def begin(self, generation: int) -> None:
        self._generation, self._count = generation, 0

    def write(self, generation: int, pcm: Samples) -> None:
        if generation == self._generation:
            if not self._count and self._on[0] is not None:
                asyncio.get_running_loop().call_soon(self._on[0], generation, monotonic())
            self._count += len(pcm)

    def finish(self, generation: int) -> None:
        if generation == self._generation and self._on[1] is not None:
            asyncio.get_running_loop().call_soon(self._on[1], generation, monotonic())

    def cancel(self) -> int:
        return self._count

    def playback(self) -> Playback:
        return Playback(generation=self._generation, position=self._count, at=monotonic(), running=False)

    def listen(
        self, on_first: Callable[[int, float], None] | None, on_drained: Callable[[int, float], None] | None
    ) -> None:
        self._on = (on_first, on_drained)


class NoJaw:
    """Fits Jaw."""

    def begin(self, generation: int) -> None: ...

    def track(self, generation: int, openings: Sequence[float]) -> None: ...

    def cancel(self) -> None: ...

    def figures(self, generation: int) -> JawFigures:
        return JawFigures()


def gone(stage: Stage, name: str = "it") -> ConversationError:
    return ConversationError(stage, f"{name} does not answer", f"restart {name}")
