"""The rig page, driven by keys and mouse, with a show that answers what a test says; no devices."""

import asyncio
from pathlib import Path

import pytest
from textual import events

from console import body_commands as body
from console import commands as cmd
from console.client import NoShow
from console.readings import JawReading
from console.tui.pan_hold import PanHold
from console.tui.panel import Panel
from console.tui.rig_words import LINE
from console.tui.screens import rig
from console.tui.screens.questions import Choice
from console.tui.widgets.sound_panel import SoundPanel
from tests.console.rig_scenes import BARE, CLIPPED, FAULT, GONE, JAW, LEVELS, LIMP, STOPPED
from tests.console.rig_sight import Answering, Sight, sight


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALACTUS_THEME", "booth-dark")
    monkeypatch.setattr(rig, "REST_S", 0.01)


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
        (("n",), body.Snapshot()),
        (("tab", "tab", "home"), body.Move(home=True)),
        (("p", "enter"), body.Preflight()),
        (("p", "down", "enter"), body.Preflight(beep=True)),
        (("p", "down", "down", "enter"), body.Preflight(sweep=True)),
        (("p", "up", "enter"), body.Preflight(beep=True, sweep=True)),
        (("i", "down", "enter", "enter"), body.PickDevice(role="microphone", name="recorded visitor")),
        (("o", "down", "enter", "down", "enter"), body.PickDevice(role="speaker", name="null speaker", save=True)),
    ],
)
async def test_each_key_sends_its_command(tmp_path: Path, keys: tuple[str, ...], command: cmd.Command) -> None:
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
    tmp_path: Path, row: dict[str, object], keys: str, command: cmd.Command, offered: str
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


@pytest.mark.parametrize("keys", [("p",), ("i",), ("i", "enter"), ("o",)])
async def test_the_stop_works_in_front_of_a_question(tmp_path: Path, keys: tuple[str, ...]) -> None:
    async with sight(tmp_path) as seen:
        await seen.press(*keys)
        assert isinstance(seen.app.screen, Choice)
        seen.show.told.clear()
        await seen.press("x")
        assert seen.show.told == [body.EStop()] and not isinstance(seen.app.screen, Choice)


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
        assert "the show is of another version" in seen.all


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


# The calibration


async def step(seen: Sight, title: str) -> None:
    await seen.until(lambda: f"calibration, step {title}" in seen.all)


async def stands(seen: Sight, us: int) -> None:
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
        old: cmd.Command = body.Calibrate(closed_us=1328, open_us=1584, rest_us=1328, trim_us=0, beyond=False)
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
        assert seen.show.told == before and not isinstance(seen.app.screen, Choice)
        assert "ENTER mend" not in seen.all


async def test_who_looks_away_has_his_limits_and_finds_the_step_again(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("e", "enter", "1")
        await seen.until(lambda: seen.show.of(body.Calibrate)[-1] == body.Calibrate(beyond=False))
        await seen.press("3")
        await seen.until(lambda: seen.show.of(body.Calibrate)[-1] == body.Calibrate(beyond=True))
        assert "step 2 of 8" in seen.all


# Sound


async def test_levels_and_tests_end_in_words(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        assert "shut: no question is being asked" in seen.all
        await seen.happens(LEVELS)
        assert "-32 dB  ▲ room -61  29 above" in seen.all and "CLIPPED" not in seen.all
        await seen.happens(CLIPPED)
        assert "▲ CLIPPED  turn it down" in seen.all
        gate = seen.show.slow[body.HearYourself] = asyncio.Event()
        await seen.press("h")
        assert "speak now, 3 s" in seen.all
        await seen.press("b")
        assert seen.word == "One test after another: wait for the end of this one."
        gate.set()
        await seen.until(lambda: "✓ good" in seen.all)
        seen.show.answers[body.HearYourself] = {"peak_db": -30.0, "floor_db": -37.0, "snr_db": 7.0, "clipped": False}
        await seen.press("h")
        assert "▲ move closer" in seen.all
        seen.show.answers[body.HearYourself] = {"peak_db": 0.0, "floor_db": -37.0, "snr_db": 37.0, "clipped": True}
        await seen.press("h")
        assert "▲ too loud" in seen.all
        for answer, words in (
            ({"heard": True, "snr_db": 18.0}, "✓ the microphone hears"),
            ({"heard": False, "snr_db": 1.0}, "✖ not heard"),
            ({"heard": None, "snr_db": None}, "no live"),
        ):
            seen.show.answers[body.Beep] = answer
            await seen.press("b")
            assert words in seen.all


async def test_a_refused_device_says_so_and_the_old_one_stays(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.show.refuse[body.PickDevice] = cmd.CommandError(cmd.USAGE, "recorded visitor: a turn runs; try again")
        await seen.press("i")
        assert "Which microphone?" in seen.all and "● USB PnP Sound Device" in seen.all
        await seen.press("down", "enter", "enter")
        assert "Recorded visitor: a turn runs; try again." in seen.all
        await seen.press("i", "escape")
        await seen.press("i", "enter", "escape")
        assert len(seen.show.of(body.PickDevice)) == 1


# Eyes


async def test_the_camera_is_watched_only_while_it_is_seen(tmp_path: Path) -> None:
    async with sight(tmp_path, size=(80, 24)) as seen:
        assert seen.show.of(body.Watch) == []
        told: list[bool] = []
        for keys, on in ((("tab", "tab"), True), (("tab",), False), (("shift+tab",), True), (("1",), False)):
            await seen.press(*keys)
            told.append(on)
            await seen.until(lambda: [c.on for c in seen.show.of(body.Watch)] == told)
        await seen.press("3")
        told.append(True)
        await seen.until(lambda: [c.on for c in seen.show.of(body.Watch)] == told)
        assert set(seen.show.of(body.Watch)) <= set(seen.show.kept)


async def test_a_show_that_comes_back_is_asked_for_the_camera_again(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.until(lambda: len(seen.show.of(body.Watch)) == 1)
        for link in ("lost", "live"):
            seen.app.link._become(link)
            seen.app.draw()
        await seen.until(lambda: len(seen.show.of(body.Watch)) == 2)


async def test_a_snapshot_is_kept_in_the_logs_of_the_run(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("n")
        await seen.until(lambda: seen.word.startswith("Saved: "))
        await seen.press("n")
        await seen.until(lambda: len(list((tmp_path / "snapshots").iterdir())) == 2)
        assert {path.read_bytes() for path in (tmp_path / "snapshots").iterdir()} == {b"\xff\xd8\xff\xe0\x00\x10"}
        seen.show.answers[body.Snapshot] = {"jpeg": "no base64 !"}
        await seen.press("n")
        await seen.until(lambda: "That picture cannot be read" in seen.word)


async def test_a_rig_without_eyes_and_ears(tmp_path: Path) -> None:
    show = Answering()
    show.body = dict(BARE)
    async with sight(tmp_path, show=show) as seen:
        assert "this rig has no pan-tilt head" in seen.all and "no camera" in seen.all
        assert "recorded visitor (software)" in seen.all
        await seen.press("n")
        assert seen.word == "This rig has no camera: name one in [camera] of the rig file."
        await seen.press("tab", "tab", "up")
        assert seen.word == "This rig has no pan-tilt head: name one in [pan_tilt] of the rig file."
        assert show.told == []


def moves(show: Answering) -> list[tuple[float, float]]:
    return [(c.pan, c.tilt) for c in show.of(body.Move)]


async def test_an_arrow_key_moves_the_head_for_a_moment(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("tab", "tab", "left")
        await seen.until(lambda: bool(moves(seen.show)) and moves(seen.show)[-1] == (0, 0))
        assert moves(seen.show)[0] == (-1, 0) and set(moves(seen.show)) == {(-1, 0), (0, 0)}
        assert seen.page.desk.heading == (0, 0)


async def test_the_pad_moves_while_the_mouse_holds_it(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        at = seen.where("[↑]", -1)
        await seen.pilot.mouse_down(offset=at)
        await seen.until(lambda: len(moves(seen.show)) >= 3)  # told again and again
        await seen.pilot.mouse_up(offset=(5, 5))  # wherever the mouse is by then
        await seen.until(lambda: moves(seen.show)[-1] == (0, 0))
        assert set(moves(seen.show)[:-1]) == {(0, 1)}


@pytest.mark.parametrize("end", ["page", "part", "blur", "lost"])
async def test_a_held_head_stops_when_nobody_can_let_go_of_it(tmp_path: Path, end: str) -> None:
    async with sight(tmp_path) as seen:
        await seen.pilot.mouse_down(offset=seen.where("[→]"))
        await seen.until(lambda: bool(moves(seen.show)))
        match end:
            case "page":
                await seen.press("1")
            case "part":
                await seen.press("tab")
            case "blur":
                seen.app.post_message(events.AppBlur())
            case "lost":
                seen.app.link._become("lost")
                seen.app.draw()
        await seen.until(lambda: moves(seen.show)[-1] == (0, 0))
        assert seen.page.pan.heading == (0, 0)


async def test_a_stop_is_never_overtaken_by_a_move() -> None:
    told: list[body.Move] = []
    gate = asyncio.Event()

    async def slowly(command: body.Move) -> None:
        told.append(command)
        await gate.wait()

    hold = PanHold(slowly)
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        running = tasks.create_task(hold.run())
        hold.hold(1, 0)
        while not told:
            await asyncio.sleep(0)
        hold.hold(0, 1)
        hold.stop()
        gate.set()
        while told[-1] != body.Move():
            await asyncio.sleep(0.01)
        running.cancel()
    assert told == [body.Move(pan=1.0), body.Move()]


# Preflight


async def test_the_preflight_says_what_to_do(tmp_path: Path) -> None:
    async with sight(tmp_path, size=(80, 24)) as seen:
        gate = seen.show.slow[body.Preflight] = asyncio.Event()
        await seen.press("p", "enter")
        assert "preflight · looking …" in seen.all
        await seen.press("p")
        assert seen.word == "One test after another: wait for the end of this one."
        gate.set()
        await seen.until(lambda: "2 of 11 to be mended" in seen.all)
        rows = seen.all.split("\n")
        first = next(n for n, row in enumerate(rows) if "✖ microphone" in row)
        assert "→ move closer, or turn it up" in rows[first + 1] and "○ jaw" in rows[first + 2]
        assert "✓ ports" in seen.all
        await seen.pilot.resize_terminal(80, 18)
        await seen.press("down", "down")
        assert "✖ microphone" not in seen.all
        seen.show.refuse[body.Preflight] = cmd.CommandError(cmd.USAGE, "a turn runs")
        await seen.press("p", "enter")
        assert "A turn runs." in seen.all and "2 of 11" in seen.all


# Mouse, palette, other pages


async def test_the_mouse_does_what_the_keys_do(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.show.told.clear()
        for words in ("↑ open", " 25 ", "↓ close", " X E-STOP", "N snapshot", "H hear"):
            await seen.click(words)
        kinds = [type(command) for command in seen.show.told]
        assert kinds == [body.Jog, body.Jog, body.EStop, body.Snapshot, body.HearYourself]
        assert seen.show.of(body.Jog) == [body.Jog(by_us=5), body.Jog(by_us=-25)]
        at, y = seen.where("+300")
        await seen.pilot.click(offset=(at - 3, y))
        await seen.until(lambda: [c.look_ahead_ms for c in seen.show.of(body.Calibrate)] == [300])


async def test_the_tabs_of_a_small_screen(tmp_path: Path) -> None:
    async with sight(tmp_path, size=(80, 24)) as seen:
        await seen.happens(STOPPED)
        for part, words in (("sound", "[I other]"), ("eyes", "[HOME centre]"), ("preflight", "[P preflight]")):
            await seen.click(part)
            assert words in seen.all and "jaw  ■ STOPPED" in seen.all and "X E-STOP" in seen.all
        await seen.click("jaw")
        assert "travel" in seen.all


async def test_the_palette_has_what_can_be_done(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        names = {command.title for command in seen.app.get_system_commands(seen.app.screen)}
        wanted = {"E-STOP (X)", "Calibrate (E)", "Jog (↑↓)", "Beep (B)", "Snapshot (N)", "Preflight (P)", "Rig (3)"}
        assert wanted <= names and not {"Acknowledge (K)", "Save (V)"} & names
        await seen.happens(FAULT)
        names = {command.title for command in seen.app.get_system_commands(seen.app.screen)}
        assert "Acknowledge (K)" in names and not {"Jog (↑↓)", "Sweep (W)"} & names


async def test_without_a_show_nothing_is_sent(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.app.link._become("lost")
        seen.app.draw()
        seen.show.told.clear()
        await seen.press("up", "m", "w", "e", "h", "n", "p", "right")
        assert "NO SHOW" in seen.all and seen.show.told == [] and "There is no show to do that." in seen.all


async def test_it_is_asked_again_while_it_is_seen_and_never_while_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rig, "ASK_S", 0.05)
    async with sight(tmp_path) as seen:
        before = seen.show.asked
        await seen.until(lambda: seen.show.asked > before)
        await seen.press("1")
        await asyncio.sleep(0.1)
        before = seen.show.asked
        await asyncio.sleep(0.3)
        assert seen.show.asked == before


async def test_another_kind_of_show_is_told_of(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.show.body = {"board": 7}
        seen.page.ask()
        await seen.until(lambda: "the show is of another version" in seen.word)
