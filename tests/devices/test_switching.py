"""Microphone and speaker that outlive their devices: pulled out, put back, exchanged. The devices are scripted."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic, sleep

import numpy as np
import pytest
from msgspec import structs

from conversation.errors import ConversationError
from devices.audio.microphone_clip import RecordedVisitor, recorded_visitors
from devices.audio.sound_device import InputDevice, OutputDevice, RetryPace, SoundDevice
from devices.audio.switching import NullOutlet, RecordedInlet, SwitchingMicrophone, SwitchingSpeaker
from devices.errors import DeviceError

RATE = 8000
QUICK = RetryPace(tick_s=0.02, stall_s=20.0, first_s=20.0, retry_s=0.02, longest_s=0.1, default_after_s=0.6)
"""A busy machine may let a device stand still for long; all but one test have drivers that say when it is gone."""
PATIENCE_S = 30.0


class Box:
    """The sockets of a machine: which devices are plugged in, and what has been told of them."""

    def __init__(self, *names: str) -> None:
        self.plugged = list(names)
        self.driver = "Fake"
        self.refuses: set[str] = set()
        self.dumb: set[str] = set()
        self.says_so = True
        """Its drivers notice when a device is pulled out; most real ones do not."""
        self.opened: list[str] = []
        self.open_now: list[str] = []
        self.told: list[tuple[str, str, str]] = []

    def names(self, wanted: str) -> list[str]:
        return self.plugged[:1] if wanted == "auto" else [n for n in self.plugged if n == wanted]

    def states(self) -> list[tuple[str, str]]:
        return [(name, state) for name, state, _ in self.told]

    def tell(self, name: str, state: str, detail: str) -> None:
        self.told.append((name, state, detail))


class _Turning(threading.Thread):
    """Calls `block` every 10 ms for as long as the device is in its socket."""

    def __init__(self, box: Box, device: SoundDevice, block: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._box, self._device, self._block = box, device, block
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.wait(0.01) and self._device.name in self._box.plugged:
            if self._device.name not in self._box.dumb:
                self._block()
        self._device.gone = self._box.says_so

    def end(self) -> None:
        self._ended.set()
        self.join(5.0)


def check_open(box: Box, name: str) -> None:
    if name in box.refuses:
        raise DeviceError(name, "busy", "wait")
    box.opened.append(name)
    box.open_now.append(name)


class FakeOutlet(OutputDevice):
    def __init__(self, box: Box, name: str) -> None:
        super().__init__(name, box.driver)
        self._box = box
        self._thread = _Turning(box, self, self._block)

    def open(self) -> None:
        check_open(self._box, self.name)
        self.moved_at = monotonic()
        self._thread.start()

    def close(self) -> None:
        self._box.open_now.remove(self.name)
        self._thread.end()

    def _block(self) -> None:
        self.pull(RATE // 100, monotonic())


class FakeInlet(InputDevice):
    def __init__(self, box: Box, name: str) -> None:
        super().__init__(name, box.driver)
        self._box = box
        self._thread = _Turning(box, self, lambda: self.push(np.full(160, 1000, np.int16)))

    def open(self) -> None:
        check_open(self._box, self.name)
        self.moved_at = monotonic()
        self._thread.start()

    def close(self) -> None:
        self._box.open_now.remove(self.name)
        self._thread.end()


@contextmanager
def speaking(box: Box, wanted: str, pace: RetryPace = QUICK) -> Iterator[SwitchingSpeaker]:
    def make(name: str) -> list[OutputDevice]:
        return [NullOutlet()] if name == "null" else [FakeOutlet(box, n) for n in box.names(name)]

    with SwitchingSpeaker(RATE, wanted, make, box.tell, pace) as speaker:
        yield speaker
    assert box.open_now == []


@contextmanager
def hearing(box: Box, wanted: str) -> Iterator[SwitchingMicrophone]:
    def visitor() -> RecordedInlet:
        return RecordedInlet(RecordedVisitor(recorded_visitors()[:1]))

    def make(name: str) -> list[InputDevice | RecordedInlet]:
        return [visitor()] if name == "recorded" else [FakeInlet(box, n) for n in box.names(name)]

    with SwitchingMicrophone(wanted, make, visitor, box.tell, pace=QUICK) as microphone:
        yield microphone
    assert box.open_now == []


def until(true: Callable[[], object]) -> None:
    deadline = monotonic() + PATIENCE_S
    while not true():
        assert monotonic() < deadline, "it never came"
        sleep(0.005)


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    until(lambda: threading.active_count() <= before)


async def say(speaker: SwitchingSpeaker, generation: int, seconds: float) -> asyncio.Event:
    drained = asyncio.Event()
    speaker.listen(None, lambda g, at: drained.set())
    speaker.begin(generation)
    speaker.write(generation, np.full(round(RATE * seconds), 500, np.int16))
    speaker.finish(generation)
    return drained


async def heard(drained: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await drained.wait()


async def test_a_speaker_pulled_out_in_the_middle_of_a_sentence_ends_it_in_time_and_comes_back() -> None:
    box = Box("Stage")
    with speaking(box, "Stage") as speaker:
        assert (speaker.name, speaker.simulated, speaker.fault) == ("Stage", False, "")
        drained = await say(speaker, 1, 1.0)
        until(lambda: speaker.playback().position > 0)
        box.plugged.clear()
        await heard(drained)
        until(lambda: speaker.playback().position == RATE)
        until(lambda: box.states() == [("Stage", "fault")])
        assert speaker.fault
        assert speaker.name == "Stage"
        box.plugged.append("Stage")
        until(lambda: box.states()[1:] == [("Stage", "ready")])
        assert not speaker.fault
        await heard(await say(speaker, 2, 0.1))
    assert set(box.opened) == {"Stage"}


async def test_a_sentence_goes_on_on_the_device_that_came_back() -> None:
    box = Box("Stage")
    with speaking(box, "Stage") as speaker:
        drained = await say(speaker, 1, 4.0)
        box.plugged.clear()
        until(lambda: speaker.fault)
        before = speaker.playback().position
        box.plugged.append("Stage")
        until(lambda: not speaker.fault)
        assert 0 <= before <= speaker.playback().position < 4 * RATE
        assert not drained.is_set()
        speaker.cancel()


def test_another_named_device_never_takes_its_place() -> None:
    box = Box("Stage")
    with speaking(box, "Stage") as speaker:
        box.plugged[:] = ["Foyer"]
        until(lambda: speaker.fault)
        sleep(QUICK.default_after_s + 0.3)
        assert speaker.fault and set(box.opened) == {"Stage"}


def test_a_rig_that_says_auto_takes_the_default_after_a_while_and_says_so() -> None:
    box = Box("Built-in", "Headset")
    with speaking(box, "auto") as speaker:
        assert speaker.pick("Headset") == "Headset"
        box.plugged.remove("Headset")
        until(lambda: not speaker.fault and speaker.name == "Built-in")
    assert box.states() == [("Headset", "ready"), ("Headset", "fault"), ("Built-in", "ready")]
    assert "Headset has gone" in box.told[-1][2]


def test_a_pick_that_was_saved_is_what_the_rig_says() -> None:
    box = Box("Built-in", "Headset")
    with speaking(box, "auto") as speaker:
        speaker.pick("Headset", saved=True)
        box.plugged.remove("Headset")
        until(lambda: speaker.fault)
        sleep(QUICK.default_after_s + 0.3)
        assert speaker.fault and speaker.name == "Headset"


def test_auto_waits_for_its_own_sound_server_before_it_takes_what_is_below() -> None:
    box = Box("Server")
    with speaking(box, "auto") as speaker:
        box.plugged.clear()
        until(lambda: speaker.fault)
        lost = monotonic()
        box.driver = "Hardware"
        box.plugged[:] = ["Card"]
        until(lambda: not speaker.fault)
        assert speaker.name == "Card" and monotonic() - lost > QUICK.default_after_s / 2


async def test_picking_between_two_turns() -> None:
    box = Box("Stage", "Foyer")
    with speaking(box, "Stage") as speaker:
        await heard(await say(speaker, 1, 0.1))
        assert await asyncio.to_thread(speaker.pick, "Foyer") == "Foyer"
        assert box.open_now == ["Foyer"]
        await heard(await say(speaker, 2, 0.1))
        assert speaker.pick("null").startswith("null speaker")
        assert speaker.simulated and box.open_now == []
        await heard(await say(speaker, 3, 0.1))
        assert speaker.pick("Stage") == "Stage" and not speaker.simulated
        await heard(await say(speaker, 4, 0.1))
    assert [state for _, state in box.states()] == ["ready", "simulated", "ready"]


def test_a_pick_that_fails_changes_nothing() -> None:
    box = Box("Stage", "Busy", "Dumb")
    box.refuses.add("Busy")
    box.dumb.add("Dumb")
    with speaking(box, "Stage", structs.replace(QUICK, first_s=1.0)) as speaker:
        for name, why in (("Attic", "no such speaker"), ("Busy", "busy"), ("Dumb", "no sound passes")):
            with pytest.raises(DeviceError, match=why):
                speaker.pick(name)
            assert (speaker.name, speaker.fault, box.open_now) == ("Stage", "", ["Stage"])
        assert speaker.pick("Stage") == "Stage"
    assert box.opened == ["Stage", "Dumb"] and box.told == []
    with pytest.raises(DeviceError, match="not open"):
        speaker.pick("Stage")


async def test_one_that_is_not_there_at_the_start_is_waited_for_and_the_show_goes_on() -> None:
    box = Box()
    with speaking(box, "Stage") as speaker:
        assert "no such speaker" in speaker.fault and not speaker.simulated
        await heard(await say(speaker, 1, 0.1))
        box.plugged.append("Stage")
        until(lambda: not speaker.fault)
    assert box.states() == [("Stage", "ready")]


async def test_a_machine_without_sound_has_a_stand_in_until_a_device_comes() -> None:
    box = Box()
    with speaking(box, "auto") as speaker:
        assert speaker.simulated and not speaker.fault and speaker.name.startswith("null speaker")
        assert speaker.note == "there is no speaker; plug one in"
        drained = await say(speaker, 1, 2.0)
        box.plugged.append("Late")
        until(lambda: speaker.name == "Late" and not speaker.simulated)
        await heard(drained)
        assert not speaker.note
    assert box.states() == [("Late", "ready")]


def test_a_stand_in_that_was_asked_for_stays() -> None:
    box = Box("Stage")
    with speaking(box, "auto") as speaker:
        speaker.pick("null")
        sleep(0.3)
        assert speaker.simulated and not speaker.note and box.open_now == []


def test_a_device_that_does_not_open_is_not_taken_from_its_stand_in_until_it_does() -> None:
    box = Box("Busy")
    box.refuses.add("Busy")
    with speaking(box, "auto") as speaker:
        assert speaker.simulated and "busy" in speaker.fault
        box.refuses.clear()
        until(lambda: speaker.name == "Busy" and not speaker.fault)


FOLLOWS = structs.replace(QUICK, default_s=0.05)


def test_auto_follows_the_default_to_a_headset_and_back() -> None:
    box = Box("Built-in")
    with speaking(box, "auto", FOLLOWS) as speaker:
        box.plugged.insert(0, "Headset")
        until(lambda: speaker.name == "Headset")
        box.plugged.remove("Headset")
        until(lambda: speaker.name == "Built-in" and not speaker.fault)
    assert "default speaker now" in box.told[0][2]


def test_a_default_that_does_not_open_costs_nothing() -> None:
    box = Box("Built-in")
    box.refuses.add("Broken")
    with speaking(box, "auto", FOLLOWS) as speaker:
        box.plugged.insert(0, "Broken")
        sleep(0.5)
        assert (speaker.name, speaker.fault, box.opened) == ("Built-in", "", ["Built-in"])


def test_one_that_was_chosen_does_not_follow_the_default() -> None:
    box = Box("Built-in", "Stage")
    with speaking(box, "auto", FOLLOWS) as speaker:
        speaker.pick("Stage")
        box.plugged.insert(0, "Headset")
        sleep(0.4)
        assert speaker.name == "Stage"


def test_a_microphone_that_comes_late_takes_the_place_of_the_recorded_visitor() -> None:
    box = Box()
    with hearing(box, "auto") as microphone:
        assert microphone.simulated and "there is no microphone" in microphone.note
        box.plugged.append("Lapel")
        until(lambda: microphone.name == "Lapel")
        recording = microphone.record(0.0)
        until(lambda: len(recording.pcm()))
        recording.close()


@pytest.mark.parametrize("from_the_start", [True, False])
async def test_a_device_that_stands_still_has_gone_whatever_its_driver_says(from_the_start: bool) -> None:
    box = Box("Stage")
    box.says_so = False
    if from_the_start:
        box.dumb.add("Stage")
    with speaking(box, "Stage", structs.replace(QUICK, stall_s=0.3, first_s=0.6)) as speaker:
        drained = await say(speaker, 1, 1.0)
        box.dumb.add("Stage")
        until(lambda: "stands still" in speaker.fault)
        await heard(drained)
        box.dumb.clear()
        until(lambda: box.states()[-1] == ("Stage", "ready"))
        assert box.states()[0] == ("Stage", "fault")


async def test_a_microphone_pulled_out_ends_the_recording_with_what_there_is() -> None:
    box = Box("Lapel")
    with hearing(box, "Lapel") as microphone:
        recording = microphone.record(0.0)
        async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
            ending = group.create_task(recording.ended())
            while not len(recording.pcm()):
                await asyncio.sleep(0.01)
            assert not ending.done() and microphone.level_db is not None
            box.plugged.clear()
        await recording.ended()
        assert len(recording.pcm()) and set(recording.pcm().tolist()) == {1000}
        recording.close()
        assert microphone.level_db is None
        with pytest.raises(ConversationError, match="Lapel is not there"):
            microphone.record(0.3)
        box.plugged.append("Lapel")
        until(lambda: not microphone.fault)
        again = microphone.record(0.0)
        until(lambda: len(again.pcm()))
        again.close()
    assert box.states() == [("Lapel", "fault"), ("Lapel", "ready")]


async def test_a_recorded_visitor_stands_in_only_where_there_never_was_a_microphone() -> None:
    box = Box()
    with hearing(box, "auto") as microphone:
        assert microphone.simulated and microphone.level_db is None
        recording = microphone.record(0.3)
        assert recording.first_sample_at is not None
        recording.close()
        box.plugged.append("Lapel")
        until(lambda: not microphone.simulated)
        assert microphone.name == "Lapel"
        box.plugged.clear()
        until(lambda: microphone.fault)
        assert not microphone.simulated
        assert microphone.pick("recorded").startswith("recorded visitor")
        assert microphone.simulated


async def test_a_recording_goes_on_when_the_microphone_is_exchanged() -> None:
    box = Box("Lapel", "Desk")
    with hearing(box, "Lapel") as microphone:
        recording = microphone.record(0.0)
        until(lambda: len(recording.pcm()))
        microphone.pick("Desk")
        before = len(recording.pcm())
        until(lambda: len(recording.pcm()) > before)
        recording.close()
