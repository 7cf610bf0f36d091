"""RAM, swap and processor of this machine: from /proc on Linux (0.1 ms), elsewhere by psutil, which costs 2 MB more."""

import contextlib
import os
from typing import Protocol

from supervisors.meters.readings import Machine

_PAGE = os.sysconf("SC_PAGE_SIZE")
_ROOM = 16384
"""Larger than any of these files; each is read whole, in one go, and so is of one moment."""


class MachineSource(Protocol):
    def read(self, now: float) -> Machine:
        """`now`: monotonic time, seconds."""
        ...


class ProcMachine:
    """Linux. The files stay open: the kernel writes them anew for each read."""

    def __init__(self, root: str = "/proc") -> None:
        self._memory = os.open(f"{root}/meminfo", os.O_RDONLY)
        self._cpu = os.open(f"{root}/stat", os.O_RDONLY)
        self._events = os.open(f"{root}/vmstat", os.O_RDONLY)
        self._pressure: int | None = None
        with contextlib.suppress(OSError):  # a kernel built or started without PSI
            self._pressure = os.open(f"{root}/pressure/memory", os.O_RDONLY)
        self._ticks = (0, 0)
        self._swapped_in, self._at = 0, 0.0

    def read(self, now: float) -> Machine:
        rows = dict(line.split(b":", 1) for line in os.pread(self._memory, _ROOM, 0).splitlines())
        kib = {key: int(rows[key].split()[0]) for key in (b"MemTotal", b"MemAvailable", b"SwapTotal", b"SwapFree")}
        swap_in, cpu = self._swap_rate(now), self._load()
        self._at = now
        return Machine(
            ram_total=kib[b"MemTotal"] << 10,
            ram_available=kib[b"MemAvailable"] << 10,
            swap_total=kib[b"SwapTotal"] << 10,
            swap_used=kib[b"SwapTotal"] - kib[b"SwapFree"] << 10,
            swap_in=swap_in,
            pressure_pct=self._waited(),
            cpu_pct=cpu,
        )

    def _swap_rate(self, now: float) -> int:
        pages = int(os.pread(self._events, _ROOM, 0).partition(b"\npswpin ")[2].split(None, 1)[0] or 0)
        before, self._swapped_in = self._swapped_in, pages
        return int((pages - before) * _PAGE / (now - self._at)) if self._at and now > self._at else 0

    def _load(self) -> float | None:
        """The first line: user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user."""
        words = [int(word) for word in os.pread(self._cpu, 512, 0).split(b"\n", 1)[0].split()[1:9]]
        total, idle = sum(words), sum(words[3:5])
        (total_before, idle_before), self._ticks = self._ticks, (total, idle)
        if not total_before or total <= total_before:
            return None
        return round(100 * (1 - (idle - idle_before) / (total - total_before)), 1)

    def _waited(self) -> float | None:
        if self._pressure is None:
            return None
        try:
            line = os.pread(self._pressure, 256, 0)
        except OSError:  # it is there, and switched off
            return None
        return float(line.partition(b"avg10=")[2].split(None, 1)[0])


class PsutilMachine:
    """macOS, and what else psutil knows."""

    def __init__(self) -> None:
        import psutil  # type: ignore[import-untyped]

        self._psutil = psutil
        self._swapped_in, self._at = 0, 0.0

    def read(self, now: float) -> Machine:
        memory, swap = self._psutil.virtual_memory(), self._psutil.swap_memory()
        since, came = now - self._at, swap.sin - self._swapped_in
        cpu = float(self._psutil.cpu_percent(None))  # since the last call
        rate = int(came / since) if self._at and since > 0 else 0
        first, self._swapped_in, self._at = not self._at, swap.sin, now
        return Machine(
            ram_total=memory.total,
            ram_available=memory.available,
            swap_total=swap.total,
            swap_used=swap.used,
            swap_in=max(0, rate),
            cpu_pct=None if first else cpu,
        )
