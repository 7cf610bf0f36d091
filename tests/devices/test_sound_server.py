"""Sound through a real sound server: found, heard, killed in the middle of a sentence, pulled out, put back."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from conversation.audio import HEARING_RATE, Samples
from conversation.errors import ConversationError
from conversation.stages import Outcome, Stage
from devices.audio import audio_devices, device_supervisor
from devices.audio.audio_devices import LIVE_RATE
from devices.audio.microphone_clip import recorded_visitors
from devices.audio.sound_device import RetryPace
from devices.audio.sound_test import beep, hear_yourself, play
from devices.audio.switching import SwitchingMicrophone, SwitchingSpeaker
from devices.errors import DeviceError
from devices.sound.sound_file import read_sound
from devices.sound.speech_detector import SileroDetector
from profiles.schema import Audio
from tests.conversation.harness import QUICK, Harness, opened
from tests.devices.sound_server import FOYER, MISSING, STAGE, SoundServer

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING or "everything is there")
PATIENCE_S = 45.0
MICROPHONE = "default microphone (PulseAudio)"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SoundServer]:
    server = SoundServer(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", server.address)
    try:
        server.start()
        yield server
    finally:
        server.kill()


@pytest.fixture(autouse=True)
def looked_for_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A show takes up to 4 s to find a device that is back, and 10 to follow another default; when a device is missed
    stays as it is.
    """
    pace = structs.replace(RetryPace(), retry_s=0.1, longest_s=0.4, default_s=1.0)
    monkeypatch.setattr(device_supervisor, "RetryPace", lambda: pace)


class Sound:
    """A speaker and a microphone that are open, and what was told of them."""

    def __init__(self, speaker: str, microphone: str, audio: Audio | None = None) -> None:
        self.told: list[tuple[str, str]] = []
        self.speaker: SwitchingSpeaker = audio_devices.speaker(speaker, self._tell, wait=True)
        self.microphone: SwitchingMicrophone = audio_devices.microphone(microphone, audio, self._tell, wait=True)
        self.generation = 0

    def _tell(self, name: str, state: str, detail: str) -> None:
        self.told.append((name, state))

    async def heard(self) -> bool:
        """Whether what the speaker plays comes out where the microphone is."""
        try:
            return bool((await beep(self.microphone, self.speaker)).heard)
        except ConversationError:  # on a machine that is very busy a device may be missed for a moment
            return False

    def say(self, seconds: float) -> asyncio.Event:
        drained = asyncio.Event()
        self.generation += 1
        self.speaker.listen(None, lambda g, at: drained.set())
        self.speaker.begin(self.generation)
        self.speaker.write(self.generation, sine(seconds, 440, 0.3, LIVE_RATE))
        self.speaker.finish(self.generation)
        return drained


@asynccontextmanager
async def sounding(speaker: str, microphone: str, audio: Audio | None = None) -> AsyncIterator[Sound]:
    sound = Sound(speaker, microphone, audio)
    with ExitStack() as stack:
        stack.enter_context(sound.speaker)
        stack.enter_context(sound.microphone)
        yield sound


def sine(seconds: float, hz: float, level: float, rate: int) -> Samples:
    wave = np.sin(2 * np.pi * hz / rate * np.arange(round(seconds * rate)))
    return np.asarray(wave * level * 32767, np.int16)


async def until(true: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not true():
            await asyncio.sleep(0.02)


async def until_heard(sound: Sound) -> None:
    """On a machine that is busy a first beep may have gaps."""
    async with asyncio.timeout(PATIENCE_S):
        while not await sound.heard():
            pass


def test_the_picker_lists_what_is_there_by_name(server: SoundServer) -> None:
    speakers, microphones = audio_devices.devices("output"), audio_devices.devices("input")
    assert [row.name for row in speakers] == [STAGE, FOYER, "null"]
    assert [row.name for row in microphones] == [f"Monitor of {STAGE}", f"Monitor of {FOYER}", "recorded"]
    assert [row.default for row in speakers] == [True, False, False]
    assert {row.driver for row in (*speakers[:2], *microphones[:2])} == {"PulseAudio"}
    server.unplug(FOYER)
    assert [row.name for row in audio_devices.devices("output")] == [STAGE, "null"]
    with pytest.raises(DeviceError, match="no such speaker"):
        audio_devices.speaker(FOYER)


async def test_a_server_that_hangs_holds_nobody_up(server: SoundServer) -> None:
    server.freeze(True)
    assert [row.name for row in audio_devices.devices("output")] == ["null"]
    assert [row.name for row in audio_devices.devices("input")] == ["recorded"], "at once: the first look-up hangs yet"
    async with sounding("auto", "auto") as sound:
        assert sound.speaker.simulated and sound.microphone.simulated
    server.freeze(False)
    await until(lambda: len(audio_devices.devices("output")) == 3)


async def test_the_beep_comes_out_where_it_should_and_nowhere_else(server: SoundServer) -> None:
    async with sounding(STAGE, f"Monitor of {STAGE}") as sound:
        assert (sound.speaker.name, sound.microphone.name) == (STAGE, f"Monitor of {STAGE}")
        await until_heard(sound)
        assert sound.microphone.pick(f"Monitor of {FOYER}") == f"Monitor of {FOYER}"
        assert not await sound.heard()
        assert sound.speaker.pick(FOYER) == FOYER
        await until_heard(sound)


async def test_auto_is_the_servers_default(server: SoundServer) -> None:
    server.plug_in_microphone("lapel", "Lapel", hears=STAGE)
    async with sounding("auto", "auto") as sound:
        assert not sound.speaker.simulated and not sound.microphone.simulated
        await until_heard(sound)


async def test_where_there_are_only_monitors_there_is_no_microphone(server: SoundServer) -> None:
    assert audio_devices.find("input", "auto") is None
    async with sounding("auto", "auto") as sound:
        assert sound.microphone.simulated and "there is no microphone" in sound.microphone.note
        assert not sound.speaker.simulated and not sound.speaker.note
        server.plug_in_microphone("lapel", "Lapel", hears=STAGE)
        await until(lambda: not sound.microphone.simulated)
        await until_heard(sound)
    assert not [row for row in audio_devices.devices("input") if row.default and row.monitor]


async def test_a_part_of_a_name_is_never_a_monitor(server: SoundServer) -> None:
    server.plug_in_microphone("usb", f"{STAGE}hand Mic", hears=FOYER)
    async with sounding(FOYER, STAGE) as sound:
        assert sound.microphone.name == f"{STAGE}hand Mic"
        await until_heard(sound)
    server.unplug("usb")
    with pytest.raises(DeviceError, match="no such microphone"):
        audio_devices.microphone(STAGE)


async def test_twins_are_told_apart_by_number_or_id(server: SoundServer) -> None:
    server.plug_in_microphone("usb-b", "USB PnP", hears=FOYER)
    server.plug_in_microphone("usb-a", "USB PnP", hears=STAGE)
    listed = {row.name: row.id for row in audio_devices.devices("input") if not row.monitor and not row.simulated}
    assert listed == {"USB PnP #1": "usb-a", "USB PnP #2": "usb-b"}
    async with sounding(FOYER, "usb pnp #2") as sound:
        await until_heard(sound)
        assert await asyncio.to_thread(sound.microphone.pick, "usb-a") == "USB PnP #1"
        assert not await sound.heard()


async def test_a_sound_server_that_comes_after_the_show_is_taken_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = SoundServer(tmp_path)
    monkeypatch.setenv("PULSE_SERVER", late.address)
    try:
        async with sounding("auto", "auto") as sound:
            assert sound.speaker.simulated and sound.microphone.simulated
            late.start("module-always-sink")
            await until(lambda: len(audio_devices.devices("output")) == 2)
            assert audio_devices.find("output", "auto") is None, "the server's own stand-in is no speaker"
            late.plug_in(STAGE)
            late.plug_in_microphone("lapel", "Lapel", hears=STAGE)
            await until(lambda: not sound.speaker.simulated and not sound.microphone.simulated)
            await until_heard(sound)
    finally:
        late.kill()


@pytest.mark.parametrize("rate", [44_100, 16_000])
async def test_another_default_is_followed_whatever_its_rate(server: SoundServer, rate: int) -> None:
    server.plug_in_microphone("lapel", "Lapel", hears=FOYER)
    async with sounding("auto", "auto") as sound:
        server.plug_in("Headset", f"rate={rate}")
        server.plug_in_microphone("boom", "Boom", "Headset", f"rate={rate}")
        server.make_default("sink", "Headset")
        server.make_default("source", "boom")
        await until(lambda: {name for name, _ in sound.told} == {"default speaker (PulseAudio)", MICROPHONE})
        await until_heard(sound)


async def test_level_and_clipping_are_those_of_what_is_played(server: SoundServer) -> None:
    async with sounding(STAGE, f"Monitor of {STAGE}") as sound:
        microphone = sound.microphone
        await until(lambda: microphone.level_db == -90.0)
        sound.say(PATIENCE_S)
        await until(lambda: (microphone.level_db or -90.0) == pytest.approx(-13.5, abs=1))
        assert not microphone.clipped
        sound.speaker.cancel()
        await play(
            sound.speaker, LIVE_RATE, np.where(sine(1.0, 300, 1.0, LIVE_RATE) > 0, 32767, -32767).astype(np.int16)
        )
        await until(lambda: microphone.clipped)
        await until(lambda: not microphone.clipped)


@pytest.mark.parametrize(
    ("channels", "gains"),
    [
        ("front-left,front-right", (1, -1)),
        ("front-left,front-right", (0, 1)),
        ("aux0,aux1,aux2,aux3", (0, 0, 1, 0)),
        ("front-left,front-right,rear-left,rear-right", (0, 1, 0, -1)),
    ],
)
async def test_the_best_channel_of_a_device_is_heard(
    server: SoundServer, channels: str, gains: tuple[int, ...]
) -> None:
    words = f"channels={len(gains)}", f"channel_map={channels}"
    server.plug_in("Array", *words)
    sound = np.outer(sine(60.0, 440, 0.3, LIVE_RATE), gains).astype("<i2").tobytes()
    playing = server.play("Array", sound, *(f"--{word.replace('_', '-')}" for word in words))
    try:
        await until(lambda: server.plays("Array"))
        async with sounding("null", "Monitor of Array") as heard:
            await until(lambda: (heard.microphone.level_db or -90.0) == pytest.approx(-13.5, abs=1))
    finally:
        playing.kill()
        playing.wait()


TROUBLE: dict[str, tuple[Callable[[SoundServer], None], Callable[[SoundServer], None]]] = {
    "killed": (SoundServer.kill, SoundServer.start),
    "frozen": (lambda server: server.freeze(True), lambda server: server.freeze(False)),
    "unplugged": (lambda server: server.unplug(STAGE), lambda server: server.plug_in(STAGE)),
}


@pytest.mark.parametrize("trouble", TROUBLE)
async def test_a_sentence_ends_in_time_when_the_sound_goes_and_is_heard_again_when_it_is_back(
    server: SoundServer, trouble: str
) -> None:
    end, begin = TROUBLE[trouble]
    monitor = f"Monitor of {STAGE}"
    async with sounding(STAGE, monitor) as sound:
        await until_heard(sound)
        sound.told.clear()
        drained = sound.say(2.5)
        await until(lambda: sound.speaker.playback().position > 0)
        end(server)
        await until(drained.is_set)
        await until(lambda: sound.speaker.playback().position == 2.5 * LIVE_RATE)
        await until(lambda: {(STAGE, "fault"), (monitor, "fault")} <= set(sound.told))
        assert sound.speaker.fault and sound.microphone.fault
        with pytest.raises(ConversationError, match="is not there"):
            sound.microphone.record(0.3)
        begin(server)
        await until(lambda: {(STAGE, "ready"), (monitor, "ready")} <= set(sound.told))
        await until_heard(sound)


async def test_a_turn_whose_sound_server_is_killed_goes_on_to_its_end(server: SoundServer) -> None:
    async with sounding(STAGE, "recorded") as sound:
        speaker: Any = sound.speaker
        async with opened(Harness(speaker=speaker)) as harness:
            harness.voice.per_word_s = 0.4
            harness.llm.replies = ["One two three four five six. Seven eight nine ten."]

            async def pull_the_plug() -> None:
                await harness.until(Stage.SPEAKING, PATIENCE_S)
                await until(lambda: sound.speaker.playback().position > 0)
                server.kill()

            async with asyncio.TaskGroup() as group:
                group.create_task(pull_the_plug())
                ended = await harness.ask("count", PATIENCE_S)
        assert ended.outcome is Outcome.COMPLETED and ended.heard == ended.reply
        assert ended.marks.played is not None
        await until(lambda: sound.speaker.fault)


async def test_a_visitor_who_stops_speaking_is_answered_through_a_live_microphone(server: SoundServer) -> None:
    voice, detector = read_sound(recorded_visitors()[0]), SileroDetector()
    detector.warm()
    async with sounding(STAGE, f"Monitor of {STAGE}", Audio(high_pass=True, noise_suppression=1)) as sound:
        audio = structs.replace(QUICK, end_of_speech=True, max_hold_s=30.0)
        async with opened(Harness(microphone=sound.microphone, detector=detector, audio=audio)) as harness:
            request = harness.loop.press("visitor")
            await harness.until(Stage.LISTENING, PATIENCE_S)
            assert await play(sound.speaker, HEARING_RATE, voice)
            ended, _ = await harness.end_of(request, PATIENCE_S)
        assert ended.outcome is Outcome.COMPLETED and ended.transcript
        assert ended.marks.release is not None and ended.marks.release < 29_000


async def test_hear_yourself_through_the_server(server: SoundServer) -> None:
    async with sounding(STAGE, f"Monitor of {STAGE}") as sound:
        await until_heard(sound)
        sound.say(60.0)
        heard = await hear_yourself(sound.microphone, sound.speaker, 1.0)
    assert heard.peak_db == pytest.approx(-10.5, abs=1.5) and not heard.clipped


async def test_a_device_that_comes_and_goes_costs_no_handles(server: SoundServer) -> None:
    def handles() -> int:
        return len(os.listdir("/proc/self/fd"))

    async with sounding(STAGE, f"Monitor of {STAGE}") as sound:
        sound.speaker.pick(FOYER)
        sound.microphone.pick(f"Monitor of {FOYER}")
        before = handles()
        for _ in range(4):
            for name in (STAGE, FOYER):
                sound.speaker.pick(name)
                sound.microphone.pick(f"Monitor of {name}")
        await until(lambda: handles() <= before)
