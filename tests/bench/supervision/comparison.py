"""The same to each of the peers in turn, so that a slow moment of the machine is a slow moment for all."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from supervisors import kernel
from tests.bench.supervision import process_scan
from tests.bench.supervision.engines import Engine, engines, served_by_another
from tests.bench.supervision.peers import Ours, Peer
from tests.bench.supervision.process_scan import Found

SEEN_S, SERVING_S, STOP_S = 5.0, 10.0, 6.0
STOPS, ADOPTIONS = 3, 5
SAME_KILLS = ("supervisor",) * 3 + ("engine",) * 5 + ("grandchild",) * 2
SETTLE_S = 2.0
KINDS = ("plain", "forking")
"""What is killed: an engine; one whose child lives on in a session of its own and holds the log."""


class Times(Struct):
    """Milliseconds, by what was killed."""

    seen: dict[str, list[float]]
    serving: dict[str, list[float]]
    late: int = 0
    """Not seen, or not serving, within the bound."""


async def crashes(peers: Sequence[Peer], rounds: int, rng: random.Random) -> tuple[dict[str, Times], list[float]]:
    """By name; and what a start takes that nobody supervises.

    Interleaved; the pause before a kill is random, for who looks once a period must be hit at any point of it.
    """
    alone = []
    out = {one.name: Times({kind: [] for kind in KINDS}, {kind: [] for kind in KINDS}) for one in peers}
    for _ in range(rounds):
        for number, kind in enumerate(KINDS):
            for one in peers:
                await asyncio.sleep(rng.uniform(0.2, 0.7))
                await _crash(one, one.engines[number], kind, out[one.name])
        alone.append(await _own_start())
    return out, alone


async def _crash(one: Peer, engine: Engine, kind: str, times: Times) -> None:
    victim = await one.server(engine)
    if victim is None:
        times.late += 1
        await served_by_another(engine.port, None, SERVING_S)
        return
    async with asyncio.TaskGroup() as tasks:
        killed = time.monotonic()
        kernel.signal_exactly(victim, 9)
        seen = tasks.create_task(one.seen(engine, killed, SEEN_S))
        serving = await served_by_another(engine.port, victim.pid, SERVING_S)
        served = time.monotonic()
    heard = seen.result()
    if heard is None or serving is None:
        times.late += 1
        return
    times.seen[kind].append(1000 * (heard - killed))
    times.serving[kind].append(1000 * (served - killed))


async def _own_start() -> float:
    """Milliseconds from launch to the first 200 of an engine that nobody supervises: nobody can be faster."""
    (engine,) = engines(alone=())
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*engine.argv, stdout=asyncio.subprocess.DEVNULL)
    await served_by_another(engine.port, None, SERVING_S)
    took = 1000 * (time.monotonic() - began)
    process.kill()
    await process.wait()
    return took


class Stops(Struct):
    ms: list[float]
    left: int = 0


async def stops(one: Peer) -> Stops:
    """TERM for the supervisor until all that it ever started has gone; it is up before, and down afterwards."""
    out = Stops([])
    for number in range(STOPS):
        if number:
            await one.start_and_serve()
        everybody = await asyncio.to_thread(one.scan)
        began = time.monotonic()
        await one.ask_to_stop()
        left = await process_scan.gone(everybody, STOP_S)
        if not left:
            out.ms.append(1000 * (time.monotonic() - began))
        out.left += len(await asyncio.to_thread(one.scan))
        await one.end()
    return out


class Leavings(Struct):
    """What random kills left."""

    kills: int = 0
    orphans: int = 0
    duplicates: int = 0
    wedged: int = 0


async def same_kills(one: Peer, rng: random.Random) -> Leavings:
    """Engines, grandchildren and the supervisor itself, which is started again at once; in the same order for all."""
    out, twins = Leavings(), set[frozenset[Found]]()
    plan = list(SAME_KILLS)
    rng.shuffle(plan)
    await one.start_and_serve()
    for kind in plan:
        engine = one.engines[rng.randrange(2)]
        await _kill(one, kind, engine)
        out.kills += 1
        if not await _all_serve(one):
            out.wedged += 1
        due = time.monotonic() + 0.5
        while time.monotonic() < due:
            twins.update(process_scan.twins(await asyncio.to_thread(one.scan)))
            await asyncio.sleep(0.05)
    await asyncio.sleep(SETTLE_S)
    out.duplicates = len({next(iter(group)).port for group in twins})  # services, for a twin may flap
    out.orphans = len(one.orphans(await asyncio.to_thread(one.scan)))
    await one.end()
    return out


async def _kill(one: Peer, kind: str, engine: Engine) -> None:
    if kind == "supervisor":
        await one.kill()
        await one.start()
        await asyncio.sleep(SETTLE_S)  # it may take its time to find out that a port is taken
        return
    victim = await one.server(engine)
    found = await asyncio.to_thread(one.scan)
    if kind == "grandchild":
        parents = {f.proc.pid for f in found if f.role == "engine"}
        victim = next((f.proc for f in found if f.role == "grandchild" and f.proc.parent in parents), victim)
    if victim is not None:
        kernel.signal_exactly(victim, 9)


async def _all_serve(one: Peer) -> bool:
    answers = await asyncio.gather(*(served_by_another(engine.port, None, SERVING_S) for engine in one.engines))
    return None not in answers


class Adoptions(Struct):
    ms: list[float]
    """From the launch of the next show until all is READY."""
    kept: int = 0
    """Engines that are the same process as before, and known as adopted."""
    of: int = 0


async def adoptions(ours: Ours) -> Adoptions:
    """kill -9 of the show, and the next one at once."""
    out = Adoptions([])
    await ours.start_and_serve()
    await _ready(ours)
    for _ in range(ADOPTIONS):
        before = {name: status["pid"] for name, status in ours.statuses.items()}
        await ours.kill()
        began = time.monotonic()
        await ours.start()
        await _ready(ours)
        out.ms.append(1000 * (time.monotonic() - began))
        now = ours.statuses
        out.kept += sum(now[name]["adopted"] and now[name]["pid"] == pid for name, pid in before.items())
        out.of += len(before)
        await asyncio.sleep(0.5)
    await ours.end()
    return out


async def _ready(ours: Ours) -> None:
    async with asyncio.timeout(20):
        while not ours.ready:
            await asyncio.sleep(0.002)


def percentile(values: Sequence[float], percent: int) -> float | None:
    """Nearest rank."""
    ordered = sorted(values)
    return round(ordered[max(0, -(-len(ordered) * percent // 100) - 1)], 1) if ordered else None


def figures(times: Times, stop: Stops, leavings: Leavings) -> dict[str, Any]:
    seen = [ms for kind in times.seen.values() for ms in kind]
    serving = [ms for kind in times.serving.values() for ms in kind]
    return {
        "kills": leavings.kills,
        "orphans": leavings.orphans,
        "duplicates": leavings.duplicates,
        "wedged": leavings.wedged,
        "crashes": len(seen),
        "crashes_late": times.late,
        "crash_seen_p50_ms": percentile(seen, 50),
        "crash_seen_p95_ms": percentile(seen, 95),
        "serving_again_p50_ms": percentile(serving, 50),
        "serving_again_p95_ms": percentile(serving, 95),
        "stop_ms": percentile(stop.ms, 50) if not stop.left else None,
        "stop_left": stop.left,
        "adopt_ms": None,
        **{f"crash_seen_{kind}_p50_ms": percentile(times.seen[kind], 50) for kind in KINDS},
        **{f"serving_again_{kind}_p50_ms": percentile(times.serving[kind], 50) for kind in KINDS},
    }
