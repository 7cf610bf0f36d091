"""AMD's cards in a tree of files such as the kernel's."""

import os
import shutil
from pathlib import Path

import pytest

from supervisors.meters.amdgpu import AmdGpu
from supervisors.meters.readings import GpuProcess, GpuReading, Machine

MIB = 1 << 20
RAM = Machine(ram_total=16 << 30, ram_available=8 << 30)


def write(root: Path, files: dict[str, object]) -> None:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")


def put_card(root: Path, number: int, slot: str, **more: object) -> Path:
    device = root / f"sys/class/drm/card{number}/device"
    sizes = {"vram_total": 8192 * MIB, "vram_used": 3000 * MIB, "gtt_total": 15000 * MIB, "gtt_used": 100 * MIB}
    files: dict[str, object] = {f"mem_info_{key}": value for key, value in sizes.items()}
    files |= {"uevent": f"DRIVER=amdgpu\nPCI_SLOT_NAME={slot}", "gpu_busy_percent": 37, "device": "0x73bf"}
    files |= {"revision": "0xc1", "hwmon/hwmon4/temp1_input": 54000, "hwmon/hwmon4/power1_average": 120500000}
    write(device, files | more)
    write(root, {f"sys/class/drm/card{number}-DP-1/status": "connected"})
    return device


def put_process(root: Path, pid: int, handles: dict[int, str]) -> None:
    """`handles`: the drm lines of each."""
    for number, lines in handles.items():
        write(root, {f"proc/{pid}/fdinfo/{number}": f"pos:\t0\nflags:\t02\n{lines}"})
        (root / f"proc/{pid}/fd").mkdir(exist_ok=True)
        (root / f"proc/{pid}/fd/{number}").symlink_to("/dev/dri/renderD128")


def client(slot: str, number: int, vram: str, gtt: str = "0") -> str:
    facts = {"driver": "amdgpu", "client-id": number, "pdev": slot, "memory-vram": vram, "memory-gtt": gtt}
    return "\n".join(f"drm-{key}:\t{value}" for key, value in facts.items())


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "proc").mkdir()
    return tmp_path


def test_nothing_of_amd_is_no_error(root: Path) -> None:
    source = AmdGpu(root)
    assert source.read(0.0, RAM) == () and source.note == ""


def test_a_card(root: Path) -> None:
    put_card(root, 1, "0000:03:00.0")
    write(root, {"usr/share/libdrm/amdgpu.ids": "1.0.0\n73BF,\tC0,\tAnother\n73BF,\tC1,\tAMD Radeon RX 6800 XT"})
    assert AmdGpu(root).read(0.0, RAM) == (
        GpuReading(
            key="amd:0000:03:00.0",
            name="AMD Radeon RX 6800 XT",
            total=8192 * MIB,
            used=3000 * MIB,
            free=5192 * MIB,
            load_pct=37.0,
            temp_c=54.0,
            power_w=120.5,
        ),
    )


def test_who_has_what(root: Path) -> None:
    """A client that is open twice counts once; another device's memory is not this one's; sockets are no cards."""
    put_card(root, 0, "0000:03:00.0")
    first, second = client("0000:03:00.0", 7, "2048 KiB"), client("0000:03:00.0", 8, "1 MiB", "99 MiB")
    put_process(root, 50, {3: first, 4: first, 5: second})
    put_process(root, 51, {3: client("0000:99:00.0", 9, "512 MiB")})
    put_process(root, 52, {3: client("0000:03:00.0", 10, "123")})
    write(root, {"proc/53/fdinfo/3": client("0000:03:00.0", 11, "5 MiB"), "proc/self/x": ""})
    (device,) = AmdGpu(root).read(0.0, RAM)
    assert {p.pid: p.used for p in device.processes} == {50: 3 * MIB, 52: 123}


def test_a_gpu_inside_the_processor_uses_the_machines_ram(root: Path) -> None:
    put_card(root, 0, "0000:c4:00.0", mem_info_vram_total=512 * MIB, mem_info_vram_used=5 * MIB)
    write(root, {"sys/class/drm/card0/device/hwmon/hwmon4/in1_label": "vddnb"})
    put_process(root, 50, {3: client("0000:c4:00.0", 7, "5 MiB", "80 MiB")})
    (device,) = AmdGpu(root).read(0.0, RAM)
    assert device.unified and (device.total, device.used) == (15512 * MIB, 105 * MIB)
    assert device.processes == (GpuProcess(50, 85 * MIB),)


def test_a_card_that_sleeps_is_not_woken(root: Path) -> None:
    put_card(root, 0, "0000:03:00.0", **{"power/runtime_status": "suspended"})
    (device,) = AmdGpu(root).read(0.0, RAM)
    assert (device.load_pct, device.temp_c, device.power_w) == (None, None, None) and device.used == 3000 * MIB


def test_what_is_not_told_is_not_known(root: Path) -> None:
    device = put_card(root, 0, "0000:03:00.0", gpu_busy_percent="nonsense")
    shutil.rmtree(device / "hwmon")
    (read,) = AmdGpu(root).read(0.0, RAM)
    assert (read.name, read.load_pct, read.temp_c, read.power_w) == ("AMD GPU", None, None, None)


def test_a_driver_that_goes_and_comes(root: Path) -> None:
    device = put_card(root, 0, "0000:03:00.0")
    source = AmdGpu(root)
    assert source.read(0.0, RAM)
    shutil.rmtree(device)
    assert source.read(1.0, RAM) == () and source.note == "An AMD GPU does not answer."
    put_card(root, 2, "0000:03:00.0")  # under another number
    (found,) = source.read(20.0, RAM)
    assert found.key == "amd:0000:03:00.0" and source.note == ""


def test_lists_are_read_now_and_then_only(root: Path) -> None:
    put_card(root, 0, "0000:03:00.0")
    clock = iter(range(100))
    source = AmdGpu(root, clock=lambda: next(clock) / 100)  # each list takes 10 ms
    source.read(0.0, RAM)
    put_process(root, os.getpid(), {3: client("0000:03:00.0", 7, "1 MiB")})
    assert source.read(2.4, RAM)[0].processes == ()
    assert source.read(2.6, RAM)[0].processes == (GpuProcess(os.getpid(), MIB),)
