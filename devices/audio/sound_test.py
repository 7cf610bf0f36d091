"""Sound tried by ear and by machine, on the open devices: "hear yourself", and a beep that the microphone must hear.

Both are for a show that is idle: what they play takes the speaker from a turn that speaks.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import numpy as np
import soxr
from msgspec import Struct
from numpy.typing import NDArray

from conversation.audio import HEARING_RATE, SILENCE, Samples, quantile
from conversation.ports import Microphone, Speaker
from devices.sound.levels import clipped, peak_db, quiet_and_loud

TONE_HZ = 1000
_TONE_S, _BEFORE_S, _AFTER_S = 0.5, 0.4, 0.5
_TONE_DB = -12.0
_FADE_S = 0.010
_FRAME_S = 0.025
_HEARD_DB = 10.0
"""So much more at 1 kHz than before the beep."""
_PURE = 0.15
"""Share of all power in a frame that must be the tone: a door that slams has some of 1 kHz, too."""
_FRAMES = 4
"""In a row: 100 of the 500 ms."""
_GENERATION = -1
"""No turn has it, so nobody takes our sound for an utterance."""
_POLL_S = 0.02
_STALL_S = 3.0


class TestedMicrophone(Microphone, Protocol):
    @property
    def simulated(self) -> bool: ...


class HeardVoice(Struct, frozen=True):
    """What the microphone heard of somebody; dB of full scale."""

    peak_db: float
    floor_db: float
    """The room between the words."""
    snr_db: float
    """The voice above the room; under 10 it is too far away, or the room too loud."""
    clipped: bool


class BeepHeard(Struct, frozen=True):
    heard: bool | None
    """None: there is no live microphone."""
    snr_db: float | None
    """The tone above what there was at its frequency before."""
    delay_ms: float | None = None
    """From when the speaker says it is audible until the microphone has it: what the speaker does not know of its
    own latency, the way through the air, and the microphone's latency.
    """


def judge(pcm: Samples, rate: int = HEARING_RATE) -> HeardVoice:
    """Of a recording in which somebody speaks and pauses."""
    floor, voice = quiet_and_loud(pcm, rate)
    return HeardVoice(round(peak_db(pcm), 1), round(floor, 1), round(voice - floor, 1), clipped(pcm))


def tone(rate: int, seconds: float = _TONE_S) -> Samples:
    """1 kHz at -12 dB of full scale, with 10 ms fades."""
    count, fade = round(rate * seconds), round(rate * _FADE_S)
    wave = np.sin(2 * np.pi * TONE_HZ / rate * np.arange(count)) * 32767 * 10 ** (_TONE_DB / 20)
    wave[:fade] *= np.linspace(0, 1, fade)
    wave[count - fade :] *= np.linspace(1, 0, fade)
    return np.asarray(wave, np.int16)


def goertzel(frames: NDArray[np.float32], rate: int, hz: float) -> NDArray[np.float64]:
    """Power at `hz` of each row of `frames`, shape (n, samples), scaled so that a sine there gives its mean square."""
    count = frames.shape[1]
    turn = np.exp(-2j * np.pi * hz / rate * np.arange(count))
    return np.asarray(2.0 * np.square(np.abs(frames @ turn) / count), np.float64)


def listen_for_tone(before: Samples, during: Samples, rate: int = HEARING_RATE) -> BeepHeard:
    """`during` begins with the beep or shortly before; `delay_ms` counts from its first sample."""
    old, _ = _powers(before, rate)
    new, share = _powers(during, rate)
    if not len(new):
        return BeepHeard(False, None)
    room = quantile(old, 0.5) if len(old) else 0.0
    above = 10 * np.log10((new + 1e-10) / (room + 1e-10))
    is_tone = (above >= _HEARD_DB) & (share >= _PURE)
    row = np.convolve(is_tone, np.ones(_FRAMES), "valid") if len(is_tone) >= _FRAMES else np.zeros(0)
    heard = bool(len(row)) and bool(row.max() >= _FRAMES)
    delay = float(np.argmax(row >= _FRAMES)) * _FRAME_S * 1000 if heard else None
    return BeepHeard(heard, round(quantile(above, 0.9), 1), delay)


async def hear_yourself(
    microphone: Microphone, speaker: Speaker, seconds: float = 3.0, free: Callable[[], bool] = lambda: True
) -> HeardVoice:
    """Records for so long, then plays it if the speaker is still `free`; returns when it was heard. A recorded visitor
    may end before. Raises ConversationError where there is no microphone.
    """
    recording = microphone.record(0.0)
    try:
        await _for(recording.ended(), seconds)
        pcm = recording.pcm()
    finally:
        recording.close()
    if free():
        await play(speaker, HEARING_RATE, pcm)
    return judge(pcm)


async def beep(microphone: TestedMicrophone, speaker: Speaker) -> BeepHeard:
    """Plays the tone, and says whether the microphone heard it. Raises ConversationError without a microphone."""
    if microphone.simulated:
        await play(speaker, speaker.rate, tone(speaker.rate))
        return BeepHeard(None, None)
    recording = microphone.record(0.0)
    try:
        await asyncio.sleep(_BEFORE_S)
        before = len(recording.pcm())
        await play(speaker, speaker.rate, tone(speaker.rate))
        await asyncio.sleep(_AFTER_S)
        pcm = recording.pcm()
    finally:
        recording.close()
    return listen_for_tone(pcm[:before], pcm[before:])


async def play(speaker: Speaker, rate: int, pcm: Samples) -> bool:
    """Until the last sample was heard, with faded ends. False if the speaker stood still for 3 s, or somebody else took
    it; then nothing of it plays any more.
    """
    ours = _faded(_resampled(pcm, rate, speaker.rate), speaker.rate)
    if not len(ours):
        return True
    speaker.begin(_GENERATION)
    speaker.write(_GENERATION, ours)
    speaker.finish(_GENERATION)
    clock = asyncio.get_running_loop().time
    position, moved_at = 0, clock()
    try:
        while position < len(ours):
            await asyncio.sleep(_POLL_S)
            now = speaker.playback()
            if now.generation != _GENERATION:
                return False
            if now.position > position:
                position, moved_at = now.position, clock()
            elif clock() - moved_at > _STALL_S:
                return False
        return True
    finally:
        if speaker.playback().generation == _GENERATION:
            speaker.cancel()


async def _for(ended: Awaitable[None], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await ended
    except TimeoutError:
        return


def _powers(pcm: Samples, rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of each frame: power at 1 kHz, and its share of all power."""
    frame = round(rate * _FRAME_S)
    frames = (pcm[: len(pcm) // frame * frame].astype(np.float32) / 32768.0).reshape(-1, frame)
    at_tone = goertzel(frames, rate, TONE_HZ)
    return at_tone, at_tone / (np.mean(np.square(frames), axis=1) + 1e-10)


def _resampled(pcm: Samples, rate: int, wanted: int) -> Samples:
    if rate == wanted or not len(pcm):
        return pcm
    return np.asarray(soxr.resample(pcm, rate, wanted), np.int16)


def _faded(pcm: Samples, rate: int) -> Samples:
    fade = min(round(rate * _FADE_S), len(pcm) // 2)
    if not fade:
        return SILENCE
    shape = np.ones(len(pcm), np.float32)
    shape[:fade] = np.linspace(0, 1, fade)
    shape[len(pcm) - fade :] = np.linspace(1, 0, fade)
    return (pcm * shape).astype(np.int16)
