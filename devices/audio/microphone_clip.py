"""A microphone that plays recorded visitors in real time: for `ask`, and for a rig without a microphone."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from conversation.audio import HEARING_RATE, Samples
from devices.sound.levels import level_db
from devices.sound.sound_file import read_sound

_LEVEL_SAMPLES = HEARING_RATE // 20


class ClipRecording:
    """One clip as if it were being spoken now: the first sample at the press, the last at the release."""

    def __init__(self, pcm: Samples) -> None:
        self._pcm = pcm
        self._clock = asyncio.get_running_loop().time
        self._began = self._clock()
        self.closed = False

    @property
    def first_sample_at(self) -> float | None:
        return self._began

    def pcm(self) -> Samples:
        return self._pcm[: round((self._clock() - self._began) * HEARING_RATE)]

    async def ended(self) -> None:
        await asyncio.sleep(self._began + len(self._pcm) / HEARING_RATE - self._clock())

    def close(self) -> None:
        self.closed = True


class ClipMicrophone:
    """One question, already decoded: 16 kHz samples."""

    def __init__(self, name: str, pcm: Samples) -> None:
        self.name = name
        self._pcm = pcm

    def record(self, pre_roll_s: float) -> ClipRecording:
        return ClipRecording(self._pcm)


class RecordedVisitor:
    """Stands in for a missing microphone: each press hears the next recorded question."""

    simulated = True
    name = "recorded visitor (no microphone)"

    def __init__(self, clips: Sequence[Path]) -> None:
        self._clips = list(clips)
        self._questions: list[Samples] = []
        self._next = 0
        self._now: ClipRecording | None = None

    @property
    def level_db(self) -> float | None:
        """Of the last 50 ms, while a visitor speaks."""
        if self._now is None or self._now.closed:
            return None
        return level_db(self._now.pcm()[-_LEVEL_SAMPLES:])

    def __enter__(self) -> Self:
        self._questions = [read_sound(clip) for clip in self._clips]  # 0.1 s now instead of 10 ms at each press
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is open between two visitors."""

    def record(self, pre_roll_s: float) -> ClipRecording:
        question = self._questions[self._next % len(self._questions)]
        self._next += 1
        self._now = ClipRecording(question)
        return self._now


def recorded_visitors() -> list[Path]:
    """The questions that ship with the product, in the order of their names."""
    return sorted((Path(__file__).parent.parent / "visitors").glob("*.flac"))
