"""The jaw on the rig page, driven by keys, with a show that answers what a test says; no devices."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from console.api import body_commands as body
from console.api import commands as cmd
from console.api.client import NoShow
from console.api.telemetry_types import JawReading
from console.tui.drawing.panel import Panel
from console.tui.pages.rig.panels.sound_panel import SoundPanel
from console.tui.pages.rig.wording import LINE, jaw_state
from console.tui.widgets.questions import ChoiceScreen
from tests.console.pictures.rig_scenes import FAULT, GONE, JAW, LEVELS, LIMP, STOPPED
from tests.console.tui.pages.rig_driver import Answering, quick, sight

__all__ = ["quick"]  # the fixture


# The jaw


async def test_where_the_jaw_is_and_whether_it_may_move(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        for words in ("ARMED", "1415 µs", "34% open", "sync 9 ms early", "no frame dropped", "output latency 42 ms"):
            assert words in seen.all, words
        assert "open 1584" in seen.all and "closed 1328" in seen.all and "Maestro on /dev/ttyACM0" in seen.all
        for row, words in (
            (LIMP, "LIMP  Not armed"),
            (STOPPED, "STOPPED  Emergency stop"),
            (FAULT, "FAULT  Maestro on /dev/ttyACM0: it reports a serial error"),
            (GONE, "BOARD GONE  It is looked for"),
            (JAW | {"us": 0}, "ARMED  Limp while idle"),
            (JAW | {"dropped": 3, "sync_ms": 31.0}, "sync 31 ms late · ▲ 3 frames dropped"),
        ):
            await seen.happens(row)
            assert words in seen.all, words


@pytest.mark.parametrize(
    ("keys", "command"),
    [
        (("up",), body.Jog(by_us=5)),
        (("down",), body.Jog(by_us=-5)),
        (("j", "up"), body.Jog(by_us=25)),
        (("J", "down"), body.Jog(by_us=-1)),
        (("j", "j", "up"), body.Jog(by_us=3)),
        (("j", "j", "j", "up"), body.Jog(by_us=13)),
        (("home",), body.Jog(to=0.0)),
        (("end",), body.Jog(to=1.0)),
        (("m",), body.Arm(on=False)),
        (("x",), body.EStop()),
        (("w",), body.Sweep()),
        (("l",), cmd.Say(text=LINE)),
        (("right",), body.Calibrate(look_ahead_ms=65)),
        (("left",), body.Calibrate(look_ahead_ms=55)),
        (("h",), body.HearYourself()),
        (("b",), body.Beep()),
        (("n",), body.Snapshot(caption=True)),
        (("tab", "tab", "home"), body.Move(home=True)),
        (("p", "enter"), body.Preflight()),
        (("p", "down", "enter"), body.Preflight(beep=True)),
        (("p", "down", "down", "enter"), body.Preflight(sweep=True)),
        (("p", "up", "enter"), body.Preflight(beep=True, sweep=True)),
        (("i", "down", "enter", "enter"), body.PickDevice(role="microphone", name="recorded visitor")),
        (("o", "down", "enter", "down", "enter"), body.PickDevice(role="speaker", name="null speaker", save=True)),
    ],
)
async def test_each_key_sends_its_command(tmp_path: Path, keys: tuple[str, ...], command: cmd.Command[Any]) -> None:
    async with sight(tmp_path) as seen:
        seen.show.told.clear()  # the camera is watched by now
        await seen.press(*keys)
        await seen.until(lambda: bool(seen.show.told))
        assert seen.show.told == [command]


@pytest.mark.parametrize(
    ("row", "keys", "command", "offered"),
    [
        (LIMP, "m", body.Arm(on=True), "M arm"),
        (STOPPED, "k", body.Acknowledge(), "K acknowledge"),
        (FAULT, "k", body.Acknowledge(), "K acknowledge"),
        (STOPPED, "x", body.EStop(), "X E-STOP"),
        (GONE, "x", body.EStop(), "X E-STOP"),
    ],
)
async def test_what_ends_a_stop(
    tmp_path: Path, row: dict[str, object], keys: str, command: cmd.Command[Any], offered: str
) -> None:
    async with sight(tmp_path, jaw=row) as seen:
        assert offered in seen.all
        seen.show.told.clear()
        await seen.press(keys)
        assert seen.show.told == [command]


@pytest.mark.parametrize(
    ("row", "keys", "words"),
    [
        (LIMP, ("up",), "The jaw is not armed: M arms it."),
        (LIMP, ("w",), "The jaw is not armed: M arms it."),
        (STOPPED, ("m",), "Acknowledge the stop first: K."),
        (FAULT, ("e",), "Acknowledge the fault first: K."),
        (GONE, ("home",), "The board is gone: plug it in again."),
        (JAW, ("k",), "There is no fault to acknowledge."),
        (JAW, ("v",), "The rig file says all of it already."),
    ],
)
async def test_what_cannot_be_says_why_and_sends_nothing(
    tmp_path: Path, row: dict[str, object], keys: tuple[str, ...], words: str
) -> None:
    async with sight(tmp_path, jaw=row) as seen:
        seen.show.told.clear()
        await seen.press(*keys)
        assert seen.word == words and words in seen.all and seen.show.told == []


K = "K acknowledges it"


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (STOPPED, f"the motors are off. {K}, then M arms."),
        (STOPPED | {"lost": True}, f"the motors are off. {K}; when it is back, M arms."),
        (FAULT, f"{K}, then M arms."),
        (FAULT | {"rearms": True}, f"{K} and arms it again: hands away first."),
        (FAULT | {"lost": True}, f"{K}; when it is back, M arms."),
        (FAULT | {"lost": True, "rearms": True}, f"{K}; it is armed as soon as it is back: hands away."),
    ],
)
async def test_the_way_back_is_told_as_it_is(tmp_path: Path, row: dict[str, object], words: str) -> None:
    async with sight(tmp_path, jaw=row) as seen:
        assert jaw_state(seen.page._picture, None)[1].endswith(f" {words}")


async def test_an_inverted_jaw_opens_with_the_same_key(tmp_path: Path) -> None:
    show = Answering()
    show.body |= {"closed_us": 1700, "open_us": 1300}
    async with sight(tmp_path, show=show) as seen:
        await seen.press("up")
        assert show.of(body.Jog) == [body.Jog(by_us=-5)]


async def test_a_held_jog_never_runs_on_by_more_than_a_step(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        gate = seen.show.slow[body.Jog] = asyncio.Event()
        await seen.press(*["up"] * 9)
        assert len(seen.show.of(body.Jog)) == 1
        gate.set()
        await seen.until(lambda: not seen.page._jogging)
        assert seen.show.of(body.Jog) == [body.Jog(by_us=5)] * 2


async def test_the_stop_waits_for_nothing_and_says_when_it_was_not_taken(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.show.slow[body.Jog] = seen.show.slow[body.Sweep] = asyncio.Event()
        await seen.press("up", "up", "w", "x")
        assert seen.show.told[-1] == body.EStop()
        seen.show.slow[body.Jog].set()
        await seen.until(lambda: not seen.page._jogging)
        assert len(seen.show.of(body.Jog)) == 1  # what was waiting is not done any more
        seen.show.refuse[body.EStop] = NoShow("it does not answer")
        await seen.press("x")
        assert seen.word == "The stop was not taken: take the power from the servo!"
        seen.show.refuse[body.EStop] = cmd.CommandError(cmd.NO_SHOW, "no show runs: the next one keeps it off")
        await seen.press("x")
        assert seen.word == "No show runs: the next one keeps it off."


@pytest.mark.parametrize("keys", [("p",), ("i",), ("i", "enter"), ("o",)])
async def test_the_stop_works_in_front_of_a_question(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with sight(tmp_path) as seen:
        await seen.press(*keys)
        assert isinstance(seen.app.screen, ChoiceScreen)
        seen.show.told.clear()
        await seen.press("x")
        assert seen.show.told == [body.EStop()] and not isinstance(seen.app.screen, ChoiceScreen)


async def test_the_stop_is_there_in_every_part_and_at_every_size(tmp_path: Path) -> None:
    async with sight(tmp_path, size=(80, 24)) as seen:
        for _ in range(4):
            await seen.press("tab")
            assert "X E-STOP" in seen.all
        for size in ((20, 6), (1, 1), (40, 12), (160, 48)):
            await seen.pilot.resize_terminal(*size)
            await seen.press("tab", "e", "escape")
            assert "X E-STOP" in seen.all or size < (40, 12)
        seen.show.told.clear()
        await seen.press("x")
        assert seen.show.told == [body.EStop()]


async def test_the_look_ahead_stays_in_its_range_and_is_saved(tmp_path: Path) -> None:
    show = Answering()
    show.body["look_ahead_ms"] = 295
    async with sight(tmp_path, show=show) as seen:
        assert "V save" not in seen.all
        await seen.press("right", "right")
        assert [c.look_ahead_ms for c in show.of(body.Calibrate)] == [300, 300]
        assert "jaw 300 ms early" in seen.all and "not saved yet: V" in seen.all and "V save" in seen.all
        await seen.press("v")
        assert show.told[-1] == body.SaveCalibration()
        assert seen.word == "Saved in profiles/rigs/booth.toml; its comments are as they were."
        assert "not saved yet" not in seen.all


async def test_a_refusal_is_said_in_words(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.show.refuse[body.Jog] = cmd.CommandError(cmd.USAGE, "the jaw: 2600 us is outside its travel")
        await seen.press("up")
        assert "The jaw: 2600 us is outside its travel." in seen.all
        seen.show.refuse[body.Sweep] = NoShow("gone")
        await seen.press("w")
        assert "The show did not take that" in seen.all
        seen.show.answers[body.Beep] = {"heard": True}
        await seen.press("b")
        assert "show is of another version" in seen.all


# The plot


async def test_a_movement_is_drawn_and_stays_when_it_has_ended(tmp_path: Path) -> None:
    async with sight(tmp_path, jaw=LIMP) as seen:

        def drawn() -> str:
            return seen.all.split("open 1584")[1].split("s of movement")[0]

        assert "█" not in drawn()
        for n in range(20):
            reading = JawReading(us=1328 + 12 * n, opening=n * 12 / 256, track=0.5, armed=True)
            seen.app.link._course.note(reading, 1e9 + 100.0 * n)
        await seen.happens(JAW)
        assert "█" in drawn() and "3 s of movement" in seen.all  # with half a second before it
        before = drawn()
        await seen.happens(LEVELS)
        await asyncio.sleep(0.3)
        seen.app.draw()
        assert drawn() == before


async def test_an_idle_page_paints_nothing_and_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with sight(tmp_path) as seen:
        painted: list[Panel] = []
        for panel in seen.page.query(Panel):
            monkeypatch.setattr(panel, "refresh", lambda *_, panel=panel, **__: painted.append(panel))
        seen.show.told.clear()
        for _ in range(3):
            seen.app.draw()
            await seen.pilot.pause()
        assert painted == [] and seen.show.told == []
        await seen.happens(LEVELS)
        assert {type(panel) for panel in painted} == {SoundPanel}
