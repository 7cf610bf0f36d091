"""The small parts of sound: levels, the tone and its detector, the noise filter, clocks, gains of rate."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from conversation.audio import HEARING_RATE, SILENCE, Samples
from devices.audio.device_clock import QueueClock, RateChanger
from devices.audio.microphone_clip import recorded_visitors
from devices.audio.sound_test import beep, hear_yourself, judge, listen_for_tone, play, tone
from devices.sound.input_ring import InputRing
from devices.sound.levels import clipped, level_db, peak_db, quiet_and_loud
from devices.sound.noise import noise_filter
from devices.sound.sound_file import read_sound
from profiles.schema import Audio
from tests.fakes.ports import ClipMicrophone, LiveMicrophone, TappedSpeaker

RATE = HEARING_RATE


def noise(seconds: float, level: float, seed: int = 5) -> Samples:
    wave = np.random.default_rng(seed).standard_normal(round(seconds * RATE))
    return np.asarray(wave * level * 32767, np.int16)


def sine(seconds: float, hz: float, level: float) -> Samples:
    wave = np.sin(2 * np.pi * hz / RATE * np.arange(round(seconds * RATE)))
    return np.asarray(wave * level * 32767, np.int16)


def mixed(*parts: Samples) -> Samples:
    total = np.sum([part.astype(np.int32) for part in parts], axis=0)
    return np.asarray(np.clip(total, -32768, 32767), np.int16)


def test_three_samples_at_full_scale_are_clipped_and_two_are_not() -> None:
    pcm = np.zeros(320, np.int16)
    pcm[[10, 20]] = 32767
    assert not clipped(pcm)
    pcm[30] = -32768
    assert clipped(pcm) and not clipped(SILENCE)


def test_the_ring_shows_clipping_for_a_second() -> None:
    ring = InputRing()
    ring.push(sine(0.02, 1000, 0.9))
    assert not ring.clipped
    ring.push(np.full(320, 32767, np.int16))
    ring.push(np.zeros(320, np.int16))
    assert ring.clipped


def test_peaks_in_decibels() -> None:
    assert peak_db(SILENCE) == peak_db(np.zeros(9, np.int16)) == -90.0
    assert peak_db(np.array([-32768, 5], np.int16)) == pytest.approx(0.0)
    assert peak_db(np.array([3277], np.int16)) == pytest.approx(-20.0, abs=0.01)


def test_a_voice_above_its_room() -> None:
    voice = read_sound(recorded_visitors()[0])
    quiet = np.concatenate([np.zeros(RATE // 2, np.int16), voice, np.zeros(RATE // 2, np.int16)])
    room = noise(len(quiet) / RATE, 0.01)
    heard = judge(mixed(quiet, room))
    floor, loud = quiet_and_loud(mixed(quiet, room), RATE)
    assert heard.floor_db == pytest.approx(-40, abs=1) and loud > floor + 10
    assert heard.snr_db == pytest.approx(loud - floor, abs=0.1) and not heard.clipped
    louder = judge(mixed(quiet, noise(len(quiet) / RATE, 0.1)))
    assert louder.snr_db < heard.snr_db - 10
    assert judge(SILENCE).snr_db == 0.0


HALL = noise(1.5, 0.03)


@pytest.mark.parametrize(
    ("what", "during", "heard"),
    [
        ("loud and clear", mixed(HALL, np.pad(tone(RATE), (4000, 12000))), True),
        ("faint in the hall", mixed(HALL, np.pad((tone(RATE) * 0.2).astype(np.int16), (4000, 12000))), True),
        ("nothing", HALL, False),
        ("more noise", noise(1.5, 0.3), False),
        ("a hum", mixed(HALL, sine(1.5, 120, 0.3)), False),
        ("another tone", mixed(HALL, sine(1.5, 2500, 0.3)), False),
        ("a slamming door", mixed(HALL, np.pad(noise(0.3, 0.4), (8000, 11200))), False),
        ("a click", mixed(HALL, np.eye(1, 24000, 9000, dtype=np.int16)[0] * 30000), False),
        ("no sound at all", np.zeros(24000, np.int16), False),
        ("no samples", SILENCE, False),
    ],
)
def test_only_the_beep_is_heard_as_the_beep(what: str, during: Samples, heard: bool) -> None:
    found = listen_for_tone(noise(0.4, 0.03, seed=9), during)
    assert found.heard is heard
    if heard:
        assert found.delay_ms == pytest.approx(250, abs=30) and found.snr_db is not None and found.snr_db > 10


def test_a_tone_that_was_there_before_is_not_ours() -> None:
    whistle = sine(1.5, 1000, 0.2)
    assert listen_for_tone(whistle[:8000], whistle).heard is False


@pytest.mark.parametrize("level", [0, 2, 4])
def test_the_beep_gets_through_the_noise_suppression(level: int) -> None:
    pcm = mixed(noise(3.5, 0.01), np.pad((tone(RATE) * 0.5).astype(np.int16), (2 * RATE, RATE)))
    clean = noise_filter(Audio(noise_suppression=level, high_pass=True))
    assert clean is not None
    pcm = np.concatenate([clean.feed(pcm[i : i + 320]) for i in range(0, len(pcm), 320)])
    assert listen_for_tone(pcm[RATE : 2 * RATE - 1600], pcm[2 * RATE - 1600 :]).heard


def test_the_tone_begins_and_ends_softly() -> None:
    pcm = tone(48_000).astype(int)
    assert pcm[0] == pcm[-1] == 0 and peak_db(tone(48_000)) == pytest.approx(-12, abs=0.1)
    assert np.max(np.abs(pcm[:48])) < np.max(np.abs(pcm)) / 8


async def test_hear_yourself_plays_what_it_recorded() -> None:
    voice = read_sound(recorded_visitors()[0])[:RATE]
    with TappedSpeaker(RATE) as speaker:
        heard = await hear_yourself(ClipMicrophone(voice), speaker, 0.05)
        played = speaker.played()
    assert heard == judge(voice)
    assert (played[200 : len(voice) - 200] == voice[200:-200]).all() and not played[len(voice) :].any()


async def test_a_beep_without_a_live_microphone_is_played_and_nothing_is_claimed() -> None:
    class Simulated(ClipMicrophone):
        simulated = True

    with TappedSpeaker(RATE) as speaker:
        found = await beep(Simulated(SILENCE), speaker)
        assert peak_db(speaker.played()) > -15
    assert (found.heard, found.snr_db) == (None, None)


@pytest.mark.parametrize("in_the_room", [True, False])
async def test_a_beep_is_heard_by_a_microphone_in_the_room_alone(in_the_room: bool) -> None:
    class Room(LiveMicrophone):
        simulated = False

    microphone = Room()

    class Speaker(TappedSpeaker):
        def pull(self, count: int, at: float) -> Samples:
            out = super().pull(count, at)
            microphone.push(out if in_the_room else np.zeros(count, np.int16))
            return out

    with Speaker(RATE) as speaker:
        found = await beep(microphone, speaker)
    assert found.heard is in_the_room
    assert (found.snr_db is not None and found.snr_db > 30) is in_the_room


async def test_a_turn_takes_the_speaker_from_a_test() -> None:
    with TappedSpeaker(RATE) as speaker:
        speaker.begin(-1)
        async with asyncio.TaskGroup() as group:
            playing = group.create_task(play(speaker, RATE, noise(30.0, 0.1)))
            await asyncio.sleep(0.1)
            speaker.begin(7)
        assert playing.result() is False
        assert speaker.playback().generation == 7


def test_no_filter_unless_asked_for() -> None:
    assert noise_filter(Audio()) is None


@pytest.mark.parametrize("block", [160, 320, 333, 1024])
def test_the_high_pass_takes_the_trams_and_leaves_the_voices(block: int) -> None:
    def through(pcm: Samples) -> Samples:
        clean = noise_filter(Audio(high_pass=True))
        assert clean is not None
        return np.concatenate([clean.feed(pcm[i : i + block]) for i in range(0, len(pcm), block)])

    for hz, least, most in ((40, -60, -12), (100, -4, -2), (300, -0.5, 0.5), (2000, -0.5, 0.5)):
        pcm = sine(1.0, hz, 0.3)
        out = through(pcm)
        assert len(pcm) - 160 < len(out) <= len(pcm)
        change = level_db(out[4000:]) - level_db(pcm[4000:])
        assert least < change < most, hz


def test_suppression_takes_the_noise_between_the_words() -> None:
    voice = np.concatenate([np.zeros(2 * RATE, np.int16), read_sound(recorded_visitors()[0])])
    loud_room = mixed(voice, noise(len(voice) / RATE, 0.02))
    clean = noise_filter(Audio(noise_suppression=3))
    assert clean is not None
    out = np.concatenate([clean.feed(loud_room[i : i + 320]) for i in range(0, len(loud_room), 320)])
    late = RATE
    assert judge(out[late:]).snr_db > judge(loud_room[late:]).snr_db + 6


def pulls(clock: QueueClock, times: Sequence[float], count: int) -> list[float]:
    return [round(clock.ahead_s(count, 100.0 + at), 3) for at in times]


def test_a_driver_that_takes_three_periods_at_once_plays_two_later() -> None:
    clock = QueueClock(48_000, 0.040)
    ahead = pulls(clock, [0, 0, 0, *(0.04 * i for i in range(1, 80))], 1920)
    assert ahead[:4] == [0.04, 0.04, 0.08, 0.08] and set(ahead[4:]) == {0.08}
    assert clock.latency_s == pytest.approx(0.08)


def test_a_driver_that_takes_one_period_at_a_time_and_begins_late() -> None:
    clock = QueueClock(48_000, 0.040)
    ahead = pulls(clock, [0, *(2.0 + 0.04 * i for i in range(80))], 1920)
    assert set(ahead) == {0.04} and clock.latency_s == 0.040


def test_what_was_learned_outlives_a_drifting_clock() -> None:
    clock = QueueClock(48_000, 0.040)
    pulls(clock, [0, 0, 0, *(0.04 * i for i in range(1, 80))], 1920)
    assert clock.ahead_s(1920, 100.0 + 3600.0) == pytest.approx(0.08)


@pytest.mark.parametrize(("rate", "device_rate"), [(22_050, 48_000), (48_000, 44_100), (48_000, 16_000)])
def test_another_rate_keeps_pitch_length_and_time(rate: int, device_rate: int) -> None:
    given = 0
    told: list[float] = []

    def source(count: int, at: float) -> Samples:
        nonlocal given
        told.append(at - given / rate)
        time_s = (given + np.arange(count)) / rate
        given += count
        return (8000 * np.sin(2 * np.pi * 500 * time_s)).astype(np.int16)

    changer = RateChanger(source, rate, device_rate)
    out = np.concatenate([changer.pull(400, i * 400 / device_rate) for i in range(100)])
    assert len(out) == 40_000
    middle = out[4000:36_000].astype(float)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    assert np.argmax(spectrum) * device_rate / len(middle) == pytest.approx(500, abs=2)
    assert max(told[5:]) - min(told[5:]) < 0.002, "each sample is told the time at which it is heard"
    onset = np.argmax(np.abs(out) > 3000) / device_rate
    assert told[-1] == pytest.approx(onset, abs=0.003)
