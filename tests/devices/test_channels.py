"""The best of several channels: whatever the others are full of, the voice is heard whole, and nothing clicks."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from conversation.audio import HEARING_RATE, Samples
from devices.audio.microphone_clip import recorded_visitors
from devices.sound.channels import Block, ChannelPicker, best_of
from devices.sound.levels import level_db
from devices.sound.sound_file import read_sound

RATE = HEARING_RATE
Wave = NDArray[np.float64]


def voice() -> Wave:
    """With half a second of room before and after."""
    return np.pad(read_sound(recorded_visitors()[0]).astype(float), (RATE // 2, RATE // 2))


def noise(count: int, level: float, seed: int = 1) -> Wave:
    return np.random.default_rng(seed).standard_normal(count) * level * 32767


def hum(count: int, level: float, hz: float = 50.0) -> Wave:
    at = np.arange(count) / RATE
    return sum(np.sin(2 * np.pi * hz * n * at) * level * 32767 / n for n in (1, 2, 3, 5, 7)) + noise(count, 0.0005, 9)


def block(*channels: Wave) -> Block:
    return np.clip(np.column_stack(channels), -32768, 32767).astype(np.int16)


def through(sound: Block, size: int = 640) -> Samples:
    picker = ChannelPicker(sound.shape[1])
    return np.concatenate([picker.feed(sound[i : i + size]) for i in range(0, len(sound), size)])


def likeness(heard: Samples, wave: Wave) -> float:
    """1: the same, whatever its sign."""
    return abs(float(np.corrcoef(heard.astype(float), wave)[0, 1]))


OTHERS: dict[str, Callable[[Wave], Wave]] = {
    "upside down": lambda wave: -wave,
    "dead": lambda wave: np.zeros(len(wave)),
    "nearly dead": lambda wave: noise(len(wave), 0.00002),
    "hum": lambda wave: hum(len(wave), 0.3),
    "hum of 60 Hz": lambda wave: hum(len(wave), 0.5, 60.0),
    "hiss": lambda wave: noise(len(wave), 0.1),
    "an offset": lambda wave: np.full(len(wave), 2_000.0),
    "far away": lambda wave: wave * 0.03 + noise(len(wave), 0.002, 4),
    "the voice and a hum": lambda wave: wave + hum(len(wave), 0.3),
    "the same": lambda wave: wave.copy(),
}


@pytest.mark.parametrize("way", [through, best_of])
@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("other", OTHERS)
def test_the_voice_is_heard_whatever_is_in_the_other_channel(
    way: Callable[[Block], Samples], first: bool, other: str
) -> None:
    clean = voice()
    live = clean + noise(len(clean), 0.001)
    pair = (live, OTHERS[other](live)) if first else (OTHERS[other](live), live)
    heard = way(block(*pair))
    assert len(heard) == len(live) and likeness(heard, clean) > 0.97


@pytest.mark.parametrize("way", [through, best_of])
@pytest.mark.parametrize(("count", "live"), [(4, 3), (6, 0), (8, 5)])
def test_the_one_live_channel_of_an_array(way: Callable[[Block], Samples], count: int, live: int) -> None:
    clean = voice()
    channels = [noise(len(clean), 0.00003, seed) for seed in range(count)]
    channels[live] = clean + noise(len(clean), 0.001)
    assert likeness(way(block(*channels)), clean) > 0.99


@pytest.mark.parametrize("size", [160, 333, 640, 1600])
def test_blocks_of_any_size_lose_no_sample(size: int) -> None:
    clean = voice() + noise(len(voice()), 0.001)
    heard = through(block(clean, clean), size)
    assert (heard == block(clean, clean)[:, 0]).all()


def test_it_stays_within_a_word_and_a_change_does_not_click() -> None:
    tone = np.sin(2 * np.pi * 300 / RATE * np.arange(RATE * 4)) * 8000
    wobble = 10 ** (0.2 * np.sin(2 * np.pi * 3 * np.arange(len(tone)) / RATE))  # 4 dB, three times a second
    speaks = np.repeat([0, 1, 1, 0, 1, 1, 0, 0], RATE // 2)
    room = noise(len(tone), 0.001), noise(len(tone), 0.001, 2)
    picker, seen = ChannelPicker(2), []
    sound = block(tone * speaks * wobble + room[0], tone * speaks / wobble + room[1])
    for i in range(0, len(sound), 320):
        picker.feed(sound[i : i + 320])
        seen.append(picker.channel)
    assert sum(a != b for a, b in zip(seen, seen[1:], strict=False)) <= 1


def test_a_cable_that_goes_dead_in_mid_word_costs_a_moment() -> None:
    clean = voice() + noise(len(voice()), 0.001)
    half = len(clean) // 2
    left, right = clean.copy(), clean * 0.7
    left[half:] = 0
    heard = through(block(left, right))
    assert (
        level_db(heard[half + RATE : half + 2 * RATE])
        > level_db(clean[half + RATE : half + 2 * RATE].astype(np.int16)) - 5
    )
    steps = np.abs(np.diff(heard.astype(float)))
    assert steps.max() <= np.abs(np.diff(clean)).max() * 1.2 + 1


def test_of_a_recording_each_word_is_taken_from_the_channel_that_has_it() -> None:
    word = read_sound(recorded_visitors()[0])[: RATE * 2].astype(float)
    gap = np.zeros(RATE // 2)
    left = np.concatenate((gap, word, gap, word * 0, gap))
    right = np.concatenate((gap, word * 0, gap, word, gap))
    assert likeness(best_of(block(left, right)), left + right) > 0.99
    word = np.concatenate((gap, word, gap))
    eight = [np.roll(np.pad(word, (0, 7 * len(word))), i * len(word)) for i in range(8)]
    assert likeness(best_of(block(*eight)), np.sum(eight, axis=0)) > 0.95


@pytest.mark.parametrize("count", [0, 5, 319, 320])
def test_hardly_any_samples(count: int) -> None:
    assert len(best_of(np.zeros((count, 2), np.int16))) == count
    assert len(ChannelPicker(2).feed(np.zeros((count, 2), np.int16))) == count
