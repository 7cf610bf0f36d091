"""RAM, swap and processor of this machine, or what we may have of it: from /proc and the control groups on Linux (0.2
ms), elsewhere by psutil, which costs 2 MB more.
"""

import contextlib
import os
import sys
import time
from collections.abc import Sequence
from typing import Protocol

import msgspec

from supervisors.meters.cgroup import Cgroup, CgroupMemory
from supervisors.meters.readings import Machine

_PAGE = os.sysconf("SC_PAGE_SIZE")
_ROOM = 16384
"""Larger than any of these files; each is read whole, in one go, and so is of one moment."""


class MachineSource(Protocol):
    def read(self, now: float) -> Machine:
        """`now`: monotonic time, seconds."""
        ...


class ProcMachine:
    """Linux. The files stay open: the kernel writes them again for each read. What is not told, or not
    understood, is not known, and costs nothing else. A limit of the control group is the memory.
    """

    def __init__(self, root: str = "/proc") -> None:
        self._memory, self._cpu = _opened(f"{root}/meminfo"), _opened(f"{root}/stat")
        self._events = _opened(f"{root}/vmstat")
        self._pressure = _opened(f"{root}/pressure/memory")  # a kernel built or started without PSI has none
        self._limits = Cgroup(os.path.dirname(root.rstrip("/")) or "/")
        self._ticks = (0, 0)
        self._swapped_in: int | None = None
        self._at = 0.0

    def read(self, now: float) -> Machine:
        sizes = _sizes(_read(self._memory))
        total = sizes.get(b"MemTotal") or _pages("SC_PHYS_PAGES")
        swap_total = sizes.get(b"SwapTotal", 0)
        swap_in, cpu = self._swap_rate(now), self._load()
        self._at = now
        return _within(
            self._limits.rooms(now),
            Machine(
                ram_total=total,
                ram_available=min(total, _available(sizes)),
                swap_total=swap_total,
                swap_used=max(0, swap_total - sizes.get(b"SwapFree", swap_total)),
                swap_in=swap_in,
                pressure_pct=self._waited(),
                cpu_pct=cpu,
            ),
        )

    def close(self) -> None:
        for file in (self._memory, self._cpu, self._events, self._pressure):
            if file is not None:
                os.close(file)

    def _swap_rate(self, now: float) -> int | None:
        words = (b"\n" + _read(self._events)).partition(b"\npswpin ")[2].split(None, 1)
        pages = int(words[0]) if words and words[0].isdigit() else None
        before, self._swapped_in = self._swapped_in, pages
        if pages is None:
            return None
        known = before is not None and self._at and now > self._at
        return max(0, int((pages - (before or 0)) * _PAGE / (now - self._at))) if known else 0

    def _load(self) -> float | None:
        """The first line: user, nice, system, idle, iowait, irq, softirq, steal; guests are counted in user."""
        words = _read(self._cpu, 512).split(b"\n", 1)[0].split()[1:9]
        if len(words) < 4 or not all(word.isdigit() for word in words):
            return None
        ticks = [int(word) for word in words]
        total, idle = sum(ticks), sum(ticks[3:5])
        (total_before, idle_before), self._ticks = self._ticks, (total, idle)
        if not total_before or total <= total_before:
            return None
        return round(100 * min(1.0, max(0.0, 1 - (idle - idle_before) / (total - total_before))), 1)

    def _waited(self) -> float | None:
        words = _read(self._pressure, 256).partition(b"avg10=")[2].split(None, 1)
        try:
            return float(words[0]) if words else None
        except ValueError:
            return None


def look() -> Machine:
    """Once, now; what needs two moments is not known."""
    if sys.platform != "linux":
        return PsutilMachine().read(time.monotonic())
    with contextlib.closing(ProcMachine()) as machine:
        return machine.read(time.monotonic())


def _opened(path: str) -> int | None:
    try:
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _read(file: int | None, room: int = _ROOM) -> bytes:
    """Empty where nothing can be read."""
    if file is None:
        return b""
    try:
        return os.pread(file, room, 0)
    except OSError:
        return b""


def _sizes(text: bytes) -> dict[bytes, int]:
    """Bytes; lines that are no figures are left out."""
    rows = (line.split() for line in text.splitlines())
    return {row[0].rstrip(b":"): int(row[1]) << 10 for row in rows if len(row) >= 2 and row[1].isdigit()}


def _available(sizes: dict[bytes, int]) -> int:
    """As the kernel estimates it; one that does not (before 3.14, some containers) has what is free and cached."""
    if b"MemAvailable" in sizes:
        return sizes[b"MemAvailable"]
    if b"MemFree" in sizes:
        given_back = sum(sizes.get(key, 0) for key in (b"Buffers", b"Cached", b"SReclaimable"))
        return sizes[b"MemFree"] + max(0, given_back - sizes.get(b"Shmem", 0))
    return _pages("SC_AVPHYS_PAGES")


def _pages(name: str) -> int:
    try:
        return max(0, os.sysconf(name)) * _PAGE
    except (OSError, ValueError):
        return 0


def _within(rooms: Sequence[CgroupMemory], machine: Machine) -> Machine:
    """The narrowest of the machine and the limits around us counts, for each figure by itself."""
    total = min([machine.ram_total, *(room.total for room in rooms)])
    available = min([total, machine.ram_available, *(room.available for room in rooms)])
    swap = [(machine.swap_total, machine.swap_used)]
    swap += [(room.swap_total, room.swap_used) for room in rooms if room.swap_total is not None]
    swap_total, swap_used = min(swap)
    return msgspec.structs.replace(
        machine, ram_total=total, ram_available=available, swap_total=swap_total, swap_used=swap_used
    )


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
