"""NVIDIA's cards by a library that does what a test says, loaded by a real sampler."""

import os
import time

import pytest

from supervisors.meters import meter as meter_module
from supervisors.meters.memory_accounting import allocate
from supervisors.meters.meter import MachineMeter
from supervisors.meters.readings import CPU_MODE, GpuProcess, MeterReading
from tests.supervisors.meters.conftest import GB, FakeNvml, card, running, until

ME = os.getpid()


def quick() -> MachineMeter:
    return MachineMeter(period_s=0.1, retry_s=0.3, wake_s=1.0)


async def test_a_card_with_its_processes(nvml: FakeNvml) -> None:
    nvml.says(card(20), f"process 0 {ME} {9 * GB}", f"drawing 0 1 {GB}", f"drawing 0 {ME} {9 * GB}")
    async with running(quick()) as meter:
        reading = await until(meter, lambda r: bool(r.devices) and len(r.devices[0].processes) == 2)
    (device,) = reading.devices
    assert (device.total, device.used, device.reserved, device.free) == (24 * GB, 20 * GB, 0.4 * GB, 3.6 * GB)
    assert (device.name, device.key) == ("RTX", "nvidia:GPU-0")
    assert (device.load_pct, device.temp_c, device.power_w) == (41.0, 66.0, 180.5)
    assert set(device.processes) == {GpuProcess(ME, 9 * GB), GpuProcess(1, GB)}
    assert not device.blind and not device.lost and not reading.note


async def test_the_sums_are_right(nvml: FakeNvml) -> None:
    nvml.says(card(20), card(5, name="Second"), f"process 0 {ME} {9 * GB}", f"process 0 1 {GB}", f"process 1 {ME} {GB}")
    async with running(quick()) as meter:
        reading = await until(meter, lambda r: len(r.devices) == 2)
    accounting = allocate(reading, {"llm": {ME}, "stt": set()}, {})
    first = accounting.devices[0]
    assert first.services == {"llm": 9 * GB} and first.others == 11 * GB
    assert accounting.vram("llm") == 10 * GB and accounting.vram("stt") == 0
    for pool in accounting.devices:
        assert sum(pool.services.values()) + pool.others + pool.reserved + pool.free == pool.total


async def test_processes_that_the_driver_does_not_measure(nvml: FakeNvml) -> None:
    """WDDM and WSL."""
    nvml.says(card(20), f"process 0 {ME} -1")
    async with running(quick()) as meter:
        reading = await until(meter, lambda r: bool(r.devices))
    assert reading.devices[0].blind and reading.devices[0].processes == (GpuProcess(ME, None),)


@pytest.mark.parametrize("lines", [("process 0 4000000 1000000",), ()])
async def test_processes_of_another_container(nvml: FakeNvml, lines: tuple[str, ...]) -> None:
    nvml.says(card(20), *lines)
    async with running(quick()) as meter:
        assert (await until(meter, lambda r: bool(r.devices))).devices[0].blind


@pytest.mark.parametrize(("kind", "reserved", "unified"), [("old", 0, False), ("unified", 0, True)])
async def test_cards_that_tell_less(nvml: FakeNvml, kind: str, reserved: int, unified: bool) -> None:
    nvml.says(kind, card(20))
    async with running(quick()) as meter:
        reading = await until(meter, lambda r: bool(r.devices))
    (device,) = reading.devices
    assert (device.reserved, device.unified) == (reserved, unified)
    assert device.used + device.free + device.reserved == device.total
    assert device.total == (reading.machine.ram_total if unified else 24 * GB)


@pytest.mark.parametrize("code", [4, 999, 2, 6])
async def test_a_card_whose_memory_is_not_for_us_to_see_stays(nvml: FakeNvml, code: int) -> None:
    """NoPermission in a container with a part of a card (MIG), Unknown, and the like: that figure alone is n/a."""
    nvml.says(f"memory {code}", card(20))
    async with running(quick()) as meter:
        reading = await until(meter, lambda r: bool(r.devices) and r.devices[0].temp_c is not None)
    (device,) = reading.devices
    assert (device.total, device.used, device.free, device.lost) == (0, 0, 0, False) and not reading.note
    assert (device.load_pct, device.temp_c, device.power_w) == (41.0, 66.0, 180.5)
    accounting = allocate(reading, {"llm": {ME}}, {})
    assert accounting.vram("llm") is None and accounting.devices[0].share == 0.0


@pytest.mark.parametrize("code", [15, 1, 16])
async def test_a_card_that_is_gone_by_what_its_memory_says(nvml: FakeNvml, code: int) -> None:
    nvml.says(card(20))
    async with running(quick()) as meter:
        await until(meter, lambda r: bool(r.devices))
        nvml.says(f"memory {code}", card(20))
        await until(meter, lambda r: r.devices[0].lost)


async def test_a_card_that_is_lost_and_returns(nvml: FakeNvml) -> None:
    """Xid 79; the other one goes on, whatever comes of the looks for the first."""
    heard: list[MeterReading] = []
    nvml.says(card(20), card(5, name="Second"))
    async with running(quick()) as meter:
        await until(meter, lambda r: len(r.devices) == 2)
        nvml.says(card(20, code=15), card(6, name="Second"))
        reading = await until(meter, lambda r: r.devices[0].lost)
        assert reading.note == "The NVIDIA driver has lost RTX; it is asked again every 0.3 s."
        await until(meter, lambda r: r.devices[1].used == 6 * GB)
        meter.on_reading = heard.append
        reading = await until(meter, lambda r: r.note.startswith("An NVIDIA card does not answer"))
        await until(meter, lambda r: len(heard) > 10)
        assert {(r.devices[0].lost, r.devices[1].lost) for r in heard} == {(True, False)}
        assert reading.devices[0].used == 20 * GB
        nvml.says(card(3), card(6, name="Second"))
        reading = await until(meter, lambda r: not r.devices[0].lost)
    assert [device.used for device in reading.devices] == [3 * GB, 6 * GB] and not reading.note
    assert meter.starts == 1


async def test_a_driver_that_is_upgraded_under_us(nvml: FakeNvml) -> None:
    """The library in memory is of another version than the kernel's part: only a fresh process mends that."""
    nvml.says("version 1", card(20))
    async with running(quick()) as meter:
        await until(meter, lambda r: bool(r.devices))
        nvml.says("version 2", "init 18")
        reading = await until(meter, lambda r: "different versions" in r.note)
        assert reading.devices[0].lost
        nvml.says("version 3", card(7))
        reading = await until(meter, lambda r: not r.devices[0].lost)
    assert reading.devices[0].used == 7 * GB
    assert meter.starts == 1


async def test_a_driver_that_is_not_loaded_yet(nvml: FakeNvml) -> None:
    nvml.says("init 9")
    async with running(quick()) as meter:
        assert "not loaded" in (await until(meter, lambda r: bool(r.note))).note
        nvml.says(card(1))
        assert not (await until(meter, lambda r: bool(r.devices))).note


async def test_a_library_that_comes_later(nvml: FakeNvml) -> None:
    nvml.remove()
    nvml.says(card(1))
    async with running(quick()) as meter:
        assert (await until(meter, lambda r: bool(r.note))).note == CPU_MODE
        nvml.install()
        await until(meter, lambda r: bool(r.devices))


async def test_a_driver_that_hangs_costs_the_gpu_and_not_the_rest(
    nvml: FakeNvml, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter_module, "STALE_S", 0.5)
    monkeypatch.setattr(meter_module, "GPU_REST_S", 2.0)
    nvml.says(card(20))
    async with running(quick()) as meter:
        await until(meter, lambda r: bool(r.devices))
        nvml.says("hang")
        await until(meter, lambda r: meter.stale)
        assert meter.reading and meter.reading.devices[0].used == 20 * GB
        reading = await until(meter, lambda r: "left alone" in r.note)
        assert reading.devices[0].lost and not meter.stale
        nvml.says(card(7))
        reading = await until(meter, lambda r: not r.devices[0].lost)
    assert reading.devices[0].used == 7 * GB and not reading.note


async def test_a_slow_driver_is_asked_less(nvml: FakeNvml) -> None:
    """30 ms a call: what is needed each time still comes, lists of processes only now and then."""
    nvml.says("slow 30", card(20), f"process 0 {ME} {GB}")
    async with running(MachineMeter(period_s=0.2, retry_s=0.3)) as meter:
        await until(meter, lambda r: bool(r.devices))
        before, began = nvml.calls, time.monotonic()
        first = meter.reading
        await until(meter, lambda r: first is not None and r.at > first.at + 2.5)
        per_s = (nvml.calls - before) / (time.monotonic() - began)
    assert per_s < 14, "memory and load at each reading, and little else"
