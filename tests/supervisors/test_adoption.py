"""A show dies, the engines stay: the next one takes them over, or what cannot be taken over is gone."""

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from supervisors import kernel
from supervisors.health import health_monitor, probes
from supervisors.service import adoption
from supervisors.service.group import ServiceGroup
from supervisors.shim import reaper, state_file
from supervisors.spec import ServicePaths, ServiceSpec
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, Fake, Story, eventually_gone, fake_spec, places_in, working
from tests.supervisors.test_kills import came_back, start_show

WINDOW = "10"


def specs(*flags: str, **settings: object) -> list[ServiceSpec]:
    kept: dict[str, object] = {"adopt_window_s": 10.0, **settings}
    return [
        fake_spec("a", "--fork-grandchild", *flags, **kept),
        fake_spec("b", "--fork-grandchild", "--ignore-term", **{**kept, "stop_grace_s": 0.3}),
    ]


async def killed_show(home: Path, *flags: str) -> list[int]:
    """Pids of shim a, engine a, shim b, engine b."""
    show, pids = await start_show(home, WINDOW, *flags)
    show.kill()
    await show.wait()
    return pids


def elsewhere(home: Path) -> ServicePaths:
    """The same state, as in the next run: other logs."""
    old = places_in(home)
    return ServicePaths(old.state, home / "logs-of-the-next", old.socket, old.prefix)


async def test_next_show_takes_over_at_once(home: Path, story: Story) -> None:
    shim_a, engine_a, _, engine_b = await killed_show(home)
    asked: list[str] = []

    async def canary(base_url: str) -> None:
        asked.append(base_url)

    began = time.monotonic()
    async with ServiceGroup(elsewhere(home), specs(canary=canary), story) as group:
        assert not {shim_a, engine_a, engine_b} & set(group.reaped)
        group.start()
        await group.wait_ready(timeout=30)
        took = time.monotonic() - began
        a, b = group["a"].status, group["b"].status
        assert (a.pid, b.pid, a.shim_pid) == (engine_a, engine_b, shim_a) and a.adopted and b.adopted
        assert took < 5.0, "0.2 s where nobody else computes; a start of the engine would be told by its canary"
        assert asked == [], "the model is left alone"
        tokens = {p.environ()["GALACTUS_SERVICE"] for p in working(places_in(home).prefix)}
        assert len(tokens) == 2
        os.kill(a.pid or 0, signal.SIGKILL)
        await came_back(group, a)
        assert not group["a"].status.adopted and len(asked) == 1
    assert eventually_gone(places_in(home).prefix, 0.0) == []


async def test_its_log_goes_on_in_the_next_run(home: Path) -> None:
    await killed_show(home, "--chatter", "0.05")
    async with ServiceGroup(elsewhere(home), specs("--chatter", "0.05")) as group:
        group.start()
        await group.wait_ready(timeout=30)
        old, new = places_in(home).log("a"), elsewhere(home).log("a")
        size = old.stat().st_size
        async with asyncio.timeout(2):
            while new.read_text().count("loading tensors") < 3:
                await asyncio.sleep(0.02)
        assert old.stat().st_size == size and f"goes on in {new}" in old.read_text()
        assert f"began in {old}" in new.read_text().splitlines()[0]


def no_socket(home: Path) -> None:
    places_in(home).socket("a").unlink()


def no_state_file(home: Path) -> None:
    places_in(home).state_file("a").unlink()


def half_a_state_file(home: Path) -> None:
    places_in(home).state_file("a").write_text('{"token": "x", "boo')


def no_state_folder(home: Path) -> None:
    state = places_in(home).state
    away = state.with_name("state-away")
    state.rename(away)  # at one stroke: a shim puts new things into it as soon as it can
    shutil.rmtree(away)


def a_folder_in_place_of_the_socket(home: Path) -> None:
    no_socket(home)
    places_in(home).socket("a").mkdir()
    (places_in(home).socket("a") / "something").touch()


@pytest.mark.parametrize(
    "clear", [no_socket, no_state_file, half_a_state_file, no_state_folder, a_folder_in_place_of_the_socket]
)
@pytest.mark.parametrize("while_it_ran", [True, False])
async def test_it_is_found_although_what_it_is_found_by_was_cleared_away(
    home: Path, clear: Callable[[Path], None], while_it_ran: bool
) -> None:
    """By a login manager, a cleaner of temporary files, a person: the model stays in memory all the same."""
    show, pids = await start_show(home, WINDOW)
    if while_it_ran:
        clear(home)
    show.kill()
    await show.wait()
    if not while_it_ran:
        clear(home)
        await asyncio.sleep(1.0)  # it looks twice a second
    try:
        async with asyncio.timeout(9):  # of the window's 10 s
            while adoption.kept(elsewhere(home), specs()[0]) is None:
                await asyncio.sleep(0.02)
        async with ServiceGroup(elsewhere(home), specs()) as group:
            group.start()
            await group.wait_ready(timeout=30)
            assert group["a"].status.pid == pids[1] and group["a"].status.adopted
            assert len({p.environ()["GALACTUS_SERVICE"] for p in working(places_in(home).prefix)}) == 2
        assert eventually_gone(places_in(home).prefix, 0.0) == []
    finally:
        if places_in(home).socket("a").is_dir():
            shutil.rmtree(places_in(home).socket("a"))


async def test_another_command_means_another_engine(home: Path) -> None:
    _, engine_a, _, engine_b = await killed_show(home)
    async with ServiceGroup(elsewhere(home), specs("--chatter", "9")) as group:
        group.start()
        await group.wait_ready(timeout=30)
        assert group["a"].status.pid != engine_a and not group["a"].status.adopted
        assert group["b"].status.pid == engine_b
        assert not psutil.pid_exists(engine_a)


async def test_service_that_the_next_rig_has_not_is_ended(home: Path) -> None:
    _, engine_a, _, engine_b = await killed_show(home)
    async with ServiceGroup(elsewhere(home), specs()[:1]) as group:
        assert engine_b in group.reaped and engine_a not in group.reaped
        group.start()
        await group.wait_ready(timeout=30)


async def test_what_died_meanwhile_is_explained_and_started_again(home: Path, story: Story) -> None:
    _, engine_a, _, _ = await killed_show(home)
    os.kill(engine_a, signal.SIGSEGV)
    await asyncio.sleep(0.2)
    async with ServiceGroup(elsewhere(home), specs(), story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        assert group["a"].status.last_error == "a: killed by SIGSEGV" and group["a"].status.pid != engine_a


@pytest.fixture
def quick_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three are missed after 2 s; after 7.5 s in test_health_monitor.py."""
    monkeypatch.setattr(probes, "TIMEOUT_S", 0.5)
    monkeypatch.setattr(health_monitor, "AGAIN_S", 0.25)


@pytest.mark.usefixtures("quick_probes")
async def test_one_that_has_gone_deaf_is_replaced(home: Path, story: Story) -> None:
    _, engine_a, _, _ = await killed_show(home)
    os.kill(engine_a, signal.SIGSTOP)
    async with ServiceGroup(elsewhere(home), specs(), story, rules=EAGER) as group:
        group.start()
        async with asyncio.timeout(15):
            while group["a"].status.state is not ServiceState.READY:
                await asyncio.sleep(0.05)
        assert group["a"].status.pid != engine_a and "no answer to 3 probes" in str(group["a"].status.last_error)


async def test_shim_that_hangs_is_ended_with_all_it_keeps(home: Path) -> None:
    shim_a, engine_a, _, _ = await killed_show(home)
    os.kill(shim_a, signal.SIGSTOP)
    async with ServiceGroup(elsewhere(home), specs(), rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        assert group["a"].status.pid != engine_a
        assert len({p.environ()["GALACTUS_SERVICE"] for p in working(places_in(home).prefix)}) == 2


async def test_shim_that_dies_between_the_sweep_and_its_adoption(home: Path) -> None:
    """The sweep has spared its whole tree; the grandchild, which does not die with it, must not be left for ever."""
    shim_a, engine_a, _, engine_b = await killed_show(home)
    children = [child.pid for child in psutil.Process(engine_a).children()]
    async with ServiceGroup(elsewhere(home), specs(), rules=EAGER) as group:
        assert len(children) == 1 and not {shim_a, engine_a, *children} & set(group.reaped)
        os.kill(shim_a, signal.SIGKILL)
        async with asyncio.timeout(5):
            while psutil.pid_exists(shim_a) and psutil.Process(shim_a).status() != psutil.STATUS_ZOMBIE:
                await asyncio.sleep(0.005)
        group.start()
        await group.wait_ready(timeout=30)
        assert group["a"].status.pid != engine_a and group["b"].status.pid == engine_b
        assert not psutil.pid_exists(children[0])
        assert len({p.environ()["GALACTUS_SERVICE"] for p in working(places_in(home).prefix)}) == 2


async def test_engine_that_was_still_loading_is_asked_as_always(home: Path) -> None:
    """Its 200 alone says nothing: no show has heard its canary."""
    program = ("-m", "tests.supervisors.show_stand_in", str(home), WINDOW, "--slow-start", "1.5")
    show = await asyncio.create_subprocess_exec(sys.executable, *program)
    state = places_in(home).state_file("a")
    while not state_file.read(str(state)):
        await asyncio.sleep(0.01)
    show.kill()
    await show.wait()
    pid = state_file.read(str(state))["pid"]
    asked: list[str] = []

    async def canary(base_url: str) -> None:
        asked.append(base_url)

    async with ServiceGroup(elsewhere(home), specs("--slow-start", "1.5", canary=canary)) as group:
        group.start()
        await group.wait_ready(["a"], timeout=30)
        assert group["a"].status.pid == pid and group["a"].status.adopted and asked


@pytest.mark.parametrize("lie", ["shim_started", "boot_id", "token", "nothing"])
async def test_who_is_not_known_for_sure_is_neither_adopted_nor_signalled(home: Path, fake: Fake, lie: str) -> None:
    """The number in the file came round again: it is somebody else's process by now."""
    places = places_in(home)
    stranger = await asyncio.create_subprocess_exec("sleep", "60")
    found = kernel.read_proc(stranger.pid)
    assert found
    true = {"shim_pid": stranger.pid, "shim_started": found.started, "boot_id": kernel.boot_id()}
    content = {**true, "token": f"{places.prefix}-a-0", "port": 1, "argv_hash": "", "socket": str(places.socket("a"))}
    content = {} if lie == "nothing" else {**content, lie: "another"}
    state_file.write(str(places.state_file("a")), content)
    async with ServiceGroup(places, [fake("a", adopt_window_s=5.0)]) as group:
        group.start()
        await group.wait_ready(timeout=30)
        assert not group["a"].status.adopted
    assert stranger.returncode is None
    stranger.kill()
    await stranger.wait()


@pytest.mark.parametrize("shows", [3, pytest.param(10, marks=pytest.mark.soak)])
async def test_shows_in_a_row_keep_one_engine(home: Path, shows: int) -> None:
    _, engine_a, _, engine_b = await killed_show(home)
    for _ in range(shows - 1):
        show, pids = await start_show(home, WINDOW)
        assert pids[1::2] == [engine_a, engine_b]
        show.kill()
        await show.wait()
    state = json.loads(places_in(home).state_file("a").read_text())
    assert state["pid"] == engine_a
    reaper.reap(places_in(home).prefix)


async def test_show_that_dies_of_an_error_of_its_own(home: Path) -> None:
    show, pids = await start_show(home, WINDOW)
    _, said = await show.communicate(b"\n")
    assert show.returncode == 1 and b"this show was told to crash" in said
    async with ServiceGroup(elsewhere(home), specs()) as group:
        group.start()
        await group.wait_ready(timeout=30)
        assert [s.pid for s in group.statuses] == pids[1::2]


@pytest.mark.usefixtures("quick_probes")
async def test_one_that_is_still_at_work_for_the_dead_show_is_waited_for(home: Path) -> None:
    """It answers nothing for 3.5 s, but computes: three probes are missed."""
    _, engine_a, _, _ = await killed_show(home, "--grind", "3.5")
    os.kill(engine_a, signal.SIGWINCH)
    await asyncio.sleep(0.1)
    async with ServiceGroup(elsewhere(home), specs("--grind", "3.5"), rules=EAGER) as group:
        group.start()
        async with asyncio.timeout(15):
            while group["a"].status.state is not ServiceState.READY:
                await asyncio.sleep(0.05)
        assert group["a"].status.pid == engine_a and group["a"].status.restarts == 0
