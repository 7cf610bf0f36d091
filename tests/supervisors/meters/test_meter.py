"""The meter and samplers that die, hang and talk nonsense."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from supervisors.meters import meter as meter_module
from supervisors.meters.meter import STALE_S, MachineMeter
from supervisors.meters.readings import CPU_MODE, MeterReading
from tests.supervisors.meters.conftest import running, until

STAND_IN = (sys.executable, "-S", "-E", str(Path(__file__).with_name("sampler_stand_in.py")))


@pytest.fixture(autouse=True)
def starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("STAND_IN_STARTS", str(tmp_path / "starts"))
    return tmp_path / "starts"


def sampler_of(known: set[int]) -> psutil.Process:
    (found,) = [child for child in psutil.Process().children() if child.pid not in known]
    return found


async def test_a_machine_without_a_gpu_is_in_cpu_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real sampler, on whatever machine this is; its library path leads nowhere."""
    if any(Path(folder, "libnvidia-ml.so.1").exists() for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib64")):
        pytest.skip("this machine has NVIDIA's library")
    heard: list[MeterReading] = []
    async with running(MachineMeter(heard.append, period_s=0.1)) as meter:
        reading = await until(meter, lambda r: r.machine.cpu_pct is not None)
    assert reading.note == CPU_MODE and not reading.devices or reading.devices
    machine, known = reading.machine, psutil.virtual_memory()
    assert 0 < machine.ram_available <= machine.ram_total <= known.total
    if machine.ram_total == known.total:  # else a control group narrows it
        assert abs(machine.ram_available - known.available) < known.total / 10
    assert 0 <= (machine.cpu_pct or 0) <= 100 and heard[-1] is meter.reading


async def test_it_ends_with_its_owner_and_leaves_nobody() -> None:
    before = {child.pid for child in psutil.Process().children()}
    async with running(MachineMeter(period_s=0.1)) as meter:
        await until(meter, lambda r: True)
        sampler = sampler_of(before)
    assert not sampler.is_running()


async def test_a_sampler_ends_when_nobody_holds_its_input() -> None:
    sampler = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "supervisors.meters.sampler",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert sampler.stdin and sampler.stdout
    assert b"ram_total" in await sampler.stdout.readline()
    sampler.stdin.close()
    async with asyncio.timeout(5):
        await sampler.stdout.read()
        assert await sampler.wait() == 0


@pytest.mark.parametrize("how", ["once-die", "once-garbage", "once-endless", "once-hang"])
async def test_whatever_a_sampler_does_there_is_another(
    how: str, monkeypatch: pytest.MonkeyPatch, starts: Path
) -> None:
    monkeypatch.setenv("STAND_IN", how)
    async with running(MachineMeter(period_s=0.1, command=STAND_IN)) as meter:
        first = await until(meter, lambda r: True)
        began = time.monotonic()
        await until(meter, lambda r: starts.stat().st_size == 2 and r is not first)
        await until(meter, lambda r: meter.starts == 2 and not meter.stale and not meter.trouble)
        assert time.monotonic() - began < STALE_S + 2
        assert meter.reading and meter.reading.machine.ram_used == 600


async def test_a_sampler_that_is_stopped_is_stale_within_three_seconds_and_replaced() -> None:
    before = {child.pid for child in psutil.Process().children()}
    async with running(MachineMeter(period_s=0.1)) as meter:
        await until(meter, lambda r: True)
        sampler, began = sampler_of(before), time.monotonic()
        os.kill(sampler.pid, signal.SIGSTOP)
        while meter.starts == 1:
            assert time.monotonic() - began < STALE_S + 1
            await asyncio.sleep(0.02)
            seen_stale = meter.stale
        assert seen_stale or meter.age_s > STALE_S - 0.1
        await until(meter, lambda r: not meter.stale)
        assert not sampler.is_running() and not meter.trouble


async def test_killed_ones_come_back_at_once() -> None:
    before = {child.pid for child in psutil.Process().children()}
    async with running(MachineMeter(period_s=0.1)) as meter:
        await until(meter, lambda r: True)
        began = time.monotonic()
        sampler_of(before).kill()
        await until(meter, lambda r: meter.starts == 2 and meter.age_s < 0.2)
        assert time.monotonic() - began < 2


async def test_one_that_never_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "once-mute")
    monkeypatch.setattr(meter_module, "START_S", 0.5)
    async with running(MachineMeter(period_s=0.1, command=STAND_IN)) as meter:
        assert meter.stale and meter.reading is None
        await until(meter, lambda r: meter.starts == 2)


async def test_after_two_hangs_the_drivers_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "hang")
    monkeypatch.setattr(meter_module, "STALE_S", 0.4)
    async with running(MachineMeter(period_s=0.1, command=STAND_IN)) as meter:
        assert (await until(meter, lambda r: meter.starts == 1)).note.endswith("gpu in 0")
        assert (await until(meter, lambda r: meter.starts == 3 and "30" in r.note)).note.endswith("gpu in 30")


async def test_one_that_dies_all_the_time_costs_less_and_less(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STAND_IN", "die")
    async with running(MachineMeter(period_s=0.02, command=STAND_IN)) as meter:
        await asyncio.sleep(2.5)
        assert meter.starts <= 6
        async with asyncio.timeout(30):
            while meter.starts < 2 or "ended" not in meter.trouble:
                await asyncio.sleep(0.01)


async def test_a_program_that_cannot_be_started_is_no_error_of_the_show() -> None:
    async with running(MachineMeter(command=("/nowhere/python",))) as meter:
        await asyncio.sleep(0.5)
        assert meter.stale and "not read" in meter.trouble


async def test_the_pace_is_obeyed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[float] = []
    async with running(MachineMeter(lambda _: heard.append(time.monotonic()), period_s=2.0)) as meter:
        await until(meter, lambda r: r.note != "")
        meter.pace(0.1)
        await asyncio.sleep(0.6)
        assert len(heard) >= 5
        meter.pace(2.0)
        await asyncio.sleep(0.2)
        before = len(heard)
        await asyncio.sleep(1.0)
        assert len(heard) - before <= 1 and not meter.stale


async def test_only_the_latest_of_what_piled_up_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[MeterReading] = []
    async with running(MachineMeter(heard.append, period_s=0.02, command=STAND_IN)) as meter:
        await until(meter, lambda r: True)
        before, began = len(heard), time.monotonic()
        time.sleep(0.5)  # noqa: ASYNC251 - the show's loop hangs
        hung_until = time.monotonic()
        async with asyncio.timeout(30):
            while len(heard) == before:
                await asyncio.sleep(0.001)
        assert heard[before].at > began + 0.25, "the first of 25 is not told"
        assert len(heard) - before <= 2 + (time.monotonic() - hung_until) / 0.02
