"""An emulated servo board inside this process, for tests."""

import importlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

from devices.emulators.port import EmulatedDevice, EmulatedPort
from devices.emulators.servo_board import ServoBoard
from devices.errors import DeviceError

NOT_DEVICES = ("__init__", "__main__", "device", "emulate", "launch", "port", "servo_board")


def kinds() -> list[str]:
    """Every board and head that can be emulated."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if p.stem not in NOT_DEVICES)


def device(kind: str) -> EmulatedDevice:
    """A fresh one: the class of that file which hears bytes. Raises DeviceError when nobody has written it."""
    if kind not in kinds():
        raise DeviceError(kind, "cannot be emulated", f"there are {', '.join(kinds())}")
    module = importlib.import_module(f"devices.emulators.{kind}")
    own = [value for value in vars(module).values() if getattr(value, "__module__", "") == module.__name__]
    return cast(
        EmulatedDevice, next(value for value in own if isinstance(value, type) and hasattr(value, "received"))()
    )


class Emulator:
    """A board of software on a port of software."""

    def __init__(self, board: ServoBoard, port: EmulatedPort) -> None:
        self.board, self.port = board, port

    @property
    def path(self) -> str:
        """Of the pty; the same after a replug."""
        return self.port.path

    @property
    def url(self) -> str:
        return self.port.url

    @property
    def moves(self) -> deque[tuple[float, int, int]]:
        return self.board.moves

    @property
    def servos(self) -> dict[int, int]:
        return self.board.servos

    def press_button(self, down: bool) -> None:
        with self.port.lock:
            self.port.say(self.board.press(down))

    def fault(self, name: str) -> None:
        """One of `devices.emulators.port.FAULTS`; "" = none any more."""
        self.port.fault(name)

    def replug(self) -> None:
        self.port.replug()


@contextmanager
def emulate(kind: str, *, link: Path | None = None, tcp_port: int | None = 0) -> Iterator[Emulator]:
    """`kind`: a file of this folder that is a servo board's. Raises DeviceError when there is none."""
    board = device(kind)
    if not isinstance(board, ServoBoard):
        raise DeviceError(kind, "is no servo board")
    with EmulatedPort(board, link, tcp_port) as port:
        yield Emulator(board, port)
