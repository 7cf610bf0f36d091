"""Endurance: turn after turn, interruption after interruption, and nothing piles up."""

import asyncio
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

from console.api.client import OperatorClient
from console.api.commands import Ask, CommandError, Interrupt, Press, Release, Say
from devices.audio.microphone_clip import recorded_visitors
from devices.sound.sound_file import read_sound
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SEED = 20


@pytest.mark.engines
@pytest.mark.parametrize(("turns", "stops"), [(2, 4), pytest.param(8, 20, marks=pytest.mark.soak)])
def test_turn_after_turn_then_interruptions(terse: RealShow, turns: int, stops: int) -> None:
    me = psutil.Process(terse.file.pid)
    for number in range(turns):
        turn = terse.call_now(Ask(text=f"Question {number}: are you there?"))
        assert turn["outcome"] == "completed", turn
        assert terse.call_now_status()["show"]["stage"] == "IDLE"
    threads, children = me.num_threads(), len(me.children(recursive=True))
    outcomes = asyncio.run(interrupt_often(terse, random.Random(SEED), stops))
    assert outcomes.count("interrupted") >= stops * 3 // 4, outcomes
    final = terse.call_now(Ask(text="Are you still there?"))
    assert final["outcome"] == "completed"
    assert me.num_threads() <= threads and len(me.children(recursive=True)) == children
    check_silence_after(terse.events())


async def interrupt_often(show: RealShow, dice: random.Random, stops: int) -> list[str]:
    """Spoken questions, each stopped at a random moment: by ESC, by another press, or by hanging up."""
    outcomes = []
    clips = [read_sound(path).astype("<i2").tobytes() for path in recorded_visitors()]
    for number in range(stops):
        how = ("escape", "press")[number % 2]
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(ask(show, clips[number % len(clips)]))
            await asyncio.sleep(dice.uniform(0.05, 2.5))
            if how == "escape":
                await show.call(Interrupt())
            else:
                await show.call(Press(lasting=True))
                await asyncio.sleep(0.2)
                await show.call(Release())
                await show.call(Interrupt())
        outcomes.append(asked.result()["outcome"])
    return outcomes


async def ask(show: RealShow, pcm: bytes) -> dict[str, Any]:
    try:
        result: dict[str, Any] = await show.call(Ask(pcm=pcm))
    except CommandError as error:
        return {"outcome": str(error)}
    return result


def check_silence_after(events: list[dict[str, Any]]) -> None:
    """After a turn has ended nothing of it may still become audible."""
    ended: set[int] = set()
    for event in events:
        if event.get("type") == "TurnEnded":
            ended.add(event["turn"])
        elif event.get("type") in ("ClausePlaying", "ClauseReady"):
            assert event["turn"] not in ended, event


def test_a_client_that_hangs_up_takes_its_question_along(brief: RealShow) -> None:
    async def hang_up() -> None:
        async with OperatorClient(Path(brief.file.socket)) as client, asyncio.timeout(1.0):
            await client.call(Say(text="This is a very long story about all the bones of the body. " * 4))

    seen = len(brief.events())
    with pytest.raises(TimeoutError):
        asyncio.run(hang_up())
    deadline = time.monotonic() + 5
    while (
        not (ends := [e for e in brief.events()[seen:] if e.get("type") == "TurnEnded"]) and time.monotonic() < deadline
    ):
        time.sleep(0.05)
    assert ends[-1]["outcome"] == "interrupted"
    assert brief.call_now_status()["show"]["stage"] == "IDLE"


def test_eight_questions_wait_and_the_tenth_is_refused(brief: RealShow) -> None:
    async def crowd() -> list[str]:
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(ask_text(brief, f"Question number {n}?")) for n in range(10)]
        return [task.result() for task in asked]

    outcomes = asyncio.run(crowd())
    assert outcomes.count("completed") == 9, outcomes
    assert sum("waiting already" in o for o in outcomes) == 1


async def ask_text(show: RealShow, text: str) -> str:
    try:
        return str((await show.call(Ask(text=text, timeout_s=200)))["outcome"])
    except CommandError as error:
        return str(error)


def test_the_ask_that_started_a_show_leaves_it_to_those_who_still_ask(tmp_path: Path) -> None:
    cold = RealShow(scripted_home(tmp_path / "home"), "--rig", "quick")
    cold.home.mkdir(exist_ok=True)
    with ThreadPoolExecutor() as pool:
        short = pool.submit(cold.cli, "ask", "--rig", "quick", "--text", "Hello?")
        time.sleep(1.5)
        others = [pool.submit(cold.cli, "ask", "--rig", "quick", "--text", f"And {n}?") for n in range(2)]
        done = [f.result() for f in (short, *others)]
    assert [d.returncode for d in done] == [0, 0, 0], done
    cold.wait_nothing_left(within=10.0)
    assert cold.cli("status").returncode == 5
