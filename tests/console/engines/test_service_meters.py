"""The meters of a show: whose each byte is, for the status, and what of it the screens are sent."""

import os
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import msgspec
from msgspec.structs import replace

from console.api.bus import Bus
from console.api.telemetry_types import DeviceMemory, Memory, MemoryTrace
from console.engines.service_meters import Meters
from console.show.telemetry_sampler import TelemetrySampler, trembles
from profiles.schema import MemoryRules
from supervisors.meters.history import MemoryShares
from supervisors.meters.meter import CALM_S, FAST_S, MachineMeter
from supervisors.meters.readings import GpuProcess, GpuReading, Machine, MeterReading
from supervisors.spec import ServiceStatus
from supervisors.states import ServiceState

GB = 1_000_000_000
MACHINE = Machine(ram_total=32 * GB, ram_available=20 * GB, cpu_pct=31.4, pressure_pct=0.4)


def gpu(used: int, *processes: GpuProcess, **more: bool) -> GpuReading:
    return GpuReading(
        key="g", name="RTX", total=24 * GB, used=used, free=24 * GB - used, power_w=99.6, processes=processes, **more
    )


class Stage:
    """A group of services that are what a test says, and a meter that reads what it says."""

    def __init__(self) -> None:
        self.meters, self.services, self.at = Meters(), dict[str, ServiceStatus](), 100.0
        self.meters._statuses = lambda: tuple(self.services.items())

    def service(self, seat: str, state: ServiceState, pid: int | None = None, rss: int | None = None) -> None:
        name = seat.partition("~")[0]
        self.services[seat] = ServiceStatus(name=name, role=name, state=state, since=0.0, pid=pid, rss_bytes=rss)

    def read(self, *devices: GpuReading, note: str = "") -> None:
        self.at += 0.5
        line = msgspec.json.encode(MeterReading(at=self.at, machine=MACHINE, devices=devices, note=note))
        self.meters.meter._take(line)


def test_a_service_has_what_its_tree_has() -> None:
    stage = Stage()
    stage.service("llm", ServiceState.READY, pid=os.getpid())
    stage.read(gpu(9 * GB, GpuProcess(os.getpid(), 6 * GB), GpuProcess(1, GB)))
    assert stage.meters.vram("llm") == 6 * GB and stage.meters.vram("stt") == 0


def test_nobody_knows_without_a_gpu_or_once_the_reading_is_old() -> None:
    stage = Stage()
    assert stage.meters.vram("llm") is None
    stage.read()
    assert stage.meters.vram("llm") is None
    stage.read(gpu(GB))
    assert stage.meters.vram("llm") == 0
    stage.meters.meter._heard_at -= 60
    assert stage.meters.vram("llm") is None


def test_where_the_driver_is_silent_the_load_tells() -> None:
    stage = Stage()
    stage.service("llm", ServiceState.WAITING)
    stage.read(gpu(2 * GB, blind=True))
    stage.service("llm", ServiceState.LOADING, pid=os.getpid())
    stage.read(gpu(3 * GB, blind=True))
    assert stage.meters.vram("llm") == 0
    stage.service("llm", ServiceState.READY, pid=os.getpid())
    stage.read(gpu(7 * GB, blind=True))
    stage.read(gpu(8 * GB, blind=True))
    assert stage.meters.vram("llm") == 5 * GB
    assert stage.meters.accounting and stage.meters.accounting.devices[0].inferred == {"llm"}
    stage.service("llm", ServiceState.BACKOFF)
    stage.read(gpu(3 * GB, blind=True))
    assert stage.meters.vram("llm") == 0


def test_both_of_a_swap_count_where_the_driver_is_silent() -> None:
    stage = Stage()
    stage.read(gpu(2 * GB, blind=True))
    for seat, before, after in (("llm", 2, 7), ("llm~2", 7, 10)):
        stage.service(seat, ServiceState.LOADING, pid=os.getpid())
        stage.read(gpu(before * GB, blind=True))
        stage.service(seat, ServiceState.READY, pid=os.getpid())
        stage.read(gpu(after * GB, blind=True))
    assert stage.meters.vram("llm") == 8 * GB
    del stage.services["llm"]  # dismissed; the understudy is in office
    stage.read(gpu(5 * GB, blind=True))
    assert stage.meters.vram("llm") == 3 * GB
    assert stage.meters.accounting and stage.meters.accounting.devices[0].others == 2 * GB


def test_both_of_a_swap_count_where_it_tells() -> None:
    stage = Stage()
    stage.service("llm", ServiceState.READY, pid=os.getpid())
    stage.service("llm~2", ServiceState.LOADING, pid=os.getppid())
    stage.read(gpu(9 * GB, GpuProcess(os.getpid(), 5 * GB), GpuProcess(os.getppid(), 2 * GB)))
    assert stage.meters.vram("llm") == 7 * GB


def test_a_crash_is_marked_in_the_history() -> None:
    stage = Stage()
    stage.read()
    stage.meters.crashed("llm")
    assert [(mark.kind, mark.service) for mark in stage.meters.history.marks] == [("crash", "llm")]


def memories(bus: Bus, stage: Stage, rules: MemoryRules | None = None) -> tuple[TelemetrySampler, list[Memory]]:
    """What is sent of the memory, each time the sampler is asked for it."""
    booth = SimpleNamespace(jaw=None, microphone=None)
    group = SimpleNamespace(statuses=tuple(stage.services.values()))
    sent: list[Memory] = []

    def keep(kind: str, key: str, value: Any) -> None:
        sent.append(value)

    bus.telemetry = keep  # type: ignore[method-assign]
    return TelemetrySampler(bus, cast(Any, booth), cast(Any, group), stage.meters, rules or MemoryRules()), sent


async def test_screens_are_sent_the_rigs_own_shares() -> None:
    stage = Stage()
    stage.read()
    sampler, sent = memories(Bus(), stage, MemoryRules(warn_at=0.5, act_at=0.75, margin_mb=100))
    sampler._send_memory()
    assert (sent[0].warn_at, sent[0].act_at, sent[0].margin) == (0.5, 0.75, 100_000_000)


async def test_screens_are_sent_what_changed() -> None:
    stage = Stage()
    stage.service("llm", ServiceState.READY, pid=os.getpid(), rss=5 << 20)
    sampler, sent = memories(Bus(), stage)
    sampler._send_memory()
    assert sent == []
    stage.read(gpu(9 * GB, GpuProcess(os.getpid(), 6 * GB)))
    sampler._send_memory()
    sampler._send_memory()
    stage.read(gpu(9 * GB, GpuProcess(os.getpid(), 6 * GB)))
    sampler._send_memory()
    (memory,) = sent
    (device,) = memory.devices
    assert (memory.cpu_pct, memory.pressure, memory.stale, memory.services) == (31, 0, False, {"llm": 5 << 20})
    assert (device.services, device.others, device.free, device.power_w) == ({"llm": 6 * GB}, 3 * GB, 15 * GB, 100)
    stage.meters.meter._heard_at -= 60
    sampler._send_memory()
    assert [memory.stale for memory in sent] == [False, True]
    stage.read(note="The NVIDIA driver is gone.")
    sampler._send_memory()
    assert not sent[-1].stale and sent[-1].note and sent[-1].devices[0].stale
    assert msgspec.convert(msgspec.to_builtins(sent[-1]), Memory) == sent[-1]


def test_old_recordings_can_still_be_read() -> None:
    old = {"telemetry": "memory", "key": "", "services": {}, "show": 1, "used": 1, "total": 2, "available": 1}
    assert msgspec.convert(old, Memory).devices == ()


def test_nobody_looks_and_little_is_read() -> None:
    paces: list[float] = []
    stage = Stage()
    stage.meters.meter.pace = paces.append  # type: ignore[method-assign,assignment]
    stage.meters.watched(True)
    stage.meters.watched(False)
    assert paces == [FAST_S, CALM_S] and isinstance(stage.meters.meter, MachineMeter)


async def test_screens_are_sent_ten_minutes_in_small_columns() -> None:
    stage, now = Stage(), monotonic()
    for age, ram, vram in ((595.0, 0.2, None), (15.0, 0.412, 0.5), (12.0, 0.3, 0.93), (1.0, 0.4, 0.9)):
        stage.meters.history.moments.append(MemoryShares(now - age, ram, vram))
    stage.meters.history.mark(now - 305, "swap", "llm")
    sampler, sent = memories(Bus(), stage)
    told = cast(list[MemoryTrace], sent)
    sampler._send_history()
    sampler._send_history()
    assert len(told) == 1 and len(told[0].ram) == len(told[0].vram) == 60
    assert (told[0].ram[0], told[0].ram[1], told[0].ram[58], told[0].ram[59]) == (20, -1, 41, 40)
    assert (told[0].vram[0], told[0].vram[58], told[0].vram[59]) == (-1, 93, 90)
    assert told[0].marks == ((29, "swap", "llm"),)
    stage.meters.crashed("tts")
    sampler._send_history()
    assert len(told) == 2 and told[1].marks[-1] == (59, "crash", "tts")
    sampler._on_arrival()
    sampler._send_history()
    assert len(told) == 3


def test_what_always_trembles_is_told_seldom() -> None:
    """Each word to an idle screen costs it a frame."""
    gpu = DeviceMemory(name="RTX", total=8_000, used=4_000, free=4_000, load_pct=3, temp_c=60)
    calm = Memory(services={"llm": 5}, show=1, used=500, total=1_000, available=500, cpu_pct=3, devices=(gpu,))
    for now in (replace(calm, cpu_pct=9), replace(calm, used=505), replace(calm, devices=(replace(gpu, temp_c=62),))):
        assert trembles(calm, now)
    for now in (
        replace(calm, cpu_pct=40),
        replace(calm, used=520),
        replace(calm, stale=True),
        replace(calm, services={}),
        replace(calm, devices=()),
        replace(calm, devices=(replace(gpu, used=4_100),)),
        replace(calm, devices=(replace(gpu, stale=True),)),
    ):
        assert not trembles(calm, now)
