"""AMD's cards, by what the kernel's driver (amdgpu) writes into /sys and /proc; no library, no root.

Whole cards: /sys/class/drm/card*/device. Processes: `drm-memory-*` in /proc/PID/fdinfo (kernel 5.19 and later), of
those that are ours to look at; one client that is open twice is counted once.
"""

import contextlib
import os
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from supervisors.meters.readings import GpuProcess, GpuReading, Machine
from supervisors.meters.source import SamplingPace

LOOK_S, LISTS_S = 10.0, 2.0
LISTS_SHARE = 0.004
"""10 ms for 500 processes: of one core, at most so much."""
_CARD = re.compile(r"card\d+")
_MICRO, _MILLI = 1e6, 1e3
_UNITS = {"": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_NAMES = "usr/share/libdrm/amdgpu.ids"


class _Card:
    def __init__(self, root: Path, device: Path) -> None:
        """Raises OSError."""
        self.device = device
        facts = dict(line.split("=", 1) for line in (device / "uevent").read_text().splitlines() if "=" in line)
        self.slot = facts.get("PCI_SLOT_NAME", device.parent.name)
        self.key = f"amd:{self.slot}"
        self.sensors = next(iter(sorted((device / "hwmon").glob("hwmon*"))), device / "hwmon")
        self.name = _text(device / "product_name") or _from_list(root / _NAMES, device) or "AMD GPU"
        # The voltage of the north bridge is told by processors with a GPU inside, and by nothing else.
        self.unified = any(_text(path) == "vddnb" for path in self.sensors.glob("in*_label"))
        self.processes: dict[int, int] = {}


class AmdGpu:
    def __init__(self, root: Path = Path("/"), clock: Callable[[], float] = time.monotonic) -> None:
        self._root, self._clock = root, clock
        self._cards: dict[str, _Card] = {}
        self._look, self._lists = SamplingPace(LOOK_S, LISTS_SHARE), SamplingPace(LISTS_S, LISTS_SHARE)
        self.note = ""

    def wakes(self, now: float) -> bool:
        return False

    def read(self, now: float, machine: Machine) -> tuple[GpuReading, ...]:
        if self._look.due(now):
            self._find()
            self._look.took(now, 0.0)
        if self._cards and self._lists.due(now):
            began = self._clock()
            self._share_out()
            self._lists.took(now, self._clock() - began)
        found = [device for card in self._cards.values() if (device := _read(card))]
        self.note = "An AMD GPU does not answer." if len(found) < len(self._cards) else ""
        return tuple(found)

    def _find(self) -> None:
        """Those that went stay known: that they do not answer is worth a word."""
        with contextlib.suppress(OSError):
            for path in sorted((self._root / "sys/class/drm").iterdir()):
                if _CARD.fullmatch(path.name) and (path / "device" / "mem_info_vram_total").exists():
                    with contextlib.suppress(OSError):
                        card = _Card(self._root, path / "device")
                        self._cards.setdefault(card.key, card).device = card.device

    def _share_out(self) -> None:
        by_slot = {card.slot: card for card in self._cards.values()}
        for card in by_slot.values():
            card.processes = {}
        proc = self._root / "proc"
        for pid in (name for name in os.listdir(proc) if name.isdecimal()):
            for slot, (vram, shared) in _clients(f"{proc}/{pid}").items():
                if (found := by_slot.get(slot)) and (used := vram + (shared if found.unified else 0)):
                    found.processes[int(pid)] = found.processes.get(int(pid), 0) + used


def _read(card: _Card) -> GpuReading | None:
    """A GPU inside the processor has a little memory of its own and as much of the RAM as it is given (GTT)."""
    kinds = ("vram", "gtt") if card.unified else ("vram",)
    totals = [_number(card.device / f"mem_info_{kind}_total") for kind in kinds]
    useds = [_number(card.device / f"mem_info_{kind}_used") for kind in kinds]
    if None in totals or None in useds:
        return None
    total, used = sum(t or 0 for t in totals), sum(u or 0 for u in useds)
    asleep = _text(card.device / "power" / "runtime_status") == "suspended"  # to feel its pulse would wake it
    load = None if asleep else _number(card.device / "gpu_busy_percent")
    heat = None if asleep else _number(card.sensors / "temp1_input")
    power = None if asleep else _number(card.sensors / "power1_average") or _number(card.sensors / "power1_input")
    return GpuReading(
        key=card.key,
        name=card.name,
        total=total,
        used=min(used, total),
        free=max(0, total - used),
        load_pct=None if load is None else float(load),
        temp_c=None if heat is None else heat / _MILLI,
        power_w=None if power is None else power / _MICRO,
        unified=card.unified,
        processes=tuple(GpuProcess(pid, size) for pid, size in card.processes.items()),
    )


def _clients(process: str) -> dict[str, tuple[int, int]]:
    """Bytes of the card's own memory and of the RAM it uses, by slot."""
    seen: dict[tuple[str, str], tuple[int, int]] = {}
    for handle in _drawing_handles(process):
        with contextlib.suppress(OSError), open(f"{process}/fdinfo/{handle}") as file:
            facts = dict(
                line.rstrip("\n").split(":\t", 1) for line in file if line.startswith("drm-") and ":\t" in line
            )
            slot, client = facts.get("drm-pdev", ""), facts.get("drm-client-id", handle)
            seen[slot, client] = (_size(facts, "vram"), _size(facts, "gtt"))
    out: dict[str, tuple[int, int]] = {}
    for (slot, _), (vram, shared) in seen.items():
        before = out.get(slot, (0, 0))
        out[slot] = (before[0] + vram, before[1] + shared)
    return out


def _drawing_handles(process: str) -> Iterator[str]:
    with contextlib.suppress(OSError):  # it has ended, or is another user's
        for handle in os.listdir(f"{process}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"{process}/fd/{handle}").startswith("/dev/dri/"):
                    yield handle


def _size(facts: dict[str, str], region: str) -> int:
    """Newer kernels say `resident` where older ones said `memory`; amdgpu says both."""
    number, _, unit = (facts.get(f"drm-memory-{region}") or facts.get(f"drm-resident-{region}") or "0").partition(" ")
    return int(number) * _UNITS.get(unit.strip(), 1) if number.isdecimal() else 0


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return ""


def _number(path: Path) -> int | None:
    words = _text(path)
    return int(words) if words.lstrip("-").isdecimal() else None


def _from_list(names: Path, device: Path) -> str:
    """Its name in libdrm's list, whose lines are "73BF, C1, AMD Radeon RX 6800 XT"."""
    wanted = [_text(device / part).removeprefix("0x").upper() for part in ("device", "revision")]
    with contextlib.suppress(OSError, UnicodeDecodeError), open(names) as lines:
        for line in lines:
            words = [word.strip() for word in line.split(",", 2)]
            if len(words) == 3 and [word.upper() for word in words[:2]] == [wanted[0], wanted[1].zfill(2)]:
                return words[2]
    return ""
