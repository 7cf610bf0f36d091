"""A VISCA head of software: two sockets, real travel and speeds, and what it may refuse. Runs behind a `port`."""

import math
from collections import deque

PAN_END, TILT_LOW, TILT_HIGH = 0x0990, -0x01B0, 0x0510
_PAN_FASTEST, _TILT_FASTEST = 0x18, 0x14
_STEPS_PER_S = 60.0
"""Of one step of speed: 24 are 100 degrees a second."""
_DRIVE_S = 0.034
"""A drive is completed two fields after it was acknowledged; going home, on arrival."""
_LONGEST = 16
SYNTAX, FULL, CANCELLED, NO_SOCKET, NOT_EXECUTABLE = 0x02, 0x03, 0x04, 0x05, 0x41


class ViscaEmulator:
    """Fits `devices.emulators.device.EmulatedDevice`."""

    baud = 9600
    boot_s = 0.3
    resets_on_open = False

    def __init__(self, address: int = 1) -> None:
        self.address = address
        self.weak = False
        self.refuses = 0
        """The error that every command is answered with, FULL or NOT_EXECUTABLE; 0 = none."""
        self.heard: deque[tuple[float, bytes]] = deque(maxlen=5000)
        """(monotonic s, message), newest last."""
        self.pan = self.tilt = 0.0
        self._at = 0.0
        self._rest = b""
        self._speed = (0.0, 0.0)
        self._doing: dict[int, float] = {}
        """Socket -> when its command is done; math.inf: on arrival, or when it is cancelled."""
        self._homing = False

    @property
    def moving(self) -> bool:
        return self._homing or self._speed != (0.0, 0.0)

    def fill_sockets(self) -> None:
        """Another controller's two commands that take for ever."""
        self._doing = {1: math.inf, 2: math.inf}

    def boot(self) -> bytes:
        """It stands, and says that it has come."""
        self._halt()
        self._rest = b""
        self._doing.clear()
        return self._from(0x38)

    def received(self, data: bytes, at: float) -> bytes:
        self._turn(at)
        *messages, self._rest = (self._rest + data).split(b"\xff")
        self._rest = self._rest[-_LONGEST:]
        said = b""
        for message in messages:
            self.heard.append((at, message + b"\xff"))
            said += self._answer(message, at)
        return said

    def tick(self, at: float) -> tuple[bytes, float]:
        self._turn(at)
        said = b""
        for socket in [s for s, due in self._doing.items() if due <= at]:
            said += self._completed(socket)
        wakes = min(self._doing.values(), default=math.inf)
        return said, min(wakes, at + 0.05) if self._homing else wakes

    # ---- messages

    def _from(self, *body: int) -> bytes:
        return bytes((0x80 + (self.address << 4), *body, 0xFF))

    def _answer(self, message: bytes, at: float) -> bytes:
        if message == b"\x88\x30\x01":
            return bytes((0x88, 0x30, self.address + 1, 0xFF))
        if message == b"\x88\x01\x00\x01":
            self._doing.clear()
            return message + b"\xff"
        if not message or message[0] != 0x80 | self.address:
            return b""  # another head's
        body = message[1:]
        if body == b"\x01\x00\x01":
            self._doing.clear()
            return self._from(0x50)
        if body == b"\x09\x06\x12":
            return self._from(0x50, *_nibbles(self.pan), *_nibbles(self.tilt))
        if len(body) == 1 and body[0] >> 4 == 2:
            return self._cancel(body[0] & 15)
        if body[:3] == b"\x01\x06\x01" and len(body) == 7:
            return self._drive(body[3:], at)
        if body == b"\x01\x06\x04":
            return self._accept(at, math.inf, (0.0, 0.0), homing=True)
        return self._from(0x60, SYNTAX)

    def _drive(self, words: bytes, at: float) -> bytes:
        pan, tilt, across, up = words
        valid = 1 <= pan <= _PAN_FASTEST and 1 <= tilt <= _TILT_FASTEST and across in (1, 2, 3) and up in (1, 2, 3)
        if not valid:
            return self._from(0x60, SYNTAX)
        speed = (pan * (0, -1, 1, 0)[across] * _STEPS_PER_S, tilt * (0, 1, -1, 0)[up] * _STEPS_PER_S)
        return self._accept(at, at + _DRIVE_S, speed)

    def _accept(self, at: float, done: float, speed: tuple[float, float], homing: bool = False) -> bytes:
        free = [socket for socket in (1, 2) if socket not in self._doing]
        if self.refuses == FULL or not free:
            return self._from(0x60, FULL)
        if self.refuses:
            return self._from(0x60 | free[0], self.refuses)
        if self.weak and (homing or any(speed)):
            return self.boot()
        said = b""
        if self._homing:  # the newer command ends the older one
            for socket in [s for s, due in self._doing.items() if due == math.inf]:
                said += self._completed(socket)
        self._homing, self._speed = homing, speed
        self._doing[free[0]] = done
        return said + self._from(0x40 | free[0])

    def _cancel(self, socket: int) -> bytes:
        if self._doing.pop(socket, None) is None:
            return self._from(0x60 | socket, NO_SOCKET)
        if self._homing:
            self._halt()
        return self._from(0x60 | socket, CANCELLED)

    def _completed(self, socket: int) -> bytes:
        del self._doing[socket]
        return self._from(0x50 | socket)

    # ---- motion

    def _halt(self) -> None:
        self._speed, self._homing = (0.0, 0.0), False

    def _turn(self, at: float) -> None:
        passed, self._at = max(0.0, at - self._at) if self._at else 0.0, at
        if self._homing:
            way = _PAN_FASTEST * _STEPS_PER_S * passed
            self.pan -= math.copysign(min(abs(self.pan), way), self.pan)
            self.tilt -= math.copysign(min(abs(self.tilt), way), self.tilt)
            if not self.pan and not self.tilt:
                self._homing = False
                self._doing = {s: at if due == math.inf else due for s, due in self._doing.items()}
        self.pan = min(max(self.pan + self._speed[0] * passed, -PAN_END), PAN_END)
        self.tilt = min(max(self.tilt + self._speed[1] * passed, TILT_LOW), TILT_HIGH)


def _nibbles(steps: float) -> tuple[int, int, int, int]:
    value = round(steps) & 0xFFFF
    return value >> 12, value >> 8 & 15, value >> 4 & 15, value & 15
