"""One stream, many readers: nothing lost in between, nobody waits for the slowest."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

from msgspec import Struct

from console.api.bus import Bus, Subscription
from console.api.events import Note
from conversation.events import Event


class Level(Struct):
    db: float


async def first(subscription: Subscription, count: int) -> list[dict[str, Any]]:
    lines: AsyncIterator[bytes] = subscription.lines()
    return [json.loads(await anext(lines)) for _ in range(count)]


async def test_the_snapshot_comes_first_and_holds_all_that_was() -> None:
    bus = Bus()
    bus.publish(Note(text="before"))
    with bus.subscribe() as subscription:
        bus.publish(Note(text="after"))
        snapshot, event = await first(subscription, 2)
    assert [n["text"] for n in snapshot["snapshot"]["notes"]] == ["before"]
    assert event["text"] == "after" and event["type"] == "Note" and event["seq"] == snapshot["seq"] + 1
    assert {"v", "seq", "t_mono_ms", "wall", "type"} <= set(event)


async def test_telemetry_is_the_latest_of_each_kind_and_never_logged() -> None:
    bus, logged = Bus(), list[Event]()
    bus.add_sink(lambda event, line: logged.append(event))
    with bus.subscribe() as subscription, bus.subscribe(telemetry=False) as plain:
        for db in range(100):
            bus.telemetry("level", "microphone", Level(-db))
        bus.publish(Note(text="x"))
        assert [r.get("db") for r in (await first(subscription, 3))[2:]] == [-99.0]
        assert "telemetry" not in (await first(plain, 2))[1]
    assert len(logged) == 1


async def test_who_comes_later_gets_the_latest_telemetry_at_once() -> None:
    bus, arrived = Bus(), []
    bus.on_arrival(lambda: arrived.append(True))
    assert not bus.watched("level")
    bus.telemetry("level", "microphone", Level(-40))
    bus.telemetry("progress", "llm", Level(1))
    bus.forget("progress", "llm")
    with bus.subscribe(frozenset({"level"})) as subscription:
        assert bus.watched("level") and not bus.watched("progress") and arrived
        late = (await first(subscription, 2))[1]
        assert late == {"telemetry": "level", "key": "microphone", "db": -40.0}


async def test_a_reader_that_lags_is_let_go_and_the_others_miss_nothing() -> None:
    bus = Bus()
    with bus.subscribe() as asleep, bus.subscribe() as awake:
        seen: list[int] = []

        async def read() -> None:
            async for line in awake.lines():
                seen.append(json.loads(line)["seq"])

        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(read())
            for number in range(3000):
                bus.publish(Note(text=str(number)))
                if number % 100 == 0:
                    await asyncio.sleep(0)
            await asyncio.sleep(0)
            awake.close()
        assert seen[1:] == list(range(1, 3001))
        assert asleep.lagged


async def test_closing_lets_the_last_events_through() -> None:
    bus = Bus()
    with bus.subscribe() as subscription:
        bus.publish(Note(text="last words"))
        subscription.close()
        lines = [json.loads(line) async for line in subscription.lines()]
    assert lines[-1]["text"] == "last words"
