"""A servo board without a servo: keeps what it was told and when, for rehearsal and for tests. It needs no line."""

from collections import deque
from collections.abc import Sequence
from time import monotonic

from devices.boards.board import BoardLink, Button

BAUD = 0
USB_IDS: Sequence[tuple[int, int]] = ()


class SimulatedBoard:
    """The link, if there is one, is only closed."""

    name = "simulated jaw"
    answers = True

    def __init__(self, link: BoardLink | None = None) -> None:
        self._link = link
        self.moves: deque[tuple[float, int, int]] = deque(maxlen=5000)
        """(monotonic s, channel, us), newest last; 0 us = detached."""
        self.presses: deque[bool] = deque(maxlen=100)
        """What its button is to do, True = down; for tests."""

    def write_us(self, channel: int, pulse_us: int) -> None:
        self.moves.append((monotonic(), channel, pulse_us))

    def detach(self, channel: int) -> None:
        self.moves.append((monotonic(), channel, 0))

    def poll(self) -> Sequence[Button]:
        return [Button(self.presses.popleft()) for _ in range(len(self.presses))]

    def close(self) -> None:
        if self._link is not None:
            self._link.close()


def open_board(link: BoardLink | None = None) -> SimulatedBoard:
    return SimulatedBoard(link)
