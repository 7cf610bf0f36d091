"""Reads all meters, for ever, and prints each reading as a JSON line; a program of its own, because drivers hang.

Run as `python -m supervisors.meters.sampler`, or by its path, with `SamplerOptions` as JSON. Standard output: one
`MeterReading` a line. Standard input: lines such as {"period_s": 2.0}, each obeyed at once; where it ends, our reader
has ended, and so do we.
"""

import contextlib
import os
import select
import sys
import time
from collections.abc import Sequence

sys.path.append(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

import msgspec

from supervisors import kernel
from supervisors.meters.machine import MachineSource, ProcMachine, PsutilMachine
from supervisors.meters.nvml import Nvml, OldLibrary
from supervisors.meters.readings import CPU_MODE, GpuReading, Machine, MeterReading
from supervisors.meters.source import GpuSource

_LEAST_S = 0.05


class SamplerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What the command line and standard input may say; seconds."""

    period_s: float = 0.5
    retry_s: float = 30.0
    """Between two looks for a driver that is not there."""
    gpu_in_s: float = 0.0
    """Before the first look for one: the last time it did not answer."""
    wake_s: float = 20.0
    """A driver that nobody keeps loaded may need seconds for each card to come up."""


class MeterSampler:
    def __init__(self, machine: MachineSource, sources: Sequence[GpuSource], orders: SamplerOptions) -> None:
        self._machine, self._sources = machine, sources
        self.period_s, self._wake_s = orders.period_s, orders.wake_s
        self._devices: tuple[GpuReading, ...] = ()

    def run(self) -> None:
        """Until standard input ends."""
        due = time.monotonic()
        while True:
            self._read()
            due = max(due + self.period_s, time.monotonic())
            while (left := due - time.monotonic()) > 0:
                if not self._obey(left):
                    return
                due = min(due, time.monotonic() + self.period_s)

    def _read(self) -> None:
        now = time.monotonic()
        machine = self._machine.read(now)
        if any(source.wakes(now) for source in self._sources):
            self._say(MeterReading(at=now, machine=machine, devices=self._devices, patience_s=self._wake_s))
        found: list[GpuReading] = []
        notes = [note for source in self._sources if (note := self._ask(source, now, machine, found))]
        self._devices = tuple(found)
        note = " ".join(notes) or ("" if found else CPU_MODE)
        self._say(MeterReading(at=now, machine=machine, devices=self._devices, note=note))

    def _ask(self, source: GpuSource, now: float, machine: Machine, found: list[GpuReading]) -> str:
        """What there is to say of it. A driver that answers what nobody expects must not cost the other meters."""
        try:
            found += source.read(now, machine)
        except OldLibrary:
            raise
        except Exception as error:
            return f"A GPU cannot be read ({error or type(error).__name__})."
        return source.note

    def _say(self, reading: MeterReading) -> None:
        left = msgspec.json.encode(reading) + b"\n"
        while left:
            left = left[os.write(1, left) :]

    def _obey(self, wait_s: float) -> bool:
        """Sleep, but not through an order; False when nobody is there any more."""
        if not select.select([0], [], [], wait_s)[0]:
            return True
        heard = os.read(0, 4096)
        with contextlib.suppress(msgspec.DecodeError):
            for line in heard.splitlines():
                self.period_s = max(_LEAST_S, msgspec.json.decode(line, type=SamplerOptions).period_s)
        return bool(heard)


def _sources(orders: SamplerOptions) -> list[GpuSource]:
    if sys.platform == "darwin":
        from supervisors.meters.apple import AppleGpu

        return [AppleGpu()]
    from supervisors.meters.amdgpu import AmdGpu

    return [Nvml(orders.retry_s, time.monotonic() + orders.gpu_in_s), AmdGpu()]


def _start_again(orders: SamplerOptions) -> None:
    """The same process with a fresh memory. Does not return."""
    words = [sys.executable, "-I", os.path.abspath(__file__), msgspec.json.encode(orders).decode()]
    os.execv(sys.executable, words)


def main(words: Sequence[str]) -> None:
    kernel.die_with_parent()  # the end of standard input is not heard by one who hangs in a driver
    orders = msgspec.json.decode(words[0], type=SamplerOptions) if words else SamplerOptions()
    machine = ProcMachine() if kernel.LINUX else PsutilMachine()
    sampler = MeterSampler(machine, _sources(orders), orders)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError, KeyboardInterrupt):
        try:
            sampler.run()
        except OldLibrary:
            _start_again(msgspec.structs.replace(orders, period_s=sampler.period_s, gpu_in_s=0.0))


if __name__ == "__main__":
    main(sys.argv[1:])
