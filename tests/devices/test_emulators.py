"""The emulators as programs, as children of a show, and the port that they share."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devices.boards.board import Board, module
from devices.emulators.emulate import emulate
from devices.emulators.launch import emulated
from devices.errors import DeviceError
from devices.serial_port import SerialPort
from profiles.home import CHECKOUT

PATIENCE_S = 30.0


def wait_for(what: Callable[[], bool]) -> None:
    due = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < due, "it did not happen"
        time.sleep(0.01)


@contextmanager
def program(*arguments: str) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "devices.emulators", *arguments]
    with subprocess.Popen(
        command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as child:
        try:
            yield child
        finally:
            if child.poll() is None:
                child.kill()


def line(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


@contextmanager
def board(kind: str, path: str) -> Iterator[Board]:
    link = SerialPort(path, module(kind).BAUD)
    try:
        yield module(kind).open_board(link)
    finally:
        link.close()


def test_it_is_a_program_that_tells_its_path_and_each_move(tmp_path: Path) -> None:
    link = tmp_path / "jaw"
    with program("maestro", "--link", str(link), "--tcp", "0") as child:
        path, url = line(child).split()
        assert path == str(link) and url.startswith("socket://127.0.0.1:")
        with board("maestro", path) as jaw:
            jaw.write_us(3, 1500)
            assert line(child).endswith(" channel 3 1500 us")
            jaw.detach(3)
            assert line(child).endswith(" channel 3 off")
        child.terminate()
        assert child.wait(PATIENCE_S) == 0 and not link.is_symlink()


def test_faults_are_typed_while_it_runs_and_its_input_ends_it(tmp_path: Path) -> None:
    link = tmp_path / "jaw"
    with program("line", "--link", str(link), "--quiet") as child:
        assert line(child) == str(link)
        assert child.stdin is not None
        child.stdin.write("unplug\n")
        wait_for(lambda: not link.is_symlink())
        child.stdin.write("replug\n")
        wait_for(link.is_symlink)
        child.stdin.write("sideways\n")
        assert line(child).startswith("sideways? say one of: timeout")
        with board("line", str(link)) as jaw:
            child.stdin.write("press\n")
            wait_for(lambda: any(edge.down for edge in jaw.poll()))
        child.stdin.close()
        assert child.wait(PATIENCE_S) == 0 and not link.is_symlink()


def test_a_fault_can_be_due_later(tmp_path: Path) -> None:
    link = tmp_path / "jaw"
    with program("maestro", "--link", str(link), "--fault", "unplug", "--after", "0.2", "--quiet") as child:
        assert line(child) == str(link)
        wait_for(lambda: not link.is_symlink())
        child.terminate()
        assert child.wait(PATIENCE_S) == 0


def test_a_show_has_one_as_a_child() -> None:
    with emulated("maestro") as path:
        assert Path(path).is_symlink()
        with board("maestro", path) as jaw:
            jaw.write_us(0, 1500)
            assert list(jaw.poll()) == []
    assert not Path(path).is_symlink()


def test_one_that_does_not_start_is_said() -> None:
    words = "emulated toaster: did not start; try python -m devices.emulators toaster"
    with pytest.raises(DeviceError, match=words), emulated("toaster"):
        pass


SHOW = """
import sys, time
from devices.emulators.launch import emulated
with emulated("maestro") as path:
    print(path, flush=True)
    time.sleep(600)
"""


def test_it_dies_with_a_show_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", SHOW], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as show:
        path = Path(line(show))
        assert path.is_symlink()
        os.kill(show.pid, signal.SIGKILL)
        show.wait(PATIENCE_S)
    wait_for(lambda: not path.is_symlink() and not path.parent.exists())


def test_answers_take_the_time_that_the_wire_takes() -> None:
    with emulate("ssc32") as emulator:
        link = SerialPort(emulator.path, 9600)
        wait_for(lambda: emulator.port._opened)
        began = time.monotonic()
        emulator.port.say(b"x" * 200)
        assert link.read(200, PATIENCE_S) == b"x" * 200
        assert time.monotonic() - began >= 0.18  # 10 bits a byte at 9600 baud: 208 ms
        link.close()


def test_only_one_has_the_line_over_the_network() -> None:
    with emulate("maestro") as emulator, board("maestro", emulator.url) as first:
        with pytest.raises(DeviceError, match="was unplugged"), board("maestro", emulator.url):
            pass
        first.write_us(0, 1500)
        wait_for(lambda: emulator.servos.get(0) == 1500)


def test_an_arduino_starts_anew_whenever_it_is_opened() -> None:
    with emulate("line") as emulator:
        for _ in range(3):
            wait_for(lambda: not emulator.port._opened)  # it looks 50 times a second
            boots = emulator.board.boots
            with board("line", emulator.path):
                wait_for(lambda before=boots: emulator.board.boots > before)  # type: ignore[misc]


def test_the_sketch_lets_go_after_a_second_without_a_line() -> None:
    with emulate("line") as emulator, board("line", emulator.path) as jaw:
        jaw.write_us(0, 1500)
        wait_for(lambda: emulator.servos.get(0) == 0)
        (told, _, us), (off, _, none) = list(emulator.moves)
        assert (us, none) == (1500, 0) and off - told >= 1.0


def test_a_fault_that_does_not_exist_is_refused() -> None:
    with emulate("maestro") as emulator, pytest.raises(ValueError, match="no such fault"):
        emulator.fault("gremlins")
