"""Chaos while visitors talk: at random moments of turns an engine is killed or stopped, a shim, and then the show."""

import asyncio
import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec
import pytest

from console.api.client import NoShow
from console.api.commands import Ask, CommandError, Status
from devices.audio.microphone_clip import recorded_visitors
from devices.sound.sound_file import read_sound
from tests.support.real_show import RealShow, borrowed_home, with_brief

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.timeout(300)]
ROLES = ("stt", "llm", "tts")
BLOWS = ("engine", "engine stops", "shim")
OUTCOMES = {"completed", "degraded", "failed"}


@pytest.fixture
def show(tmp_path: Path) -> Iterator[RealShow]:
    running = RealShow(with_brief(borrowed_home(tmp_path / "home")), "--rig", "quick", "--character", "brief")
    try:
        yield running.start()
    finally:
        running.end()


def test_every_turn_ends_and_the_next_one_works(show: RealShow) -> None:
    seed = int(os.environ.get("GALACTUS_SEED", random.SystemRandom().randrange(10**6)))
    print(f"GALACTUS_SEED={seed}")
    dice = random.Random(seed)
    clips = [read_sound(path).astype("<i2").tobytes() for path in recorded_visitors()]
    turns = list(zip(ROLES, dice.sample(BLOWS, 3), strict=True))
    dice.shuffle(turns)
    for number, (role, blow) in enumerate(turns):
        hit, turn = asyncio.run(struck(show, role, blow, clips[number % len(clips)], dice.uniform(0, 2.5)))
        print(f"{blow} of {role}: {turn}")
        assert turn["outcome"] in OUTCOMES and (turn["outcome"] != "failed" or turn["stage"]), turn
        wait_another(show, role, hit)
        assert show.call_now(Ask(text="Are you well again?"))["outcome"] == "completed"
    check_nothing_is_lost(show)
    check_a_show_that_dies_in_a_turn(show, dice)
    assert show.cli("stop").returncode == 0
    show.wait_nothing_left()


async def struck(show: RealShow, role: str, blow: str, pcm: bytes, after_s: float) -> tuple[int, dict[str, Any]]:
    """The shim or the engine's pid that was hit, and how the turn ended."""
    row = next(s for s in (await show.call(Status()))["services"] if s["name"] == role)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(ask(show, pcm))
        await asyncio.sleep(after_s)
        how = signal.SIGSTOP if blow == "engine stops" else signal.SIGKILL
        os.kill(row["shim_pid" if blow == "shim" else "pid"], how)
    return row["pid"], asked.result()


async def ask(show: RealShow, pcm: bytes) -> dict[str, Any]:
    try:
        result: dict[str, Any] = await show.call(Ask(pcm=pcm))
    except CommandError as error:
        return {"outcome": "failed", "stage": str(error)}
    return result


def wait_another(show: RealShow, role: str, pid: int) -> None:
    """All are READY and this one is another."""
    due = time.monotonic() + 90  # a stopped one has three times its first answer
    while time.monotonic() < due:
        rows = {s["name"]: s for s in show.call_now_status()["services"]}
        if rows[role]["pid"] not in (None, pid) and all(s["state"] == "READY" for s in rows.values()):
            return
        time.sleep(0.1)
    raise AssertionError(rows)


def check_nothing_is_lost(show: RealShow) -> None:
    """Each turn that began has ended, and what was understood is in the file of turns."""
    time.sleep(0.3)  # who asked is told first, the file comes next
    events = show.events()
    begun, ended = ([e["turn"] for e in events if e.get("type") == kind] for kind in ("TurnStarted", "TurnEnded"))
    assert sorted(begun) == sorted(ended) and len(set(begun)) == len(begun) >= 6
    said = {e["turn"]: e["text"] for e in events if e.get("type") == "TranscriptReady"}
    lines = (Path(show.file.logs) / "turns.jsonl").read_bytes().splitlines()
    kept = {row["turn"]: row for row in map(msgspec.json.decode, lines)}
    assert set(kept) == set(begun) and {n: kept[n]["transcript"] for n in said} == said


def check_a_show_that_dies_in_a_turn(show: RealShow, dice: random.Random) -> None:
    """Who asked is told; the next show has the same engines and answers."""
    before = {s["name"]: s["pid"] for s in show.call_now_status()["services"]}
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(show.call_now, Ask(text="Tell me about your bones, please."))
        time.sleep(dice.uniform(0.05, 1.0))
        assert show.process is not None
        show.process.kill()
        with pytest.raises(NoShow):
            asked.result()
    assert show.process.wait() == -signal.SIGKILL
    show.start()
    assert {s["name"]: s["pid"] for s in show.call_now_status()["services"]} == before
    assert show.call_now(Ask(text="Are you well again?"))["outcome"] == "completed"
