"""Sound to jaw openings."""

import numpy as np
import pytest

from conversation.audio import SILENCE, Samples, quantile
from conversation.speech.lip_sync import HOP_S, LipSync, VoiceLevel

RATE = 8000


def syllables(seconds: float, level: float = 0.3) -> Samples:
    """Half a second of tone, half of silence, and so on."""
    time_s = np.arange(round(seconds * RATE)) / RATE
    wave = level * np.sin(2 * np.pi * 200 * time_s) * ((time_s % 1.0) < 0.5)
    return np.asarray(32767 * wave, np.int16)


def lips(level: VoiceLevel | None = None, attack: int = 20, release: int = 80, gain: float = 1.0) -> LipSync:
    return LipSync(RATE, level or VoiceLevel(), attack, release, gain)


def track(sync: LipSync, pcm: Samples, size: int = 400) -> list[float]:
    out = [frame for i in range(0, len(pcm), size) for frame in sync.feed(pcm[i : i + size])]
    return out + sync.feed(SILENCE, last=True)


def test_one_frame_each_20_ms_between_0_and_1_ending_closed() -> None:
    frames = track(lips(), syllables(2.0))
    assert len(frames) == pytest.approx(2.0 / HOP_S, abs=2)
    assert all(0 <= frame <= 1 for frame in frames) and frames[-1] == 0.0


def test_the_mouth_opens_with_sound_and_closes_without() -> None:
    frames = track(lips(), syllables(3.0))
    for second in range(3):
        start = round(second / HOP_S)
        assert np.mean(frames[start + 5 : start + 23]) > 0.5
        assert np.mean(frames[start + 42 : start + 49]) < 0.1


def test_it_opens_faster_than_it_closes() -> None:
    frames = track(lips(), syllables(1.0))
    assert frames[3] > 0.8 * max(frames)
    assert frames[25] > 0.3 and frames[45] < 0.05


@pytest.mark.parametrize("level", [0.02, 0.1, 0.9])
def test_a_quiet_voice_moves_the_jaw_like_a_loud_one_once_it_is_known(level: float) -> None:
    known = VoiceLevel()
    track(lips(known), syllables(4.0, level))
    frames = track(lips(known), syllables(1.0, level))
    assert 0.7 < max(frames) <= 1.0
    assert known.gate_db == known.loud_db - 25


def test_silence_and_no_sound_at_all_keep_it_shut() -> None:
    assert max(track(lips(), np.zeros(RATE, np.int16))) == 0.0
    assert lips().feed(SILENCE, last=True) == [0.0, 0.0]
    assert max(track(lips(gain=3.0), np.ones(RATE, np.int16))) == 0.0


def test_slices_give_the_same_number_of_frames() -> None:
    pcm = syllables(1.01)
    lengths = {size: len(track(lips(), pcm, size)) for size in (1, 37, 160, 999, len(pcm))}
    assert len(set(lengths.values())) == 1, lengths


def test_gain_and_time_constants() -> None:
    pcm = syllables(1.0, 0.05)
    assert np.mean(track(lips(gain=2.0), pcm)) > np.mean(track(lips(gain=0.5), pcm))
    assert track(lips(attack=0, release=0), pcm)[0] > 0
    assert np.mean(track(lips(release=500), pcm)) > np.mean(track(lips(release=20), pcm))


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_any_rate(rate: int) -> None:
    sync = LipSync(rate, VoiceLevel(), 20, 80, 1.0)
    assert len(track(sync, np.full(rate, 5000, np.int16))) == pytest.approx(50, abs=2)


@pytest.mark.parametrize(("hz", "opens"), [(80, False), (1000, True), (3500, False)])
def test_with_a_band_pass_hum_and_hiss_do_not_open_it(hz: int, opens: bool) -> None:
    time_s = np.arange(RATE) / RATE
    wave = np.asarray(0.3 * 32767 * np.sin(2 * np.pi * hz * time_s), np.int16)
    plain, banded = LipSync(RATE, VoiceLevel(), 20, 80, 1.0), LipSync(RATE, VoiceLevel(), 20, 80, 1.0, band_pass=True)
    whole, speech = plain.feed(wave), banded.feed(wave)
    assert np.mean(whole[10:40]) > 0.5
    assert np.mean(speech[10:40]) == pytest.approx(np.mean(whole[10:40]), abs=0.05) if opens else max(speech) < 0.5


@pytest.mark.parametrize("count", [1, 2, 3, 50, 997])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.95, 1.0])
def test_quantile_is_numpys_own(count: int, share: float) -> None:
    values = list(np.random.default_rng(count).normal(size=count))
    assert quantile(values, share) == pytest.approx(np.percentile(values, share * 100))
