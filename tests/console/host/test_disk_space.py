"""A place that cannot be written costs what would have been kept there, and is told plainly; the show goes on."""

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.api.bus import Bus
from console.api.events import DiskChanged, Note
from console.api.state import ShowState
from console.engines import engine_overrides
from console.host import disk_space, run_lock, show_finder
from console.host.event_log import EventLog
from console.host.run_lock import RunLock, alive
from console.host.show_log import show_log
from console.tui.client.screen_state import ScreenState
from console.tui.pages.show.alerts import troubles
from conversation.events import Marks, TurnEnded
from conversation.stages import Outcome
from devices.boards.simulated import SimulatedBoard
from devices.estop import EmergencyStop, request
from profiles.home import Home
from profiles.schema import Jaw
from tests.devices.jaws import armed
from tests.support.bare_show import BareShow, bare_show, wait_for

Mount = Callable[..., Path]


class Deaf(SimulatedBoard):
    deaf = False

    def detach(self, channel: int) -> None:
        if self.deaf:
            raise OSError("no line")
        super().detach(channel)


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Small disks, where we may have any."""
    mounted: list[Path] = []

    def mounted_at(name: str, options: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], capture_output=True)
        except FileNotFoundError:
            pytest.skip("there is no mount here")
        if done.returncode:
            pytest.skip("no file system can be mounted here")
        mounted.append(folder)
        return folder

    yield mounted_at
    for folder in mounted:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """To the last byte."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(65536))
        except OSError:
            pass
    return ballast


def said(lack: disk_space.DiskProblem | None) -> str:
    return lack.detail if lack is not None else ""


def test_a_full_disk(mount: Mount) -> None:
    disk = mount("disk", "size=256k")
    ballast = fill(disk)
    for look in (disk_space.glance, disk_space.trial):
        lack = look(disk / "logs" / "not" / "yet")
        assert (
            lack is not None and f"the disk of {disk}/logs/not/yet is full" == lack.detail and "free some" in lack.mend
        )
    ballast.unlink()
    assert not disk_space.trial(disk) and not list(disk.iterdir())


def test_a_disk_that_takes_no_more_files(mount: Mount) -> None:
    disk = mount("disk", "size=4m,nr_inodes=8")
    number = 0
    with pytest.raises(OSError):
        while True:
            (disk / str(number)).touch()
            number += 1
    assert "can take no more files" in said(disk_space.glance(disk)) and "can take no more files" in said(
        disk_space.trial(disk)
    )


def test_a_disk_that_can_only_be_read(mount: Mount) -> None:
    disk = mount("disk", "size=256k,ro")
    assert "can only be read" in said(disk_space.glance(disk)) and "can only be read" in said(disk_space.trial(disk))


def test_a_disk_that_is_nearly_full(mount: Mount) -> None:
    disk = mount("disk", "size=8m")
    (disk / "much").write_bytes(bytes(8_200_000))
    lack = disk_space.trial(disk)
    assert lack is not None and lack.low and "nearly full" in lack.detail


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.EDQUOT, "your share of the disk"),
        (errno.EROFS, "can only be read"),
        (errno.EACCES, "cannot be written"),
        (errno.ENOSPC, "is full"),
        (errno.EIO, "cannot be written (Input/output error)"),
    ],
)
def test_what_only_shows_in_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def refuse(*_: Any) -> int:
        raise OSError(number, os.strerror(number))

    assert disk_space.trial(tmp_path) is None or disk_space.trial(tmp_path) == disk_space.glance(tmp_path)
    monkeypatch.setattr(os, "write", refuse)
    lack = disk_space.trial(tmp_path)
    assert lack is not None and words in lack.detail and str(tmp_path) in lack.detail
    assert not list(tmp_path.iterdir())


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    assert "is not a folder" in said(disk_space.glance(tmp_path / "logs" / "run"))


def test_two_places_on_one_disk_are_told_once(mount: Mount) -> None:
    disk = mount("disk", "size=256k")
    fill(disk)
    assert list(disk_space.lacks([disk, disk / "state", disk / "logs"], disk_space.glance)) == [disk]


def turn(number: int) -> TurnEnded:
    return TurnEnded(turn=number, outcome=Outcome.COMPLETED, marks=Marks())


def test_a_log_without_room_has_whole_lines_and_goes_on(mount: Mount) -> None:
    disk = mount("disk", "size=64k")
    with EventLog(disk / "run") as log:
        number = 0
        while not log.missed:
            number += 1
            log.write(turn(number), json.dumps({"n": number, "text": "x" * 3001}).encode() + b"\n")
        log.write(turn(number), b"{}\n" * 2000)
        ballast = fill(disk)
        log.write(turn(0), b'{"n": "lost"}\n' * 400)
        ballast.unlink()
        (disk / "run" / "turns.jsonl").write_bytes(b"")
        os.truncate(disk / "run" / "events.jsonl", 0)
        log.write(turn(7), b'{"n": 7}\n')
        assert not log.missed
    rows = [json.loads(line) for line in (disk / "run" / "events.jsonl").read_bytes().splitlines()]
    assert rows == [{"n": 7}]


def test_a_line_that_did_not_fit_leaves_no_half(mount: Mount) -> None:
    disk = mount("disk", "size=64k")
    with EventLog(disk / "run") as log:
        for number in range(100):
            log.write(turn(number), json.dumps({"n": number, "text": "x" * 3001}).encode() + b"\n")
        assert log.missed
    rows = [json.loads(line) for line in (disk / "run" / "events.jsonl").read_bytes().splitlines()]
    assert [row["n"] for row in rows] == list(range(len(rows))) and 5 < len(rows) < 25


def test_one_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()
    with EventLog(tmp_path / "logs" / "run") as log, show_log(tmp_path / "logs" / "run" / "show.log"):
        log.write(turn(1), b'{"n": 1}\n')
        assert log.missed
        (tmp_path / "logs").unlink()
        log.write(turn(2), b'{"n": 2}\n')
        assert not log.missed
    assert (tmp_path / "logs" / "run" / "events.jsonl").read_bytes() == b'{"n": 2}\n'


def test_a_log_on_a_disk_that_hangs_keeps_no_motor_waiting(tmp_path: Path) -> None:
    """What goes wrong at a stop is logged between two motors; a pipe that nobody reads hangs as such a disk does."""
    words = tmp_path / "show.log"
    os.mkfifo(words)
    board = Deaf()
    jaw, deaf = armed(SimulatedBoard(), Jaw()), armed(board, Jaw())
    board.deaf = True

    def fail() -> None:
        raise RuntimeError("a bug")

    with show_log(words):
        try:
            with EmergencyStop(tmp_path / "stop", (fail, deaf.stop, jaw.stop), lambda: None):
                taken = request(tmp_path / "stop")
        finally:
            reader = os.open(words, os.O_RDONLY | os.O_NONBLOCK)
    assert taken and jaw.stopped and deaf.stopped and jaw.us == 0
    told = os.read(reader, 65536).decode()
    os.close(reader)
    assert (
        told.index("an emergency stop failed") < told.index("RuntimeError: a bug") < told.index("did not hear the stop")
    )


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_device_that_is_always_full(tmp_path: Path) -> None:
    for name in ("events", "turns"):
        (tmp_path / f"{name}.jsonl").symlink_to("/dev/full")
    with EventLog(tmp_path) as log:
        log.write(turn(1), b"{}\n")
        assert log.missed


def test_the_screen_tells_it_until_it_is_over() -> None:
    bus = Bus()
    bus.publish(DiskChanged(folder="/d", detail="the disk of /d is full", mend="free some space there"))
    bus.publish(Note(text="x"))
    state = msgspec.convert(msgspec.to_builtins(bus.state), ShowState)
    found = troubles(ScreenState(state=state, link="live"))
    assert [(t.level, t.text) for t in found] == [("bad", "The disk of /d is full: free some space there.")]
    bus.publish(DiskChanged(folder="/d"))
    assert not troubles(ScreenState(state=bus.state, link="live"))


def test_what_is_forgotten_on_a_disk_that_can_only_be_read(mount: Mount) -> None:
    folder = mount("disk", "size=256k")
    (folder / "engines.json").write_text("{}")
    subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
    engine_overrides.forget(folder)
    engine_overrides.remember(folder, {})


def test_a_show_that_could_not_say_why(mount: Mount) -> None:
    disk = mount("disk", "size=256k")
    words = disk / "start.log"
    words.touch()
    fill(disk)
    assert f"the disk of {disk} is full" in str(show_finder.last_words(1, words))


def disks(show: BareShow) -> dict[str, str]:
    """What the show's own events tell of its disks by now."""
    found: dict[str, str] = {}
    for line in (show.home.root / "show.out").read_bytes().splitlines():
        row = json.loads(line)
        if row.get("type") == "DiskChanged":
            found[row["folder"]] = row["detail"]
    return found


def test_a_show_whose_logs_alone_have_no_room(mount: Mount, tmp_path: Path) -> None:
    home = tmp_path / "home"
    logs = mount("home/logs", "size=64k")
    ballast = fill(logs)
    with bare_show(home) as show:
        wait_for(lambda: any("is full" in detail for detail in disks(show).values()))
        assert json.loads(show.cli("status", "--json").stdout)["show"]["rig"] == "bare"
        row = next(line for line in show.cli("check").stdout.splitlines() if " disk " in line)
        assert row.startswith("✗") and str(logs) in row and "full" in row
        ballast.unlink()
        wait_for(lambda: not any(disks(show).values()), 15)
        assert show.cli("panic").returncode == 0
        wait_for(lambda: b"ShowHalted" in (Path(show.file.logs) / "events.jsonl").read_bytes())
        assert show.cli("stop").returncode == 0 and show.process.wait(10) == 0


def test_a_home_that_fills_up_while_the_show_runs(mount: Mount) -> None:
    home = mount("home", "size=2m")
    with bare_show(home) as show:
        out = home / "show.out"
        wait_for(lambda: b"ShowStarted" in out.read_bytes())
        fill(home)
        for verb in ("status", "panic", "estop", "resume"):
            done = show.cli(verb)
            assert done.returncode == 0, (verb, done)
        (show.state / "show.json").unlink()  # a moment later it could not be written
        assert show.cli("estop").returncode == 0
        (home / "ballast").unlink()
        wait_for(lambda: alive(show.state) is not None)
        assert show.cli("stop").returncode == 0 and show.process.wait(10) == 0


def test_a_home_that_is_full_at_the_start(mount: Mount) -> None:
    home = mount("home", "size=256k")
    show = BareShow(home)
    fill(home)
    for words in (("run", "--headless", "--rig", "bare"), ("ask", "--rig", "bare", "--text", "Who are you?")):
        done = show.cli(*words)
        assert done.returncode == 3 and done.stderr.count("\n") == 1, done
        assert f"{home}" in done.stderr and "is full" in done.stderr and "free some space" in done.stderr, done
    checked = next(line for line in show.cli("check", "--rig", "bare").stdout.splitlines() if " disk " in line)
    assert checked.startswith("✗") and "is full" in checked


async def test_a_disk_that_answers_badly_is_told_and_ends_nothing(tmp_path: Path) -> None:
    """A stick that dies (EIO), a mount that is gone (ESTALE): the watch is a part of the show."""

    def look(folder: Path) -> disk_space.DiskProblem | None:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(folder))

    found = disk_space.lacks([tmp_path / "a", tmp_path / "b"], look)
    assert list(found) == [tmp_path / "a"], "two on one disk are told once"
    assert "cannot be written" in found[tmp_path / "a"].detail


def test_a_lock_that_a_full_disk_left_unsigned_is_signed_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = Home(tmp_path)
    lock = home.state("booth") / "show.lock"

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with RunLock(home, "booth") as mine:
        lock.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            for _ in range(2):
                with pytest.raises(OSError, match="No space"):
                    mine.restore()
        mine.restore()
        assert run_lock.holder(home.state("booth")) == mine.holder
