"""The show's side of the meters: keeps a sampler running and knows its latest reading."""

import asyncio
import contextlib
import logging
import math
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from supervisors.meters.readings import CPU_MODE, GpuReading, MeterReading

FAST_S, CALM_S = 0.5, 2.0
"""Between two readings: for somebody who looks, and for nobody."""
STALE_S = 3.0
START_S = 10.0
"""A Python that starts on a busy machine with a cold disk."""
GPU_REST_S = 30.0
"""After two hangs in a row the drivers are left alone so long: RAM is worth more than nothing."""
_FIRST_PAUSE_S, _MOST_PAUSE_S, _WELL_S = 0.1, 30.0, 60.0
_ROOM = 1 << 20
_KILLED_WITHIN_S = 0.2
_log = logging.getLogger(__name__)
_SAMPLER = str(Path(__file__).with_name("sampler.py"))


class _Trouble(Exception):
    """Why this sampler is of no more use."""


class _Hang(_Trouble):
    """It did not say anything for too long."""


def _ignore(_: MeterReading) -> None:
    """Nobody listens."""


class MachineMeter:
    """`run` it; then `reading` is the latest there is."""

    def __init__(
        self,
        on_reading: Callable[[MeterReading], None] = _ignore,
        *,
        period_s: float = CALM_S,
        retry_s: float = 30.0,
        wake_s: float = 20.0,
        command: Sequence[str] = (sys.executable, "-I", _SAMPLER),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`on_reading` must be quick and must not raise. `retry_s`: between two looks for a driver that is gone;
        `wake_s`: how long one may take to come up. `command` gets the orders as its last word.
        """
        self.on_reading, self._command, self._clock = on_reading, tuple(command), clock
        self._period_s, self._retry_s, self._wake_s = period_s, retry_s, wake_s
        self._known: dict[str, GpuReading] = {}
        self._decoder = msgspec.json.Decoder(MeterReading)
        self._writer: asyncio.StreamWriter | None = None
        self._heard_at = -math.inf
        self._hangs: list[float] = []
        self.reading: MeterReading | None = None
        self.trouble = ""
        """Why there is no fresh reading, in one plain sentence; "" when there is one."""
        self.starts = 0

    @property
    def age_s(self) -> float:
        """Of the latest reading, by when it came; infinite before the first."""
        return self._clock() - self._heard_at

    @property
    def stale(self) -> bool:
        """Too old to be believed; with no screen to see it, a calm meter is given the time of its pace."""
        return self.age_s > self._fresh_s()

    def pace(self, period_s: float) -> None:
        """How often to read from now on."""
        if period_s == self._period_s:
            return
        self._period_s = period_s
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(msgspec.json.encode({"period_s": period_s}) + b"\n")

    async def run(self) -> None:
        """Until cancelled. Whatever becomes of the sampler, there will be another."""
        pause = _FIRST_PAUSE_S
        while True:
            began = self._clock()
            try:
                await self._follow()
            except (_Trouble, OSError) as error:
                self.trouble = f"The meters are not read: {error}; they are started again."
                _log.warning("%s", self.trouble)
                if isinstance(error, _Hang):
                    self._hangs = [at for at in self._hangs if at > self._clock() - _WELL_S][-1:] + [self._clock()]
            pause = _FIRST_PAUSE_S if self._clock() - began >= _WELL_S else pause
            await asyncio.sleep(pause)
            pause = min(_MOST_PAUSE_S, 2 * pause)

    async def _follow(self) -> None:
        """One sampler, from its start to its end. Raises _Trouble, OSError."""
        ours, its = socket.socketpair()
        with its:
            try:
                process = self._launch(its)
            except OSError:
                ours.close()
                raise
        try:
            reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=_ROOM)
            with contextlib.closing(self._writer):
                await self._listen(reader)
        finally:
            self._writer = None
            _end(process)

    def _launch(self, its: socket.socket) -> subprocess.Popen[bytes]:
        """From the main thread only, whose end would otherwise be that of the sampler."""
        self.starts += 1
        rest = GPU_REST_S if len(self._hangs) >= 2 else 0.0
        gpu = {"retry_s": self._retry_s, "gpu_in_s": rest, "wake_s": self._wake_s}
        orders = {"period_s": self._period_s, **gpu}
        return subprocess.Popen(
            (*self._command, msgspec.json.encode(orders).decode()),
            stdin=its.fileno(),
            stdout=its.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        rest, since, limit = b"", self._clock(), START_S
        while True:
            try:
                async with asyncio.timeout(max(0.0, since + limit - self._clock())):
                    heard = await reader.read(_ROOM)
            except TimeoutError:
                raise _Hang(f"there was no word for {limit:.0f} s") from None
            if not heard:
                raise _Trouble("the sampler has ended")
            *lines, rest = (rest + heard).split(b"\n")
            if lines:
                self._take(lines[-1])
                since, limit = self._heard_at, self._limit()
            if len(rest) >= _ROOM:
                raise _Trouble("the sampler talks nonsense")

    def _take(self, line: bytes) -> None:
        """Only the latest of several counts."""
        try:
            reading = self._decoder.decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _Trouble("the sampler talks nonsense") from error
        self.reading, self._heard_at, self.trouble = self._with_lost(reading), self._clock(), ""
        self.on_reading(self.reading)

    def _with_lost(self, reading: MeterReading) -> MeterReading:
        """What was there and is no more stays on the list, marked: it does not simply vanish from the screen."""
        if not reading.patience_s:
            here = {device.key: device for device in reading.devices}
            gone = (device for key, device in self._known.items() if key not in here)
            lost = {device.key: msgspec.structs.replace(device, lost=True, processes=()) for device in gone}
            self._known = {key: (here | lost)[key] for key in (*self._known, *here)}
        note = "The GPU does not answer any more." if self._known and reading.note == CPU_MODE else reading.note
        return msgspec.structs.replace(reading, devices=tuple(self._known.values()), note=note)

    def _fresh_s(self) -> float:
        return STALE_S if self._period_s <= 1.0 else self._period_s + STALE_S - 1.0

    def _limit(self) -> float:
        """A silence of so many seconds is a hang."""
        return max(self._fresh_s(), self.reading.patience_s if self.reading else 0.0)


def _end(process: subprocess.Popen[bytes]) -> None:
    """At once; but one that a driver holds in the kernel dies only when that lets it go, and is not waited for."""
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_KILLED_WITHIN_S)
