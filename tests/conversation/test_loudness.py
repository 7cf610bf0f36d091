"""Lines of one loudness: never clipped, never pumping, never late, and without a click at either end."""

import numpy as np
import pytest

from conversation.audio import SILENCE, Samples
from conversation.speech.loudness import FADE_S, Leveller, VoiceGain

RATE = 16_000
FADE = round(FADE_S * RATE)


def sound(seconds: float, peak: float, hz: float = 200.0) -> Samples:
    time_s = np.arange(round(seconds * RATE)) / RATE
    return (peak * 32767 * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def line(leveller: Leveller, pcm: Samples, chunk: int = 1000) -> Samples:
    chunks = [leveller.feed(pcm[i : i + chunk]) for i in range(0, len(pcm), chunk)]
    return np.concatenate([SILENCE, *chunks, leveller.end_line()])


def top(pcm: Samples) -> float:
    return float(np.max(np.abs(pcm.astype(int)))) / 32767


@pytest.mark.parametrize("peak", [0.25, 0.5, 0.95])
def test_from_the_second_line_on_a_voice_has_the_loudness_asked_for(peak: float) -> None:
    leveller = Leveller(RATE, VoiceGain(-6.0))
    line(leveller, sound(1.0, peak))
    assert top(line(leveller, sound(1.0, peak))) == pytest.approx(10 ** (-6 / 20), rel=0.03)


def test_what_is_learned_outlives_the_utterance() -> None:
    voice = VoiceGain(-1.0)
    line(Leveller(RATE, voice), sound(1.0, 0.3))
    assert top(line(Leveller(RATE, voice), sound(1.0, 0.3))) == pytest.approx(0.891, rel=0.03)


def test_a_whisper_is_not_blown_up_without_end() -> None:
    leveller = Leveller(RATE, VoiceGain(-1.0))
    line(leveller, sound(1.0, 0.01))
    assert top(line(leveller, sound(1.0, 0.01))) == pytest.approx(0.04, rel=0.05)


@pytest.mark.parametrize("chunk", [37, 160, 1000, 100_000])
def test_nothing_is_ever_louder_than_asked_for_and_no_sample_is_lost(chunk: int) -> None:
    random = np.random.default_rng(3)
    leveller = Leveller(RATE, VoiceGain(-3.0))
    for _ in range(6):
        loud = np.repeat(random.uniform(0, 1, 20), RATE // 20)
        pcm = (sound(1.0, 1.0) * loud).astype(np.int16)
        out = line(leveller, pcm, chunk)
        assert len(out) == len(pcm)
        assert top(out) <= 10 ** (-3 / 20) + 1e-3


def test_within_a_line_the_gain_stays() -> None:
    """Soft and loud words keep their distance: no pumping."""
    leveller = Leveller(RATE, VoiceGain(-1.0))
    words = np.concatenate([sound(0.3, peak) for peak in (0.8, 0.2, 0.8, 0.1, 0.8)])
    line(leveller, words)
    out = line(leveller, words, 777).astype(float)
    inner = slice(FADE + 50, len(words) - FADE - 50)
    strong = np.abs(words[inner]) > 1000
    gains = out[inner][strong] / words[inner][strong]
    assert gains.max() / gains.min() < 1.01


def test_a_first_loud_word_makes_room_smoothly() -> None:
    """Its chunk is known as a whole: the gain goes down before the peak, and no sample is cut off."""
    leveller = Leveller(RATE, VoiceGain(-6.0))
    pcm = np.concatenate([sound(0.3, 0.4), sound(0.3, 1.0)])
    out = line(leveller, pcm, len(pcm)).astype(float)
    late = out[-RATE // 4 : -FADE - 80]
    assert np.max(np.abs(late)) <= 0.502 * 32767
    assert np.count_nonzero(np.abs(late) >= 0.5011 * 32767) < 0.1 * len(late), "scaled, not cut off"
    strong = np.abs(pcm) > 3000
    gains = (out[strong] / pcm[strong])[FADE:-FADE]
    assert np.max(np.abs(np.diff(gains))) < 0.02


def test_a_line_begins_and_ends_at_nothing_and_only_its_last_10_ms_wait() -> None:
    leveller = Leveller(RATE, VoiceGain(-1.0))
    pcm = np.full(RATE, 9000, np.int16)
    first = leveller.feed(pcm[:2000])
    assert len(first) == 2000 - FADE, "no delay but for a possible end"
    out = np.concatenate([first, leveller.feed(pcm[2000:]), leveller.end_line()]).astype(int)
    assert len(out) == RATE and out[0] == out[-1] == 0
    assert np.max(np.abs(np.diff(out))) <= np.max(out) / FADE + 2, "no step anywhere"
    assert leveller.end_line().size == 0, "an empty line"


def test_lines_shorter_than_a_fade() -> None:
    leveller = Leveller(RATE, VoiceGain(-1.0))
    for count in (1, 2, FADE - 1, FADE, FADE + 1, 2 * FADE - 1):
        out = line(leveller, np.full(count, 9000, np.int16), 7)
        assert len(out) == count and out[-1] == 0


def test_a_short_word_teaches_little() -> None:
    voice = VoiceGain(-1.0)
    before = voice.gain
    voice.learn(0.1, 0.2)
    assert voice.gain == before
    voice.learn(0.95, 0.2)
    assert voice.gain < before, "but that the voice can be loud"
