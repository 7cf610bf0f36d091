"""Hold to talk in a real kitty, on a display of its own: keys and mouse as X sends them. Reads kitty's screen back."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from profiles.home import CHECKOUT
from tests.console.show.test_hold import HELD_S, Evening
from tests.console.show.test_hold import evening as evening
from tests.console.show.test_hold import show as show
from tests.support.real_show import RealShow

_NEEDED = ("kitty", "Xvfb", "xdotool")
_MISSING = [name for name in _NEEDED if shutil.which(name) is None]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(_MISSING), reason=f"not installed: {', '.join(_MISSING)}; the pty of test_hold stands in"),
]
COLUMNS, LINES = 130, 40


class Window:
    """A kitty that shows the screen."""

    def __init__(self, display: str, folder: Path, show: RealShow) -> None:
        self._environment = show.environment | {"DISPLAY": display, "LIBGL_ALWAYS_SOFTWARE": "1", "HOME": str(folder)}
        self._socket = f"unix:{folder / 'kitty'}"
        options = [
            "remember_window_size=no", f"initial_window_width={COLUMNS}c", f"initial_window_height={LINES}c",
            "window_padding_width=0", "allow_remote_control=socket-only", "confirm_os_window_close=0",
        ]  # fmt: skip
        given = [part for option in options for part in ("-o", option)]
        screen = [sys.executable, str(CHECKOUT / "console.py"), "attach"]
        with (folder / "kitty.log").open("wb") as log:
            self.process = subprocess.Popen(
                ["kitty", "--config", "NONE", *given, "--listen-on", self._socket, *screen],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self._number = ""

    def x(self, *words: str) -> str:
        return self._run("xdotool", *words)

    def text(self) -> str:
        return self._run("kitty", "@", "--to", self._socket, "get-text")

    def _run(self, *words: str) -> str:
        done = subprocess.run(words, env=self._environment, capture_output=True, text=True, timeout=30)
        return done.stdout

    def wait_for(self, words: str) -> str:
        due = time.monotonic() + 60
        while words not in (seen := self.text()):
            assert self.process.poll() is None and time.monotonic() < due, f"no {words!r}:\n{seen}"
            time.sleep(0.1)
        return seen

    def focus(self) -> None:
        """No window manager is there to do it."""
        self._number = self.x("search", "--class", "kitty").split()[-1]
        self.x("windowfocus", "--sync", self._number)

    def point_at(self, words: str) -> None:
        """The mouse, at these words on the screen."""
        rows = self.wait_for(words).split("\n")
        row = next(number for number, line in enumerate(rows) if words in line)
        size = dict(line.split("=") for line in self.x("getwindowgeometry", "--shell", self._number).split())
        cell = int(size["WIDTH"]) / COLUMNS, int(size["HEIGHT"]) / LINES
        at = round((rows[row].index(words) + 2) * cell[0]), round((row + 0.5) * cell[1])
        self.x("mousemove", "--window", self._number, str(at[0]), str(at[1]))

    def close(self) -> None:
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """Xvfb says which number it took."""
    told, said = os.pipe()
    command = ["Xvfb", "-displayfd", str(said), "-screen", "0", "1600x1200x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(said,), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(said)
    with os.fdopen(told) as numbers:
        number = numbers.readline().strip()
    try:
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


@pytest.fixture(scope="module")
def window(display: str, show: RealShow, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Window]:
    opened = Window(display, tmp_path_factory.mktemp("kitty"), show)
    try:
        opened.wait_for("here, or SPACE")
        opened.focus()
        yield opened
    finally:
        opened.close()


def test_space_is_held(window: Window, evening: Evening) -> None:
    window.x("keydown", "space")
    evening.opens()
    window.wait_for("let go when done")
    time.sleep(1.0)  # X repeats the key meanwhile
    assert evening.button == [True]
    window.x("keyup", "space")
    evening.shuts()
    assert evening.button == [True, False]


def test_the_pad_is_held(window: Window, evening: Evening) -> None:
    window.point_at("HOLD TO TALK")
    window.x("mousedown", "1")
    evening.opens()
    time.sleep(HELD_S)
    window.x("mouseup", "1")
    evening.shuts()
    assert evening.button == [True, False]


def test_what_is_typed_arrives(window: Window, evening: Evening) -> None:
    words = "Mind the GAP, 3 times & go"
    window.x("key", "slash")
    window.wait_for("say, in the character's voice")
    window.x("type", "--delay", "30", words)
    window.wait_for(words)
    window.x("key", "Return")
    evening.until(lambda: any(row.get("type") == "TurnStarted" for row in evening.rows), "line")
    assert [row["text"] for row in evening.rows if row.get("type") == "TurnStarted"] == [words]


def test_another_window_ends_the_hold(window: Window, evening: Evening) -> None:
    window.x("keydown", "space")
    evening.opens()
    window.x("windowfocus", window.x("search", "--maxdepth", "0", ".*").split()[0])
    evening.shuts()
    window.x("keyup", "space")
    window.focus()
    assert evening.button == [True, False]
