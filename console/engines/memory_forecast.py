"""Whether an engine has room on this machine, beside the one that runs or in its place; said with the figures."""

import asyncio
from collections.abc import Callable, Iterable
from time import monotonic

from console.api.swap_forecast import FreeMemory, SwapForecast
from console.engines.service_meters import Meters
from launchers.base import BaseLauncher
from launchers.memory.estimate import for_launcher
from launchers.memory.fit import Estimate, Fit, fits
from launchers.memory.learned import MeasuredProfiles
from profiles.home import Home
from profiles.wording import amount
from supervisors.meters import machine
from supervisors.meters.memory_accounting import Pool

SETTLED_S = 3.0
"""A driver that does not give memory back by then is not waited for any more."""
_LOOK_S = 0.05
REMEMBERED_S = 20.0
"""A screen that shows all models asks every few seconds, and files change seldom."""

_UNKNOWN = Estimate(ram_bytes=0, peak_ram_bytes=0, vram_bytes=0, source="formula", rough=True)
_UNTOLD = "the driver does not tell how much of the GPU is free: the old one goes first, a filler covers it"
_BLIND = "what it takes is not known here: the old one goes first, a filler covers it"


class Forecaster:
    """Asks the machine each time: what others use is not ours to remember."""

    def __init__(self, home: Home, meters: Meters, rss: Callable[[str], int]) -> None:
        self.learned = MeasuredProfiles(home)
        self._known: dict[tuple[str, ...], tuple[float, Estimate]] = {}
        self._meters, self._rss = meters, rss

    def room(self) -> FreeMemory:
        devices = self._devices()
        free = max((pool.free for pool in devices), default=0)
        one_pool = bool(devices) and all(pool.device is not None and pool.device.unified for pool in devices)
        return FreeMemory(ram=machine.look().ram_available, vram=free, one_pool=one_pool)

    def gpu(self) -> str:
        """Its name; "" where there is none."""
        return next((pool.device.name for pool in self._devices() if pool.device is not None), "")

    def _memory_is_known(self) -> bool:
        """False where a card is there, but its memory is not for us to see (MIG in a container)."""
        devices = self._devices()
        return not devices or any(pool.device is not None and pool.device.total for pool in devices)

    def device_of(self, launcher: BaseLauncher) -> str:
        """Where it would run: a GPU only where there is one, and a program that may know how to use it."""
        wanted = launcher.settings.device
        able = wanted == "gpu" or (wanted == "auto" and not launcher.needs_environment())
        return "gpu" if able and self.gpu() else "cpu"

    def need(self, launcher: BaseLauncher) -> Estimate:
        """Reads the head of its file, now and then: up to 0.2 s, so call it in a thread."""
        if not launcher.catalogued:
            return _UNKNOWN
        settings, now = launcher.settings, monotonic()
        key = (settings.engine, settings.model, settings.device, str(settings.context), str(len(launcher.files())))
        if key not in self._known or now - self._known[key][0] > REMEMBERED_S:
            self._known[key] = now, self._read(launcher)
        return self._known[key][1]

    def _read(self, launcher: BaseLauncher) -> Estimate:
        room = self.room()
        return for_launcher(
            launcher, self.learned, device=self.device_of(launcher), free_vram=room.ram if room.one_pool else room.vram
        )

    def forecast(self, wanted: BaseLauncher, before: BaseLauncher, others: Iterable[BaseLauncher] = ()) -> SwapForecast:
        """`others`: models that might be had instead. In a thread."""
        room, need = self.room(), self.need(wanted)
        freed_ram, freed_vram = self._rss(before.name), self._meters.vram(before.name) or 0
        untold = self.device_of(wanted) == "gpu" and not self._memory_is_known()
        if need is _UNKNOWN or untold:
            words = _UNTOLD if untold else _BLIND
            return SwapForecast(
                need=need, room=room, freed_ram=freed_ram, freed_vram=freed_vram, beside=False, fits=True, words=words
            )
        beside = fits(need, room.ram, room.vram, one_pool=room.one_pool)
        if wanted.settings.port:
            beside = Fit(fits=False)  # one port cannot be had twice
        instead = fits(need, room.ram + freed_ram, room.vram + freed_vram, one_pool=room.one_pool)
        words = "fits beside: no pause"
        if not beside.fits:
            words = (
                _pause(beside, need)
                if instead.fits
                else self._refusal(wanted, instead, others, _with(room, freed_ram, freed_vram))
            )
        return SwapForecast(
            need=need,
            room=room,
            freed_ram=freed_ram,
            freed_vram=freed_vram,
            beside=beside.fits,
            fits=instead.fits,
            words=words,
        )

    def _refusal(self, wanted: BaseLauncher, fit: Fit, others: Iterable[BaseLauncher], room: FreeMemory) -> str:
        """`room`: also what the one that runs would give back."""
        small = [o for o in others if fits(self.need(o), room.ram, room.vram, one_pool=room.one_pool).fits]
        names = " or ".join(dict.fromkeys(launcher.model for launcher in small[:3]))
        choose = f"{names} would fit" if names else "nothing smaller is here; free some memory first"
        return f"{wanted.model} will not fit: it {fit.words}; {choose}"

    async def settled(self) -> None:
        """RAM comes back with the process; a GPU's memory is waited for until two readings agree."""
        if not self._devices():
            return
        last, same, due = -1, 0, asyncio.get_running_loop().time() + SETTLED_S
        while same < 2 and asyncio.get_running_loop().time() < due:
            await asyncio.sleep(_LOOK_S)
            if (reading := self._meters.meter.reading) is None:
                return
            used = sum(device.used for device in reading.devices)
            same = same + 1 if abs(used - last) <= 64 << 20 else 0
            last = used

    def _devices(self) -> list[Pool]:
        accounting = None if self._meters.meter.stale else self._meters.accounting
        return [pool for pool in accounting.devices if pool.device and not pool.device.lost] if accounting else []


def _with(room: FreeMemory, ram: int, vram: int) -> FreeMemory:
    return FreeMemory(ram=room.ram + ram, vram=room.vram + vram, one_pool=room.one_pool)


def _pause(beside: Fit, need: Estimate) -> str:
    if not (beside.missing_ram or beside.missing_vram):
        return "its port is fixed: the character is silent while it loads, a filler covers it"
    short = amount(beside.missing_ram or beside.missing_vram)
    silent = f"about {need.load_s:.0f} s" if need.load_s else "while it loads"
    return f"needs {short} more: the character is silent {silent}, a filler covers it"
