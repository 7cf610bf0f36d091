"""VISCA heads: studio and conference cameras on RS-232 or RS-422, 8N1, 9600 baud, some 38400.

The protocol is Sony's; bytes after the command lists of the EVI-D70, SRG-300H and their many relatives. A message is
`8x ... FF` to the head x (1..7), `y0 ... FF` from it (y = x + 8). A command is acknowledged (`4s`) and later completed
(`5s`) in one of two sockets s; the next command waits for the acknowledgement, and a third in hand is refused.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic

from devices.boards.board import BoardLink
from devices.errors import DeviceError

BAUD = 9600
USB_IDS: Sequence[tuple[int, int]] = ()
"""Any adapter may be in between."""

PAN_FASTEST, TILT_FASTEST = 0x18, 0x14
"""Some cameras go to 17h or 18h in tilt; what is beyond its own fastest a head may refuse, so all get 14h."""
PAN_STEPS, TILT_STEPS = 0x0990, 0x0510
"""The travel that we assume, centre to end: 170 and 90 degrees of 14.4 steps, as most cameras count (an EVI-D70: 08DB
and 04B0). One that tells a greater position, such as an EVI-D80 (1E1B), has that as its travel from then on. Most tilt
less far down than up, so the lowest is about -0.3.
"""
ANSWER_S = 0.14
"""For all that one call waits for; a head answers within two fields, 17-34 ms."""
GREETING_S, _PATIENCE_S = 0.3, 0.02
"""For a line on which noise never ends."""
_SOCKETS = 2
_LONGEST = 16
"""Bytes of a message."""
_ADDRESS_SET = bytes.fromhex("88 30 01 FF")
_CLEAR = bytes.fromhex("88 01 00 01 FF")
_SYNTAX, _FULL, _CANCELLED, _NO_SOCKET, _NOT_EXECUTABLE = 0x02, 0x03, 0x04, 0x05, 0x41
_WORDS = {
    0x01: ("got a message of a wrong length", "look at the cable and the baud rate"),
    _SYNTAX: ("does not know this command (syntax error)", "look at the cable, or it is another kind of head"),
    _FULL: ("has two commands in hand and takes no third (buffer full)", "wait for its movement, or stop it"),
    _CANCELLED: ("had its command cancelled (cancelled)", "does another controller steer it, too?"),
    _NO_SOCKET: ("had nothing to cancel (no socket)", "does another controller steer it, too?"),
    _NOT_EXECUTABLE: ("cannot do that now (not executable)", "is it in standby, or still starting?"),
}


class ViscaRefusal(DeviceError):
    """The head said no."""

    def __init__(self, device: str, code: int) -> None:
        message, hint = _WORDS.get(code, (f"refused, error {code:02X}h", "switch it off and on"))
        super().__init__(device, message, hint)
        self.code = code


def open_head(link: BoardLink, address: int) -> "ViscaHead":
    """Stops it, numbers the chain, clears what it had in hand. Raises DeviceError, then `link` is still open."""
    if not 1 <= address <= 7:
        raise DeviceError(link.name, f"VISCA knows the addresses 1 to 7, not {address}", "set pan_tilt.address")
    head = ViscaHead(link, address)
    head.greet()
    return head


class ViscaHead:
    """Fits `devices.pan_tilt.head.Head`."""

    answers = True

    def __init__(self, link: BoardLink, address: int) -> None:
        self.name = f"VISCA head on {link.name}"
        self._link, self._to, self._from = link, 0x80 | address, (address + 8) << 4
        self._line = threading.Lock()
        """Held while one asks and waits for the answer; a stop does without if it must."""
        self._writing = threading.Lock()
        """Held for a write, so that what has waited for its turn is not written after a stop that came meanwhile."""
        self._stops = 0
        self._rest = b""
        self._strangers: set[int] = set()
        """Who answered under another number than ours."""
        self._busy: set[int] = set()
        """Sockets whose command is acknowledged and not completed."""
        self._drives = b""
        """The drive that it follows now; empty when it stands, or nobody knows."""
        self._restarted = False
        """It has forgotten its number."""
        self._restart_told = True
        self._untold = 0
        self._pan_steps, self._tilt_steps = PAN_STEPS, TILT_STEPS

    def greet(self) -> None:
        with self._line:
            self._link.write(self._stop_message())  # first of all: it may be turning since our last life
            for message in (_ADDRESS_SET, _CLEAR):
                self._link.write(message)
                with suppress(ViscaRefusal):  # one that stands alone need not know them, nor answer
                    self._await(_begins_with(message[:2]), GREETING_S, stopping=True)
            self._busy.clear()
            self._restarted, self._restart_told = False, True
            with suppress(ViscaRefusal):  # it is there, and may be in standby
                self._first_answer()

    def _first_answer(self) -> None:
        """One that stands alone may answer under a number of its own: it is believed when it does so again."""
        try:
            self._stop(GREETING_S)
        except ViscaRefusal:
            raise
        except DeviceError:
            if not self._strangers:
                raise
            if len(self._strangers) > 1:
                them = ", ".join(str((number >> 4) - 8) for number in sorted(self._strangers))
                message = f"is not there, but heads that call themselves {them}"
                raise DeviceError(self.name, message, "set pan_tilt.address to the one that is meant") from None
            (self._from,) = self._strangers
            self._stop(GREETING_S)

    def drive(self, pan: float, tilt: float) -> None:
        """Also from a second thread while another call hangs, for (0, 0) alone: then it writes and does not wait."""
        if not pan and not tilt:
            with self._writing:
                self._stops += 1
            if self._line.acquire(blocking=False):
                try:
                    self._stop(ANSWER_S)
                finally:
                    self._line.release()
            else:
                self._drives = b""
                with self._writing:
                    self._link.write(self._stop_message())
            return
        message, stops = self._drive_message(pan, tilt), self._stops
        with self._line:
            self._catch_up()
            if message != self._drives:
                self._drives = b""
                if self._command(message, stops):
                    self._drives = message

    def home(self) -> None:
        stops = self._stops
        with self._line:
            self._catch_up()
            self._drives = b""
            self._command(self._message("01 06 04"), stops)

    def position(self) -> tuple[float, float] | None:
        """Of the travel that is assumed or was seen; None of one that refused thrice to tell."""
        with self._line:
            self._catch_up()
            if self._untold >= 3:
                return None
            self._link.write(self._message("09 06 12"))
            try:
                told = self._await(lambda frame: frame[:2] == bytes((self._from, 0x50)) and len(frame) == 11, ANSWER_S)
            except ViscaRefusal as error:
                if error.code not in (_SYNTAX, _NOT_EXECUTABLE):
                    raise
                self._untold += 1
                return None
        if told is None:
            raise self._silent()
        self._untold = 0
        pan, tilt = _signed(told[2:6]), _signed(told[6:10])
        self._pan_steps, self._tilt_steps = max(self._pan_steps, abs(pan)), max(self._tilt_steps, abs(tilt))
        return pan / self._pan_steps, tilt / self._tilt_steps

    def close(self) -> None:
        self._link.close()

    # ---- what we say

    def _message(self, words: str) -> bytes:
        return bytes((self._to, *bytes.fromhex(words), 0xFF))

    def _stop_message(self) -> bytes:
        return self._message("01 06 01 01 01 03 03")

    def _drive_message(self, pan: float, tilt: float) -> bytes:
        """An axis that rests has direction 3; its speed must be a valid one all the same."""
        directions = ((1 if pan < 0 else 2) if pan else 3, (1 if tilt > 0 else 2) if tilt else 3)
        speeds = _speed(pan, PAN_FASTEST), _speed(tilt, TILT_FASTEST)
        return bytes((self._to, 0x01, 0x06, 0x01, *speeds, *directions, 0xFF))

    def _command(self, message: bytes, stops: int) -> bool:
        """True when it is acknowledged, False when it was not sent: there was a stop since there were `stops` of them.
        It waits for a free socket; a completion may have been lost on the way, so then the head has the last word.
        """
        due = monotonic() + ANSWER_S
        if len(self._busy) >= _SOCKETS:
            self._await(lambda _: len(self._busy) < _SOCKETS, ANSWER_S / 2)
        if len(self._busy) >= _SOCKETS:
            self._busy.clear()
        with self._writing:
            if self._stops != stops:
                return False
            self._link.write(message)
        if self._await(self._is_acknowledgement, due - monotonic()) is None:
            raise self._silent()
        return True

    def _stop(self, within_s: float) -> None:
        """Sent whatever we believe; one that has its hands full is made to let go first. A head that started again is
        told its number, and that is raised although it stands.
        """
        due = monotonic() + within_s
        self._drives = b""
        with suppress(ViscaRefusal):  # of what came before
            self._catch_up(stopping=True)
        if self._restarted:
            self._link.write(_ADDRESS_SET + _CLEAR)
            self._restarted = False
        self._link.write(self._stop_message())
        try:
            taken = self._await(self._is_acknowledgement, due - monotonic(), stopping=True)
        except ViscaRefusal as error:
            if error.code != _FULL:
                raise
            for socket in range(1, _SOCKETS + 1):
                self._link.write(self._message(f"{0x20 | socket:02X}"))
            self._busy.clear()
            self._link.write(self._stop_message())
            taken = self._await(self._is_acknowledgement, due - monotonic(), stopping=True)
        if not self._restart_told:
            raise self._reset()
        if taken is None:
            raise self._silent()

    # ---- what it says

    def _catch_up(self, stopping: bool = False) -> None:
        """What it said since: completions, and errors of commands that it had acknowledged. Does not wait."""
        self._await(lambda _: False, 0.0, stopping)
        if self._restarted and not stopping:
            raise self._reset()

    def _await(self, wanted: Callable[[bytes], bool], within_s: float, stopping: bool = False) -> bytes | None:
        """The next message from our head that is `wanted`; None when the time is up. Raises Refused, or DeviceError
        when it speaks nonsense or starts again. While `stopping`, cancelled commands are no error.
        """
        due, noise = monotonic() + within_s, False
        while (frame := self._frame(due)) is not None:
            ours = frame[0] == self._from
            if not self._note(frame):
                noise = True
            elif ours and frame[1] == 0x38 and not stopping:
                raise self._reset()
            elif ours and frame[1] >> 4 == 6:
                if not (stopping and frame[2] in (_CANCELLED, _NO_SOCKET)):
                    raise ViscaRefusal(self.name, frame[2])
            elif wanted(frame):
                return frame
            if monotonic() > due + _PATIENCE_S:
                break
        if noise and within_s > 0:
            raise DeviceError(self.name, "answers nonsense", "look at the baud rate, the cable and the kind of head")
        return None

    def _is_acknowledgement(self, frame: bytes) -> bool:
        return frame[0] == self._from and frame[1] >> 4 == 4

    def _frame(self, due: float) -> bytes | None:
        """A message, or 16 bytes that are none; None when the time is up: what came of one is kept. Only the first byte
        of a message has its high bit set, so noise in front of one is told from it.
        """
        left = max(0.0, due - monotonic())
        self._rest += self._link.read_line(b"\xff", left, _LONGEST - len(self._rest))
        begun = max((place for place, byte in enumerate(self._rest) if 0x80 <= byte < 0xFF), default=0)
        if self._rest.endswith(b"\xff"):
            frame, self._rest = self._rest[begun:], b""
            return frame
        if len(self._rest) < _LONGEST:
            return None
        frame, self._rest = self._rest, self._rest[begun:] if begun else b""
        return frame

    def _note(self, frame: bytes) -> bool:
        """Keeps the account of sockets. Whether it is a message of VISCA at all."""
        if frame[-1] != 0xFF or len(frame) < 3:
            return False
        if frame[0] == 0x88 or (frame[0] != self._from and frame[0] in range(0x90, 0x100, 0x10)):
            if frame[0] != 0x88 and frame[1] >> 4 in (4, 6):
                self._strangers.add(frame[0])
            return True  # our own broadcast that came around, or another head of the chain
        kind, socket = frame[1] >> 4, frame[1] & 15
        if frame[0] != self._from or not (frame[1] == 0x38 or kind in (4, 5) or (kind == 6 and len(frame) == 4)):
            return False
        if kind == 4:
            self._busy.add(socket)
        elif frame[1] == 0x38:
            self._restarted, self._restart_told, self._drives = True, False, b""
            self._busy.clear()
        else:
            self._busy.discard(socket)
        return True

    def _silent(self) -> DeviceError:
        return DeviceError(self.name, "does not answer", "is it switched on, and are address and baud rate right?")

    def _reset(self) -> DeviceError:
        self._restart_told = True
        return DeviceError(self.name, "was switched off and on, or lost its power", "look at its power supply")


def _begins_with(head: bytes) -> Callable[[bytes], bool]:
    return lambda frame: frame.startswith(head)


def _speed(share: float, fastest: int) -> int:
    return min(max(round(abs(share) * fastest), 1), fastest)


def _signed(nibbles: bytes) -> int:
    """16 bits, four a byte."""
    value = 0
    for nibble in nibbles:
        value = value << 4 | nibble & 15
    return value - 0x10000 if value & 0x8000 else value
