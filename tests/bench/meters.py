"""What the meters cost: `python -m tests.bench.meters`.

meter_cpu_pct        of one core, over 20 s at 2 Hz: the sampler, and the show's side with the data of twelve gauges
meter_calm_cpu_pct   the same while nobody looks (a reading each 2 s)
meter_sampler_rss_mb of the sampler's process
meter_sum_error_pct  how far services + others + reserved + free are off a device's total, at worst
meter_readings       that came, of those that should have; meter_devices: cards that were read

With a C compiler it reads two cards of a fake NVML (tests/supervisors/meters/fake_nvml.c), which costs us what a real
one does, without what the driver does in the kernel; else only RAM and processor are read.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import psutil  # type: ignore[import-untyped]

from supervisors import kernel
from supervisors.meters.history import MemoryHistory
from supervisors.meters.memory_accounting import MemoryAccounting, allocate
from supervisors.meters.meter import CALM_S, FAST_S, MachineMeter
from supervisors.meters.readings import MeterReading

SECONDS = 20.0
SERVICES = ("stt", "llm", "tts", "vision")
_FAKE = Path(__file__).parent.parent / "supervisors" / "meters" / "fake_nvml.c"
_CARDS = """\
device RTX_4090 25757220864 419430400 5337790464 20000000000 41 66 180500 0
device RTX_3060 12884901888 209715200 7675186688 5000000000 7 50 40000 0
process 0 {pid} 9000000000
process 1 {pid} 4000000000
process 0 1 900000000
"""
Figures = dict[str, float]


class Gauges:
    """The show's part: the accounting, its history, and the words of what is sent: RAM, swap, pressure, load, and
    of each of two cards memory, load, heat and power.
    """

    def __init__(self) -> None:
        self.history, self.readings, self.worst = MemoryHistory(), 0, 0.0
        self._trees = dict.fromkeys(SERVICES, frozenset({-1})) | {"llm": frozenset({os.getpid()})}

    def __call__(self, reading: MeterReading) -> None:
        self.readings += 1
        accounting = allocate(reading, self._trees, {name: 10**8 for name in SERVICES})
        self.history.note(accounting)
        msgspec.json.encode(accounting)
        self.worst = max(self.worst, *_errors(accounting), 0.0)


def _errors(accounting: MemoryAccounting) -> list[float]:
    pools = (accounting.ram, *accounting.devices)
    sums = [sum(p.services.values()) + p.others + p.reserved + p.free for p in pools]
    return [abs(found - pool.total) / pool.total * 100 for found, pool in zip(sums, pools, strict=True)]


def measure(seconds: float = SECONDS) -> Figures:
    """Takes a little more than twice as long as it measures."""
    with _fake_cards():
        fast = asyncio.run(_measure(FAST_S, seconds))
        calm = asyncio.run(_measure(CALM_S, seconds))
    return {
        "meter_cpu_pct": fast["cpu_pct"],
        "meter_calm_cpu_pct": calm["cpu_pct"],
        "meter_sampler_rss_mb": fast["rss_mb"],
        "meter_sum_error_pct": fast["sum_error_pct"],
        "meter_readings": fast["readings"],
        "meter_devices": fast["devices"],
    }


async def _measure(period_s: float, seconds: float) -> Figures:
    gauges, before = Gauges(), {child.pid for child in psutil.Process().children()}
    meter = MachineMeter(gauges, period_s=period_s)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(meter.run())
        while gauges.readings < 2:
            await asyncio.sleep(0.05)
        (sampler,) = [child.pid for child in psutil.Process().children() if child.pid not in before]
        pids, came, began = (sampler, os.getpid()), gauges.readings, time.monotonic()
        used = sum(map(kernel.cpu_s, pids))
        await asyncio.sleep(seconds)
        used, wall = sum(map(kernel.cpu_s, pids)) - used, time.monotonic() - began
        rss = kernel.resident(sampler) or 0
        running.cancel()
    return {
        "cpu_pct": round(used / wall * 100, 2),
        "rss_mb": round(rss / 2**20, 1),
        "sum_error_pct": round(gauges.worst, 3),
        "readings": round((gauges.readings - came) / (wall / period_s), 2),
        "devices": len(meter.reading.devices) if meter.reading else 0,
    }


@contextmanager
def _fake_cards() -> Iterator[None]:
    """In the environment of the samplers that are started meanwhile."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    before = {key: os.environ.get(key) for key in ("LD_LIBRARY_PATH", "FAKE_NVML")}
    with tempfile.TemporaryDirectory() as folder:
        if compiler:
            library = f"{folder}/libnvidia-ml.so.1"
            subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, str(_FAKE)], check=True)
            Path(folder, "cards.txt").write_text(_CARDS.format(pid=os.getpid()))
            os.environ |= {"LD_LIBRARY_PATH": folder, "FAKE_NVML": f"{folder}/cards.txt"}
        try:
            yield
        finally:
            for key, value in before.items():
                os.environ.pop(key, None)
                os.environ |= {key: value} if value is not None else {}


def main() -> None:
    figures = measure()
    for key, value in figures.items():
        print(f"{key:<22} {value:g}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
