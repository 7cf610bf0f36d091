"""What every way in and out of sound has in common, and how soon one that is gone is missed."""

from collections.abc import Callable
from time import monotonic
from typing import Literal

import numpy as np
from msgspec import Struct

from conversation.audio import Samples

State = Literal["ready", "simulated", "fault"]
OnChange = Callable[[str, State, str], None]
"""Called on the keeper's thread with the device's name, its state, and words for people."""
Pull = Callable[[int, float], Samples]
"""So many samples, please, whose first will be audible at that monotonic time."""
Push = Callable[[Samples], None]
"""16 kHz samples whose last one was just heard."""


class RetryPace(Struct, frozen=True):
    """How soon a device is missed, and how often it is looked for; seconds."""

    tick_s: float = 0.25
    stall_s: float = 0.75
    """Buffers last 20 to 120 ms; a device that stands still for so long has gone. No driver tells it reliably."""
    first_s: float = 2.6
    """Some begin late: PulseAudio's null sink after 2 s."""
    retry_s: float = 0.5
    longest_s: float = 4.0
    """Waits double up to here; a look costs 6 to 20 ms."""
    default_s: float = 8.0
    """Between two looks at what "auto" means by now, 11 ms each; for a change two in a row must agree."""
    default_after_s: float = 10.0
    """So long only the device itself will do: a sound server that restarts must find its hardware free."""


class SoundDevice:
    """`open` and `close` are called by its keeper alone, `open` once."""

    simulated = False

    def __init__(self, name: str, driver: str) -> None:
        self.name, self.driver = name, driver
        self.identity = name
        """Another one means another device, also where the name is only "the default"."""
        self.moved_at = 0.0
        """Monotonic s at which samples last went through."""
        self.gone = False
        """The driver said so itself; few do."""

    def open(self) -> None:
        """Raises DeviceError."""

    def close(self) -> None:
        """Of one that is not open, nothing."""


class OutputDevice(SoundDevice):
    """A speaker: pulls from `feed` whatever it wants, silence included, for as long as it is open."""

    latency_s: float | None = None
    """From the moment a sample is handed over until it is heard; None where nothing tells."""

    def __init__(self, name: str, driver: str) -> None:
        super().__init__(name, driver)
        self.feed: Pull = lambda count, at: np.zeros(count, np.int16)

    def pull(self, count: int, at: float) -> Samples:
        self.moved_at = monotonic()
        return self.feed(count, at)


class InputDevice(SoundDevice):
    """A microphone: pushes all it hears into `sink`."""

    def __init__(self, name: str, driver: str) -> None:
        super().__init__(name, driver)
        self.sink: Push = lambda pcm: None

    def push(self, pcm: Samples) -> None:
        self.moved_at = monotonic()
        self.sink(pcm)
