"""A Pelco-D head of software: listens, turns, and says nothing. Runs behind a `port`."""

import math
from collections import deque

_FASTEST = 0x3F
PER_S = 0.5
"""At full speed, of a travel that is 2 from end to end."""
_LENGTH = 7


class PelcoEmulator:
    """Fits `devices.emulators.device.EmulatedDevice`."""

    baud = 2400
    boot_s = 0.3
    resets_on_open = False

    def __init__(self, address: int = 1) -> None:
        self.address = address
        self.weak = False
        self.heard: deque[tuple[float, bytes]] = deque(maxlen=5000)
        """(monotonic s, message), newest last; those with a wrong sum are not heard."""
        self.pan = self.tilt = 0.0
        """-1 .. 1, right and up positive."""
        self._speed = (0.0, 0.0)
        self._at = 0.0
        self._rest = b""

    @property
    def moving(self) -> bool:
        return self._speed != (0.0, 0.0)

    def boot(self) -> bytes:
        self._speed, self._rest = (0.0, 0.0), b""
        return b""

    def received(self, data: bytes, at: float) -> bytes:
        self._turn(at)
        self._rest += data
        while (start := self._rest.find(0xFF)) >= 0 and len(self._rest) >= start + _LENGTH:
            message = self._rest[start : start + _LENGTH]
            if sum(message[1:6]) % 256 != message[6]:
                self._rest = self._rest[start + 1 :]  # the next FF may begin one
                continue
            self._rest = self._rest[start + _LENGTH :]
            self.heard.append((at, message))
            if message[1] == self.address:
                self._follow(message[2], message[3], message[4], message[5])
        return b""

    def tick(self, at: float) -> tuple[bytes, float]:
        self._turn(at)
        return b"", math.inf

    def _follow(self, first: int, second: int, pan: int, tilt: int) -> None:
        if second & 1:
            if (second, tilt) == (0x07, 0x22):
                self.pan = self.tilt = 0.0
                self._speed = (0.0, 0.0)
            return
        across = bool(second & 0x02) - bool(second & 0x04)
        up = bool(second & 0x08) - bool(second & 0x10)
        self._speed = across * min(pan, _FASTEST) / _FASTEST, up * min(tilt, _FASTEST) / _FASTEST
        if self.weak and self.moving:
            self.boot()

    def _turn(self, at: float) -> None:
        passed, self._at = max(0.0, at - self._at) if self._at else 0.0, at
        self.pan = min(max(self.pan + self._speed[0] * PER_S * passed, -1.0), 1.0)
        self.tilt = min(max(self.tilt + self._speed[1] * PER_S * passed, -1.0), 1.0)
