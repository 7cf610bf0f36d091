"""The talk pad and SPACE in a window without a terminal; the show behind it only notes what it is told."""

from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.events import AppBlur, Key, MouseDown, MouseUp
from textual.pilot import Pilot

from console.api.client import NoShow
from console.tui.app.app import ConsoleApp
from console.tui.client.command_client import CommandClient
from console.tui.input.drivers import KeysReported
from console.tui.input.key_protocol import AGAIN, KeyReleased
from console.tui.pages.show.talk_pad import TalkPad
from console.tui.widgets.line_box import LineBox
from tests.console.pictures.scenes import Scene, StillLink, ended, event, settle, stage

LISTENING = Scene(until=stage("LISTENING", 1), later_ms=500)
IDLE = Scene(until=ended(4))


class Noting(CommandClient):
    """A show whose microphone opens as turn 7."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.told: list[str] = []

    async def press(self) -> int:
        self.told.append("press")
        return 7

    async def let_go(self) -> bool:
        self.told.append("let go")
        return True


class Booth:
    def __init__(self, pilot: Pilot[str], app: ConsoleApp, show: Noting) -> None:
        self.pilot, self.app, self.show = pilot, app, show

    @property
    def pad(self) -> TalkPad:
        """The one that is seen; there is a place for it in a small window and one in a large one."""
        (seen,) = (pad for pad in self.app.query(TalkPad) if pad.is_on_screen)
        return seen

    @property
    def words(self) -> str:
        self.app.draw()
        return "\n".join("".join(text for text, _ in line).strip() for line in self.pad._lines)

    async def happens(self, *messages: Any) -> list[str]:
        for message in messages:
            self.app.post_message(message)
            await self.pilot.pause()
        await settle(self.pilot)
        return self.show.told

    async def mouse(self, kind: type[MouseDown] | type[MouseUp], at_s: float, button: int = 1) -> list[str]:
        """On the pad's first cell; `at_s` by the clock of the terminal."""
        x, y = self.pad.region.offset
        message = kind(None, x, y, 0, 0, button, False, False, False, screen_x=x, screen_y=y)
        message.time = at_s
        return await self.happens(message)


@asynccontextmanager
async def booth(scene: Scene, logs: Path, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Booth]:
    app = ConsoleApp(StillLink(scene, logs), Namespace(rig=None, character=None))
    app.steering = show = Noting()
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        yield Booth(pilot, app, show)


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_the_mouse_holds_the_pad_and_a_click_taps_it(tmp_path: Path, size: tuple[int, int]) -> None:
    async with booth(IDLE, tmp_path, size) as seen:
        assert seen.words == "HOLD TO TALK\nor tap SPACE" and seen.pad.region.height >= 2
        assert await seen.mouse(MouseDown, 10.0) == ["press"]
        assert seen.app.mouse_captured is seen.pad and seen.app.talk_button.held
        assert await seen.mouse(MouseUp, 10.3) == ["press", "let go"]
        assert seen.app.mouse_captured is None
        await seen.mouse(MouseDown, 12.0)
        assert await seen.mouse(MouseUp, 12.29) == ["press", "let go", "press"]


async def test_other_buttons_of_the_mouse_are_not_the_pads(tmp_path: Path) -> None:
    async with booth(IDLE, tmp_path) as seen:
        await seen.mouse(MouseDown, 10.0, button=3)
        assert await seen.mouse(MouseUp, 11.0, button=3) == []


async def test_a_mouse_that_is_taken_away_lets_go(tmp_path: Path) -> None:
    async with booth(IDLE, tmp_path) as seen:
        await seen.mouse(MouseDown, 10.0)
        seen.app.capture_mouse(None)
        await settle(seen.pilot)
        assert seen.show.told == ["press", "let go"]
        assert await seen.mouse(MouseUp, 12.0) == ["press", "let go"]


@pytest.mark.parametrize("way", ["blur", "page", "question", "too long", "no show"])
async def test_what_ends_a_hold(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("console.tui.app.talk_control.LONGEST_S", 0.05 if way == "too long" else 30.0)
    async with booth(IDLE, tmp_path) as seen:
        await seen.happens(KeysReported())
        await seen.pilot.press("space")
        if way == "blur":
            await seen.happens(AppBlur())
        elif way == "page":
            await seen.pilot.press("5")
        elif way == "question":
            await seen.pilot.press("question_mark")
        elif way == "no show":
            seen.app.link._link = "reviving"
            seen.app.draw()
        for _ in range(200):
            await seen.pilot.pause(0.01)
            if not seen.app.talk_button.held:
                break
        await settle(seen.pilot)
        assert seen.show.told == ["press", "let go"]
        assert await seen.happens(KeyReleased(9.0)) == ["press", "let go"], "the hand comes up later"


async def test_space_is_held_where_its_end_is_told(tmp_path: Path) -> None:
    async with booth(IDLE, tmp_path) as seen:
        await seen.happens(KeysReported())
        assert seen.words == "HOLD TO TALK\nhere, or SPACE"
        await seen.pilot.press("space", AGAIN, AGAIN)
        assert await seen.happens(KeyReleased(0.4)) == ["press", "let go"]
        await seen.pilot.press("space")
        assert await seen.happens(KeyReleased(0.1)) == ["press", "let go", "press"]


async def test_a_tap_whose_both_ends_come_at_once_is_a_tap(tmp_path: Path) -> None:
    """Over ssh, or from a busy terminal: the key goes up a widget further than its end would."""
    async with booth(IDLE, tmp_path) as seen:
        await seen.happens(KeysReported())
        for _ in range(2):
            seen.app.post_message(Key("space", " "))
            await seen.happens(KeyReleased(0.01))
            assert not seen.app.talk_button.held
        assert seen.show.told == ["press", "press"], "one opens, one ends"


async def test_space_taps_where_its_end_is_not_told(tmp_path: Path) -> None:
    async with booth(IDLE, tmp_path) as seen:
        await seen.pilot.press("space")
        assert seen.show.told == ["press"] and not seen.app.talk_button.held


async def test_in_a_text_box_space_is_a_letter(tmp_path: Path) -> None:
    async with booth(IDLE, tmp_path) as seen:
        await seen.happens(KeysReported())
        await seen.pilot.press("slash", "a")
        seen.app.query_one(LineBox).post_message(Key(AGAIN, " "))
        await seen.pilot.press("space", "b")
        assert await seen.happens(KeyReleased(2.0)) == []
        assert seen.app.query_one(LineBox).value == "a  b"


async def test_the_pad_says_what_a_hand_does(tmp_path: Path) -> None:
    async with booth(LISTENING, tmp_path) as seen:
        assert seen.words == "● MIC OPEN\ntap when done"
        await seen.mouse(MouseDown, 10.0)
        assert seen.words == "● MIC OPEN\nlet go when done"


async def test_a_visitor_who_finished_by_himself_is_told_to_the_hand(tmp_path: Path) -> None:
    """End of speech: the hold is over, the hand is still there."""
    async with booth(Scene(until=stage("THINKING", 1)), tmp_path) as seen:
        await seen.mouse(MouseDown, 10.0)
        seen.app.talk_button.turn = 1
        assert seen.words == "HEARD\nlet go"
        await seen.mouse(MouseUp, 13.0)
        assert seen.words == "HOLD TO TALK\nor tap SPACE" and not seen.app.talk_button.held


async def test_where_nobody_can_talk_the_pad_is_dead(tmp_path: Path) -> None:
    async with booth(Scene(until=event("ShowHalted")), tmp_path) as seen:
        assert seen.words == "NOT NOW\nhalted"
        await seen.mouse(MouseDown, 10.0)
        assert await seen.mouse(MouseUp, 12.0) == [] and seen.app.mouse_captured is None


async def test_a_show_that_is_gone_has_let_go_by_itself() -> None:
    steering = CommandClient(lambda: None)
    assert await steering.let_go() is False
    with pytest.raises(NoShow):
        await steering.press()
