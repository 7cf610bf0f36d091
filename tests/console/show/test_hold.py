"""Hold to talk: the real screen on terminals that speak the kitty keyboard protocol and on those that do not, with a
real show behind it, whose visitor keeps quiet until a hand ends the question.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from console.api.client import OperatorClient
from console.api.commands import Interrupt, Press, Release, Talk
from profiles.home import CHECKOUT
from tests.support import scripted_caller
from tests.support.kitty_pty import KittyPty, kitty
from tests.support.real_show import RealShow, with_brief
from tests.support.scripted.home import scripted_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
ALL = 0b11011
"""The flags that a screen wants: all but alternate keys."""
HELD_S = 0.4
"""Longer than a tap; what is awaited before has then passed already, however slow the machine."""


@pytest.fixture(scope="module")
def show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealShow]:
    home = with_brief(scripted_home(tmp_path_factory.mktemp("hold") / "home"))
    running = RealShow(home, "--rig", "quick", "--character", "brief")
    running.program = str(scripted_caller.__file__)
    running.environment["PYTHONPATH"] = str(CHECKOUT)
    try:
        yield running.start()
    finally:
        running.end()


class Evening:
    """What the show tells from here on."""

    def __init__(self, show: RealShow) -> None:
        self.show, self._from = show, len(show.events())

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.show.events()[self._from :]

    @property
    def button(self) -> list[bool]:
        """Down, up, down …"""
        return [row["down"] for row in self.rows if row.get("type") == "Held"]

    @property
    def stages(self) -> list[str]:
        return [row["stage"] for row in self.rows if row.get("type") == "StageEntered"]

    def until(self, met: Callable[[], bool], what: str) -> None:
        due = time.monotonic() + 40
        while not met():
            assert time.monotonic() < due, f"no {what}: {self.rows}"
            time.sleep(0.02)

    def opens(self, times: int = 1) -> None:
        """The microphone, for the nth time."""
        self.until(lambda: self.button.count(True) == times and self.stages.count("LISTENING") == times, "microphone")

    def shuts(self, times: int = 1) -> None:
        self.until(lambda: self.button.count(False) == times, "release")
        self.until(lambda: self.stages.count("TRANSCRIBING") == times, "end of the question")


@pytest.fixture
def evening(show: RealShow) -> Iterator[Evening]:
    yield (now := Evening(show))
    show.call_now(Interrupt())
    now.until(lambda: now.stages[-1:] in ([], ["IDLE"]), "quiet")


def ready(window: KittyPty) -> None:
    """The screen stands, and knows what the keyboard can do. What a turn before left to be told may be there still."""
    window.wait_for("here, or SPACE")
    assert window.on == ALL


def leave(window: KittyPty) -> None:
    window.tap("q")
    window.wait_for("Leave the show running, or stop it?")
    window.tap("l")
    window.process.wait(20)


def test_space_is_held_and_let_go(show: RealShow, evening: Evening) -> None:
    with kitty(show.home, "attach") as window:
        ready(window)
        window.send(window.press(" "))
        evening.opens()
        window.wait_for("let go when done")
        window.send(window.repeat() * 20)
        time.sleep(HELD_S)
        assert evening.button == [True]
        window.send(window.release())
        evening.shuts()
        assert evening.button == [True, False] and evening.stages[:2] == ["LISTENING", "TRANSCRIBING"]
        leave(window)
    assert window.process.returncode == 0
    assert window.pushes == [ALL] and window.stacks == {False: [], True: []} and not window.alternate


def test_a_tap_opens_and_the_next_one_ends(show: RealShow, evening: Evening) -> None:
    with kitty(show.home, "attach") as window:
        ready(window)
        window.tap(" ")
        evening.opens()
        time.sleep(HELD_S)
        assert evening.button == [True]
        window.tap(" ")
        evening.shuts()
        assert evening.button == [True, False]


def test_another_window_ends_the_hold_and_the_late_release_nothing(show: RealShow, evening: Evening) -> None:
    with kitty(show.home, "attach") as window:
        ready(window)
        window.send(window.press(" "))
        evening.opens()
        window.send("\x1b[O")
        evening.shuts()
        window.send("\x1b[I" + window.repeat() * 5 + window.release())
        window.tap("5")
        window.wait_for("from the release on")
        assert evening.button == [True, False]


def test_the_mouse_holds_the_pad(show: RealShow, evening: Evening) -> None:
    with kitty(show.home, "attach") as window:
        ready(window)
        at = "30;33"  # the pad is at the foot of the left column, above the six last lines
        window.send(f"\x1b[<0;{at}M")
        evening.opens()
        time.sleep(HELD_S)
        window.send(f"\x1b[<0;{at}m")
        evening.shuts()
        assert evening.button == [True, False]


def test_typing_is_as_ever(show: RealShow, evening: Evening) -> None:
    words = "Hé, Mind the GAP 3 times; 50% off!"
    with kitty(show.home, "attach") as window:
        ready(window)
        window.tap("/")
        window.wait_for("say, in the character")
        window.send("\x1b[120;;120u\x1b[120;1:2;120u")
        at = window.wait_for("xx")
        window.send("\x1b[127u\x1b[127;1:2u\x1b[127;1:3u")
        window.wait_for("says …", at)  # the box is empty again
        for letter in words:
            window.send(window.press(letter, letter.isupper()) + window.release(letter))
        window.tap(" ")
        window.send("\x1b[200~so long\x1b[201~" + window.press("\r"))
        evening.until(lambda: any(row.get("type") == "TurnStarted" for row in evening.rows), "line")
        (said,) = [row for row in evening.rows if row.get("type") == "TurnStarted"]
        assert said["text"] == f"{words} so long"
        assert evening.button == []


@pytest.mark.parametrize("kind", [{"flags": None}, {"flags": None, "answers": False}, {"flags": 0b01001}])
def test_a_terminal_that_cannot_is_left_as_it_is(show: RealShow, evening: Evening, kind: dict[str, Any]) -> None:
    with kitty(show.home, "attach", **kind) as window:
        window.wait_for("or tap SPACE")
        window.send(" ")
        evening.opens()
        time.sleep(HELD_S)
        window.send(" ")
        evening.shuts()
        assert window.on == 0, "what it can do of the protocol would be half a keyboard"
        leave(window)
    assert window.process.returncode == 0
    assert bool(window.pushes) is (kind["flags"] is not None)


def test_a_screen_that_is_killed_gives_the_keyboard_back(show: RealShow, evening: Evening) -> None:
    """And lets go of the button."""
    with kitty(show.home, "attach") as window:
        ready(window)
        window.send(window.press(" "))
        evening.opens()
        window.screen().send_signal(signal.SIGKILL)
        assert window.process.wait(20) == 1
        evening.shuts()
        window.until(lambda: b"was ended by SIGKILL" in window.seen, "last word")
        assert window.stacks == {False: [], True: []} and not window.alternate


def test_a_screen_that_pauses_gives_the_keyboard_back_and_asks_again(show: RealShow) -> None:
    with kitty(show.home, "attach") as window:
        ready(window)
        screen, parent = window.screen(), window.process.pid
        screen.send_signal(signal.SIGTSTP)
        window.until(lambda: window.on == 0 and not window.alternate, "shell's keyboard")
        window.until(lambda: _stopped(parent), "pause")
        os.kill(parent, signal.SIGCONT)
        window.until(lambda: window.alternate and window.on == ALL, "flags again")
        leave(window)
    assert window.stacks == {False: [], True: []}


def _stopped(pid: int) -> bool:
    return bool(psutil.Process(pid).status() == psutil.STATUS_STOPPED)


def test_another_operators_press_ends_the_question_and_does_not_interrupt_it(show: RealShow, evening: Evening) -> None:
    """What the second screen does; the first one's hand then comes up for nothing."""

    async def both() -> None:
        async with OperatorClient(Path(show.file.socket)) as one, OperatorClient(Path(show.file.socket)) as other:
            await one.call(Press())
            assert not (await other.call(Release())).released
            await asyncio.sleep(2.0)  # for the visitor's question
            assert (await other.call(Talk())).turn == 0
            assert not (await other.call(Release())).released and not (await one.call(Release())).released

    asyncio.run(both())
    evening.until(lambda: any(row.get("type") == "TurnEnded" for row in evening.rows), "end")
    (end,) = [row for row in evening.rows if row.get("type") == "TurnEnded"]
    assert end["outcome"] == "completed" and len(evening.button) == 2
