"""An emulated Pololu Maestro: the commands 84, 87, 89, 90, 93, A1, A2 and FF (Mini SSC)."""

from devices.emulators.servo_board import ServoBoard

_LENGTHS = {0x84: 4, 0x87: 4, 0x89: 4, 0x90: 2, 0x93: 1, 0xA1: 1, 0xA2: 1, 0xA4: 1, 0xFF: 3}
_PROTOCOL = 1 << 4


class Maestro(ServoBoard):
    baud = 115_200
    channels = (0, 1, 5, 23)

    def __init__(self) -> None:
        super().__init__()
        self.errors = 0
        self._part = bytearray()

    def boot(self) -> bytes:
        self.errors = 0
        self._part.clear()
        return super().boot()

    def fail(self, bits: int, at: float) -> None:
        """An error: all outputs go home, which as shipped means off."""
        self.errors |= bits
        for channel in self.servos:
            self.move(channel, 0, at)

    def received(self, data: bytes, at: float) -> bytes:
        answer = b""
        for byte in data:
            if byte >= 0x80 and not (self._part and self._part[0] == 0xFF):
                self._part.clear()
            self._part.append(byte)
            length = _LENGTHS.get(self._part[0])
            if length is None:
                self._part.clear()
                self.fail(_PROTOCOL, at)
            elif len(self._part) == length:
                message = bytes(self._part)
                self._part.clear()
                answer += self._act(message, at)
        return answer

    def _act(self, message: bytes, at: float) -> bytes:
        command = message[0]
        if command in (0x84, 0x90) and message[1] > 23:
            self.fail(_PROTOCOL, at)
        elif command == 0x84:
            return self.move(message[1], (message[2] | message[3] << 7) // 4, at)
        elif command == 0xFF:
            return self.move(message[1], round(1500 + (message[2] - 127) * 3.75), at)
        elif command == 0x90:
            return (4 * self.servos.get(message[1], 0)).to_bytes(2, "little")
        elif command == 0xA1:
            errors, self.errors = self.errors, 0
            return errors.to_bytes(2, "little")
        elif command == 0x93:
            return b"\0"
        elif command == 0xA2:
            self.fail(0, at)
        return b""
