"""The output queue and the null speaker: every sample once, on time, and none too late."""

import asyncio
import threading
import time

import numpy as np
import pytest

from conversation.audio import Samples
from devices.sound.output_queue import FADE_S, OutputQueue
from tests.fakes.ports import TappedSpeaker

RATE = 1000


def ramp(start: int, count: int) -> Samples:
    return np.arange(start, start + count, dtype=np.int16)


def pulled(queue: OutputQueue, count: int, at: float = 0.0, block: int = 10) -> Samples:
    return np.concatenate([queue.pull(block, at + i * block / queue.rate) for i in range(count // block)])


def test_samples_come_out_once_and_in_order_whatever_the_block_sizes() -> None:
    queue = OutputQueue(RATE)
    queue.begin(1)
    for start, count in ((1, 7), (8, 13), (21, 1), (22, 79)):
        queue.write(1, ramp(start, count))
    assert (pulled(queue, 110) == np.concatenate((ramp(1, 100), np.zeros(10)))).all()


def test_an_older_or_closed_generation_is_dropped_and_counted() -> None:
    queue = OutputQueue(RATE)
    queue.begin(1)
    queue.begin(2)
    queue.write(1, ramp(1, 10))
    queue.cancel()
    queue.write(2, ramp(1, 10))
    queue.begin(3)
    queue.write(3, ramp(1, 3))
    queue.finish(3)
    queue.write(3, ramp(1, 5))
    assert queue.dropped == 25
    assert pulled(queue, 20).tolist() == [1, 2, 3] + [0] * 17


def test_cancel_fades_ten_ms_and_says_what_went_to_the_device() -> None:
    queue = OutputQueue(RATE)
    queue.begin(1)
    queue.write(1, np.full(500, 1000, np.int16))
    pulled(queue, 100)
    assert queue.cancel() == 100
    after = pulled(queue, 100)
    assert np.count_nonzero(after) <= FADE_S * RATE
    assert (np.diff(after[: round(FADE_S * RATE)]) < 0).all(), "a falling edge"
    assert queue.cancel() == 100
    assert not queue.busy()


def test_the_next_utterance_follows_the_fade_of_the_last_and_nothing_else_of_it() -> None:
    queue = OutputQueue(RATE)
    queue.begin(1)
    queue.write(1, np.full(500, 1000, np.int16))
    pulled(queue, 10)
    queue.cancel()
    queue.begin(2)
    queue.write(2, np.full(30, -7, np.int16))
    out = pulled(queue, 60)
    assert (out[:10] >= 0).all() and out[10:40].tolist() == [-7] * 30 and not out[40:].any()


def test_the_clock_stops_in_a_gap_and_goes_on_behind_it() -> None:
    queue = OutputQueue(RATE)
    now = time.monotonic()
    queue.begin(1)
    queue.write(1, ramp(1, 20))
    queue.pull(10, now - 0.100)
    queue.pull(10, now - 0.090)
    assert (queue.playback().position, queue.playback().running) == (20, False)
    queue.pull(10, now - 0.080)
    queue.write(1, ramp(1, 10))
    queue.pull(10, now + 10.0)
    assert queue.playback().position == 20, "not before its time"


def test_the_clock_runs_between_blocks_and_never_ahead_of_what_was_given() -> None:
    queue = OutputQueue(RATE)
    queue.begin(1)
    queue.write(1, ramp(1, 1000))
    queue.pull(1000, time.monotonic() - 0.3)
    first = queue.playback().position
    assert 300 <= first < 400
    time.sleep(0.02)
    assert queue.playback().position >= first + 20


def test_a_device_with_jitter_gives_a_smooth_clock() -> None:
    queue = OutputQueue(RATE)
    queue.begin(1)
    queue.write(1, ramp(1, 400))
    began = time.monotonic()
    told = []
    for i, jitter in enumerate((0, 8, -9, 12, -3, 15, -14, 6, 0, 9) * 2):
        queue.pull(10, began + 0.040 + i * 0.010 + jitter / 1000)
        while time.monotonic() < began + (i + 1) * 0.010:
            told.append((time.monotonic() - began - 0.040, queue.playback().position))
            time.sleep(0.001)
    positions = [position for _, position in told]
    assert positions == sorted(positions)
    errors = [abs(at * RATE - position) for at, position in told if 0 < at < 0.15]
    assert max(errors) < 12, "12 ms, where the raw times are off by up to 29"


@pytest.mark.parametrize("finish_first", [True, False])
async def test_drained_is_told_once_and_only_when_all_was_given(finish_first: bool) -> None:
    queue = OutputQueue(RATE)
    told: list[tuple[str, int, float]] = []
    queue.listen(lambda g, at: told.append(("first", g, at)), lambda g, at: told.append(("drained", g, at)))
    queue.begin(4)
    queue.write(4, ramp(1, 25))
    if finish_first:
        queue.finish(4)
    pulled(queue, 20, at=5.0)
    await asyncio.sleep(0)
    assert told == [("first", 4, 5.0)]
    pulled(queue, 20, at=5.020)
    queue.finish(4)
    pulled(queue, 20, at=5.040)
    await asyncio.sleep(0.001)
    assert len(told) == 2
    assert told[1][:2] == ("drained", 4)
    assert told[1][2] == pytest.approx(5.025 if finish_first else 5.040)


async def test_nothing_is_told_of_a_cancelled_utterance() -> None:
    queue = OutputQueue(RATE)
    told: list[int] = []
    queue.listen(None, lambda g, at: told.append(g))
    queue.begin(1)
    queue.write(1, ramp(1, 50))
    queue.finish(1)
    pulled(queue, 10)
    queue.cancel()
    pulled(queue, 100)
    await asyncio.sleep(0.001)
    assert told == []


async def test_the_null_speaker_plays_the_exact_samples_in_real_time_and_at_most_20_ms_ahead() -> None:
    drained = asyncio.Event()
    pcm = np.random.default_rng(1).integers(1, 9999, 3200).astype(np.int16)
    with TappedSpeaker() as speaker:
        speaker.listen(None, lambda g, at: drained.set())
        speaker.begin(1)
        began = time.monotonic()
        speaker.write(1, pcm)
        speaker.finish(1)
        last = 0
        while not drained.is_set():
            await asyncio.sleep(0.005)
            position = speaker.playback().position
            assert last <= position <= (time.monotonic() - began + 0.001) * speaker.rate
            last = position
    assert time.monotonic() - began > 0.36, "0.4 s of sound take 0.4 s less the 20 ms ahead"
    assert (speaker.played()[: len(pcm)] == pcm).all()
    assert not speaker.played()[len(pcm) :].any()
    assert all(at - asked <= 0.0201 for at, asked, _ in speaker.tap)


def test_the_null_speaker_is_silent_within_50_ms_of_a_cancel() -> None:
    with TappedSpeaker() as speaker:
        speaker.begin(1)
        speaker.write(1, np.full(16000, 1000, np.int16))
        time.sleep(0.15)
        heard = speaker.cancel()
        moment = time.monotonic()
        time.sleep(0.1)
        assert speaker.heard_after(moment + 0.050) == 0
        assert 0.1 < heard / speaker.rate < 0.3
        assert speaker.heard_after(0) * speaker.rate <= heard + FADE_S * speaker.rate


def test_the_thread_sleeps_without_work_and_ends_at_once_on_exit() -> None:
    took = []
    for _ in range(5):  # one of them is undisturbed, also on a machine that is busy
        before = threading.active_count()
        with TappedSpeaker() as speaker:
            assert threading.active_count() == before + 1
            time.sleep(0.05)
            assert speaker.tap == []
            began = time.monotonic()
        assert threading.active_count() == before
        took.append(time.monotonic() - began)
    assert min(took) < 0.2


def test_a_speaker_left_in_the_middle_of_a_sentence_ends_too() -> None:
    before = threading.active_count()
    with TappedSpeaker() as speaker:
        speaker.begin(1)
        speaker.write(1, np.full(80000, 1000, np.int16))
        time.sleep(0.03)
    assert threading.active_count() == before
