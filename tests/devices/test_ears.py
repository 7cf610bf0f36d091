"""Microphones and the speech check."""

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest

from conversation.audio import HEARING_RATE, Samples
from conversation.turn import SURE_SPEECH_S
from devices.audio.microphone_clip import ClipMicrophone, RecordedVisitor, recorded_visitors
from devices.audio.miniaudio_streams import cards
from devices.sound.input_ring import InputRing
from devices.sound.sound_file import read_sound
from devices.sound.speech_detector import SileroDetector

SECONDS = 3


@pytest.fixture(scope="module")
def detector() -> SileroDetector:
    detector = SileroDetector()
    detector.warm()
    return detector


def speech_s(detector: SileroDetector, pcm: Samples, block: int = 1000) -> float:
    detector.reset()
    return sum(detector.feed(pcm[i : i + block]) for i in range(0, len(pcm), block))


def hum(hz: float, level: float) -> Samples:
    time_s = np.arange(SECONDS * HEARING_RATE) / HEARING_RATE
    return (32767 * level * np.sin(2 * np.pi * hz * time_s)).astype(np.int16)


def noise(level: float) -> Samples:
    return (32767 * level * np.random.default_rng(7).standard_normal(SECONDS * HEARING_RATE)).astype(np.int16)


@pytest.mark.parametrize(
    ("what", "pcm"),
    [
        ("silence", np.zeros(SECONDS * HEARING_RATE, np.int16)),
        ("hum", hum(120, 0.05)),
        ("loud hum", hum(120, 0.5)),
        ("mains", hum(50, 0.3)),
        ("noise", noise(0.02)),
        ("loud noise", noise(0.2)),
        ("one loud click", np.eye(1, SECONDS * HEARING_RATE, 20_000, dtype=np.int16)[0] * 30_000),
    ],
)
def test_what_is_no_speech_never_reaches_the_recogniser(detector: SileroDetector, what: str, pcm: Samples) -> None:
    assert speech_s(detector, pcm) < 0.3 and detector.sure_s < SURE_SPEECH_S


SPOKEN = [clip for clip in recorded_visitors() if clip.stem[:2] in ("02", "03", "04", "05", "07", "08")]
"""Of the others the loudest quarter of a second is no whole syllable, or is whispered."""


@pytest.mark.parametrize("clip", SPOKEN, ids=lambda p: p.stem)
def test_one_syllable_is_speech_beyond_doubt(detector: SileroDetector, clip: Path) -> None:
    pcm, length = read_sound(clip), round(0.26 * HEARING_RATE)
    loudest = int(np.convolve(np.abs(pcm.astype(float)), np.ones(length), "valid").argmax())
    still = np.zeros(6000, np.int16)
    syllable = np.concatenate((still, pcm[loudest : loudest + length], still))
    assert speech_s(detector, syllable) < 0.3 and detector.sure_s >= SURE_SPEECH_S
    detector.reset()
    assert detector.sure_s == 0.0


@pytest.mark.parametrize("clip", recorded_visitors(), ids=lambda p: p.stem)
def test_every_recorded_visitor_is_heard(detector: SileroDetector, clip: Path) -> None:
    pcm = read_sound(clip)
    assert speech_s(detector, pcm) > 0.6


def test_blocks_of_any_size_give_the_same_result(detector: SileroDetector) -> None:
    pcm = read_sound(recorded_visitors()[0])
    whole = speech_s(detector, pcm, len(pcm))
    assert [speech_s(detector, pcm, block) for block in (160, 512, 777)] == pytest.approx([whole] * 3)


def block(value: int, count: int = 160) -> Samples:
    return np.full(count, value, np.int16)


def test_the_ring_remembers_the_pre_roll_and_records_from_the_press_on() -> None:
    ring = InputRing()
    for value in range(1, 41):
        ring.push(block(value))
    recording = ring.record(0.1)
    assert recording.first_sample_at is None
    ring.push(block(99))
    heard = recording.pcm()
    assert sorted(set(heard.tolist())) == [*range(31, 41), 99]
    assert len(heard) == 11 * 160
    assert recording.first_sample_at == pytest.approx(time.monotonic() - 0.01, abs=0.05)
    recording.close()
    recording.close()
    ring.push(block(7))
    assert len(recording.pcm()) == 11 * 160


def test_no_pre_roll_means_none() -> None:
    ring = InputRing()
    ring.push(block(5))
    assert len(ring.record(0.0).pcm()) == 0
    assert len(ring.record(0.005).pcm()) == 80


def test_what_was_heard_long_ago_is_no_pre_roll() -> None:
    """A microphone that was pulled out and put back."""
    ring = InputRing()
    ring.push(block(5))
    time.sleep(0.25)
    assert len(ring.record(0.1).pcm()) == 0


def test_the_ring_forgets_and_tells_the_level() -> None:
    ring = InputRing()
    assert (ring.last_block_at, ring.level_db) == (None, -90.0)
    ring.push(block(0))
    assert ring.level_db == pytest.approx(-90.0)
    ring.push(np.full(160, 32767, np.int16))
    assert ring.level_db == pytest.approx(0.0, abs=0.01)
    ring.push(np.zeros(0, np.int16))


async def test_a_clip_is_spoken_in_real_time_and_then_ends() -> None:
    pcm = np.arange(4800, dtype=np.int16)
    before = time.monotonic()
    recording = ClipMicrophone("clip", pcm).record(0.3)
    began = time.monotonic()
    await asyncio.sleep(0.1)
    spoken = len(recording.pcm())
    assert 1600 <= spoken <= min(4800, HEARING_RATE * (time.monotonic() - before) + 1200)
    await recording.ended()
    assert time.monotonic() - began > 0.28
    assert (recording.pcm() == pcm).all()
    recording.close()


async def test_recorded_visitors_take_turns() -> None:
    clips = recorded_visitors()
    assert len(clips) >= 6
    with RecordedVisitor(clips[:2]) as visitor:
        lengths = [round((visitor.record(0.0)._pcm.size) / HEARING_RATE, 2) for _ in range(3)]
    assert lengths[0] == lengths[2] != lengths[1]


def test_alsa_without_a_card_has_no_devices(tmp_path: Path) -> None:
    """Its plugins are listed all the same."""
    listed = tmp_path / "cards"
    assert not cards(listed)
    listed.write_text("--- no soundcards ---\n")
    assert not cards(listed)
    listed.write_text(" 0 [PCH            ]: HDA-Intel - HDA Intel PCH\n                      at 0xf7d10000 irq 32\n")
    assert cards(listed)
