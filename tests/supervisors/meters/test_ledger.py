"""Who has how much: the sums, what is inferred, and what is remembered of it."""

import random

import pytest

from supervisors.meters.history import KEPT_S, MemoryHistory
from supervisors.meters.inferred import InferredMemory
from supervisors.meters.memory_accounting import MemoryAccounting, Pool, allocate
from supervisors.meters.readings import GpuProcess, GpuReading, Machine, MeterReading

GB = 1_000_000_000
RAM = Machine(ram_total=32 * GB, ram_available=20 * GB)


def gpu(
    used: float = 12, *, processes: dict[int, float | None] | None = None, key: str = "g", **more: bool
) -> GpuReading:
    rows = ((pid, None if size is None else int(size * GB)) for pid, size in (processes or {}).items())
    taken = int(used * GB)
    return GpuReading(
        key=key,
        name="RTX",
        total=24 * GB,
        used=taken,
        reserved=GB,
        free=23 * GB - taken,
        processes=tuple(GpuProcess(*row) for row in rows),
        **more,
    )


def reading(*devices: GpuReading, at: float = 0.0) -> MeterReading:
    return MeterReading(at=at, machine=RAM, devices=devices)


def total(pool: Pool) -> int:
    return sum(pool.services.values()) + pool.others + pool.reserved + pool.free


def test_a_tree_has_what_all_its_processes_have() -> None:
    device = gpu(processes={1: 4, 2: 1, 3: 2, 9: 3})
    accounting = allocate(reading(device), {"llm": {1, 2}, "stt": {3, 4}, "tts": {5}}, {"tts": GB})
    pool = accounting.devices[0]
    assert pool.services == {"llm": 5 * GB, "stt": 2 * GB} and pool.others == 5 * GB and not pool.inferred
    assert (pool.free, pool.reserved, pool.used) == (11 * GB, GB, 12 * GB)
    assert accounting.ram.services == {"tts": GB} and accounting.ram.others == 11 * GB
    assert (accounting.vram("llm"), accounting.vram("tts")) == (5 * GB, 0)


def test_sums_are_true_whatever_is_read() -> None:
    dice = random.Random(7)
    for _ in range(300):
        processes = {pid: dice.choice([None, dice.uniform(0, 12)]) for pid in range(dice.randrange(6))}
        device = gpu(dice.uniform(0, 23), processes=processes, blind=dice.random() < 0.5)
        trees = {name: {dice.randrange(6) for _ in range(3)} for name in "abc"[: dice.randrange(4)]}
        guesses = {"g": {name: dice.randrange(20 * GB) for name in "abc"}}
        rss = {name: dice.randrange(20 * GB) for name in trees}
        accounting = allocate(reading(device), trees, rss, guesses)
        for pool in (accounting.ram, *accounting.devices):
            assert total(pool) == pool.total
            assert abs(pool.used - (device.used if pool.device else RAM.ram_used)) <= pool.total / 100
            assert min(pool.others, pool.free, *pool.services.values(), 0) >= 0


def test_no_device_means_that_nobody_can_tell() -> None:
    assert allocate(reading(), {"llm": {1}}, {}).vram("llm") is None
    assert allocate(reading(gpu(lost=True)), {"llm": {1}}, {}).vram("llm") is None


def test_a_driver_that_tells_is_believed_and_a_difference_is_not() -> None:
    accounting = allocate(reading(gpu(processes={1: 4})), {"llm": {1}, "stt": {2}}, {}, {"g": {"llm": GB, "stt": GB}})
    assert accounting.devices[0].services == {"llm": 4 * GB} and not accounting.devices[0].inferred


def test_the_difference_stands_in_where_the_driver_does_not_tell() -> None:
    device = gpu(processes={1: None, 2: 1}, blind=True)
    accounting = allocate(reading(device), {"llm": {1}, "stt": {2}}, {}, {"g": {"llm": 6 * GB, "stt": 5 * GB}})
    assert accounting.devices[0].services == {"llm": 6 * GB, "stt": GB} and accounting.devices[0].inferred == {"llm"}
    assert total(accounting.devices[0]) == 24 * GB


def test_what_went_while_it_loaded_is_its_own() -> None:
    deltas = InferredMemory()
    deltas.before("llm", reading(gpu(2)))
    deltas.after("llm", reading(gpu(7)))
    deltas.before("stt", reading(gpu(8)))  # somebody else's gigabyte came between the two
    deltas.after("stt", reading(gpu(9.5)))
    assert deltas.shares() == {"g": {"llm": 5 * GB, "stt": GB * 3 // 2}}
    deltas.gone("llm", reading(gpu(4.5)))
    assert deltas.shares() == {"g": {"stt": GB * 3 // 2}}


def test_two_that_load_at_once_share_what_went() -> None:
    deltas = InferredMemory()
    deltas.before("llm", reading(gpu(2)))
    deltas.before("stt", reading(gpu(3)))  # one of the llm's
    deltas.after("stt", reading(gpu(7)))
    deltas.after("llm", reading(gpu(10)))
    shares = deltas.shares()["g"]
    assert shares == {"llm": 6 * GB, "stt": 2 * GB} and sum(shares.values()) == 8 * GB


def test_memory_that_comes_back_meanwhile_is_not_the_loaders_gain() -> None:
    """One ends while another loads: 2 + 5 of the old one, which goes, and 3 of the new one."""
    deltas = InferredMemory()
    deltas.before("old", reading(gpu(2)))
    deltas.after("old", reading(gpu(7)))
    deltas.before("new", reading(gpu(7)))
    deltas.gone("old", reading(gpu(4)))
    deltas.after("new", reading(gpu(5)))
    assert deltas.shares() == {"g": {"new": 3 * GB}}


def test_noise_is_nobodys_and_a_lost_card_counts_for_nothing() -> None:
    deltas = InferredMemory()
    deltas.before("tts", reading(gpu(2)))
    deltas.after("tts", reading(gpu(2.001)))
    deltas.before("llm", reading(gpu(2, lost=True)))
    deltas.after("llm", reading(gpu(9, lost=True)))
    assert deltas.shares() == {"g": {}}


def ledger_at(at: float, used: float) -> MemoryAccounting:
    return allocate(reading(gpu(used), at=at), {}, {})


def test_ten_minutes_are_remembered() -> None:
    history = MemoryHistory()
    for half in range(3000):
        history.note(ledger_at(half / 2, 12))
        if half % 1000 == 0:
            history.mark(half / 2, "crash", "llm")
    assert 590 <= len(history.moments) <= 601 and history.moments[0].at >= 1499 - KEPT_S
    assert [mark.at for mark in history.marks] == [1000.0]
    moment = history.moments[-1]
    assert moment.ram == 12 / 32 and abs((moment.vram or 0) - 13 / 24) < 1e-9


def test_a_sparkline_keeps_the_peaks() -> None:
    history = MemoryHistory()
    for second in range(600):
        history.note(ledger_at(float(second), 23 if second == 333 else 5))
    columns = history.columns(600.0, 20)
    assert [round(c.vram or 0, 2) for c in columns if c] == [0.25] * 11 + [1.0] + [0.25] * 8
    assert MemoryHistory().columns(600.0, 3) == [None, None, None]


@pytest.mark.parametrize("device", [gpu(unified=True), gpu(lost=True)])
def test_pools_that_are_the_machines_own_or_gone_are_no_vram(device: GpuReading) -> None:
    history = MemoryHistory()
    history.note(allocate(reading(device), {}, {}))
    assert history.moments[0].vram is None
