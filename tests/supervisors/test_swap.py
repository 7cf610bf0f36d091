"""One engine takes over from another, and whatever fails, somebody is in office at the end, and only one."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from supervisors.service.group import ServiceGroup
from supervisors.service.swap import Candidate, EngineSwap, SwapResult, SwapStep
from supervisors.spec import ServicePaths, ServiceSpec
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, ask, fake_spec, working

# With a port that opens too late: one that answers before it crashes has passed its trial, and is another case.
FAILURES = {
    "crash": ("--crash-after", "0.05", "--slow-start", "9"),
    "exit 0": ("--crash-after", "0", "--exit-code", "0", "--slow-start", "9"),
    "out of memory": ("--crash-after", "0.2", "--oom-text", "--slow-start", "9"),
    "hang": ("--never-bind",),
    "deaf": ("--deaf",),
    "mute": ("--mute", "0"),
    "503": ("--health-503", "99"),
}


class Room:
    """What a show is to a swap; nobody listens."""

    def __init__(self) -> None:
        self.told: list[tuple[SwapStep, str]] = []
        self.office = ["old"]
        self.inside = False
        self.on_tell: Callable[[SwapStep], None] = lambda phase: None

    def tell(self, phase: SwapStep, label: str) -> None:
        self.told.append((phase, label))
        self.on_tell(phase)

    async def read_ahead(self, candidate: Candidate) -> None:
        await asyncio.sleep(0)

    @contextlib.asynccontextmanager
    async def interval(self) -> AsyncIterator[None]:
        self.inside = True
        yield
        self.inside = False

    async def released(self) -> None:
        await asyncio.sleep(0)

    async def settled(self) -> None:
        await asyncio.sleep(0)

    def appoint(self, candidate: Candidate) -> None:
        self.office.append(candidate.label)


def spec(*flags: str, seat: int = 1, **more: Any) -> ServiceSpec:
    """One with flags is meant to fail, and soon; any other has all the time that a busy machine takes."""
    return fake_spec("llm", *flags, seat=seat, canary=ask, stall_s=0.6 if flags else 30.0, **more)


def candidate(*flags: str, label: str = "new", beside: bool = True) -> Candidate:
    return Candidate(label=label, spec=spec(*flags, seat=2), beside=beside)


@contextlib.asynccontextmanager
async def in_office(places: ServicePaths) -> AsyncIterator[ServiceGroup]:
    async with ServiceGroup(places, [spec()], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        yield group


async def swap(group: ServiceGroup, room: Room, *candidates: Candidate) -> SwapResult:
    result = await EngineSwap(group, room, candidates).run()
    assert not room.inside and group["llm"].status.state is ServiceState.READY
    assert not group._others
    return result


def engines(places: ServicePaths) -> list[list[str]]:
    return [p.cmdline() for p in working(places.prefix) if "engine_server" in " ".join(p.cmdline())]


@pytest.mark.parametrize("beside", [True, False])
async def test_the_newcomer_takes_over(places: ServicePaths, beside: bool) -> None:
    room = Room()
    async with in_office(places) as group:
        before = group["llm"].status.pid
        result = await swap(group, room, candidate(beside=beside))
        assert result.label == "new" and result.beside is beside and room.office == ["old", "new"]
        assert (result.gone_s == 0) is beside
        assert group["llm"].status.pid != before and group["llm"].key == "llm~2"
        assert len(engines(places)) == 1
        assert {phase for phase, _ in room.told} >= {
            SwapStep.START,
            SwapStep.LOAD,
            SwapStep.TRY,
            SwapStep.FLIP,
            SwapStep.CLEAR,
        }
        assert sum(result.phases.values()) == pytest.approx(result.total_s, abs=0.02)
        assert result.overhead_s < result.total_s
        back = Candidate(label="back", spec=spec(), beside=beside)
        assert (await swap(group, room, back)).label == "back"
        assert group["llm"].key == "llm"


@pytest.mark.parametrize(
    ("failure", "beside"), [*((failure, True) for failure in FAILURES), ("crash", False), ("hang", False)]
)
async def test_one_that_fails_leaves_the_last_known_good(places: ServicePaths, failure: str, beside: bool) -> None:
    room = Room()
    async with in_office(places) as group:
        before = group["llm"].status.pid
        result = await swap(group, room, candidate(*FAILURES[failure], beside=beside))
        assert result.label == "" and room.office == ["old"]
        assert result.tries[0].error and "llm:" not in result.tries[0].error
        assert (group["llm"].status.pid == before) is beside
        assert group["llm"].key == "llm" and len(engines(places)) == 1


async def test_the_next_of_the_ladder_is_tried(places: ServicePaths) -> None:
    room = Room()
    async with in_office(places) as group:
        big, small = candidate(*FAILURES["crash"], label="big", beside=False), candidate(label="small", beside=False)
        result = await swap(group, room, big, small)
        assert [(t.label, bool(t.error)) for t in result.tries] == [("big", True), ("small", False)]
        assert result.label == "small" == room.office[-1]


async def test_one_that_crashes_later_is_restarted_by_the_usual_rules(places: ServicePaths) -> None:
    async with in_office(places) as group:
        result = await swap(group, Room(), Candidate(label="new", spec=spec(seat=2), beside=True))
        first = group["llm"].status.pid
        assert result.label == "new" and first
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(30):
            while group["llm"].status.pid in (None, first) or group["llm"].status.state is not ServiceState.READY:
                await asyncio.sleep(0.01)
        assert group["llm"].status.restarts == 1


@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("at", list(SwapStep))
async def test_a_show_that_ends_at_any_step_leaves_nothing(places: ServicePaths, at: SwapStep, beside: bool) -> None:
    """The fixture looks whether anything is left."""
    room, reached = Room(), asyncio.Event()

    def tell(phase: SwapStep) -> None:
        if phase is at:
            reached.set()

    room.on_tell = tell
    flags = FAILURES["crash"] if at is SwapStep.BACK else ()
    async with in_office(places) as group, asyncio.TaskGroup() as tasks:
        running = tasks.create_task(EngineSwap(group, room, [candidate(*flags, beside=beside)]).run())
        waiting = tasks.create_task(reached.wait())
        await asyncio.wait([running, waiting], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        running.cancel()


async def test_a_show_that_crashes_in_a_swap_leaves_one_to_the_next(places: ServicePaths) -> None:
    """The one in office is kept, its understudy is ended."""
    kept = spec(adopt_window_s=5.0)
    room, reached = Room(), asyncio.Event()
    room.on_tell = lambda phase: reached.set() if phase is SwapStep.TRY else None
    slow = spec("--slow-answer", "3", seat=2, adopt_window_s=5.0)
    with pytest.raises(ZeroDivisionError):
        async with ServiceGroup(places, [kept], rules=EAGER) as group:
            group.start()
            await group.wait_ready(timeout=30)
            before = group["llm"].status.pid
            async with asyncio.TaskGroup() as tasks:
                running = tasks.create_task(
                    EngineSwap(group, room, [Candidate(label="new", spec=slow, beside=True)]).run()
                )
                await reached.wait()
                running.cancel()
            raise ZeroDivisionError
    async with ServiceGroup(places, [kept], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        assert group["llm"].status.pid == before and group["llm"].status.adopted
        assert len(engines(places)) == 1
