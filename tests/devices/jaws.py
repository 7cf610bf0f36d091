"""A jaw that may move, and what its board was told."""

from devices.boards.simulated import SimulatedBoard
from devices.limits import LimitedJaw
from profiles.schema import Jaw


class Clock:
    """Stands still until a test moves it; s."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def pulses(board: SimulatedBoard) -> list[int]:
    return [us for _, _, us in board.moves]


def armed(board: SimulatedBoard, settings: Jaw, clock: Clock | None = None) -> LimitedJaw:
    """As it is after the slow first half second."""
    jaw = LimitedJaw(settings, clock) if clock else LimitedJaw(settings)
    jaw.take(board, simulated=True)
    assert jaw.armed and pulses(board) == [0], "let go of first"
    board.moves.clear()
    if clock is not None:
        clock.now += 1.0
    return jaw
