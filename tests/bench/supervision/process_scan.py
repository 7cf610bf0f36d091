"""Who lives, of all that one peer has ever started: found by a mark in the environment, known by its birth."""

import asyncio
import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

import psutil  # type: ignore[import-untyped]
from msgspec import Struct

from supervisors import kernel
from supervisors.kernel import Proc

MARK = "GALACTUS_BENCH"
_ROLES = (("engine_server.py", "engine"), ("shim.py", "shim"), ("time.sleep(3600)", "grandchild"))


class Found(Struct, frozen=True, eq=False):
    """Equal to itself whatever became of it meanwhile: number and birth are what counts."""

    proc: Proc
    role: str
    """"engine", "shim", "idle" (it waits for an order), "grandchild", or "other": the supervisor and its helpers."""
    port: int = 0
    """Of an engine: two that were given the same one are the same service twice."""
    token: str = ""
    """Of ours: which start of which service it belongs to."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Found) and self._identity == other._identity

    def __hash__(self) -> int:
        return hash(self._identity)

    @property
    def _identity(self) -> tuple[int, str]:
        return self.proc.pid, self.proc.started

    @property
    def alive(self) -> bool:
        return kernel.is_alive(self.proc.pid, self.proc.started)

    def __str__(self) -> str:
        return f"{self.role} {self.proc.pid}{f' on port {self.port}' if self.port else ''}"

    def story(self) -> str:
        """Who it is, since when, of which start, and whose child it is now: to find out why it is left."""
        with suppress(psutil.Error, OSError):
            process = psutil.Process(self.proc.pid)
            parents = " < ".join(f"{p.pid} {p.name()}" for p in process.parents())
            return (
                f"{self}: born at tick {self.proc.started}, {time.time() - process.create_time():.1f} s ago, state "
                f"{process.status()}, session {os.getsid(self.proc.pid)}, token {self.token or '-'}, "
                f"child of {parents or 'none'}; {' '.join(process.cmdline())}"
            )
        return f"{self}: born at tick {self.proc.started}, token {self.token or '-'}, gone by now"


def scan(mark: str) -> list[Found]:
    """All living processes with this mark; what they forked and what was orphaned inherits it."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            environment = process.environ()
            if environment.get(MARK) == mark and process.pid != os.getpid():
                proc = kernel.read_proc(process.pid)
                if proc is not None and proc.alive:
                    found.append(_known(proc, process.cmdline(), environment.get(kernel.TOKEN_VARIABLE, "")))
    engines = {one.proc.pid for one in found if one.role == "engine"}
    # Between fork and exec a grandchild looks like the engine that forks it.
    return [one for one in found if one.role != "engine" or one.proc.parent not in engines]


def _known(proc: Proc, argv: list[str], token: str) -> Found:
    line = " ".join(argv)
    role = next((role for sign, role in _ROLES if sign in line), "other")
    if role == "shim" and not kernel.descendants(proc.pid):
        role = "idle"
    port = int(argv[argv.index("--port") + 1]) if role == "engine" else 0
    return Found(proc, role, port, token)


def trees(roots: Iterable[int]) -> set[int]:
    """The pids of these processes and of all that descends from them."""
    pids = set(roots)
    return pids | {proc.pid for root in pids for proc in kernel.descendants(root)}


def twins(found: Collection[Found]) -> list[frozenset[Found]]:
    """What there may be once, and is there twice at the same moment: engines of one service, and shims of two starts
    of it. Each is looked at again: reading the table takes some ms, in which one may have ended and the next begun.
    """
    services: dict[str, dict[object, Found]] = {}
    for one in found:
        if one.role == "engine":
            services.setdefault(f"port {one.port}", {})[one] = one
        elif one.role == "shim":  # Between fork and exec an engine looks like its shim, but has the same token.
            services.setdefault(one.token.rpartition("-")[0], {})[one.token] = one
    groups = (frozenset(one for one in group.values() if one.alive) for group in services.values() if len(group) > 1)
    return [group for group in groups if len(group) > 1]


async def gone(found: Collection[Found], within_s: float) -> list[Found]:
    """Who of these is left after a while; returns as soon as nobody is."""
    due = time.monotonic() + within_s
    while (left := [one for one in found if one.alive]) and time.monotonic() < due:
        await asyncio.sleep(0.002)
    return left


def end(mark: str) -> int:
    """Kill all of them, however many times they come back; returns how many there were at first."""
    first = scan(mark)
    found, due = first, time.monotonic() + 5
    while found and time.monotonic() < due:
        # Those that start the others come first, lest they be started again.
        for one in sorted(found, key=lambda one: one.role != "other"):
            kernel.signal_exactly(one.proc, 9)
        time.sleep(0.02)
        found = scan(mark)
    return len(first)
