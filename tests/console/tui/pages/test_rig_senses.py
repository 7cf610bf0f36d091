"""Sound, eyes, head and preflight of the rig page, by keys and mouse."""

import asyncio
from pathlib import Path

import pytest
from textual import events

from console.api import body_commands as body
from console.api import commands as cmd
from console.tui.client import poller
from console.tui.input.key_protocol import KeyReleased
from console.tui.pages.rig.hold_repeat import PanHold
from tests.console.pictures.rig_scenes import BARE, CLIPPED, FAULT, LEVELS, STOPPED
from tests.console.tui.pages.rig_driver import Answering, quick, sight

__all__ = ["quick"]  # the fixture


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
        assert "No caption: the model that thinks has no eyes" in seen.word
        seen.show.answers[body.Snapshot] |= {"caption": "A boy in a hat.", "blind": ""}
        await seen.press("n")
        await seen.until(lambda: seen.word.endswith("“A boy in a hat.”"))
        await seen.until(lambda: len(list((tmp_path / "snapshots").iterdir())) == 2)
        assert {path.read_bytes() for path in (tmp_path / "snapshots").iterdir()} == {b"\xff\xd8\xff\xe0\x00\x10"}
        seen.show.answers[body.Snapshot] |= {"mime": "image/png"}
        await seen.press("n")
        await seen.until(lambda: len(list((tmp_path / "snapshots").glob("*.png"))) == 1)
        seen.show.answers[body.Snapshot] = {"jpeg": "no base64 !"}
        await seen.press("n")
        await seen.until(lambda: "show is of another version" in seen.word)


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


async def test_the_head_stops_when_its_arrow_comes_up(tmp_path: Path) -> None:
    """Where the terminal tells of it: at once then, and not before, though the keyboard is slow to repeat."""
    async with sight(tmp_path) as seen:
        seen.app.keys_reported = True
        seen.page.see_part("eyes")
        await seen.press("right")
        await seen.until(lambda: moves(seen.show).count((1, 0)) >= 2)
        await seen.press("up")
        seen.app.post_message(KeyReleased(0.5, "right"))
        await seen.until(lambda: moves(seen.show)[-1] == (0, 1))
        assert (0, 0) not in moves(seen.show), "an arrow that was left for the next one stops nothing"
        seen.app.post_message(KeyReleased(0.5, "up"))
        await seen.until(lambda: moves(seen.show)[-1] == (0, 0))
        told = len(moves(seen.show))
        await seen.press("left")
        await seen.until(lambda: moves(seen.show)[told:][-1:] == [(0, 0)])
        assert moves(seen.show)[told] == (-1, 0), "and by itself, where its end was lost"


async def test_a_tapped_arrow_stops_though_both_its_ends_came_at_once(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.app.keys_reported = True
        seen.page.see_part("eyes")
        seen.app.post_message(events.Key("right", None))
        seen.app.post_message(KeyReleased(0.01, "right"))
        await seen.until(lambda: seen.page.pan._told == seen.page.pan.heading == (0, 0))
        assert len(moves(seen.show)) in (0, 2) and moves(seen.show)[-1:] in ([], [(0, 0)])


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
    monkeypatch.setattr(poller, "ASK_S", 0.05)
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
        await seen.until(lambda: "show is of another version" in seen.word)
