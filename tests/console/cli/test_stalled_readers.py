"""`run --headless` into a pipe that nobody reads, and onto a full disk."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from console.cli.headless import _write
from profiles.home import CHECKOUT
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home


def test_a_stalled_reader_is_left_behind_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    hear, speak = os.pipe()
    with os.fdopen(speak, "w") as out, os.fdopen(hear, "rb"):
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(BrokenPipeError):
            _write(b"x" * 1_000_000, lambda: True)


@pytest.mark.slow
@pytest.mark.parametrize("onto", ["/dev/full", "a pipe"])
def test_a_show_that_cannot_speak_goes_on_and_ends(tmp_path: Path, onto: str) -> None:
    if onto == "/dev/full" and not Path(onto).exists():
        pytest.skip("Linux only")
    show = RealShow(scripted_home(tmp_path / "home"), "--rig", "quick")
    hear, speak = os.pipe()
    if onto == "/dev/full":
        os.close(speak)
        speak = os.open(onto, os.O_WRONLY)
    else:
        os.set_blocking(speak, False)
        while _fits(speak):
            pass
        os.set_blocking(speak, True)
    argv = [sys.executable, str(CHECKOUT / "console.py"), "run", "--headless", "--rig", "quick"]
    show.process = subprocess.Popen(argv, stdout=speak, stderr=subprocess.DEVNULL, env=show.environment)
    os.close(speak)
    try:
        while show.cli("status").returncode != 0:
            assert show.process.poll() is None
            time.sleep(0.1)
        assert show.cli("say", "Hm.").returncode == 0
        show.process.terminate()
        assert show.process.wait(10) == 0
    finally:
        show.end()
        os.close(hear)


def _fits(pipe: int) -> bool:
    try:
        return os.write(pipe, b"x" * 4096) > 0
    except BlockingIOError:
        return False
