"""What the emulated servo boards have in common."""

import math
from collections import deque


class ServoBoard:
    """Fits `devices.emulators.device.EmulatedDevice`; one file per kind says how it talks.

    The figures are its hardware's.
    """

    baud = 9600
    boot_s = 0.0
    resets_on_open = False
    weak = False
    channels: tuple[int, ...] = (0, 1, 5)
    """Some that it has."""
    step_us = 1.0
    """Pulses are multiples of it, counted from 1500."""
    detaches = True
    has_button = False

    def __init__(self) -> None:
        self.moves: deque[tuple[float, int, int]] = deque(maxlen=20_000)
        """(monotonic s, channel, us), newest last; 0 us = no pulses."""
        self.servos: dict[int, int] = {}
        """The pulse of each channel that was told one since the last reset, us."""
        self.pressed = False
        self.boots = 0

    def boot(self) -> bytes:
        self.servos.clear()
        self.boots += 1
        return b""

    def received(self, data: bytes, at: float) -> bytes:
        raise NotImplementedError

    def tick(self, at: float) -> tuple[bytes, float]:
        return b"", math.inf

    def press(self, down: bool) -> bytes:
        """Its button; what it says unasked."""
        self.pressed = down
        return b""

    def move(self, channel: int, pulse_us: int, at: float) -> bytes:
        """What the board says then: nothing, or what it says at a start, if its supply did not bear it."""
        if pulse_us and self.weak:
            return self.boot()
        self.servos[channel] = pulse_us
        self.moves.append((at, channel, pulse_us))
        return b""
