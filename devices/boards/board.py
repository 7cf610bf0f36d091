"""What every servo board is, and how the one that a rig names is found."""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from msgspec import Struct

from devices.errors import DeviceError


class Button(Struct, frozen=True):
    """A push button on the board has gone down or up."""

    down: bool


class BoardLink(Protocol):
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

    def open_board(self, link: BoardLink) -> Board:
        """Greets the board, which may take 3 s when opening resets it. Sends no motion. Raises DeviceError, and leaves
        the link to its opener; an open board closes its link.
        """


ARDUINO_IDS = (
    *((0x2341, product) for product in (0x0001, 0x0010, 0x0042, 0x0043, 0x0058, 0x8036, 0x8037, 0x0069, 0x1002)),
    *((0x2A03, product) for product in (0x0010, 0x0042, 0x0043, 0x8036)),
)
"""Genuine ones (Uno, Mega, Nano Every, Leonardo, Micro, Uno R4). A copy mostly shows the CH340 that any adapter may
have: the rig has to say so, usb:1a86:7523.
"""
ANSWER_S = 0.05
"""How long one poll waits; an answer that is later is taken by the next."""


def heard(link: BoardLink, timeout_s: float, most: int = 512) -> bytes:
    """What has come, as soon as anything has; empty when the time is up. Raises DeviceError."""
    first = link.read(1, timeout_s)
    return first + link.read(most - 1, 0.0) if first else b""


class MissedAnswers:
    """How often a board may owe an answer. Counted in polls, not seconds: a slow machine is slow with both."""

    ASK_AGAIN, GIVE_UP = 3, 6

    def __init__(self, name: str) -> None:
        self._name, self._missed, self._heard = name, 0, False

    def answered(self) -> None:
        self._missed, self._heard = 0, False

    def missed(self, heard: bool) -> bool:
        """No answer, but perhaps something else. Whether to ask again; raises DeviceError when it is enough."""
        self._missed += 1
        self._heard |= heard
        if self._missed >= self.GIVE_UP:
            raise nonsense(self._name) if self._heard else silent(self._name)
        return heard or self._missed == self.ASK_AGAIN


class Questions:
    """Polls a board whose answers are as long as the question foretells. Base of such a board; `_ask` and `_judge` are
    its own.
    """

    def __init__(self, name: str, link: BoardLink) -> None:
        self.name = name
        self._link, self._patience = link, MissedAnswers(name)
        self._expected, self._got = 0, b""
        """Bytes of the answer that is on its way, and what came of it."""

    def poll(self) -> Sequence[Button]:
        if not self._expected:
            self._link.read(512, 0.0)  # what came unasked
            self._got, self._expected = b"", self._ask()
        self._got += self._link.read(self._expected - len(self._got), ANSWER_S)
        if len(self._got) < self._expected:
            if self._patience.missed(bool(self._got)):
                self._expected = 0
            return ()
        answer, self._expected = self._got, 0
        if (buttons := self._judge(answer)) is None:
            self._patience.missed(True)
            return ()
        self._patience.answered()
        return buttons

    def close(self) -> None:
        self._link.close()

    def _ask(self) -> int:
        """Writes a question; how many bytes its answer has."""
        raise NotImplementedError

    def _judge(self, answer: bytes) -> Sequence[Button] | None:
        """None of an answer that makes no sense. Raises DeviceError of one that is bad news."""
        raise NotImplementedError


def silent(name: str) -> DeviceError:
    return DeviceError(name, "does not answer", "check its power and its cable, and which kind of board the rig names")


def nonsense(name: str) -> DeviceError:
    return DeviceError(name, "talks nonsense", "check its baud rate, and which kind of board the rig names")


def was_reset(name: str) -> DeviceError:
    return DeviceError(name, "was reset, probably its supply dropped", "give the servos a supply of their own")


def no_channel(name: str, channel: int, channels: str) -> DeviceError:
    return DeviceError(name, f"has no channel {channel}, only {channels}", "set another channel in the rig")


def no_pulse(name: str, pulse_us: int, lowest: float, highest: float) -> DeviceError:
    return DeviceError(
        name, f"cannot make pulses of {pulse_us} us, only {lowest:g} to {highest:g}", "calibrate the travel inside that"
    )


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
