"""Lynxmotion SSC-32 and SSC-32U: lines of ASCII, ended by a carriage return.

Source: the maker's SSC-32U guide, "Commands". `#5P1500` moves, `#5P0` stops the pulses (undocumented, confirmed in the
maker's forum for both boards), `QP5` asks for a pulse (one byte, 10 us), `VER` for the firmware, `A` for the digital
input of that name, which has a pull-up: a push button from A to ground is our button.
"""

from collections.abc import Sequence
from time import monotonic

from devices.boards.board import BoardLink, Button, Questions, no_channel, no_pulse, nonsense, silent, was_reset

BAUD = 9600
"""As the SSC-32U is shipped; an older SSC-32 mostly has jumpers for 115200: set `baud` in the rig."""
USB_IDS: Sequence[tuple[int, int]] = ()
CHANNELS, LOWEST_US, HIGHEST_US = 32, 500, 2500
_SETTLED_S = 0.2
"""The pulse is taken up at the next servo frame; before that the old one may be told."""


class Ssc32(Questions):
    answers = True

    def __init__(self, link: BoardLink) -> None:
        super().__init__(f"SSC-32 on {link.name}", link)
        self._told: dict[int, tuple[float, float, int]] = {}
        """(monotonic s since when it has pulses, when it was last told, us) by channel; none of those that are off."""
        self._wanted = range(256)
        """What the answer on its way may tell, units of 10 us."""
        self._down = False
        self._turn = 0

    def write_us(self, channel: int, pulse_us: int) -> None:
        if not LOWEST_US <= pulse_us <= HIGHEST_US:
            raise no_pulse(self.name, pulse_us, LOWEST_US, HIGHEST_US)
        self._move(channel, pulse_us)
        now = monotonic()
        self._told[channel] = (self._told[channel][0] if channel in self._told else now, now, pulse_us)

    def detach(self, channel: int) -> None:
        self._move(channel, 0)
        self._told.pop(channel, None)

    def _move(self, channel: int, pulse_us: int) -> None:
        if not 0 <= channel < CHANNELS:
            raise no_channel(self.name, channel, f"0 to {CHANNELS - 1}")
        self._link.write(b"#%dP%d\r" % (channel, pulse_us))

    def _ask(self) -> int:
        """For the button, and for a servo that we moved: another pulse than ours means that it has forgotten."""
        self._wanted, question = range(256), b"A\r"
        if self._told:
            self._turn += 1
            channel = sorted(self._told)[self._turn % len(self._told)]
            since, told_at, pulse_us = self._told[channel]
            if monotonic() - told_at > _SETTLED_S:
                self._wanted = range(pulse_us // 10 - 1, pulse_us // 10 + 3)
            elif monotonic() - since > _SETTLED_S:
                self._wanted = range(1, 256)
            question = b"QP%d\rA\r" % channel
        self._link.write(question)
        return 2 if self._told else 1

    def _judge(self, answer: bytes) -> Sequence[Button] | None:
        if answer[-1:] not in (b"0", b"1"):
            return None
        if len(answer) == 2 and answer[0] not in self._wanted:
            raise was_reset(self.name)
        before, self._down = self._down, answer[-1:] == b"0"
        return (Button(self._down),) if self._down != before else ()


def open_board(link: BoardLink) -> Ssc32:
    board = Ssc32(link)
    link.write(b"\r")  # ends what another program may have left half said
    link.read(4096, 0.0)
    link.write(b"VER\r")
    version = link.read_line(b"\r", 1.5)
    if not version:
        raise silent(board.name)
    if b"SSC" not in version.upper():
        raise nonsense(board.name)
    return board
