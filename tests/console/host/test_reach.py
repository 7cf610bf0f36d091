"""A show stays reachable and its motors can be stopped, whatever is cleared away beside it while it runs."""

import asyncio
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from msgspec import structs

from console.api import commands as cmd
from console.api.body_commands import EStop
from console.api.client import NoShow, OperatorClient
from console.api.commands import CommandError
from console.host import run_lock as presence
from console.host import show_finder
from console.host.emergency_stop import stop_motors
from console.host.run_lock import RunLock, ShowFile, alive
from console.host.stop_marks import StopMarks
from console.show.endpoint_guard import EndpointGuard
from console.tui.client.command_client import CommandClient
from console.tui.client.show_connection import ShowConnection
from devices.signal_thread import SignalThread
from profiles.home import Home
from supervisors import kernel
from tests.support.bare_show import BareShow, bare_show, wait_for

BACK_S = 2.5


@pytest.fixture(scope="module")
def own() -> Iterator[Path]:
    """A short one, with a folder for sockets and one for temporary files: nothing else may be cleared away here, for
    other shows of this user have theirs in /tmp.
    """
    folder = Path(tempfile.mkdtemp(prefix="gr-", dir="/tmp"))
    for name in ("run", "tmp"):
        (folder / name).mkdir()
    yield folder
    shutil.rmtree(folder)


def surroundings(own: Path) -> dict[str, str]:
    return {"XDG_RUNTIME_DIR": str(own / "run"), "TMPDIR": str(own / "tmp")}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, own: Path) -> Iterator[BareShow]:
    with bare_show(tmp_path_factory.mktemp("reach"), **surroundings(own)) as show:
        yield show


@pytest.fixture
def show(shared: BareShow, own: Path) -> BareShow:
    """One for all of them: what one test takes away is back for the next, in the first place again."""
    (own / "run").mkdir(exist_ok=True)
    place = own / "run" / f"galactus-{os.getuid()}"
    if place.is_file():
        place.unlink()
    wait_for(lambda: reached(shared))
    for path in paths(shared):
        if path.parent != place:
            path.unlink()
    wait_for(lambda: reached(shared) and {path.parent for path in paths(shared)} == {place})
    return shared


def reached(show: BareShow) -> bool:
    return alive(show.state) is not None and all(path.is_socket() for path in paths(show))


def paths(show: BareShow) -> tuple[Path, Path]:
    file = show.file
    mine = [Path(show.environment[name]) for name in ("XDG_RUNTIME_DIR", "TMPDIR")]
    found = Path(file.socket), Path(file.stop_socket)
    assert all(path.parent.parent in mine for path in found), "never another show's"
    return found


def sockets(show: BareShow) -> Path:
    """Their folder."""
    return paths(show)[0].parent


def remove(folder: Path) -> None:
    """At one stroke: the show puts new things into it as soon as it can."""
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    shutil.rmtree(away)


def folder_removed(show: BareShow) -> None:
    remove(sockets(show))


def all_of_it_removed(show: BareShow) -> None:
    sockets(show)
    remove(Path(show.environment["XDG_RUNTIME_DIR"]))


def socket_removed(show: BareShow) -> None:
    paths(show)[0].unlink()


def both_sockets_removed(show: BareShow) -> None:
    for path in paths(show):
        path.unlink()


def a_file_in_place_of_the_folder(show: BareShow) -> None:
    folder = sockets(show)
    remove(folder)
    folder.touch()


def an_open_folder_in_its_place(show: BareShow) -> None:
    folder = sockets(show)
    remove(folder)
    folder.mkdir()
    folder.chmod(0o777)


def files_in_place_of_the_sockets(show: BareShow) -> None:
    both_sockets_removed(show)
    for path in (show.file.socket, show.file.stop_socket):
        Path(path).touch()


def dead_sockets_in_their_place(show: BareShow) -> None:
    file = show.file
    both_sockets_removed(show)
    for path, kind in ((file.socket, socket.SOCK_STREAM), (file.stop_socket, socket.SOCK_DGRAM)):
        with socket.socket(socket.AF_UNIX, kind) as other:
            other.bind(path)


def show_file_removed(show: BareShow) -> None:
    (show.state / "show.json").unlink()


def show_file_cut_off(show: BareShow) -> None:
    os.truncate(show.state / "show.json", 20)


def lock_removed(show: BareShow) -> None:
    (show.state / "show.lock").unlink(missing_ok=True)


def state_removed(show: BareShow) -> None:
    remove(show.home.root / "state")


def state_renamed(show: BareShow) -> None:
    shutil.rmtree(show.home.root / "state.old", ignore_errors=True)
    (show.home.root / "state").rename(show.home.root / "state.old")


def state_and_sockets_removed(show: BareShow) -> None:
    folder_removed(show)
    state_removed(show)


CLEARED = [
    folder_removed,
    all_of_it_removed,
    socket_removed,
    both_sockets_removed,
    a_file_in_place_of_the_folder,
    an_open_folder_in_its_place,
    files_in_place_of_the_sockets,
    dead_sockets_in_their_place,
    show_file_removed,
    show_file_cut_off,
    lock_removed,
    state_removed,
    state_renamed,
    state_and_sockets_removed,
]
Clear = Callable[[BareShow], None]


@pytest.mark.parametrize("clear", CLEARED)
def test_it_can_be_found_and_asked_again_soon(show: BareShow, clear: Clear) -> None:
    pid = show.file.pid
    clear(show)
    began = time.monotonic()
    wait_for(lambda: reached(show), BACK_S)
    print(f"back after {time.monotonic() - began:.2f} s")
    told = show.cli("status", "--json")
    assert told.returncode == 0 and json.loads(told.stdout)["show"]["pid"] == pid, told.stderr
    assert Path(show.file.socket).parent.stat().st_mode & 0o777 == 0o700
    assert Path(show.file.socket).stat().st_mode & 0o777 == 0o600
    assert show.cli("estop").returncode == 0 and stopped_anew(show)


@pytest.mark.parametrize("clear", [folder_removed, all_of_it_removed, show_file_cut_off, lock_removed])
def test_no_command_falls_into_the_gap(show: BareShow, clear: Clear) -> None:
    """Asked at once: it waits for what comes back, and a second show of this rig is refused."""
    clear(show)
    told = show.cli("status")
    assert told.returncode == 0 and told.stdout.startswith("bare ·"), told.stderr
    wait_for(lambda: reached(show))
    lock_removed(show)
    second = show.cli("run", "--headless", "--rig", "bare")
    assert second.returncode == 2 and "running already" in second.stderr, second


def stopped_anew(show: BareShow) -> bool:
    """Whether the jaw was stopped, which is then acknowledged."""
    rows = json.loads(show.cli("status", "--json").stdout)["devices"]
    stopped = any(row["role"] == "jaw" and "stopped by hand" in row["detail"] for row in rows)
    asyncio.run(acknowledge(show))
    return stopped


async def acknowledge(show: BareShow) -> None:
    from console.api.body_commands import Acknowledge

    async with OperatorClient(Path(show.file.socket)) as client:
        await client.call(Acknowledge())


@pytest.mark.parametrize("clear", [folder_removed, show_file_removed, lock_removed])
@pytest.mark.parametrize("frozen", [False, True])
def test_the_emergency_stop_needs_no_socket(show: BareShow, clear: Clear, frozen: bool) -> None:
    """Within a second, asked in the very moment; `frozen`: the sockets cannot come back for a while."""
    folder = sockets(show)
    clear(show)
    if frozen:
        if folder.exists():
            remove(folder)
        folder.touch()
    began = time.monotonic()
    assert stop_motors(show.state)
    assert time.monotonic() - began < 1.0
    if frozen and folder.is_file():
        folder.unlink()
    wait_for(lambda: reached(show), BACK_S)
    assert stopped_anew(show)


class Motors:
    """What an emergency stop is asked to do."""

    def __init__(self) -> None:
        self.path = Path("/nowhere")
        self.stopped: list[float] = []

    def stop(self) -> None:
        self.stopped.append(time.monotonic())


async def test_nor_a_loop_that_runs(tmp_path: Path) -> None:
    motors, home = Motors(), Home(tmp_path)
    confirmed: list[bool] = []
    with RunLock(home, "booth") as presence, EndpointGuard(cast(Any, None), presence) as lookout:
        lookout.mind(cast(Any, motors))
        presence.announce(ShowFile(pid=os.getpid(), rig="booth", rig_file="", character="", socket="/n", logs=""))
        asking = threading.Timer(0.2, lambda: confirmed.append(stop_motors(home.state("booth"))))
        asking.start()
        began = time.monotonic()
        time.sleep(1.5)  # noqa: ASYNC251 - the loop is blocked on purpose
        asking.join()
    assert confirmed == [True] and motors.stopped[0] - began < 1.2


def test_a_signal_waits_for_no_disk() -> None:
    """What looks around may hang on one; what stops the motors is another thread."""
    heard: list[float] = []
    hangs, hung = threading.Event(), threading.Event()

    def look() -> None:
        hung.set()
        hangs.wait(20)

    with SignalThread(presence.STOP_SIGNAL, lambda: heard.append(time.monotonic()), look):
        assert hung.wait(5)
        for number in (1, 2):
            os.kill(os.getpid(), presence.STOP_SIGNAL)
            wait_for(lambda number=number: len(heard) == number, 5)
        hangs.set()


async def test_a_stop_while_no_show_can_be_reached_is_kept_for_the_next(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.state("booth").mkdir(parents=True)
    steering = CommandClient(lambda: None, folder=lambda: home.state("booth"))
    began = time.monotonic()
    with pytest.raises(
        CommandError, match="no show runs: if a motor moves, take its power; the next show keeps it off"
    ):
        await steering.stop_motors()
    assert time.monotonic() - began < 5 and StopMarks(home.state("booth")).stopped


async def test_a_stop_of_a_show_that_has_just_died_is_kept_for_the_next(tmp_path: Path) -> None:
    """The screen has not noticed yet."""
    home = Home(tmp_path)
    home.state("booth").mkdir(parents=True)
    dead = ShowFile(pid=1, rig="booth", rig_file="", character="", socket=str(tmp_path / "gone"), logs="")
    steering = CommandClient(lambda: dead, folder=lambda: home.state("booth"))
    with pytest.raises(CommandError, match="no show runs"):
        await steering.stop_motors()
    assert StopMarks(home.state("booth")).stopped


async def test_a_stop_that_a_show_does_not_answer_is_told_in_time(show: BareShow) -> None:
    """All of its threads stand still."""
    steering = CommandClient(lambda: show.file, folder=lambda: show.state)
    os.kill(show.file.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(NoShow):
            await steering.stop_motors()
        assert time.monotonic() - began < 5
    finally:
        os.kill(show.file.pid, signal.SIGCONT)
    wait_for(lambda: reached(show), BACK_S)
    await acknowledge(show)


async def test_a_stop_reaches_a_show_that_is_just_coming_up(tmp_path: Path) -> None:
    """It holds its lock and hears the signal; neither its file nor its socket is there yet."""
    motors, home = Motors(), Home(tmp_path)
    with RunLock(home, "booth") as held, EndpointGuard(cast(Any, None), held) as lookout:
        lookout.mind(cast(Any, motors))
        await CommandClient(lambda: None, folder=lambda: home.state("booth")).stop_motors()
    assert motors.stopped


async def test_one_that_comes_before_there_are_motors_is_kept_for_them(tmp_path: Path) -> None:
    motors, home = Motors(), Home(tmp_path)
    with RunLock(home, "booth") as presence, EndpointGuard(cast(Any, None), presence) as lookout:
        assert await asyncio.to_thread(stop_motors, home.state("booth"))
        lookout.mind(cast(Any, motors))
    assert motors.stopped


def test_the_signal_comes_again_and_again_and_ends_nothing(show: BareShow) -> None:
    for _ in range(3):
        began = time.monotonic_ns()
        os.kill(show.file.pid, presence.STOP_SIGNAL)
        wait_for(lambda began=began: (now := presence.holder(show.state)) is not None and now.stopped_at >= began, 1.0)
    assert stopped_anew(show)


def test_the_other_ways_to_find_it_do_not_matter(show: BareShow, tmp_path: Path) -> None:
    """Another login: no XDG_RUNTIME_DIR, or another one, or other temporary files."""
    for surroundings in ({"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": str(tmp_path)}, {"TMPDIR": str(tmp_path)}):
        assert show.cli("status", **surroundings).returncode == 0
        assert show.cli("estop", **surroundings).returncode == 0 and stopped_anew(show)


def test_a_show_without_any_line_ends_in_order(tmp_path: Path) -> None:
    with bare_show(tmp_path) as show:

        async def stop() -> float:
            began = time.monotonic()
            real = presence.alive

            def elsewhere(folder: Path) -> ShowFile | None:
                """What a client sees whose rights do not suffice for the socket."""
                found = real(folder)
                return found and ShowFile(pid=found.pid, rig=found.rig, rig_file="", character="", socket="/n", logs="")

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(show_finder, "alive", elsewhere)
                patch.setattr(show_finder, "_BACK_S", 0.2)
                await show_finder.stop(
                    ShowFile(**{f: getattr(show.file, f) for f in ShowFile.__struct_fields__}), show.home
                )
            return time.monotonic() - began

        took = asyncio.run(stop())
        assert show.process.wait(5) == 0 and took < 15, took


async def test_an_open_screen_acts_over_the_line_it_has(show: BareShow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Panic, go on, stop the motors, press and let go, with no socket to be had."""
    monkeypatch.setenv("GALACTUS_HOME", str(show.home.root))
    link = ShowConnection(show.state)
    steering = CommandClient(lambda: link.show, link.call)
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(link.run())
        while link.picture.link != "live":
            await asyncio.sleep(0.02)
        assert link.show is not None
        gone = ShowFile(pid=link.show.pid, rig="bare", rig_file="", character="", socket="/gone/s", logs="")
        link.show = gone
        await steering.send(cmd.Panic())
        while not link.picture.state.halted:
            await asyncio.sleep(0.02)
        assert not link.picture.on_air
        assert (await steering.send(cmd.Resume())).resumed
        with pytest.raises(cmd.CommandError, match="there is no service"):
            await steering.send(cmd.Restart(service="nonsense"))
        assert (await steering.keep(cmd.Status())).show.pid == gone.pid
        await steering.press()
        assert await steering.let_go()
        began = time.monotonic()
        await steering.stop_motors()
        assert time.monotonic() - began < 1.5
        assert (await steering.send(EStop())) is not None
        running.cancel()
    await acknowledge(show)


def test_a_lock_in_other_hands_is_never_signalled(tmp_path: Path) -> None:
    """Its file tells of a process that is gone, or of another with its number."""
    home = Home(tmp_path)
    with RunLock(home, "booth") as mine:
        mine.announce(ShowFile(pid=os.getpid(), rig="booth", rig_file="", character="", socket="/n", logs=""))
        mine.take_signal()
        for lie in ({"started": "1"}, {"boot_id": "another"}, {"pid": 2**22 + 1}):
            real = mine.holder
            mine.holder = structs.replace(real, **lie)
            mine._sign()
            assert presence.holder(home.state("booth")) is None and not stop_motors(home.state("booth"), 0.1)
            mine.holder = real


def test_a_show_that_has_lost_its_lock_to_another_knows_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RunLock(home, "booth") as first:
        remove(home.root / "state")
        with RunLock(home, "booth") as second:
            me = kernel.read_proc(os.getppid())
            assert me is not None
            second.holder = structs.replace(second.holder, pid=me.pid, started=me.started)
            second.take_signal()
            first.restore()
            assert first.lost
            second.announce(ShowFile(pid=2, rig="booth", rig_file="", character="", socket="/n", logs=""))
            first.restore()
            assert (file := alive(home.state("booth"))) is not None and file.pid == 2
    assert not (home.state("booth") / "show.json").exists()


def test_engines_inherit_no_mask_and_no_handler_of_ours(show: BareShow) -> None:
    """A signal that a child ignores or blocks would be one that no longer ends it."""
    children = [kernel.read_proc(child.pid) for child in kernel.descendants(show.file.pid)]
    assert children
    for child in children:
        if child is None:
            continue
        lines = dict(
            row.split(":\t", 1) for row in Path(f"/proc/{child.pid}/status").read_text().splitlines() if ":\t" in row
        )
        bit = 1 << (presence.STOP_SIGNAL - 1)
        assert not int(lines["SigBlk"], 16) & bit and not int(lines["SigIgn"], 16) & bit


def test_signals_still_reach_the_loop(tmp_path: Path) -> None:
    with bare_show(tmp_path) as show:
        os.kill(show.process.pid, presence.STOP_SIGNAL)
        show.process.send_signal(signal.SIGTERM)
        assert show.process.wait(20) == 0
