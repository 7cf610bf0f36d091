"""Plays one utterance: samples to the speaker, their jaw track to the jaw, and what was heard of it."""

import asyncio

import numpy as np
import soxr

from conversation.audio import SILENCE, Samples
from conversation.events import JawFigures
from conversation.ports import Jaw, Speaker
from conversation.speech.lip_sync import LipSync, VoiceLevel
from conversation.speech.loudness import Leveller, VoiceGain
from profiles.schema import JawFeel

_FADE_S = 0.010
"""What a speaker still plays after a cancel."""
_PIECE_S = 0.1


class SpokenClause:
    """One clause on its way to the DAC; positions are samples at the speaker's rate."""

    def __init__(self, index: int, text: str, start: int) -> None:
        self.index, self.text, self.start = index, text, start
        self.end: int | None = None

    def heard(self, position: int) -> str:
        """The words whose time had come at `position`; speech is taken as even over the clause."""
        if position <= self.start:
            return ""
        if self.end is not None and position >= self.end:
            return self.text
        words = self.text.split()
        length = (self.end or position) - self.start
        share = (position - self.start) / length if self.end is not None else 1.0
        return " ".join(words[: int(len(words) * share)])


class Utterance:
    """All that is said in one turn; `first_at` and `last_at` are monotonic seconds at the DAC."""

    def __init__(self, generation: int, speaker: Speaker, jaw: Jaw, lips: LipSync, leveller: Leveller) -> None:
        self.generation = generation
        self.clauses: list[SpokenClause] = []
        self.first_at: float | None = None
        self.last_at: float | None = None
        self.drained = asyncio.Event()
        self._speaker, self._jaw, self._lips, self._leveller = speaker, jaw, lips, leveller
        self._resampler: tuple[int, soxr.ResampleStream] | None = None
        self._pcm: list[Samples] = []
        self.written = 0
        self._heard: int | None = None

    def begin_clause(self, index: int, text: str) -> None:
        self.clauses.append(SpokenClause(index, text, self.written))

    def write(self, rate: int, pcm: Samples) -> None:
        """A tenth of a second at a time: a voice may send 1.5 s at once, and those take 9 ms to make ready."""
        piece = max(1, int(rate * _PIECE_S))
        for start in range(0, len(pcm), piece):
            self._queue(self._leveller.feed(self._to_speaker_rate(rate, pcm[start : start + piece])))

    def end_clause(self) -> None:
        self._end_line()
        self.clauses[-1].end = self.written

    def finish(self) -> None:
        self._end_line()
        self._jaw.track(self.generation, self._lips.feed(SILENCE, last=True))
        self._speaker.finish(self.generation)

    def position(self) -> int:
        if self._heard is not None:
            return self._heard
        now = self._speaker.playback()
        return min(now.position, self.written) if now.generation == self.generation else 0

    def stop(self, heard: int) -> None:
        self._heard = heard

    def text(self) -> str:
        return " ".join(c.text for c in self.clauses)

    def heard_text(self, start: int = 0) -> str:
        """From that clause on."""
        return " ".join(filter(None, (c.heard(self.position()) for c in self.clauses[start:])))

    def heard_samples(self) -> Samples:
        return np.concatenate([SILENCE, *self._pcm])[: self.position()]

    def jaw_figures(self) -> JawFigures:
        return self._jaw.figures(self.generation)

    def _end_line(self) -> None:
        self._queue(self._leveller.feed(self._flush()))
        self._queue(self._leveller.end_line())

    def _queue(self, pcm: Samples) -> None:
        if len(pcm) == 0:
            return
        self._pcm.append(pcm)
        self.written += len(pcm)
        self._jaw.track(self.generation, self._lips.feed(pcm))
        self._speaker.write(self.generation, pcm)

    def _to_speaker_rate(self, rate: int, pcm: Samples) -> Samples:
        if self._resampler is not None and self._resampler[0] != rate:
            self._queue(self._leveller.feed(self._flush()))
        if rate == self._speaker.rate:
            return pcm
        if self._resampler is None:
            self._resampler = (rate, soxr.ResampleStream(rate, self._speaker.rate, 1, dtype="int16", quality="HQ"))
        return np.asarray(self._resampler[1].resample_chunk(pcm), np.int16)

    def _flush(self) -> Samples:
        if self._resampler is None:
            return SILENCE
        _, stream = self._resampler
        self._resampler = None
        return np.asarray(stream.resample_chunk(SILENCE.copy(), last=True), np.int16)


class SpeechPlayer:
    """The character's mouth: one utterance at a time; a new one makes all older samples unplayable."""

    def __init__(self, speaker: Speaker, jaw: Jaw, peak_db: float = -1.0) -> None:
        """`peak_db`: how loud the loudest sample of a line is made, dB of full scale."""
        self.speaker, self._jaw = speaker, jaw
        self._peak_db = peak_db
        self._levels: dict[str, VoiceLevel] = {}
        self._gains: dict[str, VoiceGain] = {}
        self._generation = 0
        self._now: Utterance | None = None
        self.silent_since = float("-inf")
        """Monotonic s at which the last sound of ours ended; a pre-roll must not reach behind it."""

    def open(self) -> None:
        """Start to hear from the speaker; needs a running event loop."""
        self.speaker.listen(self._on_first, self._on_drained)

    def begin(self, voice: str, feel: JawFeel) -> Utterance:
        self._generation += 1
        level = self._levels.setdefault(voice, VoiceLevel())
        lips = LipSync(self.speaker.rate, level, feel.attack_ms, feel.release_ms, feel.gain, feel.band_pass)
        leveller = Leveller(self.speaker.rate, self._gains.setdefault(voice, VoiceGain(self._peak_db)))
        self._now = Utterance(self._generation, self.speaker, self._jaw, lips, leveller)
        self._jaw.begin(self._generation)
        self.speaker.begin(self._generation)
        return self._now

    def cancel(self) -> None:
        """Silence within 10 ms plus the device's own buffer, jaw closed; safe to call at any time."""
        heard = self.speaker.cancel()
        self._jaw.cancel()
        if self._now is None or self._now.drained.is_set():
            return
        now = asyncio.get_running_loop().time()
        if heard:
            in_device = max(0, heard - self.speaker.playback().position) / self.speaker.rate
            self.silent_since = now + in_device + _FADE_S
        self._now.stop(heard)
        self._now.last_at = now if self._now.first_at is not None else None
        self._now.drained.set()

    def _on_first(self, generation: int, at: float) -> None:
        if self._now is not None and self._now.generation == generation:
            self._now.first_at = at

    def _on_drained(self, generation: int, at: float) -> None:
        """The device has the last sample, but it is only heard at `at`; until then the turn is not over."""
        loop = asyncio.get_running_loop()
        loop.call_at(at, self._fell_silent, generation, at)

    def _fell_silent(self, generation: int, at: float) -> None:
        if self._now is not None and self._now.generation == generation and not self._now.drained.is_set():
            self._now.stop(self._now.written)
            self._now.last_at = self.silent_since = at
            self._now.drained.set()
