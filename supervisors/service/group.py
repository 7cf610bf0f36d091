"""The services of one show: started side by side, stopped in reverse, none left behind."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from msgspec.structs import replace

from supervisors import kernel
from supervisors.crash import crash_report
from supervisors.crash.crash_analysis import CrashEvidence, examine
from supervisors.crash.crash_report import CrashReport
from supervisors.errors import ServiceError
from supervisors.health.restart_policy import RestartRules
from supervisors.service import adoption
from supervisors.service.attached import AttachedService
from supervisors.service.service import Service, open_gate
from supervisors.service.supervisor import Supervisor
from supervisors.shim import reaper
from supervisors.spec import AttachedSpec, OnStatus, ServicePaths, ServiceSpec, ServiceStatus
from supervisors.states import ServiceState

_log = logging.getLogger(__name__)


def _ignore(*_: object) -> None:
    """Nobody listens."""


class ServiceGroup:
    """`async with` ends what an earlier show left and nobody adopts; `start` starts; the end of the block stops all.

    An error that ends the block is a crash of the show: the engines are left to their shims, and to the next show.
    """

    def __init__(
        self,
        places: ServicePaths,
        specs: Sequence[ServiceSpec | AttachedSpec],
        on_status: OnStatus = _ignore,
        *,
        on_progress: Callable[[str, Any], None] = _ignore,
        on_crash: Callable[[CrashReport, Path | None], None] = _ignore,
        during: Callable[[], str] = str,
        rules: RestartRules | None = None,
    ) -> None:
        self._places, self._specs, self._rules = places, specs, rules
        self._on_status, self._on_progress = on_status, on_progress
        self._on_crash, self._during = on_crash, during
        self._services: dict[str, Service] = {}
        self._others: list[Service] = []
        """Those that wait for the office of a name, or have left it."""
        self._changed = asyncio.Event()
        self._stack = AsyncExitStack()
        self._tasks: asyncio.TaskGroup
        self.reaped: list[int] = []
        """Processes that an earlier show had left behind."""

    def __getitem__(self, name: str) -> Service:
        return self._services[name]

    @property
    def statuses(self) -> tuple[ServiceStatus, ...]:
        return tuple(service.status for service in self._services.values())

    @property
    def everyone(self) -> tuple[tuple[str, ServiceStatus], ...]:
        """By seat (`llm`, `llm~2`): understudies, and those that leave, have memory too."""
        return tuple((service.key, service.status) for service in (*self._services.values(), *self._others))

    async def __aenter__(self) -> Self:
        kernel.become_subreaper()
        self.reaped = await asyncio.to_thread(reaper.reap, self._places.prefix, self._adoptable())
        tasks = self._tasks = await self._stack.enter_async_context(asyncio.TaskGroup())
        for spec in self._specs:
            service = self._services[spec.name] = self._make(spec, self._note)
            tasks.create_task(service.run(), name=f"supervisor {spec.name}")
        return self

    def _make(self, spec: ServiceSpec | AttachedSpec, on_status: OnStatus) -> Service:
        gate = partial(self._until_ready, spec.after) if spec.after else open_gate
        if isinstance(spec, AttachedSpec):
            return AttachedService(spec, on_status, on_progress=self._on_progress, gate=gate)
        return Supervisor(
            spec,
            self._places,
            on_status,
            on_progress=self._on_progress,
            on_crash=self._explain,
            during=self._during,
            gate=gate,
            rules=self._rules,
        )

    def _adoptable(self) -> list[int]:
        """Shims of an earlier show whose engines our services will take over."""
        own = (spec for spec in self._specs if isinstance(spec, ServiceSpec))
        return [found["shim_pid"] for spec in own if (found := adoption.kept(self._places, spec))]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if isinstance(error, Exception):
                for service in self._services.values():
                    service.leave()  # the others are of no use to the next show
            await self.stop()
            if not isinstance(error, Exception):  # nor shall an engine live on that nobody had come to adopt yet
                await asyncio.to_thread(reaper.reap, self._places.prefix)
        finally:
            for service in (*self._services.values(), *self._others):
                service.quit()
            # An error of the block goes on as it is; only a cancellation is the TaskGroup's to judge.
            ours = error if isinstance(error, asyncio.CancelledError) else None
            await self._stack.__aexit__(type(ours) if ours else None, ours, trace if ours else None)

    def start(self, names: Iterable[str] | None = None) -> None:
        """All of them, at once; who depends on others waits for them by itself."""
        for name in names if names is not None else self._services:
            self._services[name].start()

    async def stop(self) -> None:
        """Services that depend on others go first; the rest goes side by side."""
        gone = {name: asyncio.Event() for name in self._services}

        async def stop_one(name: str) -> None:
            for other in self._specs:
                if name in other.after:
                    await gone[other.name].wait()
            await self._services[name].stop()
            gone[name].set()

        async with asyncio.TaskGroup() as tasks:
            for name in self._services:
                tasks.create_task(stop_one(name))
            for other in self._others:
                tasks.create_task(other.stop())

    def understudy(self, spec: ServiceSpec, on_status: OnStatus) -> Service:
        """Another service of a name that is taken, in a seat that is free; it is started, and reports to the caller."""
        assert spec.key != self._services[spec.name].key
        service = self._make(spec, on_status)
        self._others.append(service)
        self._tasks.create_task(service.run(), name=f"understudy {spec.key}")
        service.start()
        return service

    def promote(self, service: Service) -> Service:
        """It is the service of its name from now on; returns the one that was, for `dismiss`."""
        name = service.name
        before, self._services[name] = self._services[name], service
        self._others.remove(service)
        self._others.append(before)
        before.report_to(_ignore)
        service.report_to(self._note)
        self._note(service.status)
        return before

    async def dismiss(self, service: Service) -> None:
        """Of an understudy, or of one that has left its office: returns when nothing of it is left."""
        service.report_to(_ignore)
        await service.stop()
        service.quit()
        self._others.remove(service)

    async def wait_ready(self, names: Iterable[str] | None = None, timeout: float | None = None) -> None:
        """Raises ServiceError when one of them has FAILED, or is not READY in time."""
        wanted = tuple(names if names is not None else self._services)
        try:
            async with asyncio.timeout(timeout):
                while waiting := self._not_ready(wanted):
                    for status in waiting:
                        if status.state is ServiceState.FAILED:
                            raise ServiceError(*_split(status))
                    await self._changed.wait()
        except TimeoutError:
            late = self._not_ready(wanted)[0]
            why = f"; last: {late.last_error}" if late.last_error else ""
            raise ServiceError(
                late.name,
                f"still {late.state} after {timeout:g} s{why}",
                f"see {self._places.log(self._services[late.name].key)}",
            ) from None

    async def _until_ready(self, names: tuple[str, ...]) -> None:
        while self._not_ready(names):
            await self._changed.wait()

    def _not_ready(self, names: Iterable[str]) -> list[ServiceStatus]:
        found = [self._services[name].status for name in names]
        return [status for status in found if status.state is not ServiceState.READY]

    def _explain(self, crash: CrashEvidence) -> None:
        """Beside the restart, which never waits for it."""
        office = self._services.get(crash.spec.name)
        auditioned = office is not None and office.key != crash.spec.key
        self._tasks.create_task(self._report(replace(crash, auditioned=auditioned)), name=f"report on {crash.spec.key}")

    async def _report(self, crash: CrashEvidence) -> None:
        """Whatever goes wrong here costs a report, never the show."""
        try:
            report, path = await asyncio.to_thread(examine, crash), None
            with contextlib.suppress(OSError):  # a full disk costs the file, not the word on the screen
                path = await asyncio.to_thread(crash_report.write, self._places.logs, report)
            self._on_crash(report, path)
        except Exception:
            _log.exception("no report on %s", crash.spec.name)

    def _note(self, status: ServiceStatus) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
        self._on_status(status)


def _split(status: ServiceStatus) -> tuple[str, str]:
    reason = (status.last_error or "held").removeprefix(f"{status.name}: ")
    return status.name, reason
