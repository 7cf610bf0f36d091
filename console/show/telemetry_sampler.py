"""Samples what moves between events, for screens: microphone level, jaw, memory. Costs nothing while nobody looks."""

import asyncio
from time import monotonic

import psutil  # type: ignore[import-untyped]

from console.api.bus import Bus
from console.api.telemetry_types import DeviceMemory, JawReading, Levels, Memory, MemoryTrace
from console.body.device_set import Booth
from console.engines.service_meters import Meters
from conversation.events import Event, StageEntered
from conversation.stages import Stage
from devices.sound.levels import NoiseFloor
from profiles.schema import MemoryRules
from supervisors.meters import history
from supervisors.meters.memory_accounting import Pool
from supervisors.meters.readings import MeterReading
from supervisors.service.group import ServiceGroup

_MOVING_S, _LIVE_S, _QUIET_S = 0.05, 0.2, 1.0
_PULSE_S = 2.0
_TREMBLING_S, _SHARE, _POINTS = 5.0, 0.01, 10
"""While nobody is served, what moves by less than this part of a memory, or so many percent, is told so seldom."""
_COLUMNS, _HISTORY_S = 60, 10.0
"""A column of the history is as long as the time between two of them; a mark is told at once."""


class TelemetrySampler:
    """20 Hz while a turn runs, 5 Hz while a live microphone is open, else 1 Hz; sends only what changed."""

    def __init__(self, bus: Bus, booth: Booth, group: ServiceGroup, meters: Meters, rules: MemoryRules) -> None:
        self._bus, self._booth, self._group, self._meters = bus, booth, group, meters
        self._rules = rules
        self._floor = NoiseFloor()
        self._wake = asyncio.Event()
        self._levels: Levels | None = None
        self._jaw: JawReading | None = None
        self._memory: Memory | None = None
        self._measured: tuple[MeterReading | None, bool] = None, False
        self._memory_at = self._pulse_at = self._history_at = float("-inf")
        self._marks = 0
        self._me = psutil.Process()
        bus.add_sink(self._on_event)
        bus.on_arrival(self._on_arrival)
        meters.on_reading = self._on_reading

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            self._meters.watched(self._watched())
            if self._watched():
                self._send_levels()
                self._send_jaw()
                self._send_memory()
                self._send_history()
                self._send_pulse()
            try:
                async with asyncio.timeout(self._pause()):
                    await self._wake.wait()
            except TimeoutError:
                pass
            self._wake.clear()

    def _on_event(self, event: Event, _: bytes) -> None:
        """A turn that begins is drawn from its first moment on."""
        if isinstance(event, StageEntered):
            self._wake.set()

    def _on_arrival(self) -> None:
        """A new screen gets the present, not what was true when a screen last looked."""
        self._measured, self._history_at = (None, False), float("-inf")
        self._wake.set()

    def _on_reading(self) -> None:
        if self._watched():
            self._wake.set()

    def _pause(self) -> float:
        if not self._watched():
            return _QUIET_S
        if self._bus.state.stage is not Stage.IDLE or self._booth.limited.attached:
            return _MOVING_S
        return _QUIET_S if self._booth.microphone.simulated else _LIVE_S

    def _watched(self) -> bool:
        return self._bus.watched("levels")

    def _send_levels(self) -> None:
        mic = self._booth.microphone.level_db
        floor = None if mic is None else round(self._floor.note(mic))
        jaw = round(self._booth.limited.opening, 2)
        levels = Levels(
            mic_db=None if mic is None else round(mic), floor_db=floor, jaw=jaw, clipped=self._booth.microphone.clipped
        )
        if levels != self._levels:
            self._levels = levels
            self._bus.telemetry("levels", "", levels)

    def _send_jaw(self) -> None:
        player, limited = self._booth.jaw, self._booth.limited
        jaw = JawReading(
            us=limited.us,
            opening=round(limited.opening, 2),
            track=round(player.wanted, 2),
            armed=limited.armed,
            stopped=limited.stopped,
            fault=limited.fault,
            rearms=limited.rearms,
            lost=limited.board is None,
            sync_ms=player.sync_ms(),
            dropped=player.dropped,
        )
        if jaw != self._jaw:
            self._jaw = jaw
            self._bus.telemetry("jaw", "", jaw)

    def _send_memory(self) -> None:
        reading, stale = self._meters.meter.reading, self._meters.meter.stale
        known, was_stale = self._measured
        if reading is None or (reading is known and stale == was_stale):
            return
        memory = self._memory_now(reading, stale)
        calm = self._bus.state.stage is Stage.IDLE and monotonic() - self._memory_at < _TREMBLING_S
        if calm and known is not None and self._memory is not None and trembles(self._memory, memory):
            return  # a screen that draws for each percent of an idle processor takes more of it than the show
        self._measured, self._memory_at = (reading, stale), monotonic()
        if memory != self._memory:
            self._memory = memory
            self._bus.telemetry("memory", "", memory)

    def _memory_now(self, reading: MeterReading, stale: bool) -> Memory:
        """Rounded, so that what only trembles is not sent."""
        machine, accounting = reading.machine, self._meters.accounting
        return Memory(
            services={s.name: s.rss_bytes >> 20 << 20 for s in self._group.statuses if s.rss_bytes},
            show=self._me.memory_info().rss >> 20 << 20,
            used=machine.ram_used >> 26 << 26,
            total=machine.ram_total,
            available=machine.ram_available >> 26 << 26,
            cpu_pct=_whole(machine.cpu_pct),
            swap_in=(machine.swap_in or 0) >> 20 << 20,
            pressure=_whole(machine.pressure_pct),
            devices=tuple(map(_device, accounting.devices)) if accounting else (),
            note=reading.note,
            stale=stale,
            warn_at=self._rules.warn_at,
            act_at=self._rules.act_at,
            margin=self._rules.margin_mb * 1_000_000,
        )

    def _send_history(self) -> None:
        now, marks = monotonic(), len(self._meters.history.marks)
        if now - self._history_at >= _HISTORY_S or marks > self._marks:
            self._history_at = now
            self._bus.telemetry("history", "", _history(self._meters.history, now))
        self._marks = marks

    def _send_pulse(self) -> None:
        """A client that hears nothing any more knows that we hang."""
        if monotonic() - self._pulse_at >= _PULSE_S:
            self._pulse_at = monotonic()
            self._bus.telemetry("pulse", "", {})


def trembles(before: Memory, now: Memory) -> bool:
    """Whether all that has changed is what always does."""
    if (before.stale, before.note, before.services.keys()) != (now.stale, now.note, now.services.keys()):
        return False
    if [(d.name, d.stale) for d in before.devices] != [(d.name, d.stale) for d in now.devices]:
        return False
    used = [(before.used, now.used, now.total)]
    used += [(a.used, b.used, b.total) for a, b in zip(before.devices, now.devices, strict=True)]
    calm = all(abs(one - other) < _SHARE * total for one, other, total in used)
    return calm and abs((before.cpu_pct or 0) - (now.cpu_pct or 0)) < _POINTS


def _history(kept: history.MemoryHistory, now: float) -> MemoryTrace:
    moments = kept.columns(now, _COLUMNS)
    own = any(moment is not None and moment.vram is not None for moment in moments)
    ages = [(int(_COLUMNS * (1 - (now - mark.at) / history.KEPT_S)), mark) for mark in kept.marks]
    return MemoryTrace(
        ram=tuple(_percent(moment.ram if moment else None) for moment in moments),
        vram=tuple(_percent(moment.vram if moment else None) for moment in moments) if own else (),
        marks=tuple((min(n, _COLUMNS - 1), mark.kind, mark.service) for n, mark in ages if n >= 0),
    )


def _percent(share: float | None) -> int:
    return -1 if share is None else round(share * 100)


def _device(pool: Pool) -> DeviceMemory:
    device = pool.device
    assert device is not None  # the accounting's pool of RAM is not among its devices
    return DeviceMemory(
        name=device.name,
        total=pool.total,
        used=pool.used,
        free=pool.free,
        reserved=pool.reserved,
        services=pool.services,
        others=pool.others,
        inferred=tuple(sorted(pool.inferred)),
        load_pct=_whole(device.load_pct),
        temp_c=_whole(device.temp_c),
        power_w=_whole(device.power_w),
        unified=device.unified,
        stale=device.lost,
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
