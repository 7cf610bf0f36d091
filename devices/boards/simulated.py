"""A servo board without a servo: keeps what it was told and when, for rehearsal and for tests."""

from collections import deque
from collections.abc import Sequence
from time import monotonic

from devices.boards.board import Button, Link

BAUD = 0
USB_IDS: Sequence[tuple[int, int]] = ()


class SimulatedBoard:
    name = "simulated jaw"
    answers = True

    def __init__(self) -> None:
        self.moves: deque[tuple[float, int, int]] = deque(maxlen=5000)
        """(monotonic s, channel, us), newest last; 0 us = detached."""

    def write_us(self, channel: int, pulse_us: int) -> None:
        self.moves.append((monotonic(), channel, pulse_us))

    def detach(self, channel: int) -> None:
        self.moves.append((monotonic(), channel, 0))

    def poll(self) -> Sequence[Button]:
        return ()

    def close(self) -> None:
        """There is nothing to close."""


def open_board(link: Link) -> SimulatedBoard:
    return SimulatedBoard()
