"""Apple's one pool, by texts in the form of its tools'; nobody has run this on a Mac yet."""

from collections.abc import Sequence

from supervisors.meters.apple import AppleGpu, ask
from supervisors.meters.memory_accounting import allocate
from supervisors.meters.readings import Machine, MeterReading

RAM = Machine(ram_total=16 << 30, ram_available=10 << 30)
REGISTRY = """
+-o AGXAcceleratorG13X  <class AGXAcceleratorG13X, id 0x100000b5c, registered, matched, active>
    {
      "PerformanceStatistics" = {"Alloc system memory"=3124, "Device Utilization %"=42,"Renderer Utilization %"=40}
    }
"""


def answer(command: Sequence[str]) -> str:
    return REGISTRY if "ioreg" in command[0] else "Apple M2 Pro\n"


def test_one_pool() -> None:
    (device,) = AppleGpu(answer).read(0.0, RAM)
    assert (device.name, device.load_pct, device.unified) == ("Apple M2 Pro", 42.0, True)
    assert (device.total, device.used, device.free) == (16 << 30, 6 << 30, 10 << 30)


def test_a_services_share_of_it_is_that_of_its_ram() -> None:
    reading = MeterReading(at=0.0, machine=RAM, devices=AppleGpu(answer).read(0.0, RAM))
    accounting = allocate(reading, {"llm": {1}}, {"llm": 2 << 30}, {"apple:0": {"llm": 5 << 30}})
    assert accounting.devices[0].services == accounting.ram.services == {"llm": 2 << 30}
    assert accounting.devices[0].inferred == {"llm"}


def test_tools_that_are_not_there() -> None:
    (device,) = AppleGpu(lambda _: "").read(0.0, RAM)
    assert (device.name, device.load_pct) == ("Apple GPU", None)
    assert ask(("/nowhere/ioreg",)) == "" and ask(("false",)) == ""


def test_the_registry_is_read_now_and_then_only() -> None:
    asked: list[str] = []

    def noted(command: Sequence[str]) -> str:
        asked.append(command[0])
        return answer(command)

    source = AppleGpu(noted)
    for tenth in range(40):
        source.read(tenth / 10, RAM)
    assert len(asked) == 2
