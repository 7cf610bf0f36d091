"""An Arduino with StandardFirmata: servos on any pin (the channel is the pin), a button from pin 2 to ground.

Source: the Firmata 2 protocol documents (protocol.md, servos.md). Version F9; servo configuration F0 70, pin modes F4,
pulses as analog messages E0|pin or F0 6F; digital reports 90|port; pin state query F0 6D, which says whether the board
still knows what we told it. It knows no pulses under 544 us (they would be degrees). The first attachment may send one
pulse of 1500 us before ours: the firmware gives no way to set the pulse first.
"""

from collections.abc import Iterator, Sequence
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

BAUD = 57_600
USB_IDS = ARDUINO_IDS
BUTTON_PIN = 2
LOWEST_US, HIGHEST_US, PINS = 544, 2500, 64
_OUTPUT, _SERVO, _PULL_UP = 1, 4, 11
_OPEN_S = 2.9
_ASK_S = 0.5
_LENGTHS = {0x90: 3, 0xE0: 3, 0xC0: 2, 0xD0: 2, 0xF9: 3}
"""Bytes of a message, by its first one (the lower half of those under F0 is a pin or port)."""


class Parser:
    """Bytes to messages; keeps at most one message that is not whole."""

    def __init__(self) -> None:
        self._part = bytearray()
        self.odd = False
        """Something came that belongs to no message."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        for byte in data:
            if byte >= 0x80 and byte != 0xF7:
                self.odd |= bool(self._part)  # the one before it never ended
                self._part = bytearray((byte,))
                self.odd |= byte != 0xF0 and self._length() == 0
                continue
            if not self._part:
                self.odd = True
                continue
            self._part.append(byte)
            if (self._part[0] == 0xF0 and byte == 0xF7) or len(self._part) == self._length():
                message = bytes(self._part)
                self._part.clear()  # before the yield: who has what he wanted may never come back
                yield message
            elif len(self._part) > 256 or byte == 0xF7:
                self.odd = True
                self._part.clear()

    def _length(self) -> int:
        first = self._part[0]
        return _LENGTHS.get(first if first >= 0xF0 else first & 0xF0, 0)


class Firmata:
    answers = True

    def __init__(self, link: BoardLink) -> None:
        self.name = f"Firmata on {link.name}"
        self._link, self._patience, self.parser = link, MissedAnswers(self.name), Parser()
        self._attached: list[int] = []
        self._asked: int | None = None
        """The pin whose state was asked for."""
        self._asked_mode = _PULL_UP
        self._down = False
        self._turn = 0

    def write_us(self, channel: int, pulse_us: int) -> None:
        self._check(channel)
        if not LOWEST_US <= pulse_us <= HIGHEST_US:
            raise no_pulse(self.name, pulse_us, LOWEST_US, HIGHEST_US)
        value = bytes((pulse_us & 0x7F, pulse_us >> 7))
        pulse = bytes((0xE0 | channel,)) + value if channel < 16 else bytes((0xF0, 0x6F, channel)) + value + b"\xf7"
        if channel in self._attached:
            self._link.write(pulse)
            return
        travel = bytes((LOWEST_US & 0x7F, LOWEST_US >> 7, HIGHEST_US & 0x7F, HIGHEST_US >> 7))
        attach = bytes((0xF0, 0x70, channel)) + travel + bytes((0xF7, 0xF4, channel, _SERVO))
        self._link.write(attach + pulse)
        self._attached.append(channel)

    def detach(self, channel: int) -> None:
        """An output at rest is low: no pulses, and no noise that a servo could take for some."""
        self._check(channel)
        self._link.write(bytes((0xF4, channel, _OUTPUT)))
        if channel in self._attached:
            self._attached.remove(channel)

    def poll(self) -> Sequence[Button]:
        if self._asked is None:
            self._ask()
        edges: list[Button] = []
        due = monotonic() + ANSWER_S
        for _ in range(8):  # helpings of 512 bytes: more than the line carries in that time
            if self._asked is None or not (data := heard(self._link, max(0.0, due - monotonic()))):
                break
            for message in self.parser.feed(data):
                self._take(message, edges)
        odd, self.parser.odd = self.parser.odd, False
        if self._asked is not None and self._patience.missed(odd):
            self._asked = None
        return edges

    def close(self) -> None:
        self._link.close()

    def watch_button(self) -> None:
        self._link.write(bytes((0xF4, BUTTON_PIN, _PULL_UP, 0xD0 | BUTTON_PIN >> 3, 1)))

    def _ask(self) -> None:
        self._turn += 1
        self._asked, self._asked_mode = BUTTON_PIN, _PULL_UP
        if self._attached:
            self._asked, self._asked_mode = self._attached[self._turn % len(self._attached)], _SERVO
        self._link.write(bytes((0xF0, 0x6D, self._asked, 0xF7)))

    def _take(self, message: bytes, edges: list[Button]) -> None:
        if message[0] == 0xF9:
            raise was_reset(self.name)  # it tells its version unasked only when it starts
        if message[:2] == b"\xf0\x6e" and len(message) > 4 and message[2] == self._asked:
            if message[3] != self._asked_mode and self._asked_mode == _SERVO:
                raise was_reset(self.name)
            self._asked = None
            self._patience.answered()
        elif message[0] == 0x90 | BUTTON_PIN >> 3:
            down = not message[1] >> (BUTTON_PIN & 7) & 1
            if down != self._down:
                self._down = down
                edges.append(Button(down))

    def _check(self, channel: int) -> None:
        if not 0 <= channel < PINS or channel == BUTTON_PIN:
            raise no_channel(self.name, channel, f"pins up to {PINS - 1} but {BUTTON_PIN}, which is the button's")


def open_board(link: BoardLink) -> Firmata:
    """Waits for it to start, which opening may have made it do; then asks one thing more: no version comes late."""
    board, due, asked_at = Firmata(link), monotonic() + _OPEN_S, 0.0
    version: bytes = b""
    odd = False
    while (now := monotonic()) < due:
        if now - asked_at > _ASK_S:
            link.write(bytes((0xF0, 0x6D, BUTTON_PIN, 0xF7)) if version else b"\xf9")
            asked_at = now
        data = heard(link, 0.1)
        for message in board.parser.feed(data):
            if message[0] == 0xF9 and not version:
                version, asked_at = message, 0.0
            elif version and message[:2] == b"\xf0\x6e":
                board.watch_button()
                board.parser.odd = False
                return board
        odd |= board.parser.odd
        if version and version[1] != 2:
            raise DeviceError(board.name, f"speaks Firmata {version[1]}, not 2", "load StandardFirmata onto it")
    raise nonsense(board.name) if odd else silent(board.name)
