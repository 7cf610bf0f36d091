"""NVIDIA's cards, by the driver's own library (NVML); in a process of its own, for a wedged driver never answers.

Costs on a laptop with a 4090 (driver 610): memory 12 us, load 3 us, a list of processes 4.5 ms, during which the
driver's global lock is held and others that draw on the card wait. Hence the paces: at most 3 ms a second in all.
"""

import contextlib
import ctypes
import os
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from supervisors.meters.readings import GpuProcess, GpuReading, Machine
from supervisors.meters.source import SamplingPace

LISTS_S, DRAWING_S, BODY_S = 2.0, 10.0, 1.0
"""Between two looks: at who computes, at who draws (never a service of ours but by Vulkan), at heat and power."""
LISTS_SHARE, REST_SHARE = 0.002, 0.0005
"""Of the time, at most, that all cards together may take to answer: to the first of these, to each of the others."""
BLIND = 256 << 20
"""Nobody is listed, and yet so much is used: the lists are not for us to see."""
_LIBRARY = "libnvidia-ml.so.1"


class _Card:
    def __init__(self, nvml: ModuleType, index: int, count: int) -> None:
        """Raises NVMLError. `count`: of all cards."""
        self.handle = nvml.nvmlDeviceGetHandleByIndex(index)
        self.key = f"nvidia:{nvml.nvmlDeviceGetUUID(self.handle)}"
        try:
            self.name = str(nvml.nvmlDeviceGetName(self.handle))
        except (nvml.NVMLError_NoPermission, nvml.NVMLError_NotSupported, nvml.NVMLError_Unknown):
            self.name = "NVIDIA GPU"
        self.lost = False
        self.temp_c: float | None = None
        self.power_w: float | None = None
        self.computing: dict[int, int | None] = {}
        self.drawing: dict[int, int | None] = {}
        self.lists = SamplingPace(LISTS_S, LISTS_SHARE / count)
        self.drawn, self.body = SamplingPace(DRAWING_S, REST_SHARE / count), SamplingPace(BODY_S, REST_SHARE / count)

    def processes(self) -> dict[int, int | None]:
        """One that computes and draws is in both lists, with the same number."""
        return self.drawing | self.computing


class OldLibrary(Exception):
    """The driver was upgraded under us. Only a fresh process loads the library that belongs to it."""


class Nvml:
    """Raises OldLibrary, and nothing else."""

    def __init__(self, retry_s: float, first_look: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`first_look`: monotonic time, seconds, before which the driver is left alone."""
        self._retry_s, self._look_at, self._clock = retry_s, first_look, clock
        self._nvml: ModuleType | None = None
        self._cards: list[_Card] = []
        self._seen = self._differed = False
        self.note = "The GPU's driver hung; it is left alone for a while." if first_look > clock() else ""

    def wakes(self, now: float) -> bool:
        return now >= self._look_at

    def read(self, now: float, machine: Machine) -> tuple[GpuReading, ...]:
        if now >= self._look_at:
            self._look()
        devices = [device for card in self._cards if (device := self._device(card, now, machine))]
        if lost := [card for card in self._cards if card.lost]:
            self.note = f"The NVIDIA driver has lost {lost[0].name}; it is asked again every {self._retry_s:g} s."
            if self._look_at == float("inf"):
                self._look_at = self._clock() + self._retry_s
        return tuple(devices)

    def _look(self) -> None:
        """For cards; again and again while there are none."""
        self._cards, self.note = [], ""
        self._look_at = self._clock() + self._retry_s
        nvml = self._nvml = self._nvml or _library()
        if nvml is None:
            return
        with contextlib.suppress(nvml.NVMLError):
            nvml.nvmlShutdown()
        try:
            nvml.nvmlInit()
            count = nvml.nvmlDeviceGetCount()
        except nvml.NVMLError as error:
            differ = error.value == nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
            if differ and (self._seen or self._differed):
                raise OldLibrary from error
            self._differed = differ
            self.note = self._why(nvml, error.value, str(error).rstrip("."))
            return
        self._meet(nvml, count)

    def _meet(self, nvml: ModuleType, count: int) -> None:
        for index in range(count):
            try:
                self._cards.append(_Card(nvml, index, count))
            except nvml.NVMLError:
                self.note = f"An NVIDIA card does not answer; it is asked again every {self._retry_s:g} s."
        self._seen = self._seen or bool(self._cards)
        if self._cards and not self.note:
            self._look_at = float("inf")

    def _why(self, nvml: ModuleType, code: int, words: str) -> str:
        if code == nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH:
            return "The NVIDIA driver and its library are of different versions; restart the machine."
        if code == nvml.NVML_ERROR_DRIVER_NOT_LOADED and not self._seen:
            return "The NVIDIA driver is installed but not loaded."
        return f"The NVIDIA driver does not answer ({words}); it is asked again every {self._retry_s:g} s."

    def _device(self, card: _Card, now: float, machine: Machine) -> GpuReading | None:
        nvml = self._nvml
        if nvml is None or card.lost:
            return None
        try:
            memory = self._memory(nvml, card, machine)
            load = self._maybe(nvml.nvmlDeviceGetUtilizationRates, card.handle)
            self._feel(nvml, card, now)
            self._list(nvml, card, now)
        except nvml.NVMLError:
            card.lost = True
            return None
        found = card.processes()
        blind = any(used is None or not _exists(pid) for pid, used in found.items())
        return GpuReading(
            key=card.key,
            name=card.name,
            load_pct=None if load is None else float(load.gpu),
            temp_c=card.temp_c,
            power_w=card.power_w,
            blind=blind or (not found and memory["used"] > BLIND),
            processes=tuple(GpuProcess(pid, used) for pid, used in found.items()),
            **memory,
        )

    def _memory(self, nvml: ModuleType, card: _Card, machine: Machine) -> dict[str, Any]:
        """Version 2 tells apart what the driver keeps for itself; drivers before 510 do not know it."""
        try:
            info = nvml.nvmlDeviceGetMemoryInfo(card.handle, version=nvml.nvmlMemory_v2)
            return {"total": info.total, "used": info.used, "free": info.free, "reserved": info.reserved}
        except nvml.NVMLError_NotSupported:  # Grace, Spark, Jetson: it uses the machine's RAM
            total, free = machine.ram_total, machine.ram_available
            return {"total": total, "used": total - free, "free": free, "unified": True}
        except nvml.NVMLError as error:
            if error.value in self._gone():
                raise
        info = self._maybe(nvml.nvmlDeviceGetMemoryInfo, card.handle)
        if info is None:  # not for us to see, as in a container with a part of a card (MIG)
            return {"total": 0, "used": 0, "free": 0}
        return {"total": info.total, "used": info.used, "free": info.free}

    def _feel(self, nvml: ModuleType, card: _Card, now: float) -> None:
        if not card.body.due(now):
            return
        began = self._clock()
        degrees = self._maybe(nvml.nvmlDeviceGetTemperature, card.handle, nvml.NVML_TEMPERATURE_GPU)
        card.temp_c = None if degrees is None else float(degrees)
        milliwatts = self._maybe(nvml.nvmlDeviceGetPowerUsage, card.handle)
        card.power_w = None if milliwatts is None else milliwatts / 1000
        card.body.took(now, self._clock() - began)

    def _list(self, nvml: ModuleType, card: _Card, now: float) -> None:
        began = self._clock()
        if card.lists.due(now):
            card.computing = self._pids(nvml.nvmlDeviceGetComputeRunningProcesses, card)
            card.lists.took(now, self._clock() - began)
        elif card.drawn.due(now):
            card.drawing = self._pids(nvml.nvmlDeviceGetGraphicsRunningProcesses, card)
            card.drawn.took(now, self._clock() - began)

    def _pids(self, ask: Callable[..., Any], card: _Card) -> dict[int, int | None]:
        return {row.pid: row.usedGpuMemory for row in self._maybe(ask, card.handle) or ()}

    def _maybe(self, ask: Callable[..., Any], *words: Any) -> Any:
        """None for what this card does not tell. Raises NVMLError when the card or the driver is gone."""
        nvml = self._nvml
        assert nvml is not None
        try:
            return ask(*words)
        except nvml.NVMLError as error:
            if error.value in self._gone():
                raise
            return None

    def _gone(self) -> tuple[int, ...]:
        """Codes that cost the card; any other only the figure."""
        nvml = self._nvml
        assert nvml is not None
        return (
            nvml.NVML_ERROR_UNINITIALIZED,
            nvml.NVML_ERROR_DRIVER_NOT_LOADED,
            nvml.NVML_ERROR_GPU_IS_LOST,
            nvml.NVML_ERROR_RESET_REQUIRED,
            nvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH,
        )


def _library() -> ModuleType | None:
    """pynvml takes 19 MB and 30 ms, which machines without the library need not spend."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return None
    import pynvml

    return pynvml  # type: ignore[no-any-return]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
