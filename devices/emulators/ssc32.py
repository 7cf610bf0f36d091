"""An emulated SSC-32U: moves (one or several servos, S and T ignored), Q, QP, VER, STOP, and the input A."""

import re

from devices.emulators.servo_board import ServoBoard

_SERVO = re.compile(r"#\s*(\d{1,4})\s*P\s*(\d{1,5})")


class Ssc32(ServoBoard):
    channels = (0, 1, 5, 31)
    has_button = True

    def __init__(self) -> None:
        super().__init__()
        self._part = b""

    def boot(self) -> bytes:
        self._part = b""
        return super().boot()

    def received(self, data: bytes, at: float) -> bytes:
        *lines, self._part = (self._part + data).split(b"\r")
        self._part = self._part[-200:]
        return b"".join(self._act(line[-200:].decode("ascii", "replace").strip().upper(), at) for line in lines)

    def _act(self, line: str, at: float) -> bytes:
        if line.startswith("#"):
            said = b""
            for channel, pulse in _SERVO.findall(line):
                if int(channel) < 32:
                    said += self.move(int(channel), min(max(int(pulse), 500), 2500) if int(pulse) else 0, at)
            return said
        if line == "VER":
            return b"SSC32U-V2.08USB\r"
        if line == "Q":
            return b"."
        if line.startswith("QP") and line[2:].strip().isdecimal():
            return bytes((self.servos.get(int(line[2:]), 0) // 10 & 0xFF,))
        if line == "A":
            return b"0" if self.pressed else b"1"
        return b""
