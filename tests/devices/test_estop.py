"""The emergency stop works with the event loop blocked, and beside boards that hang."""

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest

from devices.boards.simulated import SimulatedBoard
from devices.estop import STOP, EmergencyStop, request
from profiles.schema import Jaw
from tests.devices.jaws import armed, pulses


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stop"


def nothing() -> None:
    """Nobody wants to hear of it."""


async def test_with_the_event_loop_blocked(path: Path) -> None:
    board = SimulatedBoard()
    jaw = armed(board, Jaw())
    jaw.open_to(1.0)
    asked: list[float] = []

    def press() -> None:
        time.sleep(0.2)
        asked.append(time.monotonic())
        assert request(path)

    with EmergencyStop(path, (jaw.stop,), nothing):
        presser = threading.Thread(target=press)
        presser.start()
        time.sleep(1.0)  # noqa: ASYNC251 - the loop is blocked on purpose
        presser.join(10)
    at, _, us = board.moves[-1]
    assert us == 0 and at - asked[0] < 0.5, f"{at - asked[0]:.3f} s"
    await asyncio.sleep(0)


def test_one_motor_that_fails_does_not_keep_the_others(path: Path) -> None:
    def fail() -> None:
        raise RuntimeError("a bug")

    board = SimulatedBoard()
    jaw = armed(board, Jaw())
    heard = threading.Event()
    with EmergencyStop(path, (fail, jaw.stop), heard.set):
        assert request(path)
    assert pulses(board) == [0] and heard.is_set()


def test_other_words_are_not_obeyed_and_do_not_end_it(path: Path) -> None:
    board = SimulatedBoard()
    jaw = armed(board, Jaw())
    with EmergencyStop(path, (jaw.stop,), nothing):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            for word in (b"hello", b"", b"x" * 60, STOP[:-1]):
                line.sendto(word, str(path))
        assert not jaw.stopped
        assert request(path) and jaw.stopped


def test_it_can_be_asked_again_and_a_stale_socket_does_not_matter(path: Path) -> None:
    path.write_bytes(b"")
    jaw = armed(SimulatedBoard(), Jaw())
    with EmergencyStop(path, (jaw.stop,), nothing):
        assert request(path) and request(path)
        jaw.acknowledge()
        jaw.arm()
        assert request(path) and jaw.stopped
    assert not path.exists()
    with pytest.raises(OSError):
        request(path)
