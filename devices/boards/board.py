"""What every servo board is, and how the one that a rig names is found."""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from msgspec import Struct

from devices.errors import DeviceError


class Button(Struct, frozen=True):
    """A push button on the board has gone down or up."""

    down: bool


class Link(Protocol):
    """The line to a board: `devices.serial_port.SerialPort`, or a test's own. Raises DeviceError."""

    @property
    def name(self) -> str: ...

    def write(self, data: bytes) -> None: ...

    def read(self, count: int, timeout_s: float) -> bytes:
        """Up to `count` bytes; fewer when the time is up."""

    def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
        """Up to and with `end`; what there is when the time is up, or when `longest` bytes came without it."""

    def close(self) -> None: ...


class Board(Protocol):
    """An open board. Every call may block 100 ms at most and raises DeviceError, which names what is wrong.

    Not safe from several threads: `devices/limits.py` sees to that.
    """

    @property
    def name(self) -> str:
        """As shown, for example "Maestro on /dev/ttyACM0"."""

    @property
    def answers(self) -> bool:
        """Whether it says anything at all; of one that does not, a dead link cannot be seen."""

    def write_us(self, channel: int, pulse_us: int) -> None:
        """Set the pulse width of a channel, microseconds."""

    def detach(self, channel: int) -> None:
        """Stop the pulses: the servo goes limp."""

    def poll(self) -> Sequence[Button]:
        """Called ten times a second while nothing is played, more seldom else: what its buttons did since. Asks whether
        the board is still well; raises DeviceError when it is silent, talks nonsense, was reset or has lost power.
        """

    def close(self) -> None: ...


class BoardModule(Protocol):
    """What a file in this folder offers."""

    BAUD: int
    USB_IDS: Sequence[tuple[int, int]]
    """(vendor, product) of boards of this kind; () when they hide behind any USB adapter."""

    def open_board(self, link: Link) -> Board:
        """Greets the board, which may take 3 s when opening resets it. Sends no motion. Raises DeviceError."""


def module(name: str) -> BoardModule:
    """Raises DeviceError for a board that nobody has written."""
    if not name.isidentifier() or name in ("board", "__init__"):
        raise DeviceError(name, "there is no such board", "see the files of devices/boards")
    try:
        return cast(BoardModule, importlib.import_module(f"devices.boards.{name}"))
    except ModuleNotFoundError as error:
        if error.name != f"devices.boards.{name}":
            raise
        raise DeviceError(name, "there is no such board", "see the files of devices/boards") from None
