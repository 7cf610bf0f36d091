"""Models are exchanged while visitors ask: nobody is lost, and somebody always answers. Each case begins with the
smallest model and the main voice; tests/console/show/test_first_turn.py has a swap of real engines.
"""

import asyncio
import hashlib
import json
import os
import re
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from console.api.client import NoShow
from console.api.commands import (
    Ask,
    Fetch,
    Models,
    Panic,
    Pin,
    Play,
    Press,
    Release,
    Restart,
    Resume,
    Status,
    Swap,
    Unload,
)
from profiles.home import Home
from supervisors.health.probes import free_port
from tests.support.real_show import RealShow, borrowed_home, with_brief
from tests.support.scripted.home import scripted_home

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
SMALL, BIG, BROKEN, SPARE = "smollm2-135m", "qwen-0.5b", "broken", "spare"
PIPER, HIBARI = "piper-joe", "hibari-heart"
FILLER = "One moment, I am changing my mind."


def home_in(folder: Path, rig: str, engines: Callable[[Path], Path] = scripted_home) -> Path:
    """With a broken model in the catalogue: its hash is right, but no engine can load it."""
    home = engines(folder / "home")
    (home / "models").unlink()
    (home / "models").mkdir()
    for model in Home.from_environment().models.iterdir():
        (home / "models" / model.name).symlink_to(model)
    with_brief(home)
    rubbish = b"GGUF" + b"\x03\0\0\0" + b"\xff" * 4096
    (home / "rubbish.gguf").write_bytes(rubbish)
    entries = ""
    for name in (BROKEN, SPARE):
        entries += f'[{name}]\nrole = "llm"\ntitle = "{name}"\nlicence = "none"\nprovenance = "a test"\n'
        entries += f'[[{name}.files]]\nname = "rubbish.gguf"\nbytes = {len(rubbish)}\n'
        entries += f'sha256 = "{hashlib.sha256(rubbish).hexdigest()}"\n'
        entries += f'[[{name}.files.sources]]\nfrom = "file"\npath = "{home}/rubbish.gguf"\n'
    (home / "profiles" / "rigs").mkdir(exist_ok=True)
    (home / "profiles" / "models.toml").write_text(entries)
    (home / "profiles" / "rigs" / "booth.toml").write_text(rig)
    return home


@pytest.fixture(scope="module")
def roomy_show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealShow]:
    yield from shown(tmp_path_factory.mktemp("roomy"), 'extends = "quick"\ntitle = "Roomy"\n')


@pytest.fixture
def roomy(roomy_show: RealShow) -> RealShow:
    """Where two models fit."""
    return settled(roomy_show)


_LOW = """extends = "quick"
title = "Low"
[engines.llm]
model = "qwen-0.5b"
ladder = [{ model = "qwen-0.5b" }, { model = "smollm2-135m" }]
[memory]
warn_at = 0.002
act_at = 0.002
residency_s = 1.0
"""
"""Where memory is always low."""


@pytest.fixture(scope="module")
def tight_show(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealShow]:
    rig = f'extends = "quick"\ntitle = "Tight"\n[engines.llm]\nport = {free_port()}\n'
    yield from shown(tmp_path_factory.mktemp("tight"), rig)


@pytest.fixture
def tight(tight_show: RealShow) -> RealShow:
    """Where there is only room for one: the port is fixed."""
    return settled(tight_show)


def settled(show: RealShow) -> RealShow:
    """It runs, with the models that its rig names and the character of few words, whatever the case before did."""
    if show.process is None or show.process.poll() is not None:
        show.start()
    show.call_now(Play(character="brief"))
    for name, model in (("llm", SMALL), ("tts", PIPER)):
        row = show.service(name)
        if row["state"] == "STOPPED":
            show.call_now(Restart(service=name))
            until(lambda name=name: show.service(name)["state"] == "READY")  # type: ignore[misc]
        if row["model"] != model:
            assert show.call_now(Swap(service=name, model=model))["swapped"]
        until(lambda name=name, model=model: ready_with(show, name, model))  # type: ignore[misc]
    return show


def ready_with(show: RealShow, name: str, model: str) -> bool:
    row = show.service(name)
    return (row["state"], row["model"]) == ("READY", model)


def shown(folder: Path, rig: str) -> Iterator[RealShow]:
    running = RealShow(home_in(folder, rig), "--rig", "booth", "--character", "brief")
    try:
        yield running.start()
    finally:
        running.end()


async def ask(show: RealShow, text: str) -> dict[str, Any]:
    result: dict[str, Any] = await show.call(Ask(text=text, timeout_s=200))
    return result


async def crowded(show: RealShow, model: str, visitors: int = 4) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a swap went, and every answer to those who asked meanwhile, without a pause."""
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(ask(show, f"Question {n}?")) for n in range(visitors)]
        await asyncio.sleep(0.3)
        swapped = await show.call(Swap(service="llm", model=model))
    return swapped, [task.result() for task in asked]


def check_answered(turns: list[dict[str, Any]]) -> None:
    assert [turn["outcome"] for turn in turns] == ["completed"] * len(turns), turns
    numbers = [turn["turn"] for turn in turns]
    assert numbers == sorted(numbers), "in the order in which they asked"


def llm(show: RealShow) -> tuple[str, str]:
    row = show.service("llm")
    return row["state"], row["model"]


def engines(show: RealShow) -> list[str]:
    """The model servers of this show, by their weights."""
    return [word for p in show.leftovers() for word in p.cmdline() if word.endswith(".gguf") and "shim.py" not in word]


def test_beside_the_old_one_nobody_notices(roomy: RealShow) -> None:
    swapped, turns = asyncio.run(crowded(roomy, BIG))
    assert swapped["swapped"] and swapped["beside"] and swapped["gone_ms"] == 0, swapped
    check_answered(turns)
    assert not any(turn["reply"].startswith(FILLER) for turn in turns)
    assert llm(roomy) == ("READY", BIG) and len(engines(roomy)) == 1
    row = next(e for e in reversed(roomy.events()) if e.get("type") == "SwapEnded")
    print("overhead", row["overhead_ms"], "ms of", row["seconds"], "s", row["phases"])
    assert sum(row["phases"].values()) == pytest.approx(row["seconds"] * 1000, abs=30)


def test_the_same_wish_is_done_once_and_others_wait(roomy: RealShow) -> None:
    """Voices here, of two engines: what one alone can read brings that along."""
    before = len([e for e in roomy.events() if e.get("type") == "SwapEnded"])

    async def wishes() -> list[Any]:
        async with asyncio.TaskGroup() as tasks:
            models = (HIBARI, HIBARI, PIPER, HIBARI)
            asked = [tasks.create_task(roomy.call(Swap(service="tts", model=model))) for model in models]
        return [task.result() for task in asked]

    first, same, other, again = asyncio.run(wishes())
    assert first == same and (first["model"], other["model"], again["model"]) == (HIBARI, PIPER, HIBARI)
    until(lambda: len([e for e in roomy.events() if e.get("type") == "SwapEnded"]) >= before + 3)
    ended = [e for e in roomy.events() if e.get("type") == "SwapEnded"][before:]
    assert [e["model"] for e in ended] == [HIBARI, PIPER, HIBARI]
    assert asyncio.run(ask(roomy, "Are you well?"))["outcome"] == "completed"


def test_in_its_place_one_who_asks_hears_a_filler_and_then_the_answer(tight: RealShow) -> None:
    swapped, turns = asyncio.run(crowded(tight, BIG))
    assert swapped["swapped"] and not swapped["beside"] and swapped["gone_ms"] > 0, swapped
    check_answered(turns)
    covered = [turn for turn in turns if turn["reply"].startswith(FILLER)]
    assert len(covered) == 1, "one waited, and those behind it waited for it"
    assert len(covered[0]["reply"]) > len(FILLER)
    marks = covered[0]["marks"]
    assert marks["first_audio"] > marks["first_token"] and marks["first_pcm"] < marks["first_token"]
    assert llm(tight) == ("READY", BIG) and len(engines(tight)) == 1


def test_another_character_a_press_and_a_panic_while_models_are_exchanged(tight: RealShow) -> None:
    """Each while there is no model at all; the swap goes on, and the next visitor is answered."""

    async def during(model: str, *, meanwhile: Callable[[], Awaitable[None]]) -> Any:
        async with asyncio.TaskGroup() as tasks:
            swapping = tasks.create_task(tight.call(Swap(service="llm", model=model)))
            while await state() == "READY" and not swapping.done():
                await asyncio.sleep(0.02)
            await meanwhile()
        assert swapping.result()["swapped"], swapping.result()
        check_answered([await ask(tight, "Are you well?")])

    async def state() -> str:
        rows = (await tight.call(Status()))["services"]
        return str(next(row["state"] for row in rows if row["name"] == "llm"))

    async def other_character() -> None:
        played = await tight.call(Play(character="captain_brine"))
        assert played["character"] == "captain_brine"

    async def pressed() -> None:
        turn = (await tight.call(Press(lasting=True)))["turn"]
        await asyncio.sleep(1.0)
        assert (await tight.call(Release()))["released"]
        until(lambda: any(e.get("type") == "TurnEnded" and e["turn"] == turn for e in tight.events()))

    async def panicked() -> None:
        assert (await tight.call(Panic()))["halted"]
        assert (await tight.call(Resume()))["resumed"]

    asyncio.run(during(BIG, meanwhile=other_character))
    asyncio.run(tight.call(Play(character="brief")))
    asyncio.run(during(SMALL, meanwhile=pressed))
    asyncio.run(during(BIG, meanwhile=panicked))
    assert len(engines(tight)) == 1


@pytest.mark.parametrize("kind", ["roomy", "tight"])
def test_a_model_that_cannot_be_loaded_changes_nothing(kind: str, request: pytest.FixtureRequest) -> None:
    show: RealShow = request.getfixturevalue(kind)
    _, before = llm(show)
    done = show.cli("swap", "llm", BROKEN)
    assert done.returncode == 3 and f"llm went on with {before}" in done.stderr, done
    assert llm(show) == ("READY", before) and len(engines(show)) == 1
    assert asyncio.run(ask(show, "Are you well?"))["outcome"] == "completed"


def test_the_models_as_this_machine_sees_them(roomy: RealShow) -> None:
    cards = {card["id"]: card for card in roomy.call_now(Models())}
    _, now = llm(roomy)
    assert (cards[now]["state"], cards[now]["service"], cards[now]["words"]) == ("loaded", "llm", "llm has it now")
    other = cards[SMALL if now == BIG else BIG]
    assert other["state"] == "stored" and other["beside"] and other["words"] == "fits beside: no pause"
    assert 0.7 < cards["whisper-base"]["need_ram"] / 264e6 < 1.3 and cards["whisper-base"]["service"] == "stt"
    roomy.call_now(Pin(service="llm"))
    assert next(card for card in roomy.call_now(Models()) if card["id"] == now)["pinned"]
    roomy.call_now(Pin(service="llm", on=False))


def test_a_model_is_fetched_while_the_show_goes_on(roomy: RealShow) -> None:
    assert next(card for card in roomy.call_now(Models()) if card["id"] == SPARE)["state"] == "absent"
    roomy.call_now(Fetch(model=SPARE))
    until(lambda: any(e.get("text") == f"{SPARE} is stored and can be used now" for e in roomy.events()))
    assert next(card for card in roomy.call_now(Models()) if card["id"] == SPARE)["state"] == "stored"


def test_a_model_is_unloaded_and_comes_back(roomy: RealShow) -> None:
    _, now = llm(roomy)
    roomy.call_now(Unload(service="llm"))
    until(lambda: llm(roomy)[0] == "STOPPED")
    assert asyncio.run(ask(roomy, "Are you there?"))["outcome"] == "degraded" and not engines(roomy)
    roomy.call_now(Restart(service="llm"))
    until(lambda: llm(roomy) == ("READY", now))


def until(true: Callable[[], bool], within_s: float = 90.0) -> None:
    due = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < due
        time.sleep(0.05)


def test_what_cannot_be_wished_for_is_said_at_once(roomy: RealShow) -> None:
    _, now = llm(roomy)
    for words, said in (
        (("llm", "qwen-0.6b"), 'there is no model "qwen-0.6b"; did you mean'),
        (("tts", BIG), f'"{BIG}" is a model for llm'),
        (("brain", BIG), "there is no service brain; this rig has stt, llm, tts, standby"),
        (("llm", now), f"llm has {now} already; choose another model"),
    ):
        done = roomy.cli("swap", *words)
        assert done.returncode == 2 and said.lower() in done.stderr.lower() and len(done.stderr.splitlines()) == 1, done


def test_a_show_that_is_killed_keeps_the_model_that_it_was_given(roomy: RealShow) -> None:
    wanted = PIPER if roomy.service("tts")["model"] == HIBARI else HIBARI
    assert roomy.cli("swap", "tts", wanted).returncode == 0
    before = {row["name"]: row["pid"] for row in roomy.status()["services"]}
    kill(roomy)
    roomy.start()
    assert {row["name"]: row["pid"] for row in roomy.status()["services"]} == before
    assert roomy.service("tts")["model"] == wanted


def test_a_show_that_is_killed_in_a_swap_keeps_the_one_in_office(roomy: RealShow) -> None:
    _, now = llm(roomy)
    pid = roomy.service("llm")["pid"]
    seen = len(roomy.events())
    with ThreadPoolExecutor() as pool:
        swapping = pool.submit(roomy.call_now, Swap(service="llm", model=BIG if now == SMALL else SMALL))
        due = time.monotonic() + 20
        while not any(e.get("phase") == "trying it out" for e in roomy.events()[seen:]):
            assert time.monotonic() < due
            time.sleep(0.01)
        kill(roomy)
        with pytest.raises(NoShow):
            swapping.result()
    roomy.start()
    assert llm(roomy) == ("READY", now) and roomy.service("llm")["pid"] == pid and len(engines(roomy)) == 1


def test_a_show_that_is_stopped_begins_again_with_its_rig(tight: RealShow) -> None:
    assert tight.cli("swap", "tts", HIBARI).returncode == 0
    assert tight.cli("stop").returncode == 0 and tight.process is not None
    tight.process.wait()
    tight.wait_nothing_left()
    tight.start()
    assert tight.service("tts")["model"] == PIPER


@pytest.mark.engines
def test_when_memory_is_low_the_next_step_of_the_ladder_takes_over(tmp_path: Path) -> None:
    """By what real engines take."""
    show = RealShow(home_in(tmp_path, _LOW, borrowed_home), "--rig", "booth", "--character", "brief")
    try:
        show.start()
        due = time.monotonic() + 40
        while llm(show) != ("READY", SMALL):
            assert time.monotonic() < due, show.status()
            time.sleep(0.2)
        notes = [e["text"] for e in show.events() if e.get("type") == "Note"]
        assert re.fullmatch(rf"llm changes to {SMALL}: RAM is \d+% full", notes[0]), notes
        learned = json.loads((show.home / "state" / "learned.json").read_bytes())
        assert show.ask("--text", "Are you well?")["outcome"] == "completed" and learned
        assert len(engines(show)) == 1
    finally:
        show.end()


def kill(show: RealShow) -> None:
    assert show.process is not None
    os.kill(show.process.pid, signal.SIGKILL)
    show.process.wait()
