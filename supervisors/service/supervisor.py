"""A server of our own: fetched, started, watched, restarted and stopped."""

import asyncio
import contextlib
import logging
import random
import time
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from supervisors import redact
from supervisors.crash.crash_analysis import CrashEvidence
from supervisors.errors import NeedsRepair, ServiceError
from supervisors.exits import Exit, describe
from supervisors.health import health_monitor, probes
from supervisors.health.memory_meter import MemoryMeter
from supervisors.health.probes import PortTaken
from supervisors.health.restart_policy import RestartPolicy, RestartRules
from supervisors.service import adoption
from supervisors.service.service import NO_PROCESS, Clock, Gate, Service, open_gate
from supervisors.shim.log_file import stamp
from supervisors.shim.process import ShimProcess
from supervisors.shim.spawning import IdleShim, command_hash, spawn
from supervisors.spec import Command, OnStatus, ServicePaths, ServiceSpec
from supervisors.states import ServiceState

_log = logging.getLogger(__name__)

PORT_PATIENCE_S = 1.0
"""A tree that has just been killed may hold its port a moment longer."""


class Supervisor(Service):
    """Keeps the service of one spec alive; one pass through its life is one process."""

    def __init__(
        self,
        spec: ServiceSpec,
        places: ServicePaths,
        on_status: OnStatus,
        *,
        on_progress: Callable[[str, Any], None] = lambda name, progress: None,
        on_crash: Callable[[CrashEvidence], None] = lambda crash: None,
        during: Callable[[], str] = str,
        gate: Gate = open_gate,
        rules: RestartRules | None = None,
        rng: random.Random | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        super().__init__(spec.name, spec.role, on_status, gate, clock, spec.port or None, spec.key)
        self.spec = spec
        self._places, self._on_progress, self._on_crash = places, on_progress, on_crash
        self._during = during
        self._rules = rules or RestartRules()
        self._policy = RestartPolicy(self._rules, clock, rng or random.Random())
        self._port = spec.port
        self._ready_at: float | None = None
        self._unfit = False
        self._command = Command(())
        self._idle: IdleShim | None = None
        self._tender: health_monitor.HealthMonitor | None = None
        self._meter = MemoryMeter(spec, clock)

    @property
    def base_url(self) -> str | None:
        return f"http://127.0.0.1:{self._port}" if self._port else None

    def suspect(self, why: str) -> None:
        if self._tender and self._status.state is ServiceState.READY:
            self._tender.suspect(why)

    def _forget(self) -> None:
        super()._forget()
        self._policy.reset()

    async def _live(self) -> None:
        try:
            await self._live_on()
        finally:
            idle, self._idle = self._idle, None
            if idle is not None:
                idle.dismiss()

    async def _live_on(self) -> None:
        while True:
            self._ready_at = None
            reason, hopeless = await self._once()
            ready_s = self._clock() - self._ready_at if self._ready_at is not None else 0.0
            delay = None if hopeless else self._policy.crashed(ready_s)
            if delay is None:
                self._become(ServiceState.FAILED, last_error=self._failed_because(reason, hopeless), **NO_PROCESS)
                return
            self._become(ServiceState.BACKOFF, last_error=reason, restarts=self._status.restarts + 1, **NO_PROCESS)
            await asyncio.sleep(delay)

    async def _once(self) -> tuple[str, bool]:
        """From WAITING to the end of one process; returns why it ended, and whether trying again is of no use."""
        self._unfit = False
        try:
            return await self._run_process(await self._obtain())
        except (PortTaken, NeedsRepair) as final:
            return str(final), True
        except ServiceError as error:
            return str(error), False
        except Exception as error:  # `prepare` and `command` are the caller's, with errors of their own.
            _log.info("service %s failed", self.spec.name, exc_info=True)
            return str(error).strip().rstrip(".") or type(error).__name__, False

    def _failed_because(self, reason: str, hopeless: bool) -> str:
        if hopeless:
            return reason
        times = f"{self._rules.most + 1} times within {self._rules.window_s:g} s"
        return f"{reason}; it failed {times} and waits: see {self._places.log(self.spec.key)}, then restart it"

    async def _obtain(self) -> ShimProcess:
        """One that an earlier show left, if it is what we would start; else a new one."""
        left = await adoption.adopt(self._places, self.spec)
        try:
            await self._wait_turn()
            self._become(ServiceState.FETCHING)
            await self.spec.prepare(lambda progress: self._on_progress(self.spec.name, progress))
            self._become(ServiceState.STARTING)
            if (
                left
                and self.spec.port in (0, left.port)
                and command_hash(command := self.spec.command(left.port)) == left.command_hash
            ):
                self._port, self._command = left.port, command
                return left
        except BaseException:
            if left and self._leaving:
                left.let_go()
            elif left:
                await left.stop(self.spec.stop_grace_s)
            raise
        if left:
            await left.stop(self.spec.stop_grace_s)
        self._port = await self._choose_port()
        self._command = self.spec.command(self._port)
        idle, self._idle = self._idle, None
        return await spawn(self.spec, self._command, self._places, self._port, idle)

    async def _choose_port(self) -> int:
        if not self.spec.port:
            return self._port if self._port and probes.is_free(self._port) else probes.free_port()
        due = self._clock() + PORT_PATIENCE_S
        while not probes.is_free(self.spec.port):
            if self._clock() >= due:
                raise probes.taken(self.spec.name, self.spec.port)
            await asyncio.sleep(0.05)
        return self.spec.port

    async def _run_process(self, process: ShimProcess) -> tuple[str, bool]:
        """Until its end; returns the same as `_once`."""
        self._become(
            ServiceState.STARTING,
            pid=process.pid,
            shim_pid=process.shim_pid,
            port=process.port,
            adopted=process.adopted,
        )
        born = self._clock()
        try:
            complaint = await self._watch(process)
        except BaseException:
            if self._leaving and self.spec.adopt_window_s:
                process.let_go()
                raise
            self._become(ServiceState.STOPPING)
            await process.stop(self.spec.stop_grace_s)
            raise
        died, wall, during = not process.running, stamp(), self._during()
        if died and (told := await process.wait_exit()).shim is None:
            # Said at once; what the shim still has to do may take its time.
            gone = f"{self.spec.name}: {redact.line(describe(told))}"
            self._become(ServiceState.BACKOFF, last_error=gone, **NO_PROCESS)
        end = await process.stop(self.spec.stop_grace_s)
        reason = f"{self.spec.name}: {redact.line(describe(end))}" if died or complaint is None else complaint
        if self._unfit:  # what it was asked for is wrong, not the process
            return reason, True
        self._report(process, end if died else None, reason, self._clock() - born, wall, during)
        if self._ready_at is not None:
            return reason, False
        words, hopeless = self.spec.died_early(end if died else None)
        return f"{self.spec.name}: {redact.line(words)}" if words else reason, hopeless

    async def _watch(self, process: ShimProcess) -> str | None:
        """Until it exits, or until there is a reason to end it, which is returned."""
        async with asyncio.TaskGroup() as tasks:
            tend = tasks.create_task(self._tend(process))
            ended = tasks.create_task(process.wait_exit())
            meter = tasks.create_task(self._mind_memory(process))
            await asyncio.wait([tend, ended, meter], return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                # What looked like a failed request may be the first sign of a death that is told in a moment.
                await asyncio.wait([ended], timeout=health_monitor.DEATH_NOTICE_S)
            for task in (tend, ended, meter):
                task.cancel()
        return next((task.result() for task in (tend, meter) if not task.cancelled()), None)

    async def _tend(self, process: ShimProcess) -> str:
        """Brings it to READY and watches it there; returns what is wrong with it."""
        tender = self._tender = health_monitor.HealthMonitor(self.spec, process, self._clock)
        try:
            if not (process.found_ready and await tender.still_answers()):
                await tender.until_it_listens()
                self._become(ServiceState.LOADING)
                await tender.until_it_answers()
        except ServiceError as error:
            self._unfit = isinstance(error, NeedsRepair)
            return str(error)
        process.tell_ready(tender.due_s)
        if self._idle is None:
            with contextlib.suppress(ServiceError):  # a reserve that cannot be had must not cost what runs
                self._idle = IdleShim(self._places, self.spec.key)
        self._ready_at = self._clock()
        self._become(ServiceState.READY)
        complaint = await tender.until_it_is_deaf()
        self._become(ServiceState.DEGRADED, last_error=complaint)
        return complaint

    async def _mind_memory(self, process: ShimProcess) -> str:
        """Measures it; returns when it has had too much for a while, and a request under way has had its time."""
        while True:
            rss = self._meter.measure(process.pid, ready=self._status.state is ServiceState.READY)
            self._status = replace(self._status, rss_bytes=rss)
            if self._meter.too_much:
                break
            await asyncio.sleep(self._meter.pause)
        await self._drain()
        return f"{self.spec.name}: {self._meter.complaint}"

    async def _drain(self) -> None:
        if self._status.state is ServiceState.READY and self.spec.busy():
            self._become(ServiceState.DRAINING)
            await self._until_not_busy()

    async def _until_not_busy(self) -> None:
        due = self._clock() + self.spec.drain_s
        while self.spec.busy() and self._clock() < due and self._inbox.empty():
            await asyncio.sleep(0.02)

    def _report(
        self, process: ShimProcess, end: Exit | None, reason: str, uptime_s: float, wall: str, during: str
    ) -> None:
        """What is known by now; the rest is found out beside the restart, which never waits for it."""
        self._on_crash(
            CrashEvidence(
                spec=self.spec,
                command=self._command,
                pid=process.pid,
                end=end,
                reason=reason.removeprefix(f"{self.spec.name}: "),
                uptime_s=uptime_s,
                restarts=self._status.restarts,
                wall=wall,
                during=during,
                memory=self._meter.curve(),
                vram=self._meter.vram_curve(),
                log=self._places.log(self.spec.key),
            )
        )
