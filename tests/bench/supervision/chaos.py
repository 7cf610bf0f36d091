"""Random kill -9 of show, shim, engine and grandchild, in several homes at once: what is left, and what is there twice.

Who is killed, and after which pause, is drawn from the seed beforehand; how the machine answers is not. A process is
known by its number and its birth, never by the number alone.
"""

import asyncio
import random
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

from msgspec import Struct

from supervisors import kernel
from supervisors.health.restart_policy import RestartRules
from tests.bench.supervision import process_scan
from tests.bench.supervision.comparison import percentile
from tests.bench.supervision.engines import Engine, answerer, engines
from tests.bench.supervision.peers import Ours
from tests.bench.supervision.process_scan import Found
from tests.bench.supervision.reports import Row, ear

WEIGHTS = {"show": 1, "shim": 3, "engine": 4, "grandchild": 2}
MOODS = {"freeze": signal.SIGSTOP, "deaf": signal.SIGUSR1, "slow": signal.SIGUSR2, "flood": signal.SIGHUP}
"""What befalls an engine beside the kills; tests/fakes/engine_server.py says what it makes of them."""
FATAL = ("freeze", "deaf")
SPELLS, HASTE, LATE = 0.06, 0.15, 0.1
"""Shares: a mood beside the kills; a kill that does not wait until all is well again; a show that comes back only after
the adopt window."""
BOUND_S = 20.0
LOOK_S = 0.5
ORPHAN_GRACE_S = 2.0
"""Beyond the adopt window. Before that, what is being killed is not yet an orphan."""
REMEMBERED = 40
"""How many of the last actions and reports of a home are told with what went wrong there."""
FLAGS = {"a": ("--fork-grandchild",), "b": ("--fork-grandchild", "--ignore-term")}


class Step(Struct, frozen=True):
    kind: str
    """Of WEIGHTS, or of MOODS."""
    service: str
    pause_s: float
    """Before it; before the next show, when it is the show that is killed."""
    hasty: bool = False
    late: bool = False


class Tally(Struct):
    kills: int = 0
    frozen: int = 0
    """Stopped, or made deaf: they must be found and replaced."""
    bothered: int = 0
    """Slow for a while, or flooding: they must be left alone."""
    wedged: int = 0
    orphans: int = 0
    duplicates: int = 0
    shows: int = 0
    """Killed ones whose successor came in time to adopt, while all was READY."""
    adopted: int = 0
    """Of those, how many found every engine as it was."""
    adopt_ms: list[float] = []
    back_ms: list[float] = []
    """From a kill of shim or engine until all was READY again."""
    stories: list[str] = []
    """One line for each thing that went wrong."""
    histories: list[str] = []
    """For each of them: every process in question, and what had been done to its home, and heard from it, before."""


def plan(kills: int, rng: random.Random) -> list[Step]:
    steps: list[Step] = []
    left = kills
    while left:
        mood, kind = rng.random() < SPELLS, rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
        kind = rng.choice(list(MOODS)) if mood else kind
        left -= not mood
        service, pause, hasty, late = rng.choice(list(FLAGS)), rng.uniform(0, 0.2), rng.random(), rng.random()
        steps.append(Step(kind, service, pause, hasty < HASTE and not mood, late < LATE and kind == "show"))
    return steps


class Shows(Ours):
    rules = RestartRules(base_s=0.02, cap_s=0.2, most=0)


class House:
    """One home: a stand-in show, its engines, and somebody who kills them."""

    def __init__(self, name: str, show: Shows, steps: Sequence[Step], tally: Tally) -> None:
        self.name, self.show, self.steps, self.tally = name, show, steps, tally
        self._by_name: dict[str, Engine] = {engine.name: engine for engine in show.engines}
        self._stale: dict[str, Row] = {}
        """The last status before a kill: all is well again only when there is a newer one."""
        self._counted = set[Found]()
        self._twins = set[frozenset[Found]]()
        self._seen: dict[Found, str] = {}
        """When each process was seen last, and in whose tree."""
        self._done: deque[tuple[float, str]] = deque(maxlen=REMEMBERED)

    async def run(self, *, in_order: bool) -> None:
        async with asyncio.TaskGroup() as tasks:
            looking = tasks.create_task(self._look())
            await self.show.start()
            await self._well()
            for number, step in enumerate(self.steps):
                await asyncio.sleep(step.pause_s)
                await self._do(number, step)
            await self._well()
            looking.cancel()
        await self._close(in_order)

    async def _do(self, number: int, step: Step) -> None:
        self._remember(f"step {number}: {step}")
        if step.kind in MOODS:
            await self._well()  # It is meant for an engine, and after a hasty kill there may be none.
        if step.kind == "show" or not (await self._strike(step) or step.kind in MOODS):
            await self._kill_show(step)
        if step.hasty:
            return
        began = time.monotonic()
        if await self._well() and step.kind in ("shim", "engine"):
            self.tally.back_ms.append(1000 * (time.monotonic() - began))
        await self._audit(f"step {number}, {step.kind} of {step.service}")

    async def _strike(self, step: Step) -> bool:
        """False when there is nobody: between two lives of a service there is only the show."""
        number, status = MOODS.get(step.kind, signal.SIGKILL), self.show.statuses.get(step.service)
        fatal = step.kind not in MOODS or step.kind in FATAL
        while victim := self._victim(step, await asyncio.to_thread(self.show.scan)):
            if kernel.signal_exactly(victim.proc, number):
                self._remember(f"signal {number} for {victim}, token {victim.token}")
                if fatal and victim.role in ("shim", "engine") and status is not None:
                    self._stale[step.service] = status
                self.tally.frozen += step.kind in FATAL
                self.tally.bothered += not fatal
                self.tally.kills += number == signal.SIGKILL
                return True
        return False

    def _victim(self, step: Step, found: Sequence[Found]) -> Found | None:
        """Of the kind that the plan wants, or else the engine or the shim of that service."""
        port = self._by_name[step.service].port
        mine = [one for one in found if one.port == port or f"-{step.service}-" in one.token]
        kinds = ("engine",) if step.kind in MOODS else (step.kind, "engine", "shim")
        return next((one for kind in kinds for one in mine if one.role == kind), None)

    async def _kill_show(self, step: Step) -> None:
        whole = self.show.ready and not self._stale
        before = {name: status["pid"] for name, status in self.show.statuses.items()}
        pid = self.show.process.pid if self.show.process else 0
        await self.show.kill()
        self._remember(f"killed the show {pid}")
        self.tally.kills += 1
        self._stale.clear()
        await asyncio.sleep(step.pause_s + (self.show.window_s + 1 if step.late else 0))
        began = time.monotonic()
        await self.show.start()
        self._remember(f"started the show {self.show.process.pid if self.show.process else 0}")
        if not whole or step.late or step.hasty:
            return
        self.tally.shows += 1
        if await self._well():
            self.tally.adopt_ms.append(1000 * (time.monotonic() - began))
            now = self.show.statuses
            self.tally.adopted += all(now[n]["adopted"] and now[n]["pid"] == pid for n, pid in before.items())

    async def _well(self) -> bool:
        """Waits until the show says READY of everything and each says so itself; else it is wedged, and built again."""
        with suppress(TimeoutError):
            async with asyncio.timeout(BOUND_S):
                while not await self._all_answer():
                    await asyncio.sleep(0.01)
                self._stale.clear()
                return True
        self.tally.wedged += 1
        found = self.show.scan()
        self._tell(f"wedged: {self.show.statuses}; {', '.join(map(str, found))}", found)
        await self.show.end()
        self._stale.clear()
        await self.show.start()
        return False

    async def _all_answer(self) -> bool:
        statuses = self.show.statuses
        if not self.show.ready or any(statuses[name] is stale for name, stale in self._stale.items()):
            return False
        return all([await answerer(e.port) == statuses[e.name]["pid"] for e in self.show.engines])

    # What must not be

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_S)
            found = await asyncio.to_thread(self.show.scan)
            strangers = set(self.show.orphans(found))
            for one in found:
                kept = "kept by nobody" if one in strangers else "kept"
                self._seen[one] = f"last seen {time.monotonic():.2f}, {kept}"
            self._count_twins(found, "at a glance")

    async def _audit(self, when: str) -> None:
        """At a moment when all is well: nobody there but the show, and one tree for each service."""
        found = await asyncio.to_thread(self.show.scan)
        self._count_twins(found, when)
        strangers = [one for one in self.show.orphans(found) if one not in self._counted]
        if not strangers:
            return
        left = await process_scan.gone(strangers, self.show.window_s + ORPHAN_GRACE_S)
        self._count_orphans([one for one in self.show.orphans(left) if one in left], when)

    def _count_twins(self, found: Sequence[Found], when: str) -> None:
        for group in process_scan.twins(found):
            if group not in self._twins:
                self._twins.add(group)
                self.tally.duplicates += 1
                self._tell(f"{when}: twice there: {', '.join(map(str, group))}", group)

    def _count_orphans(self, left: Sequence[Found], when: str) -> None:
        self._counted.update(left)
        self.tally.orphans += len(left)
        if left:
            self._tell(f"{when}: orphans: {', '.join(map(str, left))}", left)

    async def _close(self, in_order: bool) -> None:
        """The last show stops, or is killed as well; after the window nothing may be left."""
        found = await asyncio.to_thread(self.show.scan)
        await (self.show.ask_to_stop() if in_order else self.show.kill())
        await process_scan.gone(found, self.show.window_s + ORPHAN_GRACE_S + (BOUND_S if in_order else 0))
        self._count_orphans(await asyncio.to_thread(self.show.scan), "at the end")
        await self.show.end()

    def _remember(self, what: str) -> None:
        self._done.append((time.monotonic(), what))

    def _tell(self, what: str, about: Iterable[Found]) -> None:
        self.tally.stories.append(f"{self.name} {what}")
        heard = [(at, f"heard {row}") for at, row in self.show.ear.heard[-REMEMBERED:]]
        before = [f"  {at:.3f} {what}" for at, what in sorted([*self._done, *heard])]
        who = [f"  {one.story()}; {self._seen.get(one, 'never seen before')}" for one in about]
        self.tally.histories.append("\n".join([f"{time.monotonic():.3f} {self.name} {what}", *who, *before]))


async def rampage(
    folder: Path,
    kills: int,
    seed: int,
    *,
    homes: int = 4,
    window_s: float = 5.0,
    progress: Callable[[int], None] = lambda done: None,
) -> Tally:
    """Raises nothing for what went wrong: it is counted. Nothing that it started is left."""
    tally, houses = Tally(), list[House]()
    async with AsyncExitStack() as stack:
        for number in range(homes):
            name = f"h{number}"
            share = kills // homes + (number < kills % homes)
            steps = plan(share, random.Random(f"{seed}-{number}"))
            heard = await stack.enter_async_context(ear(folder / f"{name}.sock"))
            show = Shows(folder / name, engines(**FLAGS), folder / f"{name}.sock", heard, window_s)
            stack.push_async_callback(show.end)
            houses.append(House(name, show, steps, tally))
        async with asyncio.TaskGroup() as tasks:
            telling = tasks.create_task(_tell(tally, progress))
            async with asyncio.TaskGroup() as killers:
                for number, house in enumerate(houses):
                    killers.create_task(house.run(in_order=number % 2 == 0))
            telling.cancel()
    return tally


async def _tell(tally: Tally, progress: Callable[[int], None]) -> None:
    while True:
        await asyncio.sleep(10)
        progress(tally.kills)


def figures(tally: Tally, seed: int) -> dict[str, Any]:
    return {
        "kills": tally.kills,
        "orphans": tally.orphans,
        "duplicates": tally.duplicates,
        "wedged": tally.wedged,
        "frozen": tally.frozen,
        "bothered": tally.bothered,
        "chaos_back_p50_ms": percentile(tally.back_ms, 50),
        "chaos_back_p95_ms": percentile(tally.back_ms, 95),
        "chaos_adopt_p50_ms": percentile(tally.adopt_ms, 50),
        "chaos_adopt_p95_ms": percentile(tally.adopt_ms, 95),
        "chaos_shows_killed": tally.shows,
        "chaos_shows_adopted": tally.adopted,
        "seed": seed,
    }
