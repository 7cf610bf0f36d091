"""Lines without a wire or a clock: for tests of what goes over them."""

import random
from collections.abc import Callable, Iterable

from devices.emulators.port import EmulatedDevice
from devices.errors import DeviceError


class DirectLine:
    """To an emulator; time passes only while somebody waits for an answer."""

    name = "a line"

    def __init__(self, device: EmulatedDevice) -> None:
        self.device = device
        self.now = 100.0
        self.written: list[bytes] = []
        self.closed = False
        self._heard = b""

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self._heard += self.device.received(data, self.now)

    def read(self, count: int, timeout_s: float) -> bytes:
        if not self._heard:
            self.now += timeout_s
        self._heard += self.device.tick(self.now)[0]
        data, self._heard = self._heard[:count], self._heard[count:]
        return data

    def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
        got = b""
        while not got.endswith(end) and len(got) < longest and (more := self.read(1, timeout_s)):
            got += more
        return got

    def close(self) -> None:
        self.closed = True

    def passes(self, seconds: float) -> None:
        self.now += seconds
        self._heard += self.device.tick(self.now)[0]


class ScriptedLine(DirectLine):
    """Answers what the test says, one answer a message."""

    def __init__(self, answers: Iterable[str] = ()) -> None:
        super().__init__(Deaf())
        self.answers = [bytes.fromhex(answer) for answer in answers]

    def write(self, data: bytes) -> None:
        self.written.append(data)
        self._heard += self.answers.pop(0) if self.answers else b""


class NoisyLine(DirectLine):
    """Whatever is said to it, it answers from a seeded sea of bytes; now and then it was unplugged."""

    def __init__(self, seed: int) -> None:
        super().__init__(Deaf())
        self.random = random.Random(seed)
        self.broken = 0.0

    def write(self, data: bytes) -> None:
        if self.random.random() < self.broken:
            raise DeviceError(self.name, "was unplugged")
        count = self.random.choice((0, 1, 3, 7, 16, 17, 60))
        some = (0xFF, 0x90, 0x88, 0x41, 0x51, 0x60, 0x38, 0x50)
        self._heard += bytes(
            self.random.choice(some) if self.random.random() < 0.7 else self.random.randrange(256) for _ in range(count)
        )


class Deaf:
    """Fits EmulatedDevice, and does nothing."""

    baud, boot_s, resets_on_open, weak = 9600, 0.0, False, False

    def boot(self) -> bytes:
        return b""

    def received(self, data: bytes, at: float) -> bytes:
        return b""

    def tick(self, at: float) -> tuple[bytes, float]:
        return b"", at + 1e9


def words_of(call: Callable[[], object]) -> str:
    """Of the DeviceError that `call` raises; empty when it raises none."""
    try:
        call()
    except DeviceError as error:
        return str(error)
    return ""
