"""What else fails: servers that leave, speak bytes or bind elsewhere; disks, clocks and neighbours."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from supervisors import kernel
from supervisors.service.group import ServiceGroup
from supervisors.shim import reaper
from supervisors.spec import Command, ServicePaths, ServiceSpec
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, FAKE, Fake, Story
from tests.supervisors.test_crash_report import Desk
from tests.supervisors.test_faults import ONE_CRASH, held, until
from tests.supervisors.test_kills import came_back


async def test_leaves_a_child_to_serve_and_exits(places: ServicePaths, fake: Fake) -> None:
    """Exit 0 of a server is a crash, and who was left to serve is nobody's: it goes too."""
    async with ServiceGroup(places, [fake("a", "--daemonize")], rules=ONE_CRASH) as group:
        group.start()
        status = await until(group, held)
        assert "exited with code 0" in str(status.last_error)
        assert reaper.find(places.prefix) == []


async def test_says_503_for_ever(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", "--health-503", "999", stall_s=0.7)], rules=ONE_CRASH) as group:
        group.start()
        status = await until(group, held)
        assert "answers 503 at /health, and said nothing for 0.7 s" in str(status.last_error)


async def test_binds_another_port_than_it_was_told(places: ServicePaths) -> None:
    def command(port: int) -> Command:
        return Command((sys.executable, "-S", "-E", str(FAKE), "--port", str(port + 1)))

    spec = ServiceSpec(name="a", role="a", command=command, stall_s=0.7)
    async with ServiceGroup(places, [spec], rules=ONE_CRASH) as group:
        group.start()
        assert "opened no port" in str((await until(group, held)).last_error)


async def test_speaks_bytes_and_escape_sequences(places: ServicePaths, fake: Fake) -> None:
    desk = Desk()
    spec = fake("a", "--binary-log", "--crash-after", "0.3")
    async with ServiceGroup(places, [spec], on_crash=desk, rules=ONE_CRASH) as group:
        group.start()
        status = await until(group, held)
        _, report, _ = await desk.next()
    for text in (str(status.last_error), *report.tail):
        assert text.isprintable() or not any(ord(c) < 32 and c != "\t" for c in text), repr(text)


async def test_disk_that_is_full(places: ServicePaths, fake: Fake) -> None:
    """Its log cannot be written: it runs all the same, and its end is still explained from memory."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    places.logs.mkdir(parents=True)
    places.log("a").symlink_to("/dev/full")
    async with ServiceGroup(places, [fake("a", "--chatter", "0.01")], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        before = group["a"].status
        os.kill(before.pid or 0, signal.SIGKILL)
        await came_back(group, before)
        assert group["a"].status.last_error == "a: killed by SIGKILL"


async def test_wall_clock_that_jumps(
    places: ServicePaths, fake: Fake, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    async with ServiceGroup(places, [fake("a")], story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        for jump in (-86_400.0, 864_000.0):
            monkeypatch.setattr(time, "time", lambda jump=jump: real() + jump)
            await asyncio.sleep(1.2)
            before = group["a"].status
            assert before.state is ServiceState.READY
            os.kill(before.pid or 0, signal.SIGKILL)
            await came_back(group, before)


async def test_memory_that_runs_out_takes_an_engine_and_not_the_show(places: ServicePaths, fake: Fake) -> None:
    if not kernel.LINUX:
        pytest.skip("only Linux can be asked for this")
    async with ServiceGroup(places, [fake("a", "--fork-grandchild")], rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        status = group["a"].status
        kin = [status.pid, *(p.pid for p in psutil.Process(status.pid).children(recursive=True))]
        assert {Path(f"/proc/{pid}/oom_score_adj").read_text().strip() for pid in kin} == {"500"}
        ours = Path("/proc/self/oom_score_adj").read_text()
        assert Path(f"/proc/{status.shim_pid}/oom_score_adj").read_text() == ours


async def test_two_of_which_one_waits_for_the_other_start_and_stop_in_order(
    places: ServicePaths, fake: Fake, story: Story
) -> None:
    """And the second, killed, does not wait for a first that is there."""
    specs = [fake("b", after=("a",)), fake("a")]
    async with ServiceGroup(places, specs, story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        first_b_start = next(n for n, s in enumerate(story.told) if s.name == "b" and s.state == "STARTING")
        assert any(s.name == "a" and s.state == "READY" for s in story.told[:first_b_start])
        before = group["b"].status
        os.kill(before.pid or 0, signal.SIGKILL)
        await came_back(group, before)
    told = [(s.name, s.state.value) for s in story.told]
    assert told.index(("b", "STOPPED"), len(told) - 6) < len(told) - 1 - told[::-1].index(("a", "STOPPED"))
