"""An emulated Arduino with our jaw sketch; see `devices/boards/line.py` for what it speaks."""

import math

from devices.emulators.servo_board import ServoBoard

MIN_US, MAX_US, SILENCE_S = 600, 2400, 1.0


class JawSketch(ServoBoard):
    baud = 115_200
    boot_s = 0.1
    resets_on_open = True
    channels = (0,)
    has_button = True

    def __init__(self) -> None:
        super().__init__()
        self.lamp = False
        self._part = b""
        self._heard_at = 0.0

    def boot(self) -> bytes:
        self._part, self.lamp = b"", False
        super().boot()
        return b"BOOT\r\n" + self._greeting()

    def press(self, down: bool) -> bytes:
        super().press(down)
        return b"B %d\r\n" % down

    def received(self, data: bytes, at: float) -> bytes:
        *lines, self._part = (self._part + data).split(b"\n")
        self._part = self._part[-40:]
        if lines:
            self._heard_at = at
        return b"".join(self._act(line.decode("ascii", "replace").strip(), at) for line in lines)

    def tick(self, at: float) -> tuple[bytes, float]:
        """Without a line for a second the pulses stop."""
        if not self.servos.get(0):
            return b"", math.inf
        if at >= self._heard_at + SILENCE_S:
            self.move(0, 0, at)
            return b"", math.inf
        return b"", self._heard_at + SILENCE_S

    def _greeting(self) -> bytes:
        return b"BONES 1 %d %d\r\n" % (MIN_US, MAX_US)

    def _act(self, line: str, at: float) -> bytes:
        word, _, value = line.partition(" ")
        if line == "?":
            return self._greeting()
        if line == "D":
            return self.move(0, 0, at)
        if word == "J" and value.isascii() and value.isdigit() and len(value) < 6:
            pulse = min(max(int(value), MIN_US), MAX_US)
            refused = b"" if pulse == int(value) else b"ERR %d is not in %d to %d\r\n" % (int(value), MIN_US, MAX_US)
            return self.move(0, pulse, at) + refused
        if word == "L" and value in ("0", "1"):
            self.lamp = value == "1"
            return b""
        return b"ERR what\r\n" if line else b""
