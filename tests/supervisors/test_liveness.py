"""Servers that lie about their health are found; servers that are merely busy are left alone."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import pytest

from supervisors.service.group import ServiceGroup
from supervisors.spec import Command, Places, ServiceStatus
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, Fake, Story, ask
from tests.supervisors.test_faults import down, until
from tests.supervisors.test_kills import came_back

Wanted = Callable[[ServiceStatus], bool]


def counted(asked: list[float]) -> Callable[[str], Awaitable[None]]:
    async def canary(base_url: str) -> None:
        asked.append(time.monotonic())
        await ask(base_url)

    return canary


async def test_canary_sings_when_idle_and_never_for_a_visitor(places: Places, fake: Fake) -> None:
    asked: list[float] = []
    idle = False
    spec = fake("a", canary=counted(asked), canary_every_s=0.3, idle=lambda: idle)
    async with ServiceGroup(places, [spec]) as group:
        group.start()
        await group.wait_ready(timeout=30)
        await asyncio.sleep(1.0)
        assert len(asked) == 1, "only the one before READY"
        idle = True
        await asyncio.sleep(1.5)
        assert 3 <= len(asked) <= 6
        assert group["a"].status.state is ServiceState.READY


async def test_visitor_who_comes_is_not_kept_waiting(places: Places, fake: Fake) -> None:
    idle, given_up = True, 0

    async def canary(base_url: str) -> None:
        nonlocal given_up
        try:
            await ask(base_url)
        except asyncio.CancelledError:
            given_up += 1
            raise

    spec = fake("a", "--mute", "0.6", canary=canary, canary_every_s=0.8, idle=lambda: idle)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        await asyncio.sleep(1.6)
        idle = False
        await asyncio.sleep(0.3)
        assert given_up == 1
        await asyncio.sleep(4.0)
        assert group["a"].status.restarts == 0, "a canary that was called off says nothing"


async def test_health_says_200_and_nothing_else_is_answered(places: Places, fake: Fake, story: Story) -> None:
    spec = fake("a", "--mute", "1.0", canary=ask, canary_every_s=1.5)
    async with ServiceGroup(places, [spec], story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        status = await until(group, down, within_s=9)
        assert "it did not answer a test request within 4 s" in str(status.last_error)


async def test_failed_request_is_looked_into_at_once(places: Places, fake: Fake) -> None:
    spec = fake("a", "--mute", "0.5", canary=ask)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        await asyncio.sleep(0.6)
        began = time.monotonic()
        group["a"].suspect("THINKING failed")
        status = await until(group, down)
        assert time.monotonic() - began < 5.0
        assert str(status.last_error).startswith("a: THINKING failed, and it did not answer")


async def test_cuda_error_and_then_silence(places: Places, fake: Fake) -> None:
    spec = fake("a", "--mute", "1.0", "--say", "CUDA error: an illegal memory access", canary=ask)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        status = await until(group, down)
        assert 'its log says "CUDA error: an illegal memory access", and it did not' in str(status.last_error)


async def test_words_alone_end_nobody(places: Places, fake: Fake) -> None:
    """A visitor may say such words, and a server may log what it was asked."""
    asked: list[float] = []
    spec = fake("a", "--say", "user: I am out of memory", canary=counted(asked))
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        async with asyncio.timeout(4):
            while len(asked) < 2:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert group["a"].status.restarts == 0 and group["a"].status.state is ServiceState.READY


@pytest.mark.slow
async def test_one_that_computes_is_given_more_time(places: Places, fake: Fake) -> None:
    """5 s of work, where an answer is due after 4."""
    first = True

    async def canary(base_url: str) -> None:
        nonlocal first
        if first:
            first = False
            return
        await ask(base_url)

    spec = fake("a", "--slow-answer", "5", "--work", canary=canary)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        group["a"].suspect("somebody was impatient")
        await asyncio.sleep(6.5)
        assert group["a"].status.restarts == 0


async def test_stopped_by_a_signal_is_found_in_time(places: Places, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", stop_grace_s=0.2)], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        os.kill(group["a"].status.pid or 0, signal.SIGSTOP)
        began = time.monotonic()
        await until(group, down)
        assert time.monotonic() - began <= 5.0


async def test_memory_limit(places: Places, fake: Fake) -> None:
    """The first leaks; the one that is started in its place does not, and stays."""
    started: list[int] = []

    def command(port: int) -> Command:
        started.append(port)
        flags = ("--leak", "40") if len(started) == 1 else ()
        return fake("a", *flags).command(port)

    spec = fake("a", command=command, memory_limit=60_000_000)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        status = await until(group, down, within_s=10)
        assert "more than its limit of 0.06 GB" in str(status.last_error)
        await until(group, lambda s: s.state is ServiceState.READY)
        await asyncio.sleep(4.0)
        assert group["a"].status.state is ServiceState.READY and len(started) == 2


async def test_stop_lets_a_request_end_but_no_longer_than_its_grace(places: Places, fake: Fake, story: Story) -> None:
    busy = True
    async with ServiceGroup(places, [fake("a", busy=lambda: busy, drain_s=0.8)], story) as group:
        group.start()
        await group.wait_ready(timeout=30)
        began = time.monotonic()
        group["a"].restart()
        await until(group, lambda s: s.state is ServiceState.STARTING)
        assert 0.7 < time.monotonic() - began < 2.0
        await group.wait_ready(timeout=30)
        busy = True
        group["a"].restart()
        await until(group, lambda s: s.state is ServiceState.DRAINING)
        began = time.monotonic()
        await group["a"].stop()
        assert time.monotonic() - began < 0.7, "the next verb ends the wait"
    assert "DRAINING" in story.states()


async def test_shim_that_hangs_is_found_before_its_engine_does(
    places: Places, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisors.health.health_monitor.SHIM_EVERY_S", 0.5)
    monkeypatch.setattr("supervisors.health.health_monitor.SHIM_S", 0.5)
    async with ServiceGroup(places, [fake("a", "--fork-grandchild", stop_grace_s=0.2)], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        before = group["a"].status
        os.kill(before.shim_pid or 0, signal.SIGSTOP)
        status = await until(group, down)
        assert status.last_error == "a: its shim does not answer any more"
        await came_back(group, before)
