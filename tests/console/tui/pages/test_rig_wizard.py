"""The calibration wizard of the rig page, step by step."""

from pathlib import Path
from typing import Any

from console.api import body_commands as body
from console.api import commands as cmd
from console.tui.widgets.questions import ChoiceScreen
from tests.console.pictures.rig_scenes import JAW, LIMP
from tests.console.tui.pages.rig_driver import Answering, RigSight, quick, sight

__all__ = ["quick"]  # the fixture


# The calibration


async def step(seen: RigSight, title: str) -> None:
    await seen.until(lambda: f"calibration, step {title}" in seen.all)


async def stands(seen: RigSight, us: int) -> None:
    await seen.happens(JAW | {"us": us, "opening": 0.5})


async def test_the_wizard_leads_from_limp_to_saved(tmp_path: Path) -> None:
    async with sight(tmp_path, size=(80, 24), jaw=LIMP) as seen:
        seen.show.told.clear()
        await seen.press("e")
        await step(seen, "1 of 8: make it safe")
        assert "Take the linkage off the servo first" in seen.all and "open 1584" in seen.all  # the plot is in sight
        await seen.press("enter")
        await step(seen, "2 of 8: find the middle")
        await stands(seen, 1500)
        await seen.press("down", "enter")
        await step(seen, "3 of 8: closed")
        await stands(seen, 1350)
        await seen.press("enter")
        await step(seen, "4 of 8: open")
        await seen.press("enter")
        assert seen.word == "That is where closed is: open the jaw first."
        await stands(seen, 1620)
        await seen.press("enter")
        await step(seen, "5 of 8: rest")
        await stands(seen, 1400)
        await seen.press("enter")
        await step(seen, "6 of 8: trim")
        await seen.press("up", "down", "down", "enter")
        await step(seen, "7 of 8: the proof")
        await seen.press("enter")
        await step(seen, "8 of 8: is it right?")
        assert "closed 1350 · open 1620 · rest 1400 · trim -5 µs" in seen.all
        await seen.press("enter")
        await seen.until(lambda: seen.page.desk.wizard is None)
        assert seen.word.startswith("Saved in profiles/rigs/booth.toml")
        wide = body.Calibrate(beyond=True)
        assert [c for c in seen.show.told if not isinstance(c, body.Jog)] == [
            wide,
            body.Arm(),
            body.Calibrate(closed_us=1350, rest_us=1350, beyond=True),
            body.Calibrate(open_us=1620, beyond=True),
            body.Calibrate(rest_us=1400, beyond=True),
            body.Calibrate(trim_us=5, beyond=True),
            body.Calibrate(trim_us=0, beyond=True),
            body.Calibrate(trim_us=-5, beyond=True),
            body.Sweep(),
            body.SaveCalibration(),
            body.Calibrate(beyond=False),
        ]
        assert set(seen.show.of(body.Calibrate)) <= set(seen.show.kept)  # on the line that ends with the screen


async def test_to_leave_the_wizard_brings_back_what_was(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("e", "enter", "enter")
        await stands(seen, 1300)
        await seen.press("enter")
        await step(seen, "4 of 8: open")
        assert "closed 1300" in seen.all
        await seen.press("escape")
        old: cmd.Command[Any] = body.Calibrate(closed_us=1328, open_us=1584, rest_us=1328, trim_us=0, beyond=False)
        assert seen.show.told[-1] == old and "closed 1328" in seen.all and "calibration, step" not in seen.all
        assert seen.word == "All is as it was before."
        await seen.press("escape")
        assert seen.show.told[-1] == cmd.Interrupt()  # now the key is the show's again


async def test_back_skip_swap_and_a_trim_are_what_they_say(tmp_path: Path) -> None:
    show = Answering()
    show.body |= {"trim_us": 10, "rest_us": 1400}
    async with sight(tmp_path, show=show) as seen:
        await seen.press("e", "enter", "enter", "backspace")
        await step(seen, "2 of 8")
        await seen.press("enter")
        await stands(seen, 1340)
        await seen.press("enter")  # what was sent had the trim in it
        assert show.of(body.Calibrate)[-1] == body.Calibrate(closed_us=1330, beyond=True)
        await stands(seen, 1390)
        await seen.press("enter")  # the rest was outside then
        assert show.of(body.Calibrate)[-1] == body.Calibrate(open_us=1380, rest_us=1380, beyond=True)
        await seen.press("n")
        await step(seen, "6 of 8")
        assert show.of(body.Calibrate)[-1] == body.Calibrate(rest_us=1330, beyond=True)
        await seen.press("enter", "i")
        await step(seen, "7 of 8")
        assert show.of(body.Calibrate)[-1] == body.Calibrate(closed_us=1380, open_us=1330, rest_us=1380, beyond=True)
        await seen.press("enter")
        await step(seen, "8 of 8")
        await seen.press("w")
        assert len(show.of(body.Sweep)) == 2


async def test_a_refusal_leaves_the_wizard_where_it_is(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("e", "enter", "enter")
        seen.show.refuse[body.Calibrate] = cmd.CommandError(cmd.USAGE, "closed: 400 us is less than a servo knows")
        await seen.press("enter")
        assert "step 3 of 8" in seen.all and "Closed: 400 us is less than a servo knows." in seen.all
        seen.show.refuse.clear()
        for us in (1328, 1584):
            await stands(seen, us)
            await seen.press("enter")
        await seen.press("n", "enter", "enter")
        seen.show.refuse[body.SaveCalibration] = cmd.CommandError(cmd.USAGE, "booth.toml cannot be written")
        await seen.press("enter")
        assert "step 8 of 8" in seen.all and "Booth.toml cannot be written." in seen.all


async def test_what_goes_by_the_travel_waits_for_the_wizard(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("e", "enter")
        before = list(seen.show.told)
        await seen.press("w", "home", "end", "l", "p", "v", "e")
        assert seen.show.told == before and not isinstance(seen.app.screen, ChoiceScreen)
        assert "ENTER fix" not in seen.all


async def test_who_looks_away_has_his_limits_and_finds_the_step_again(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("e", "enter", "1")
        await seen.until(lambda: seen.show.of(body.Calibrate)[-1] == body.Calibrate(beyond=False))
        await seen.press("3")
        await seen.until(lambda: seen.show.of(body.Calibrate)[-1] == body.Calibrate(beyond=True))
        assert "step 2 of 8" in seen.all
