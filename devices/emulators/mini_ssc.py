"""An emulated Mini SSC II: hears FF, channel, position; says nothing, ever."""

from devices.emulators.servo_board import ServoBoard


class MiniSsc(ServoBoard):
    channels = (0, 1, 5, 254)
    step_us = 3.75
    detaches = False

    def __init__(self) -> None:
        super().__init__()
        self._part = bytearray()

    def boot(self) -> bytes:
        self._part.clear()
        return super().boot()

    def received(self, data: bytes, at: float) -> bytes:
        for byte in data:
            if byte == 0xFF:
                self._part = bytearray((byte,))
            elif self._part:
                self._part.append(byte)
                if len(self._part) == 3:
                    self.move(self._part[1], round(1500 + (byte - 127) * self.step_us), at)
                    self._part.clear()
        return b""
