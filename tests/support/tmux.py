"""A terminal that a test can type into and look at: tmux with a shell in it, as an operator has one."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from profiles.home import CHECKOUT

CONSOLE = f"{sys.executable} {CHECKOUT / 'console.py'}"
needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed; CI has it")


class Terminal:
    """One window. `screen` is what a person sees now."""

    def __init__(self, socket: Path) -> None:
        self._socket = str(socket)

    def run(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-u", "-S", self._socket, *words], capture_output=True, text=True, timeout=10)
        return done.stdout

    def type(self, *keys: str) -> None:
        """Names as tmux knows them: Space, Escape, C-x, Enter, or single characters."""
        self.run("send-keys", "-t", "g", *keys)

    def write(self, text: str) -> None:
        self.run("send-keys", "-t", "g", "-l", text)

    def command(self, text: str) -> None:
        """A line for the shell."""
        self.write(text)
        self.type("Enter")

    def paste(self, text: str) -> None:
        """Bracketed, as terminals do it."""
        subprocess.run(["tmux", "-S", self._socket, "load-buffer", "-"], input=text, text=True, timeout=20, check=True)
        self.run("paste-buffer", "-p", "-t", "g")

    def resize(self, width: int, height: int) -> None:
        self.run("resize-window", "-t", "g", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        return self.run("capture-pane", "-p", "-t", "g")

    def modes(self) -> str:
        """Which of alternate screen, mouse and hidden cursor are on."""
        return self.run("display", "-p", "-t", "g", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}").strip()

    def wait_for(self, text: str, within_s: float = 10.0, gone: bool = False) -> str:
        """The screen once it shows `text` (or no longer does). Three times as patient as a quiet machine needs: the
        benches measure how fast it is.
        """
        due = time.monotonic() + 3 * within_s
        while (text in (seen := self.screen())) is gone:
            assert time.monotonic() < due, f"{'still' if gone else 'no'} {text!r} after {within_s:g} s:\n{seen}"
            time.sleep(0.03)
        return seen

    def shell(self) -> psutil.Process:
        return psutil.Process(int(self.run("display", "-p", "-t", "g", "#{pane_pid}")))

    def screens(self) -> list[psutil.Process]:
        """Processes that draw: children of the tiny parents that the shell started."""
        return [child for parent in self.shell().children() for child in parent.children()]


@contextmanager
def terminal(folder: Path, home: Path, size: tuple[int, int] = (160, 48), **more: str) -> Iterator[Terminal]:
    environment: Mapping[str, str] = {
        "GALACTUS_HOME": str(home), "TERM": "tmux-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8",
        "PATH": os.environ["PATH"], "HOME": str(folder), "PS1": "booth$ ", **more,
    }  # fmt: skip
    socket = folder / "tmux"
    given = [part for key, value in environment.items() for part in ("-e", f"{key}={value}")]
    width, height = map(str, size)
    shell = ["bash", "--norc", "--noprofile"]
    start = [
        "tmux",
        "-u",
        "-S",
        str(socket),
        "-f",
        "/dev/null",
        "new-session",
        "-d",
        "-s",
        "g",
        "-x",
        width,
        "-y",
        height,
    ]
    subprocess.run([*start, *given, *shell], check=True, timeout=10, cwd=CHECKOUT)
    window = Terminal(socket)
    try:
        window.wait_for("$")
        yield window
    finally:
        window.run("kill-server")
