"""The jaw sketch that we ship (sketches/galactus_jaw): one servo, one button, one lamp, lines of ASCII at 115200 8N1.

To the board: `J <us>` moves, `D` stops the pulses, `L <0|1>` lamp, `?` asks. From it: `BONES 1 <min> <max>` answers
`?` and says which pulses it allows, us; `B 1` and `B 0` are the button; `ERR <text>`; and `BOOT` as it starts, before a
BONES of its own. It is silent when all is well, stops the pulses by itself after 1 s without a line, and starts again
whenever the port is opened (2 s with its boot loader).
"""

from collections.abc import Sequence
from time import monotonic

from devices.boards.board import (
    ANSWER_S,
    ARDUINO_IDS,
    BoardLink,
    Button,
    MissedAnswers,
    heard,
    no_channel,
    no_pulse,
    nonsense,
    silent,
    was_reset,
)
from devices.errors import DeviceError

BAUD = 115_200
USB_IDS = ARDUINO_IDS
VERSION = "1"
_OPEN_S = 2.9
_ASK_S = 0.3
_LONGEST = 200
_MOST_LINES = 50
"""In one poll; the rest waits for the next."""


class LineBoard:
    answers = True

    def __init__(self, link: BoardLink) -> None:
        self.name = f"jaw sketch on {link.name}"
        self._link, self._patience = link, MissedAnswers(self.name)
        self.lowest_us = self.highest_us = 0
        self._rest = b""
        self._asked = self._down = False

    def write_us(self, channel: int, pulse_us: int) -> None:
        self._check(channel)
        if not self.lowest_us <= pulse_us <= self.highest_us:
            raise no_pulse(self.name, pulse_us, self.lowest_us, self.highest_us)
        self._link.write(b"J %d\n" % pulse_us)

    def detach(self, channel: int) -> None:
        self._check(channel)
        self._link.write(b"D\n")

    def poll(self) -> Sequence[Button]:
        if not self._asked:
            self._link.write(b"?\n")
            self._asked = True
        edges: list[Button] = []
        due, odd = monotonic() + ANSWER_S, False
        for _ in range(_MOST_LINES):
            line = self.line(due)
            if line is None:
                odd |= not self.sensible
                break
            if line == "BOOT":
                raise was_reset(self.name)
            if line in ("B 0", "B 1"):
                self._edge(line == "B 1", edges)
            elif self.knows(line):
                self._asked = False
                self._patience.answered()
                due = 0.0  # what else is there already, but no waiting any more
            elif not line.startswith("ERR "):
                odd = True
            else:
                raise DeviceError(self.name, f"refuses: {line[4:60]}", "see its sketch")
        if self._asked and self._patience.missed(odd):
            self._asked = False
        return edges

    def close(self) -> None:
        self._link.close()

    def line(self, due: float) -> str | None:
        """The next whole one; None when there is none by then (monotonic s). One that never ends is cut."""
        while b"\n" not in self._rest and len(self._rest) < _LONGEST:
            got = heard(self._link, max(0.0, due - monotonic()))
            if not got:
                return None
            self._rest += got
        length = self._rest.find(b"\n") + 1 or _LONGEST
        line, self._rest = self._rest[:length], self._rest[length:]
        return line.decode("ascii", "replace").strip()

    @property
    def sensible(self) -> bool:
        """Whether the part of a line that has come could become one."""
        return self._rest.isascii()

    def knows(self, line: str) -> bool:
        """Whether it is the greeting. Raises DeviceError when it is that of another version."""
        words = line.split()
        if len(words) != 4 or words[0] != "BONES" or not all(w.isascii() and w.isdigit() for w in words[1:]):
            return False
        if words[1] != VERSION:
            raise DeviceError(self.name, f"speaks version {words[1][:9]}, not {VERSION}", "load our sketch onto it")
        self.lowest_us, self.highest_us = int(words[2]), int(words[3])
        return True

    def _check(self, channel: int) -> None:
        if channel:
            raise no_channel(self.name, channel, "0")

    def _edge(self, down: bool, edges: list[Button]) -> None:
        if down != self._down:
            self._down = down
            edges.append(Button(down))


def open_board(link: BoardLink) -> LineBoard:
    """Waits for it to start, which opening may have made it do."""
    board, due, asked_at, odd = LineBoard(link), monotonic() + _OPEN_S, 0.0, False
    while (now := monotonic()) < due:
        if now - asked_at > _ASK_S:
            link.write(b"?\n")
            asked_at = now
        line = board.line(now + 0.1)
        if line is not None and board.knows(line):
            return board
        odd |= line not in (None, "", "BOOT", "B 0", "B 1") or not board.sensible
    raise nonsense(board.name) if odd else silent(board.name)
