"""The very sketch that we ship, built for this computer, behind a pty: it speaks what `boards/line.py` speaks."""

import os
import shutil
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import devices.boards
from devices.boards.board import Button
from devices.boards.line import LineBoard, open_board
from devices.errors import DeviceError
from devices.serial_port import SerialPort

SKETCH = Path(devices.boards.__file__).parent / "sketches" / "galactus_jaw" / "galactus_jaw.ino"
STUB = Path(__file__).parent / "arduino"
PATIENCE_S = 30.0

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="needs g++ to build the sketch for this computer")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("sketch") / "jaw"
    command = ["g++", "-std=c++11", "-Wall", "-Wextra", "-Werror", "-I", str(STUB), "-include", "Arduino.h"]
    command += ["-x", "c++", str(SKETCH), str(STUB / "main.cpp"), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert done.returncode == 0, done.stderr
    return out


class Running:
    """A sketch at work: where its line is, what its pins did, and its button."""

    def __init__(self, path: str, pins: list[str], button: int) -> None:
        self.path, self.pins, self._button = path, pins, button

    def press(self, down: bool) -> None:
        os.write(self._button, b"1" if down else b"0")


@contextmanager
def running(built: Path) -> Iterator[Running]:
    master, slave = os.openpty()
    tty.setraw(slave)
    finger, button = os.pipe()
    child = subprocess.Popen(
        [str(built), str(finger)], stdin=master, stdout=master, stderr=subprocess.PIPE, pass_fds=(finger,), text=True
    )
    os.close(master)
    os.close(finger)
    pins: list[str] = []

    def note() -> None:
        assert child.stderr is not None
        pins.extend(line.strip() for line in child.stderr)

    reader = threading.Thread(target=note)
    reader.start()
    try:
        yield Running(os.ttyname(slave), pins, button)
    finally:
        child.terminate()
        child.wait(PATIENCE_S)
        reader.join(PATIENCE_S)
        assert child.stderr is not None
        child.stderr.close()
        os.close(slave)
        os.close(button)


@contextmanager
def opened(sketch: Running) -> Iterator[tuple[LineBoard, SerialPort]]:
    link = SerialPort(sketch.path, 115_200)
    try:
        yield open_board(link), link
    finally:
        link.close()


def wait_for(what: Callable[[], bool]) -> None:
    due = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < due, "it did not happen"
        time.sleep(0.005)


def told(sketch: Running) -> list[str]:
    """The pulses; without those stops that a slow machine lets happen between two lines."""
    return [pin for pin in list(sketch.pins) if pin != "off"]


def test_it_moves_lets_go_and_stays_well(built: Path) -> None:
    with running(built) as sketch, opened(sketch) as (board, _):
        assert (board.lowest_us, board.highest_us) == (600, 2400) and sketch.pins == []
        sent = []
        for us in (1500, 1503, 600, 2400, *range(1400, 1600, 4)):
            board.write_us(0, us)
            sent.append(f"us {us}")
            assert list(board.poll()) == []
        wait_for(lambda: told(sketch) == sent)
        board.detach(0)
        wait_for(lambda: sketch.pins[-1] == "off")


def test_it_lets_go_by_itself(built: Path) -> None:
    with running(built) as sketch, opened(sketch) as (board, _):
        board.write_us(0, 1500)
        wait_for(lambda: sketch.pins == ["us 1500", "off"])


def test_its_button_is_debounced_and_told(built: Path) -> None:
    with running(built) as sketch, opened(sketch) as (board, _):
        edges: list[Button] = []
        for down in (True, False):
            sketch.press(down)

            def has_told(down: bool = down) -> bool:
                edges.extend(board.poll())
                return bool(edges) and edges[-1] == Button(down)

            wait_for(has_told)
        assert edges == [Button(True), Button(False)]


@pytest.mark.parametrize(
    ("words", "answer"),
    [
        ("J 3000", "3000 is outside the limits"),
        ("J 0", "0 is outside the limits"),
        ("J -5", "what"),
        ("J", "what"),
        ("J 15x", "what"),
        ("J 99999999999999999999", "what"),
        ("Q" * 500, "too long"),
        ("L 2", "what"),
    ],
)
def test_nonsense_is_refused_and_limits_hold(words: str, answer: str, built: Path) -> None:
    with running(built) as sketch, opened(sketch) as (board, link):
        link.write(words.encode() + b"\n")
        with pytest.raises(DeviceError, match=f"refuses: {answer}"):
            wait_for(lambda: bool(board.poll()))
        assert {pin for pin in sketch.pins if pin != "off"} <= {"us 600", "us 2400"}


def test_its_lamp(built: Path) -> None:
    with running(built) as sketch, opened(sketch) as (_, link):
        link.write(b"L 1\nL 0\r\n")
        wait_for(lambda: sketch.pins == ["lamp 1", "lamp 0"])
