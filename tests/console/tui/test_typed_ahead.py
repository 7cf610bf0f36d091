"""Keys that arrive together: typed ahead, a wedge scanner, a line that stuttered, a paste that nothing marks."""

import asyncio
import time
from argparse import Namespace
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.message import Message
from textual.widgets import Input, OptionList

from console.api import body_commands as body
from console.api import commands as cmd
from console.api.client import NoShow
from console.tui.app.app import ConsoleApp
from console.tui.client.command_client import CommandClient
from console.tui.input.drivers import KeysReported
from console.tui.input.key_protocol import KeyParser
from console.tui.input.key_queue import KeyDone
from console.tui.input.paste_detection import PasteDetector
from console.tui.widgets.line_box import LineBox
from console.tui.widgets.questions import LeaveScreen
from tests.console.pictures.recorded_logs import write_logs
from tests.console.pictures.rig_scenes import JAW
from tests.console.pictures.scenes import Scene, StillLink, ended, settle
from tests.console.tui.pages.rig_driver import Answering, quick
from tests.console.tui.pages.rig_driver import sight as rig_sight
from tests.console.tui.test_odd_terminals import screen
from tests.support.tmux import needs_tmux

__all__ = ["quick"]  # the fixture
NO_FIELD = "Text came while no field was open"


class Noting(CommandClient):
    """A show that only notes what it is told."""

    def __init__(self) -> None:
        super().__init__(lambda: None)
        self.told: list[Any] = []

    async def press(self) -> int:
        self.told.append("press")
        return 7

    async def send(self, command: cmd.Command[Any]) -> Any:
        if isinstance(command, cmd.Models | body.Body):
            raise NoShow("it is not asked what there is")
        self.told.append(command)


class Desk:
    def __init__(self, app: ConsoleApp, show: Noting) -> None:
        self.app, self.show = app, show
        self._said: list[str] = []  # a notification goes after 6 s, which a busy machine may take for one case
        notify = app.notify

        def noted(message: str, **more: Any) -> None:
            self._said.append(message)
            notify(message, **more)

        app.notify = noted  # type: ignore[method-assign]
        self._parser, self._together = KeyParser(), PasteDetector(self._tell)

    def _tell(self, message: Message) -> None:
        self.app.post_message(message)

    def read(self, *reads: str) -> None:
        """As the thread that reads does it."""
        for text in filter(None, reads):
            self._together.read(self._parser.feed(text))
        if reads[-1].endswith("\x1b"):
            time.sleep(0.15)  # after which it is no sequence's beginning
            self._together.take(self._parser.tick())
        self._together.tell()

    async def typed(self, *reads: str) -> list[Any]:
        self.read(*reads)
        await self.until(lambda: not (self.app.message_queue_size or self.app._typed or self.app._awaited))
        return self.show.told

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not done():
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)

    @property
    def field(self) -> str | None:
        """What stands in the field that has the keys."""
        return self.app.focused.value if isinstance(self.app.focused, Input) else None

    @property
    def warned(self) -> int:
        return sum(NO_FIELD in message for message in self._said)


@asynccontextmanager
async def desk(run: Path) -> AsyncIterator[Desk]:
    write_logs(run)
    app = ConsoleApp(StillLink(Scene(until=ended(4)), run), Namespace(rig=None, character=None))
    app.steering = show = Noting()
    async with app.run_test(size=(100, 30)) as pilot:
        await settle(pilot)
        yield Desk(app, show)


def kitty(text: str) -> str:
    """The same, from a terminal that tells of every key's end."""
    codes = {"\r": "\x1b[13u", "/": "\x1b[47;;47u\x1b[47;1:3u"}
    return "".join(codes.get(one, f"\x1b[{ord(one)};;{ord(one)}u\x1b[{ord(one)};1:3u") for one in text)


@pytest.mark.parametrize(
    ("before", "text", "field"),
    [
        ("", "/zzzzzzzzzz", "zzzzzzzzzz"),
        ("", "/Good evening", "Good evening"),
        ("", "/r x s q 12345", "r x s q 12345"),
        ("", "/" + "z" * 700, "z" * 500),
        ("", "aWho are you?", "Who are you?"),
        ("", "1aWho", "Who"),
        ("", "2/km", "km"),
        ("2", "ferror|x", "error|x"),
        ("", "2ftimeout", "timeout"),
        ("", "/Good \x1b[200~old r x\x1b[201~ evening", "Good old r x evening"),
        ("", "/é ñ 👻 你", "é ñ 👻 你"),
        ("", kitty("/so it is"), "so it is"),
        ("", "/gone\x1b[D\x1b[D\x7fi", "gine"),
        ("", "/first\r/second", "second"),
    ],
)
@pytest.mark.parametrize("pieces", ["together", "apart"])
async def test_text_behind_a_key_that_opens_a_field_is_in_it(
    tmp_path: Path, before: str, text: str, field: str, pieces: str
) -> None:
    async with desk(tmp_path) as seen:
        await seen.typed(before)
        for one in [] if pieces == "together" or "\x1b" in text else text[:-1]:  # no read waits for the one before
            seen.app.post_message(next(iter(KeyParser().feed(one))))
        await seen.typed(text if pieces == "together" or "\x1b" in text else text[-1])
        assert seen.field == field
        assert [one for one in seen.show.told if not isinstance(one, cmd.Say)] == [] and not seen.warned


@pytest.mark.parametrize("end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("made", [str, kitty])
async def test_a_line_with_its_end(tmp_path: Path, made: Callable[[str], str], end: str) -> None:
    if made is kitty:
        end = "\r"
    async with desk(tmp_path) as seen:
        assert await seen.typed(made("/Good evening" + end)) == [cmd.Say(text="Good evening")]
        assert seen.field is None and seen.app.page.id == "show" and not seen.warned
        await seen.typed("aWho are you?" + end)
        assert seen.show.told[1:] == [cmd.Ask(text="Who are you?")]


@pytest.mark.parametrize(
    ("reads", "told"),
    [
        (("/one\r/two\r",), ["one", "two"]),
        (("/one\rr x s\rrestart now\r",), ["one"]),
        (("/one\r", "r\r s\r", "q"), ["one"]),
    ],
)
async def test_what_comes_behind_a_line_is_no_command(tmp_path: Path, reads: tuple[str, ...], told: list[str]) -> None:
    async with desk(tmp_path) as seen:
        await seen.typed(*reads)
        assert seen.show.told == [cmd.Say(text=text) for text in told]
        assert len(seen.app.screen_stack) == 1


@pytest.mark.parametrize(
    "text",
    [
        "ABC123\r",
        "abc123\r"[1:],
        "4006381333931\r",
        "4006381333931\n",
        "12345\t",
        "rst\r",
        "  r x",
        "r x s\r\r",
        "s rub pup\r",
        "q s l s",
        "hello there\rrestart stt\r",
        "http://a.b/c?q=r\r",
        "kmkmkm",
        "ßéñ中文👻",
        kitty("4006381333931\r"),
        "\x1b[200~SPACE r x\r\x1b[201~",
        "\x1b[200~1\x1b[201~",
        "\x1b[200~ \r\x1b[201~",
    ],
)
async def test_text_without_a_field_does_nothing_and_says_so_once(tmp_path: Path, text: str) -> None:
    async with desk(tmp_path) as seen:
        for key, page in enumerate(("show", "log", "rig", "models", "turns"), 1):
            await seen.typed(str(key))
            told = await seen.typed(text)
            assert told == ([body.EStop()] if "x" in text and page == "rig" and "\x1b" not in text else [])
            told.clear()
            assert len(seen.app.screen_stack) == 1 and seen.field is None
            assert seen.app.page.id == page
            assert seen.warned == key


async def test_a_scanner_types_one_by_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as seen:
        assert await seen.typed(*"4006381333931\r", *"srsrs") == []
        assert len(seen.app.screen_stack) == 1 and seen.warned == 1


async def test_what_a_dialog_is_asked_is_no_text_either(tmp_path: Path) -> None:
    async with desk(tmp_path) as seen:
        await seen.typed("q")
        await seen.typed("es12sl\r")
        assert isinstance(seen.app.screen, LeaveScreen) and seen.warned == 1


# What an operator's fingers do


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (" ", ["press"]),
        ("  ", ["press", "press"]),
        ("     ", ["press"]),
        ("\x1b\x1b", [cmd.Interrupt(), cmd.Panic()]),
        ("\x18", [cmd.Panic()]),
        ("r\r", [cmd.Restart(service="stt")]),
        ("r\x1b[B\r", [cmd.Restart(service="llm")]),
        ("r\x1b[B\x1b[B\x1b[A\r", [cmd.Restart(service="llm")]),
    ],
)
async def test_quick_fingers_are_obeyed(tmp_path: Path, text: str, told: list[Any]) -> None:
    async with desk(tmp_path) as seen:
        await seen.typed(text)
        await seen.until(lambda: len(seen.show.told) >= len(told))
        assert seen.show.told == told and not seen.warned


async def test_a_panic_waits_behind_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as seen:
        assert await seen.typed("/" + "z" * 300 + "\x18\r4006381333931\x18\r") == [
            cmd.Panic(), cmd.Panic(), cmd.Say(text="z" * 300),
        ]  # fmt: skip


@pytest.mark.parametrize(("text", "answer"), [("ql", "leave"), ("qs", "stop"), ("q\x1b[C\r", "stop")])
async def test_what_leaves_is_asked_first(tmp_path: Path, text: str, answer: str) -> None:
    async with desk(tmp_path) as seen:
        seen.read(text)
        await seen.until(lambda: seen.app.return_value is not None)
        assert seen.app.return_value == answer


async def test_arrows_go_to_the_question_in_front(tmp_path: Path) -> None:
    async with desk(tmp_path) as seen:
        await seen.typed("t\x1b[B")
        assert isinstance(seen.app.focused, OptionList) and seen.app.focused.highlighted == 1
        await seen.typed("\r2" + "\x1b[A" * 30)
        assert seen.app.page.id == "log" and seen.app.theme != "booth-dark"


@pytest.mark.parametrize(
    "text", ["\x1b[32;1:2;32u" * 5 + "\x1b[32;1:3u" + "5", " " * 20 + "5", "\x1b[B" * 9 + "15", "222222225"]
)
async def test_a_key_that_was_held_is_no_text(tmp_path: Path, text: str) -> None:
    async with desk(tmp_path) as seen:
        await seen.typed(text)
        assert seen.app.page.id == "turns" and not seen.warned


async def test_two_taps_of_a_key_that_is_reported(tmp_path: Path) -> None:
    async with desk(tmp_path) as seen:
        seen.app.post_message(KeysReported())
        assert await seen.typed("\x1b[32;;32u\x1b[32;1:3u" * 2) == ["press", "press"]
        assert not seen.app.talk_button.held


async def test_a_stop_is_a_stop_whatever_it_comes_with(tmp_path: Path) -> None:
    show = Answering()
    async with rig_sight(tmp_path, show=show) as rig:
        await rig.happens(JAW)
        seen = Desk(rig.app, Noting())
        await seen.typed("bmwx12\r")
        assert [one for one in show.told if not isinstance(one, body.Watch)] == [body.EStop()]


async def test_a_key_that_is_lost_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The widget that had it has gone with it."""
    async with desk(tmp_path) as seen:
        monkeypatch.setattr("console.tui.input.key_queue._LOST_S", 0.05)
        lost = seen.app.screen.post_message
        monkeypatch.setattr(
            seen.app.screen, "post_message", lambda message: isinstance(message, KeyDone) or lost(message)
        )
        await seen.typed("2")
        await seen.typed("1")
        await seen.typed("/hello")
        assert seen.field == "hello" and isinstance(seen.app.focused, LineBox)


@needs_tmux
def test_in_a_real_terminal(tmp_path: Path) -> None:
    with screen(tmp_path) as window:
        window.write("xf/early words")  # before there is anything to see
        window.wait_for("SPACE talk")
        window.wait_for("│  early words ")
        window.type("C-u", "Escape")
        window.wait_for("say, in the character's voice", gone=True)
        for letters in ("zzzzzzzzzz", "Good evening", "r x s q"):
            window.write("/" + letters)
            window.wait_for(f"│  {letters} ")
            window.type("Escape")
            window.wait_for("say, in the character's voice", gone=True)
            window.write("/")
            window.wait_for(f"│  {letters} ")
            window.type("C-u", "Escape")
            window.wait_for("say, in the character's voice", gone=True)
        window.write("4006381333931\r")
        window.wait_for(NO_FIELD)
        window.paste("SPACE r x\n")
        time.sleep(1.0)  # what comes in one read with a paste is taken for a part of it
        window.write("ql")
        window.wait_for("booth$")  # left, by Q and L that came together
