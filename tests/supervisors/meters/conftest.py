"""A fake NVML, made by the machine's C compiler as a real shared object; and meters that end with the test."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from supervisors.meters.meter import MachineMeter
from supervisors.meters.readings import MeterReading

GB = 1_000_000_000
_SOURCE = Path(__file__).with_name("fake_nvml.c")


class FakeNvml:
    """The driver's library as the sampler's process finds it."""

    def __init__(self, folder: Path, made: Path) -> None:
        self.folder, self._made, self._file = folder, made, folder / "fake_nvml.txt"

    def install(self) -> None:
        shutil.copy(self._made, self.folder / "libnvidia-ml.so.1")

    def remove(self) -> None:
        (self.folder / "libnvidia-ml.so.1").unlink()

    def says(self, *lines: str) -> None:
        """At once for the next reader; never half a file."""
        early = self._file.with_suffix(".new")
        early.write_text("".join(f"{line}\n" for line in lines))
        os.replace(early, self._file)

    @property
    def calls(self) -> int:
        return Path(f"{self._file}.calls").stat().st_size


@pytest.fixture(scope="session")
def nvml_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        pytest.skip("no C compiler: NVML itself is not tested here, the protocol is")
    out = tmp_path_factory.mktemp("nvml") / "libnvidia-ml.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(out), str(_SOURCE)], check=True)
    return out


@pytest.fixture
def nvml(nvml_library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeNvml:
    fake = FakeNvml(tmp_path, nvml_library)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    monkeypatch.setenv("FAKE_NVML", str(tmp_path / "fake_nvml.txt"))
    fake.install()
    return fake


def card(used: float, *, name: str = "RTX", total: float = 24, reserved: float = 0.4, code: int = 0) -> str:
    """A line for the fake; GB."""
    sizes = (total, reserved, total - reserved - used, used)
    return f"device {name} {' '.join(str(int(size * GB)) for size in sizes)} 41 66 180500 {code}"


@contextlib.asynccontextmanager
async def running(meter: MachineMeter) -> AsyncIterator[MachineMeter]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(meter.run())
        try:
            yield meter
        finally:
            task.cancel()


async def until(meter: MachineMeter, wanted: Callable[[MeterReading], bool], within_s: float = 15.0) -> MeterReading:
    due = time.monotonic() + within_s
    while meter.reading is None or not wanted(meter.reading):
        assert time.monotonic() < due, f"not within {within_s} s; the last: {meter.reading}"
        await asyncio.sleep(0.02)
    return meter.reading
