"""Apple's chips: one pool of memory for everybody, so no VRAM of its own; the load of the GPU as the registry tells.

Heat and power are for root only (`powermetrics`), and who has what of the pool is not told: a service's share is that
of its RAM. Not run on a Mac so far: the tests read a text in the form of `ioreg`'s.
"""

import re
import subprocess
from collections.abc import Callable, Sequence

from supervisors.meters.readings import GpuReading, Machine
from supervisors.meters.source import SamplingPace

LOOK_S, SHARE, PATIENCE_S = 4.0, 0.005, 2.0
"""`ioreg` is a process of its own, some 15 ms each time."""
_NAME = ("/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string")
_REGISTRY = ("/usr/sbin/ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
_LOAD = re.compile(r'"Device Utilization %"\s*=\s*(\d+)')


def ask(command: Sequence[str]) -> str:
    """What it prints; "" when it does not."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, errors="replace")
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout if done.returncode == 0 else ""


class AppleGpu:
    def __init__(self, ask: Callable[[Sequence[str]], str] = ask) -> None:
        self._ask = ask
        self._name = ""
        self._look = SamplingPace(LOOK_S, SHARE)
        self._load: float | None = None
        self.note = ""

    def wakes(self, now: float) -> bool:
        return False

    def read(self, now: float, machine: Machine) -> tuple[GpuReading, ...]:
        self._name = self._name or self._ask(_NAME).strip() or "Apple GPU"
        if self._look.due(now):
            found = _LOAD.search(self._ask(_REGISTRY))
            self._load = float(found[1]) if found else None
            self._look.took(now, 0.0)
        return (
            GpuReading(
                key="apple:0",
                name=self._name,
                total=machine.ram_total,
                used=machine.ram_used,
                free=machine.ram_available,
                load_pct=self._load,
                unified=True,
                blind=True,
            ),
        )
