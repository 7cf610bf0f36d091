"""Servers that lie about their health are found; servers that are merely busy are left alone."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable

import pytest

from supervisors.health import health_monitor, memory_meter, probes, synthetic_probe
from supervisors.service.group import ServiceGroup
from supervisors.spec import Command, ServicePaths, ServiceStatus
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, Fake, Story, ask
from tests.supervisors.test_faults import down, until
from tests.supervisors.test_kills import came_back

Wanted = Callable[[ServiceStatus], bool]


def pid_of(group: ServiceGroup) -> int:
    """Of the engine, to be signalled: never 0, which is all of us."""
    pid = group["a"].status.pid
    assert pid
    return pid


def counted(asked: list[float]) -> Callable[[str], Awaitable[None]]:
    async def canary(base_url: str) -> None:
        asked.append(time.monotonic())
        await ask(base_url)

    return canary


@pytest.fixture
def short_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer is due within a second, or three times what the first took; after 4 s in test_synthetic_probe.py."""
    monkeypatch.setattr(synthetic_probe, "LEAST_S", 1.0)


Soon = Callable[[], None]


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> Soon:
    """From the call on, one that answers no probe is found in a second; after 4 s in test_health_monitor.py."""

    def shorten() -> None:
        monkeypatch.setattr(probes, "TIMEOUT_S", 0.5)
        monkeypatch.setattr(health_monitor, "LIVENESS_S", 0.25)

    return shorten


@pytest.mark.usefixtures("short_canary")
async def test_health_says_200_and_nothing_else_is_answered(places: ServicePaths, fake: Fake, story: Story) -> None:
    spec = fake("a", canary=ask, canary_every_s=0.5)
    async with ServiceGroup(places, [spec], story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        os.kill(pid_of(group), signal.SIGALRM)
        status = await until(group, down, within_s=30)
        assert "it did not answer a test request within" in str(status.last_error)


@pytest.mark.usefixtures("short_canary")
async def test_failed_request_is_looked_into_at_once(places: ServicePaths, fake: Fake) -> None:
    """By the next of its own accord, it would be after 30 s."""
    spec = fake("a", canary=ask)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        os.kill(pid_of(group), signal.SIGALRM)
        group["a"].suspect("THINKING failed")
        status = await until(group, down, within_s=25)
        assert str(status.last_error).startswith("a: THINKING failed, and it did not answer")


@pytest.mark.usefixtures("short_canary")
async def test_cuda_error_and_then_silence(places: ServicePaths, fake: Fake) -> None:
    spec = fake("a", "--say-when-mute", "CUDA error: an illegal memory access", canary=ask)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        os.kill(pid_of(group), signal.SIGALRM)
        status = await until(group, down, within_s=25)
        assert 'its log says "CUDA error: an illegal memory access", and it did not' in str(status.last_error)


async def test_words_alone_end_nobody(places: ServicePaths, fake: Fake) -> None:
    """A visitor may say such words, and a server may log what it was asked."""
    asked: list[float] = []
    spec = fake("a", "--say", "user: I am out of memory", canary=counted(asked))
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        async with asyncio.timeout(20):
            while len(asked) < 2:
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        assert group["a"].status.restarts == 0 and group["a"].status.state is ServiceState.READY


async def test_one_that_computes_is_given_more_time(
    places: ServicePaths, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """2.5 s of work, where an answer is due after 2."""
    monkeypatch.setattr(synthetic_probe, "LEAST_S", 2.0)
    asked: list[str] = []
    answered = asyncio.Event()

    async def canary(base_url: str) -> None:
        asked.append(base_url)
        if len(asked) > 1:
            await ask(base_url)
            answered.set()

    spec = fake("a", "--slow-answer", "2.5", "--work", canary=canary)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        group["a"].suspect("somebody was impatient")
        async with asyncio.timeout(20):
            await answered.wait()
        await asyncio.sleep(0.3)
        assert group["a"].status.restarts == 0 and len(asked) == 2


async def test_stopped_by_a_signal_is_found(places: ServicePaths, fake: Fake, soon: Soon) -> None:
    async with ServiceGroup(places, [fake("a", stop_grace_s=0.2)], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        before = group["a"].status
        os.kill(pid_of(group), signal.SIGSTOP)
        soon()
        status = await until(group, down, within_s=20)
        assert "no answer to 3 probes of /health" in str(status.last_error)
        await came_back(group, before)


async def test_stopped_by_a_signal_but_busy_is_left_alone(places: ServicePaths, fake: Fake, soon: Soon) -> None:
    busy = True
    async with ServiceGroup(places, [fake("a", busy=lambda: busy, stop_grace_s=0.2)], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        os.kill(pid_of(group), signal.SIGSTOP)
        soon()
        await asyncio.sleep(1.6)
        assert group["a"].status.state is ServiceState.READY
        busy = False
        await until(group, down, within_s=20)


async def test_deaf_after_ready(places: ServicePaths, fake: Fake, story: Story, soon: Soon) -> None:
    async with ServiceGroup(places, [fake("a")], story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        os.kill(pid_of(group), signal.SIGUSR1)
        soon()
        await until(group, down, within_s=20)
        assert "no answer to 3 probes of /health" in str(group["a"].status.last_error)
    assert "DEGRADED" in story.states()


async def test_memory_limit(places: ServicePaths, fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first leaks; the one that is started in its place does not, and stays."""
    monkeypatch.setattr(memory_meter, "EAGER_S", 0.3)
    started: list[int] = []

    def command(port: int) -> Command:
        started.append(port)
        flags = ("--leak", "40") if len(started) == 1 else ()
        return fake("a", *flags).command(port)

    spec = fake("a", command=command, memory_limit=60_000_000)
    async with ServiceGroup(places, [spec], rules=EAGER) as group:
        group.start()
        status = await until(group, down, within_s=30)
        assert "more than its limit of 0.06 GB" in str(status.last_error)
        await until(group, lambda s: s.state is ServiceState.READY, within_s=30)
        await asyncio.sleep(0.3 * (memory_meter.STRIKES + 2))
        assert group["a"].status.state is ServiceState.READY and len(started) == 2


async def test_stop_lets_a_request_end_but_no_longer_than_its_grace(
    places: ServicePaths, fake: Fake, story: Story
) -> None:
    async with ServiceGroup(places, [fake("a", busy=lambda: True, drain_s=0.8)], story) as group:
        group.start()
        await group.wait_ready(timeout=30)
        began = time.monotonic()
        group["a"].restart()
        await until(group, lambda s: s.state is ServiceState.STARTING)
        assert time.monotonic() - began > 0.7
    assert "DRAINING" in story.states()


async def test_next_verb_ends_the_wait_for_a_request(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", busy=lambda: True, drain_s=60.0)]) as group:
        group.start()
        await group.wait_ready(timeout=30)
        group["a"].restart()
        await until(group, lambda s: s.state is ServiceState.DRAINING)
        async with asyncio.timeout(20):
            await group["a"].stop()


async def test_shim_that_hangs_is_found_before_its_engine_does(
    places: ServicePaths, fake: Fake, monkeypatch: pytest.MonkeyPatch
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
