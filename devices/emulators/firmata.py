"""An emulated Arduino with StandardFirmata: version, pin modes, servos, pin states and digital reports."""

from devices.emulators.servo_board import ServoBoard

_LENGTHS = {0x90: 3, 0xE0: 3, 0xC0: 2, 0xD0: 2, 0xF4: 3, 0xF9: 1, 0xFF: 1}
_SERVO, _PULL_UP, _BUTTON = 4, 11, 2
_VERSION = b"\xf9\x02\x05"
_NAME = b"\xf0\x79\x02\x05S\0t\0d\0\xf7"


class Firmata(ServoBoard):
    baud = 57_600
    boot_s = 0.1
    resets_on_open = True
    channels = (9, 10, 17, 0)
    has_button = True

    def __init__(self) -> None:
        super().__init__()
        self.modes: dict[int, int] = {}
        self.travel: dict[int, tuple[int, int]] = {}
        self._reporting = False
        self._part = bytearray()

    def boot(self) -> bytes:
        self.modes.clear()
        self.travel.clear()
        self._part.clear()
        self._reporting = False
        super().boot()
        return _VERSION + _NAME

    def press(self, down: bool) -> bytes:
        super().press(down)
        return self._report() if self._reporting else b""

    def received(self, data: bytes, at: float) -> bytes:
        answer = b""
        for byte in data:
            if byte >= 0x80 and byte != 0xF7:
                self._part = bytearray((byte,))
            elif self._part:
                self._part.append(byte)
            if self._part and (byte == 0xF7 or len(self._part) == self._length()):
                message = bytes(self._part)
                self._part.clear()
                answer += self._act(message, at)
            elif len(self._part) > 64:
                self._part.clear()
        return answer

    def _length(self) -> int:
        first = self._part[0]
        return _LENGTHS.get(first if first >= 0xF0 else first & 0xF0, 0)

    def _act(self, message: bytes, at: float) -> bytes:
        first = message[0]
        if first == 0xF9:
            return _VERSION
        if first == 0xF0:
            return self._sysex(message[1:-1], at)
        if first == 0xF4:
            return self._mode(message[1], message[2], at)
        if first & 0xF0 == 0xE0:
            return self._pulse(first & 0x0F, message[1] | message[2] << 7, at)
        if first & 0xF0 == 0xD0:
            self._reporting = message[1] == 1
            return self._report() if self._reporting else b""
        return b""

    def _sysex(self, body: bytes, at: float) -> bytes:
        if body[:1] == b"\x70" and len(body) == 6:
            self.travel[body[1]] = (body[2] | body[3] << 7, body[4] | body[5] << 7)
            self.modes[body[1]] = _SERVO
        elif body[:1] == b"\x6f" and len(body) >= 4:
            return self._pulse(body[1], body[2] | body[3] << 7, at)
        elif body[:1] == b"\x6d" and len(body) == 2:
            value = self.servos.get(body[1], 0)
            return bytes((0xF0, 0x6E, body[1], self.modes.get(body[1], 0), value & 0x7F, value >> 7 & 0x7F, 0xF7))
        elif body == b"\x79":
            return _NAME
        return b""

    def _mode(self, pin: int, mode: int, at: float) -> bytes:
        was, self.modes[pin] = self.modes.get(pin), mode
        if was == _SERVO and mode != _SERVO:
            return self.move(pin, 0, at)
        return b""

    def _pulse(self, pin: int, value: int, at: float) -> bytes:
        if self.modes.get(pin) != _SERVO:
            return b""
        if value < 544:  # degrees, as the servo library has it
            value = 544 + round(min(value, 180) * (2400 - 544) / 180)
        low, high = self.travel.get(pin, (544, 2400))
        return self.move(pin, min(max(value, low), high), at)

    def _report(self) -> bytes:
        level = 0 if self.pressed and self.modes.get(_BUTTON) == _PULL_UP else 1 << _BUTTON
        return bytes((0x90, level, 0))
