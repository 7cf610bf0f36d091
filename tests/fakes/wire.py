"""A line without a system: an emulated board at its end, a clock that stands still, and what a test does to it."""

from collections.abc import Callable

from devices.emulators.servo_board import ServoBoard


class Clock:
    """Moves only when somebody waits, and 1 us when somebody looks, so that no loop is endless."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now


class Wire:
    """Fits `devices.boards.board.BoardLink`."""

    name = "wire"

    def __init__(
        self, device: ServoBoard | None, clock: Clock, spoil: Callable[[bytes], bytes] = lambda said: said
    ) -> None:
        """`spoil`: from what the board says to what arrives; called for every write, also when it says nothing."""
        self._device, self._clock, self._spoil = device, clock, spoil
        self.sent = b""
        self.waiting = b""
        self.calls = 0
        self.closed = False
        self.flood = b""
        """If set, there is always this much more to read."""

    def write(self, data: bytes) -> None:
        self.calls += 1
        self.sent += data
        self.waiting += self._spoil(self._device.received(data, self._clock()) if self._device else b"")

    def read(self, count: int, timeout_s: float) -> bytes:
        self.calls += 1
        assert timeout_s >= 0 and count >= 0
        while self.flood and len(self.waiting) < count:
            self.waiting += self.flood
        got, self.waiting = self.waiting[:count], self.waiting[count:]
        if len(got) < count:
            self._clock.now += timeout_s
        return got

    def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
        self.calls += 1
        assert timeout_s >= 0 and longest > 0
        while self.flood and len(self.waiting) < longest:
            self.waiting += self.flood
        at = self.waiting.find(end)
        count = min(longest, at + len(end) if at >= 0 else longest)
        if at < 0 and len(self.waiting) < longest:
            self._clock.now += timeout_s
        got, self.waiting = self.waiting[:count], self.waiting[count:]
        return got

    def close(self) -> None:
        self.closed = True
