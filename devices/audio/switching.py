"""A microphone and a speaker that last as long as the show, whatever happens to the devices behind them."""

from collections.abc import Callable, Sequence
from functools import partial
from types import TracebackType
from typing import Self

import numpy as np

from conversation.audio import Samples
from conversation.errors import ConversationError
from conversation.ports import Recording
from conversation.stages import Stage
from devices.audio.device_supervisor import DeviceSupervisor
from devices.audio.microphone_clip import RecordedVisitor
from devices.audio.sound_device import InputDevice, OnChange, OutputDevice, RetryPace, SoundDevice
from devices.audio.speaker_null import NullClock
from devices.sound.input_ring import InputRing
from devices.sound.noise import NoiseFilter
from devices.sound.output_queue import OutputQueue


class NullOutlet(OutputDevice):
    """No device at all: the speaker's own clock plays."""

    simulated = True

    def __init__(self) -> None:
        super().__init__("null speaker (no sound device)", "null")


class RecordedInlet(SoundDevice):
    """Recorded visitors instead of a microphone."""

    simulated = True

    def __init__(self, visitor: RecordedVisitor) -> None:
        super().__init__(visitor.name, "recorded")
        self.visitor = visitor

    def open(self) -> None:
        self.visitor.__enter__()

    def close(self) -> None:
        self.visitor.__exit__()


AnyInlet = InputDevice | RecordedInlet


class SwitchingSpeaker(OutputQueue):
    """Fits `conversation.ports.Speaker`. One queue with one clock and one rate; devices come and go as those who pull
    from it. While there is none the null clock pulls, so that text, jaw and the end of the turn come in time.

    `make` gives the devices of a name ("auto": the default; "null": a NullOutlet) for this `rate`, none of them open.
    """

    def __init__(
        self,
        rate: int,
        wanted: str,
        make: Callable[[str], Sequence[OutputDevice]],
        on_change: OnChange | None = None,
        pace: RetryPace | None = None,
    ) -> None:
        super().__init__(rate)
        self._device: OutputDevice | None = None
        self._clock = NullClock(self, self._pull_alone)
        self.keeper = DeviceSupervisor("speaker", wanted, make, self._connect, NullOutlet, on_change, pace)

    @property
    def name(self) -> str:
        return self.keeper.label

    @property
    def simulated(self) -> bool:
        device = self.keeper.device
        return device is not None and device.simulated

    @property
    def fault(self) -> str:
        """Plain words while there is no speaker; what is said is then seen, and moves the jaw, but is not heard."""
        return self.keeper.fault

    @property
    def note(self) -> str:
        """Plain words where a stand-in plays because there is no speaker."""
        return self.keeper.note

    @property
    def latency_s(self) -> float | None:
        """Measured; None where nothing tells."""
        return self._device.latency_s if self._device is not None else None

    def pick(self, name: str, saved: bool = False) -> str:
        """See `DeviceSupervisor.pick`. Blocks; raises DeviceError."""
        return self.keeper.pick(name, saved)

    def __enter__(self) -> Self:
        self._clock.start()
        self.keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.keeper.stop()
        self._device = None
        self._clock.stop()

    def _connect(self, outlet: OutputDevice | None) -> None:
        if outlet is None or outlet.simulated:
            self._device = None
            self._clock.start()
        else:
            outlet.feed = partial(self._feed, outlet)
            self._device = outlet
            self._clock.stop()

    def _feed(self, outlet: OutputDevice, count: int, at: float) -> Samples:
        """One that was exchanged, and hangs on, gets silence."""
        return self.pull(count, at) if self._device is outlet else np.zeros(count, np.int16)

    def _pull_alone(self, count: int, at: float) -> Samples:
        return self.pull(count, at) if self._device is None else np.zeros(count, np.int16)


class SwitchingMicrophone(InputRing):
    """Fits `conversation.ports.Microphone`. One ring that devices push into. When the device goes while somebody
    speaks, the recording ends with what there is; a press without a device raises ConversationError.

    `make` gives the devices of a name ("auto": the default; "recorded": a RecordedInlet), none of them open.
    """

    def __init__(
        self,
        wanted: str,
        make: Callable[[str], Sequence[AnyInlet]],
        stand_in: Callable[[], AnyInlet],
        on_change: OnChange | None = None,
        noise: NoiseFilter | None = None,
        pace: RetryPace | None = None,
    ) -> None:
        super().__init__()
        self._noise = noise
        self._device: AnyInlet | None = None
        self.keeper = DeviceSupervisor("microphone", wanted, make, self._connect, stand_in, on_change, pace)

    @property
    def name(self) -> str:
        return self.keeper.label

    @property
    def simulated(self) -> bool:
        return self._device is not None and self._device.simulated

    @property
    def fault(self) -> str:
        """Plain words while there is no microphone, or only a stand-in."""
        return self.keeper.fault

    @property
    def note(self) -> str:
        """Plain words where a recorded visitor asks because there is no microphone."""
        return self.keeper.note

    @property
    def level_db(self) -> float | None:
        """None: nobody can be heard now."""
        device = self._device
        if isinstance(device, RecordedInlet):
            return device.visitor.level_db
        return super().level_db if device is not None else None

    def pick(self, name: str, saved: bool = False) -> str:
        """See `DeviceSupervisor.pick`. Blocks; raises DeviceError."""
        return self.keeper.pick(name, saved)

    def record(self, pre_roll_s: float) -> Recording:  # type: ignore[override]
        device = self._device
        if device is None:
            why = f"the microphone {self.name} is not there"
            raise ConversationError(Stage.LISTENING, why, "plug it in, or choose another; the question can be typed")
        if isinstance(device, RecordedInlet):
            return device.visitor.record(pre_roll_s)
        return super().record(pre_roll_s)

    def cleaned(self, pcm: Samples) -> Samples:
        return pcm if self._noise is None else self._noise.feed(pcm)

    def __enter__(self) -> Self:
        self.keeper.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.keeper.stop()
        self._device = None
        self.lose()

    def _connect(self, inlet: AnyInlet | None) -> None:
        if isinstance(inlet, InputDevice):
            inlet.sink = partial(self._hear, inlet)
        self._device = inlet
        if not isinstance(inlet, InputDevice):
            self.lose()

    def _hear(self, inlet: InputDevice, pcm: Samples) -> None:
        if self._device is inlet:
            self.push(pcm)
