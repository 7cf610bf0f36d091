"""Pololu Maestro: compact protocol over its command port (the first of its two USB ports).

Source: the maker's user's guide, chapter "Serial Interface". Targets are quarter-microseconds in two 7-bit bytes;
target 0 stops the pulses. Only 84 (target), 90 (position) and A1 (errors, cleared by reading) are used, safe on every
model. After ANY error the board sends ALL its outputs home, which as shipped means: pulses off. It clamps silently to
the travel set in its own Control Center (992..2000 us as shipped), so that must be at least as wide as the rig's.
A reset while frames flow is healed by the next frame; one that is followed by silence is seen at the next poll.
"""

from collections.abc import Sequence

from devices.boards.board import BoardLink, Button, Questions, no_channel, no_pulse, nonsense, was_reset
from devices.errors import DeviceError

BAUD = 115_200
"""Of no account over USB; fits its UART mode "detect baud rate" no better than another."""
USB_IDS = ((0x1FFB, 0x0089), (0x1FFB, 0x008A), (0x1FFB, 0x008B), (0x1FFB, 0x008C))
CHANNELS, HIGHEST_US = 24, 4095
ERRORS = (
    "framing on its serial line",
    "bytes coming faster than it could take them (overrun)",
    "a full receive buffer",
    "a wrong checksum (switch CRC off in its settings)",
    "a command that it does not know",
    "a serial line silent for too long",
    "a stack error of its script",
    "a call stack error of its script",
    "a program counter error of its script",
)
"""By bit; the board's own names: signal, overrun, buffer full, CRC, protocol, timeout, stack, call stack, counter."""


class Maestro(Questions):
    answers = True

    def __init__(self, link: BoardLink) -> None:
        super().__init__(f"Maestro on {link.name}", link)
        self._told: dict[int, int] = {}
        """Quarter-microseconds, by channel; none of those that are off."""
        self._turn = 0

    def write_us(self, channel: int, pulse_us: int) -> None:
        if not 0 < pulse_us <= HIGHEST_US:
            raise no_pulse(self.name, pulse_us, 1, HIGHEST_US)
        self._target(channel, 4 * pulse_us)
        self._told[channel] = 4 * pulse_us

    def detach(self, channel: int) -> None:
        self._target(channel, 0)
        self._told.pop(channel, None)

    def _target(self, channel: int, quarters: int) -> None:
        if not 0 <= channel < CHANNELS:
            raise no_channel(self.name, channel, f"0 to {CHANNELS - 1}")
        self._link.write(bytes((0x84, channel, quarters & 0x7F, quarters >> 7)))

    def _ask(self) -> int:
        """For the errors, and where one of the servos stands that we moved: 0 means that it has forgotten."""
        question = b"\xa1"
        if self._told:
            self._turn += 1
            question += bytes((0x90, sorted(self._told)[self._turn % len(self._told)]))
        self._link.write(question)
        return 4 if self._told else 2

    def _judge(self, answer: bytes) -> Sequence[Button] | None:
        errors = int.from_bytes(answer[:2], "little")
        if errors >> len(ERRORS):
            return None
        if errors:
            raise _reported(self.name, errors)
        if len(answer) == 4 and not any(answer[2:]):
            raise was_reset(self.name)
        return ()


def _reported(name: str, errors: int) -> DeviceError:
    words = " and ".join(text for bit, text in enumerate(ERRORS) if errors >> bit & 1)
    return DeviceError(name, f"reports {words}, and has sent its servos home", "look at its cable and its settings")


def _mute(name: str) -> DeviceError:
    """As shipped it waits on its serial pins for a baud rate, and hears nothing that comes over USB."""
    hint = (
        'set its serial mode to "USB Dual Port" in its Control Center, take the first of its two ports, check its power'
    )
    return DeviceError(name, "does not answer", hint)


def open_board(link: BoardLink) -> Maestro:
    """Reads the errors twice: the first time old ones may be there, the second time none of them may."""
    board = Maestro(link)
    link.read(4096, 0.0)
    for first in (True, False):
        link.write(b"\xa1")
        answer = link.read(2, 1.0)
        if len(answer) < 2:
            raise nonsense(board.name) if answer else _mute(board.name)
        errors = int.from_bytes(answer, "little")
        if errors >> len(ERRORS):
            raise nonsense(board.name)
        if errors and not first:
            raise _reported(board.name, errors)
    return board
