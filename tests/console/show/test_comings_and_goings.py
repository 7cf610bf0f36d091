"""Shows that begin, end and die while somebody asks: what is left of them, and who is meant."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import threading
import time
from argparse import Namespace
from pathlib import Path

import pytest

from console.api.commands import USAGE, CommandError
from console.cli import show_verbs
from console.host import show_finder
from console.host.run_lock import RunLock, ShowFile, alive, starting
from profiles.home import CHECKOUT, Home
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home


def show_file(pid: int) -> ShowFile:
    return ShowFile(pid=pid, rig="booth", rig_file="", character="", socket="/nowhere.sock", logs="")


def left_by_a_killed_show(home: Home, pid: int) -> None:
    folder = home.state("booth")
    with RunLock(home, "booth") as presence:
        presence.announce(show_file(pid))
        kept = (folder / "show.json").read_bytes()
    (folder / "show.json").write_bytes(kept)


def test_what_a_killed_show_left_is_not_taken_for_the_one_that_starts(tmp_path: Path) -> None:
    home = Home(tmp_path)
    left_by_a_killed_show(home, 4711)
    assert alive(home.state("booth")) is None
    with RunLock(home, "booth") as presence:
        assert alive(home.state("booth")) is None and starting(home)
        presence.announce(show_file(os.getpid()))
        now = alive(home.state("booth"))
        assert now is not None and now.pid == os.getpid() and not starting(home)
    assert not starting(home)


def test_only_the_show_that_holds_the_lock_is_killed(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with subprocess.Popen(["sleep", "60"]) as stranger:
        try:
            left_by_a_killed_show(home, stranger.pid)
            show_finder.kill(show_file(stranger.pid), home)
            with RunLock(home, "booth") as presence:
                presence.announce(show_file(os.getpid()))
                show_finder.kill(show_file(stranger.pid), home)
            assert stranger.poll() is None
            assert asyncio.run(show_finder.wait_gone(show_file(2**22 + 1), home))
        finally:
            stranger.kill()


def test_a_glance_at_the_lock_does_not_keep_a_show_from_starting(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.state("booth").mkdir(parents=True)
    lock = os.open(home.state("booth") / "show.lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    threading.Timer(0.06, os.close, [lock]).start()
    with RunLock(home, "booth"):
        pass


def test_a_show_that_is_starting_is_waited_for(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with RunLock(home, "booth") as presence:
        threading.Timer(0.2, presence.announce, [show_file(os.getpid())]).start()
        found = show_finder.find(Namespace(rig=None, character=None), home)
        assert found is not None and found.pid == os.getpid()


def test_an_out_file_that_cannot_be_written_is_one_plain_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "no" / "reply.wav"):
        with pytest.raises(CommandError, match="cannot be written"):
            show_verbs._refuse_unwritable(path)
    show_verbs._refuse_unwritable(tmp_path / "reply.wav")
    if Path("/dev/full").exists():
        with pytest.raises(CommandError, match="No space left") as refused:
            show_verbs._write_wav(Path("/dev/full"), b"\0\0" * 100_000, 22_050)
        assert refused.value.code is USAGE


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("after_s", [0.05, 1.5])
def test_an_interrupted_ask_leaves_no_show(tmp_path: Path, number: signal.Signals, after_s: float) -> None:
    """`after_s` counts from the birth of the show that it starts."""
    show = RealShow(scripted_home(tmp_path / "home"), "--rig", "quick")
    words = ["ask", "--rig", "quick", "--text", "Who are you?"]
    asking = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "console.py"), *words], env=show.environment, stderr=subprocess.PIPE, text=True
    )
    begun = show.home / "state" / "quick" / "start.log"
    while not begun.exists():
        time.sleep(0.005)
    time.sleep(after_s)
    asking.send_signal(number)
    said = asking.communicate(timeout=20)[1]
    assert asking.returncode == 130 and "Traceback" not in said, said
    show.wait_nothing_left()


@pytest.mark.slow
def test_ask_starts_anew_after_a_kill(quick: RealShow) -> None:
    assert quick.process is not None
    quick.process.kill()
    quick.process.wait()
    done = quick.cli("ask", "--rig", "quick", "--text", "Who are you?")
    assert done.returncode == 0, done
    quick.wait_nothing_left()
