"""A screen that is killed is not noticed by anybody: not in the sound, not by the terminal, not by the next screen."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil  # type: ignore[import-untyped]
import pytest

from console.api.commands import Say
from conversation.audio import Samples
from profiles.home import CHECKOUT
from tests.fakes.ramp_voice import RATE, ramp_voice
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home
from tests.support.tmux import CONSOLE, Terminal, needs_tmux, terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400), needs_tmux]
PART = "This is one long line and it must be heard without a gap and without a repeat by everybody "
RIG = 'extends = "quick"\ntitle = "Ramp"\n[engines.tts]\nlaunch = "attach"\nurl = "{url}"\nmodel = ""\n'
RIG += '[engines.standby]\nenabled = false\n[audio]\nspeaker = "null"\nmicrophone = "recorded"\n'


@pytest.fixture
def show(tmp_path: Path) -> Iterator[RealShow]:
    home = scripted_home(tmp_path / "home")
    with ramp_voice() as url:
        (home / "profiles" / "rigs" / "ramp.toml").write_text(RIG.format(url=url))
        running = RealShow(home, "--rig", str(home / "profiles" / "rigs" / "ramp.toml"))
        running.program = str(CHECKOUT / "tests" / "fakes" / "tapped_show.py")
        running.environment["GALACTUS_TAP"] = str(home / "tap.s16")
        try:
            yield running.start()
        finally:
            running.end()


@pytest.mark.parametrize(("kills", "parts"), [(2, 3), pytest.param(20, 6, marks=pytest.mark.soak)])
def test_no_gap_no_repeat_and_a_terminal_that_works(show: RealShow, tmp_path: Path, kills: int, parts: int) -> None:
    tap, line = show.home / "tap.s16", PART * parts
    undisturbed = heard_of(show, line, tap, 0)
    steps = np.diff(undisturbed.astype(int))
    assert len(undisturbed) > 4.2 * parts * RATE and undisturbed.min() == 1, "never starved"
    assert set(undisturbed[1:][steps != 1]) == {1}, "only the ramps of the pieces that the voice was asked for"
    killed, disturbed = 0, 0
    with terminal(tmp_path, show.home) as window, ThreadPoolExecutor() as pool:
        dice = random.Random(20)
        while killed < kills:
            before = tap.stat().st_size
            speaking = pool.submit(show.call_now, Say(text=line))
            killed += kill_while_it_speaks(window, line, dice, kills - killed)
            assert speaking.result()["outcome"] == "completed"
            assert np.array_equal(played(tap, before), undisturbed), "sample-exact"
            disturbed += 1
    assert killed == kills and disturbed >= 1


def heard_of(show: RealShow, line: str, tap: Path, before: int) -> Samples:
    assert show.call_now(Say(text=line))["outcome"] == "completed"
    return played(tap, before)


def played(tap: Path, before: int) -> Samples:
    """What came after; the silence that fills the last block is not part of it."""
    sound = np.frombuffer(tap.read_bytes()[before:], np.int16)
    return np.trim_zeros(sound, "b")


def kill_while_it_speaks(window: Terminal, line: str, dice: random.Random, most: int) -> int:
    """How many screens were opened and killed while this line was being said."""
    ends = time.monotonic() + len(line.strip()) * 0.06 - 2.5
    count = 0
    while count < most and time.monotonic() < ends:
        window.command(f"clear; {CONSOLE} attach")
        window.wait_for("▶ SPEAKING")
        window.wait_for("whisper-tiny.en")  # the next screen has the whole picture
        time.sleep(dice.uniform(0, 0.3))
        kill(window)
        count += 1
    return count


def kill(window: Terminal) -> None:
    (screen,) = window.screens()
    screen.send_signal(9)
    psutil.wait_procs([screen], timeout=3)
    window.wait_for("The screen was ended by SIGKILL; the show goes on.")
    window.wait_for("$")
    assert window.modes() == "0 0 1", "alternate screen off, mouse off, cursor on"
    window.command("echo usable-$((20+3))")
    window.wait_for("usable-23")
