"""Figures of the machine that are missing, garbage, or narrowed by a control group; on folders made for it."""

import contextlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from supervisors.meters.machine import ProcMachine, look
from supervisors.meters.readings import Machine

GB = 1 << 30
FILES = {
    "meminfo": f"MemTotal: {25 * GB >> 10} kB\nMemFree: {4 * GB >> 10} kB\nMemAvailable: {20 * GB >> 10} kB\n"
    f"Buffers: 0 kB\nCached: {GB >> 10} kB\nSwapTotal: {8 * GB >> 10} kB\nSwapFree: {6 * GB >> 10} kB\n",
    "vmstat": "pgpgin 5\npswpin 100\npswpout 3\n",
    "stat": "cpu  100 0 100 800 0 0 0 0 0 0\ncpu0 1 1 1 1\n",
    "pressure/memory": "some avg10=1.50 avg60=0.00 avg300=0.00 total=0\n",
}
WHOLE = Machine(
    ram_total=25 * GB,
    ram_available=20 * GB,
    swap_total=8 * GB,
    swap_used=2 * GB,
    swap_in=0,
    pressure_pct=1.5,
    cpu_pct=50.0,
)


def put(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def read(root: Path, files: dict[str, str] | None = None) -> Machine:
    """The second of two readings."""
    put(root / "proc", FILES if files is None else files)
    machine = ProcMachine(str(root / "proc"))
    machine.read(100.0)
    if (root / "proc" / "stat").exists() and (files or FILES).get("stat") == FILES["stat"]:
        (root / "proc" / "stat").write_text("cpu  150 0 150 900 0 0 0 0 0 0\n")
    return machine.read(101.0)


def without(name: str, *rows: str) -> dict[str, str]:
    text = "".join(f"{line}\n" for line in FILES[name].splitlines() if not line.startswith(rows))
    return FILES | {name: text}


def test_all_there_is(tmp_path: Path) -> None:
    assert read(tmp_path) == WHOLE


@pytest.mark.parametrize(
    ("files", "differs"),
    [
        (without("vmstat", "pswpin"), {"swap_in": None}),
        ({k: v for k, v in FILES.items() if k != "vmstat"}, {"swap_in": None}),
        (FILES | {"vmstat": "pswpin\n"}, {"swap_in": None}),
        (FILES | {"vmstat": "\x00\x01garbage"}, {"swap_in": None}),
        (without("meminfo", "MemAvailable"), {"ram_available": 5 * GB}),
        (without("meminfo", "SwapTotal", "SwapFree"), {"swap_total": 0, "swap_used": 0}),
        (without("meminfo", "SwapFree"), {"swap_used": 0}),
        (FILES | {"meminfo": FILES["meminfo"] + "nonsense\nMore: x kB\n"}, {}),
        ({k: v for k, v in FILES.items() if k != "stat"}, {"cpu_pct": None}),
        (FILES | {"stat": ""}, {"cpu_pct": None}),
        (FILES | {"stat": "cpu a b c d\n"}, {"cpu_pct": None}),
        ({k: v for k, v in FILES.items() if k != "pressure/memory"}, {"pressure_pct": None}),
        (FILES | {"pressure/memory": "some avg10=?\n"}, {"pressure_pct": None}),
    ],
)
def test_a_figure_that_is_missing_costs_itself(
    tmp_path: Path, files: dict[str, str], differs: dict[str, object]
) -> None:
    found = read(tmp_path, files)
    assert {key: getattr(found, key) for key in WHOLE.__struct_fields__} == {
        **{key: getattr(WHOLE, key) for key in WHOLE.__struct_fields__},
        **differs,
    }


def test_nothing_at_all_is_still_a_reading(tmp_path: Path) -> None:
    found = read(tmp_path, {"other": ""})
    assert found.ram_total >= found.ram_available >= 0 and found.ram_total > 0
    assert (found.swap_in, found.cpu_pct, found.pressure_pct) == (None, None, None)


V2 = "30 20 0:26 {top} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw\n"
V1 = "31 20 0:27 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
NO_LIMIT = str(2**63 - 4096)


def group(root: Path, mount: str, ours: str, folders: dict[str, dict[str, str]]) -> Machine:
    put(root / "proc" / "self", {"mountinfo": mount, "cgroup": ours})
    for folder, files in folders.items():
        put(root / "sys/fs/cgroup" / folder, files)
    return read(root)


def v2(limit: str, current: float, idle: float = 0.0, **more: str) -> dict[str, str]:
    stat = f"anon 5\nfile 7\ninactive_file {int(idle * GB)}\n"
    return {
        "memory.max": limit,
        "memory.current": str(int(current * GB)),
        "memory.stat": stat,
        **{k.replace("_", "."): v for k, v in more.items()},
    }


def v1(limit: str, usage: float, idle: float = 0.0) -> dict[str, str]:
    return {
        "memory.limit_in_bytes": limit,
        "memory.usage_in_bytes": str(int(usage * GB)),
        "memory.stat": f"total_inactive_file {int(idle * GB)}\n",
    }


@pytest.mark.parametrize(
    ("mount", "ours", "folders", "total", "available"),
    [
        (V2.format(top="/"), "0::/a/b\n", {"a/b": v2(str(2 * GB), 1.5, 0.5)}, 2, 1),
        (V2.format(top="/"), "0::/a/b\n", {"a/b": v2("max", 1.5), "a": v2(str(3 * GB), 2)}, 3, 1),
        (V2.format(top="/"), "0::/a/b\n", {"a/b": v2(str(2 * GB), 0.5), "a": v2(str(3 * GB), 2.5)}, 2, 0.5),
        (V2.format(top="/"), "0::/\n", {".": v2(str(2 * GB), 1)}, 2, 1),
        (V2.format(top="/docker/x"), "0::/docker/x\n", {".": v2(str(2 * GB), 1)}, 2, 1),
        (V2.format(top="/"), "0::/../..\n", {".": v2(str(2 * GB), 1)}, 2, 1),
        (V2.format(top="/"), "0::/gone\n", {".": v2(str(2 * GB), 1)}, 2, 1),
        (V2.format(top="/"), "0::/a\n", {"a": v2("max", 1, memory_high=str(2 * GB))}, 2, 1),
        (V2.format(top="/"), "0::/a\n", {"a": v2("max", 1)}, 25, 20),
        (V2.format(top="/"), "0::/a\n", {"a": v2(str(99 * GB), 1)}, 25, 20),
        (V2.format(top="/"), "0::/a\n", {"a": v2(str(2 * GB), 3)}, 2, 0),
        (V2.format(top="/"), "0::/a\n", {"a": v2("garbage", 3)}, 25, 20),
        ("", "0::/a\n", {"a": v2(str(2 * GB), 1)}, 2, 1),
        (V1.format(top="/"), "4:memory:/a\n0::/\n", {"memory/a": v1(str(2 * GB), 1.5, 0.5)}, 2, 1),
        (V1.format(top="/"), "4:cpu,memory:/a\n", {"memory/a": v1(NO_LIMIT, 1), "memory": v1(str(3 * GB), 2)}, 3, 1),
        (V1.format(top="/docker/x"), "4:memory:/docker/x\n", {"memory": v1(str(2 * GB), 1)}, 2, 1),
        (V1.format(top="/"), "4:memory:/a\n", {"memory/a": v1(NO_LIMIT, 1)}, 25, 20),
        (V2.format(top="/") + V1.format(top="/"), "4:memory:/a\n0::/\n", {"memory/a": v1(str(GB), 0)}, 1, 1),
    ],
)
def test_the_limit_of_a_control_group_is_the_memory(
    tmp_path: Path, mount: str, ours: str, folders: dict[str, dict[str, str]], total: float, available: float
) -> None:
    found = group(tmp_path, mount, ours, folders)
    assert (found.ram_total, found.ram_available) == (total * GB, available * GB)


def test_a_limit_of_the_swap_is_the_swap(tmp_path: Path) -> None:
    swap = {"memory.swap.max": str(GB), "memory.swap.current": str(GB // 2)}
    found = group(tmp_path, V2.format(top="/"), "0::/a\n", {"a": v2(str(2 * GB), 1) | swap})
    assert (found.swap_total, found.swap_used) == (GB, GB // 2)


def test_a_look_keeps_no_file_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert look().ram_total >= look().ram_available > 0
    assert len(list(Path("/proc/self/fd").iterdir())) == before


_ASK = "from supervisors.meters.machine import look; m = look(); print(m.ram_total, m.ram_available)"


def test_a_real_control_group() -> None:
    """Of this machine, where we may make one."""
    first, second = Path("/sys/fs/cgroup/memory"), Path("/sys/fs/cgroup")
    home = first if first.is_dir() else second
    folder = home / f"galactus-test-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / ("memory.limit_in_bytes" if home == first else "memory.max")).write_text(str(GB))
    except OSError as error:
        with contextlib.suppress(OSError):
            folder.rmdir()
        pytest.skip(f"no control group can be made here ({error.strerror})")
    join = f"import os; open({str(folder / 'cgroup.procs')!r}, 'w').write(str(os.getpid())); "
    try:
        told = subprocess.run([sys.executable, "-c", join + _ASK], capture_output=True, text=True, check=True).stdout
        total, available = map(int, told.split())
        assert total == GB and GB // 2 < available <= GB
    finally:
        folder.rmdir()
