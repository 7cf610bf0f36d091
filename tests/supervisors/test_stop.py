"""A stop is prompt in every state, and harmless where nothing runs."""

import asyncio
import os
import subprocess
import time
from collections.abc import Callable

import psutil  # type: ignore[import-untyped]
import pytest

from supervisors.errors import ServiceError
from supervisors.health.restart_policy import RestartRules
from supervisors.service.group import ServiceGroup
from supervisors.shim import reaper
from supervisors.spec import ServicePaths, ServiceSpec
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, Fake, Story
from tests.supervisors.test_faults import held, until


async def prompt_stop(group: ServiceGroup, within_s: float = 0.8) -> None:
    began = time.monotonic()
    await group.stop()
    assert time.monotonic() - began < within_s
    assert all(s.state is ServiceState.STOPPED and s.pid is None and s.shim_pid is None for s in group.statuses)


def zombies() -> set[int]:
    return {child.pid for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE}


async def for_ever(*_: object) -> None:
    await asyncio.sleep(3600)


MAKE: dict[str, Callable[[Fake], ServiceSpec]] = {
    "FETCHING": lambda fake: fake("a", prepare=for_ever),
    "STARTING": lambda fake: fake("a", "--never-bind", "--fork-grandchild"),
    "LOADING": lambda fake: fake("a", canary=for_ever),
    "READY": lambda fake: fake("a", "--fork-grandchild"),
    "BACKOFF": lambda fake: fake("a", "--crash-after", "0.1"),
}


@pytest.mark.parametrize("state", MAKE)
async def test_in_state(places: ServicePaths, fake: Fake, state: str) -> None:
    async with ServiceGroup(places, [MAKE[state](fake)], rules=RestartRules(base_s=30)) as group:
        group.start()
        await until(group, lambda s: s.state == state)
        await prompt_stop(group)


async def test_at_every_moment_of_a_start(places: ServicePaths, fake: Fake) -> None:
    before = zombies()
    async with ServiceGroup(places, [fake("a", "--fork-grandchild")]) as group:
        for step in range(12):
            group.start()
            await asyncio.sleep(step * 0.02)
            await prompt_stop(group)
    assert zombies() == before


def test_a_container_whose_sessions_began_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """There getsid says 0 for every child; a sweep after a start that never got a number must not wait for them."""
    monkeypatch.setattr(os, "getsid", lambda pid: 0)
    for patience in ("PATIENCE_S", "EXEC_PATIENCE_S"):
        monkeypatch.setattr(reaper, patience, 60.0)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        began = time.monotonic()
        assert reaper.sweep("no-such-token", 0) == []
        assert time.monotonic() - began < 20.0 and bystander.poll() is None
        bystander.kill()


async def test_while_waiting_for_another(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", after=("b",)), fake("b", "--never-bind")]) as group:
        group.start()
        await until(group, lambda s: s.state is ServiceState.WAITING)
        await prompt_stop(group)


async def test_of_nothing(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a")]) as group:
        await prompt_stop(group, 0.1)
        await prompt_stop(group, 0.1)
    await group.stop()


async def test_held_starts_again_when_told(places: ServicePaths, fake: Fake) -> None:
    spec = fake("a", "--crash-after", "0.3")
    async with ServiceGroup(places, [spec], rules=RestartRules(base_s=0.02, most=1)) as group:
        group.start()
        await until(group, held)
        group.start()
        await until(group, lambda s: s.state is ServiceState.STARTING)
        assert group["a"].status.last_error is None


async def test_restart_is_a_new_process(places: ServicePaths, fake: Fake, story: Story) -> None:
    async with ServiceGroup(places, [fake("a")], story) as group:
        group.start()
        await group.wait_ready(timeout=30)
        first = group["a"].status
        group["a"].restart()
        await until(group, lambda s: s.state is ServiceState.READY and s.pid != first.pid)
        assert group["a"].status.restarts == 0, "the operator's own do not count"


async def test_cancelled_show(places: ServicePaths, fake: Fake) -> None:
    async def show() -> None:
        async with ServiceGroup(places, [fake("a", "--fork-grandchild"), fake("b")]) as group:
            group.start()
            await group.wait_ready(timeout=30)
            ready.set()
            await asyncio.sleep(3600)

    ready = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(show())
        await ready.wait()
        task.cancel()


async def test_group_goes_in_reverse_even_when_one_ignores_term(places: ServicePaths, fake: Fake, story: Story) -> None:
    specs = [
        fake("a"),
        fake("b", "--ignore-term", after=("a",), stop_grace_s=0.4),
        fake("c", "--fork-grandchild", after=("b",)),
    ]
    async with ServiceGroup(places, specs, story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=15)
        began = time.monotonic()
        await group.stop()
        assert time.monotonic() - began < 2.0
    ends = [s.name for s in story.told if s.state is ServiceState.STOPPED and s.pid is None]
    assert ends == ["c", "b", "a"]
    starts = [s.name for s in story.told if s.state is ServiceState.READY]
    assert starts == ["a", "b", "c"]


async def test_an_error_in_the_block_comes_out_as_it_is(places: ServicePaths, fake: Fake) -> None:
    with pytest.raises(ServiceError, match="a: still"):
        async with ServiceGroup(places, [fake("a", "--never-bind")]) as group:
            group.start()
            await group.wait_ready(timeout=0.2)


async def test_no_thread_no_handle_stays(places: ServicePaths, fake: Fake) -> None:
    async def once() -> None:
        async with ServiceGroup(places, [fake("a")]) as group:
            group.start()
            await group.wait_ready(timeout=30)

    await once()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        await once()
    assert len(os.listdir("/proc/self/fd")) <= before
