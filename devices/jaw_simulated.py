"""A servo board without a servo: keeps what it was told and when, for rehearsal and for tests."""

from collections import deque
from time import monotonic


class SimulatedBoard:
    name = "simulated jaw"

    def __init__(self) -> None:
        self.pulses: deque[tuple[float, int]] = deque(maxlen=5000)
        """(monotonic s, us), newest last; 0 us = detached."""

    def write_us(self, pulse_us: int) -> None:
        self.pulses.append((monotonic(), pulse_us))

    def detach(self) -> None:
        self.pulses.append((monotonic(), 0))
