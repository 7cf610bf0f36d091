"""The line to a show that comes, crashes, hangs or is stopped; the show is a bus and its server, without engines."""

import asyncio
import fcntl
import os
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from console.api import commands
from console.api.bus import Bus
from console.api.events import ShowStarted
from console.api.server import OperatorServer
from console.host import show_finder
from console.host.run_lock import RunLock, ShowFile, farewell
from console.host.show_finder import PendingShow
from console.tui.app.app import ConsoleApp
from console.tui.client import show_connection as links
from console.tui.client.show_connection import ShowConnection
from profiles.home import Home

RIG = "booth"


class Stub:
    """Is asked nothing in these tests."""

    def __init__(self) -> None:
        self.bus = Bus()

    async def execute(self, command: commands.Command[Any], holder: str) -> Any:
        raise AssertionError(command)

    def forget(self, holder: str) -> None:
        pass


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path))
    return Home(tmp_path)


@asynccontextmanager
async def shown(home: Home, **more: Any) -> AsyncIterator[Bus]:
    """A show that can be found and asked; the end of the block is a crash: nothing is told, the lock is let go."""
    show, listening = Stub(), asyncio.Event()
    socket = home.socket(RIG, "show")
    server = OperatorServer(socket, show)
    with RunLock(home, RIG) as presence:
        async with asyncio.TaskGroup() as tasks:
            serving = tasks.create_task(server.serve(listening))
            await listening.wait()
            file = ShowFile(
                pid=os.getpid(),
                rig=RIG,
                rig_file=str(home.root / "booth.toml"),
                character="c",
                socket=str(socket),
                logs="",
            )
            presence.announce(structs.replace(file, **more))
            show.bus.publish(ShowStarted(pid=1, rig=RIG, character="c", character_name="C", logs="", began=0.0))
            try:
                yield show.bus
            finally:
                server.hang_up()
                serving.cancel()


@asynccontextmanager
async def watched(home: Home) -> AsyncIterator[tuple[ShowConnection, list[str]]]:
    """A link that runs, and every time that it has started a show again."""
    link, revived = ShowConnection(home.state(RIG)), list[str]()

    def revive() -> None:
        revived.append(link.picture.link)

    link.revive = revive
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        try:
            yield link, revived
        finally:
            running.cancel()


async def until(link: ShowConnection, state: str, within_s: float = 3.0) -> None:
    async with asyncio.timeout(within_s):
        while link.picture.link != state:
            await asyncio.sleep(0.01)


async def test_a_show_that_crashed_is_started_again(home: Home) -> None:
    async with watched(home) as (link, revived):
        async with shown(home):
            await until(link, "live")
        await until(link, "reviving")
        async with asyncio.timeout(3):
            while not revived:
                await asyncio.sleep(0.01)
        assert link.picture.crashed


async def test_it_is_although_somebody_looks_whether_it_runs(home: Home) -> None:
    """Seen once in a long run: a glance, as of `console.py status`, was taken for another show and waited for."""
    async with watched(home) as (link, revived):
        async with shown(home):
            await until(link, "live")
            glance = os.open(home.state(RIG) / "show.lock", os.O_RDWR)
        fcntl.flock(glance, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as `held` looks
        try:
            await until(link, "reviving")
            async with asyncio.timeout(3):
                while not revived:
                    await asyncio.sleep(0.01)
        finally:
            os.close(glance)


async def test_it_is_although_its_line_broke_before_its_lock(home: Home) -> None:
    """The kernel closes what a killed show had open one after another; a busy machine stops in between."""
    async with watched(home) as (link, revived):
        async with shown(home):
            await until(link, "live")
            dying = os.open(home.state(RIG) / "show.lock", os.O_RDWR)
            told = (home.state(RIG) / "show.json").read_bytes()
        fcntl.flock(dying, fcntl.LOCK_EX | fcntl.LOCK_NB)  # as if it still had it
        (home.state(RIG) / "show.json").write_bytes(told)
        await asyncio.sleep(0.6)
        os.close(dying)
        await until(link, "reviving")
        async with asyncio.timeout(3):
            while not revived:
                await asyncio.sleep(0.01)


async def test_one_whose_end_was_wanted_is_not(home: Home) -> None:
    """Also when it hung and said nothing before it was killed: `console.py stop` leaves a mark."""
    async with watched(home) as (link, revived):
        async with shown(home):
            await until(link, "live")
            farewell(home.state(RIG), os.getpid()).touch()
        await until(link, "stopped")
        await asyncio.sleep(0.5)
        assert not revived and not link.picture.crashed


async def test_what_systemd_keeps_is_left_to_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "KEPT_S", 0.6)
    async with watched(home) as (link, revived):
        async with shown(home, kept=True):
            await until(link, "live")
        await until(link, "reviving")
        await asyncio.sleep(0.2)
        assert not revived
        async with shown(home, kept=True):
            await until(link, "live")
            await asyncio.sleep(0.6)
            assert not revived
        monkeypatch.setattr(links, "KEPT_S", 0.1)
        await until(link, "reviving")
        async with asyncio.timeout(3):
            while not revived:  # systemd gave up; better us than nobody
                await asyncio.sleep(0.01)


async def test_another_rig_chosen_meanwhile_is_the_only_show(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "KEPT_S", 0.4)
    other, child = home.state("other"), cast(Any, _Child())
    other.mkdir(parents=True)
    async with watched(home) as (link, revived):
        async with shown(home, kept=True):
            await until(link, "live")
        await until(link, "reviving")
        (other / "start.log").touch()
        link.take_over(other, PendingShow(child, other, other / "start.log"))
        await asyncio.sleep(0.8)
        assert not revived and link.picture.link == "starting"


class _Child:
    pid = 2**22 + 1
    returncode = None

    def poll(self) -> None:
        return None


async def test_a_silent_show_hangs_for_the_screen_that_was_there_and_for_the_next(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "HANGS_S", 0.3)
    async with watched(home) as (link, revived), shown(home):
        await until(link, "live")
        async with asyncio.timeout(3):
            while not link.picture.hangs:
                await asyncio.sleep(0.01)
        assert not link.picture.on_air and not revived


async def test_a_show_that_takes_the_call_and_never_speaks_hangs(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "HANGS_S", 0.3)
    path = home.socket(RIG, "show")
    deaf = await asyncio.start_unix_server(_hold, path)
    with RunLock(home, RIG) as presence:
        presence.announce(
            ShowFile(pid=os.getpid(), rig=RIG, rig_file="booth.toml", character="c", socket=str(path), logs="")
        )
        async with watched(home) as (link, _):
            async with asyncio.timeout(3):
                while not link.picture.hangs:
                    await asyncio.sleep(0.01)
            assert link.picture.link == "starting"
    deaf.close()


async def _hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("file", "given"), [("/booth/lab.toml", "/booth/lab.toml"), ("/profiles/rigs/booth.toml", "booth")]
)
async def test_it_comes_back_as_it_was_given(
    home: Home, file: str, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rig of a file by its file, one of a name by its name; and the character that speaks now, if it has a name."""
    asked: list[Namespace] = []
    monkeypatch.setattr(show_finder, "spawn", lambda arguments, home: asked.append(arguments))
    folder = home.root / "profiles" / "characters"
    folder.mkdir(parents=True)
    (folder / "c.toml").write_text('extends = "mr_bones"\n')
    async with watched(home) as (link, _), shown(home, rig_file=file):
        await until(link, "live")
        app = ConsoleApp(link, Namespace(rig="rehearsal", character="captain_brine"))
        app._revive()
    assert asked == [Namespace(rig=given, character="c")]
