"""The log page, driven by keys and mouse, while logs are written; no engines."""

import asyncio
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from console.logbook.line import Level
from console.tui.app.app import ConsoleApp
from console.tui.pages.log.find_box import FindBox
from console.tui.pages.log.page import LogPage
from supervisors.shim.log_file import LogFile
from tests.console.pictures.recorded_logs import write_logs
from tests.console.pictures.scenes import Scene, StillLink, ended, settle, settle_logs


class Sight:
    """The page, and what it shows."""

    def __init__(self, pilot: Pilot[str], app: ConsoleApp) -> None:
        self.pilot, self.app = pilot, app

    @property
    def page(self) -> LogPage:
        return self.app.screen_stack[0].query_one(LogPage)

    @property
    def text(self) -> str:
        """The rows of the log view."""
        rows = ("".join(text for text, _ in line).rstrip(" │┃") for line in self.page._view._lines)
        return "\n".join(rows).rstrip("\n")

    @property
    def all(self) -> str:
        """The whole window."""
        return "\n".join(strip.text for strip in self.app.screen._compositor.render_strips())

    def level(self) -> Level:
        return self.page._reader.shown.level

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.settle()

    async def settle(self) -> None:
        self.page.idle = 0
        await settle_logs(self.app)
        await self.pilot.pause()


@asynccontextmanager
async def sight(run: Path, size: tuple[int, int] = (160, 48), *, logs: bool = True) -> AsyncIterator[Sight]:
    if logs:
        write_logs(run)
    app = ConsoleApp(StillLink(Scene(until=ended(4)), run), Namespace(rig=None, character=None))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("2")
        seen = Sight(pilot, app)
        await seen.settle()
        yield seen


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALACTUS_THEME", "booth-dark")


async def test_letters_are_letters_only_in_the_search_box_and_space_stays_talk(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        talked: list[str] = []
        seen.app.action_talk = lambda: talked.append("talk")  # type: ignore[method-assign]
        await seen.press("f", "e", "space", "w", "q", "1", "n")
        assert seen.page.query_one(FindBox).value == "e wq1n" and talked == []
        assert seen.level() is Level.ALL and not seen.page._wrap and len(seen.app.screen_stack) == 1
        await seen.press("escape", "e", "space")
        assert seen.level() is Level.ERROR and talked == ["talk"]
        assert not seen.page.query_one(FindBox).display and seen.page._reader.shown.pattern == ""


async def test_a_search_goes_from_hit_to_hit_and_a_bad_one_is_told(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("f", *"task . ", "enter")
        assert "10 hits" in seen.all and "›" in seen.text
        rows = [row for row in seen.text.split("\n") if row.startswith("›")]
        assert len(rows) == 1 and "task 9" in rows[0]
        await seen.press("n", "n")
        assert "task 7" in next(row for row in seen.text.split("\n") if row.startswith("›"))
        await seen.press("N")
        assert "task 8" in next(row for row in seen.text.split("\n") if row.startswith("›"))
        await seen.press("N", "N")
        assert "No more hits below." in seen.all
        await seen.press("f", "(")
        assert "This is no regular expression" in seen.all
        await seen.press("backspace", *"zz")
        assert "is nowhere in it" in seen.all


async def test_it_follows_pauses_and_counts_what_is_new(tmp_path: Path) -> None:
    async with sight(tmp_path, (80, 24)) as seen:
        await seen.press("right")
        log = LogFile(str(tmp_path / "stt.log"), limit=8000)
        log.write(b"fresh 1\n")
        await seen.settle()
        assert seen.text.split("\n")[-1].endswith("fresh 1") and "following" in seen.all
        await seen.press("p")
        before = seen.text
        log.write(b"".join(b"fresh %d\n" % n for n in range(2, 300)))  # is rotated meanwhile
        await seen.settle()
        assert seen.text == before and "paused · 298 new" in seen.all and (tmp_path / "stt.log.1").exists()
        await seen.press("end")
        assert seen.text.split("\n")[-1].endswith("fresh 299") and seen.text.split("\n")[-2].endswith("fresh 298")
        log.close()


async def test_hidden_it_reads_nothing(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("1")
        steps = 0
        step = seen.page._reader.step

        def counted(*words: object) -> object:
            nonlocal steps
            steps += 1
            return step(*words)  # type: ignore[arg-type]

        seen.page._reader.step = counted  # type: ignore[method-assign, assignment]
        with (tmp_path / "llm.log").open("a") as file:
            file.write("said in secret\n")
        await asyncio.sleep(0.6)
        assert steps == 0
        await seen.press("2")
        assert steps > 0 and "said in secret" in seen.text


async def test_one_log_alone_by_key_and_by_mouse(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("right")
        assert "POST /inference" in seen.text and "slot launch" not in seen.text
        await seen.pilot.click("#tabs", offset=(12, 0))
        await seen.settle()
        assert "slot launch" in seen.text and "POST /inference" not in seen.text
        await seen.press("left", "left")
        assert "slot launch" in seen.text and "POST /inference" in seen.text


async def test_crashes_are_read_in_the_page_and_found_in_the_log(tmp_path: Path) -> None:
    async with sight(tmp_path, (80, 24)) as seen:
        assert "killed by SIGSEGV" not in seen.all
        await seen.press("tab", "down")
        assert "tts ended: killed by SIGSEGV" in seen.all and "turn 6, SPEAKING" in seen.all
        assert len(seen.app.screen_stack) == 1
        await seen.press("pagedown", "pagedown")
        assert "tts ended" not in seen.all and "Its last 13 lines" in seen.all
        await seen.press("tab", "right", "right", "right", "u")
        assert "[shim] killed by SIGSEGV" in next(row for row in seen.text.split("\n") if row.startswith("›"))
        await seen.press("u")
        assert "No crash above." in seen.all


async def test_a_crash_that_comes_while_one_looks(tmp_path: Path) -> None:
    async with sight(tmp_path, logs=False) as seen:
        assert "None in this run." in seen.all and "Nothing has been written yet." in seen.all
        await seen.press("tab")
        assert "No engine has crashed in this run." in seen.all
        write_logs(tmp_path)
        for _ in range(40):
            await asyncio.sleep(0.05)
            await seen.settle()
            if "crashes · 2" in seen.all:
                break
        assert "killed by SIGSEGV" in seen.all and "tts ✖1" in seen.all


async def test_lines_are_copied_and_saved(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("right", "y")
        assert seen.app.clipboard.endswith("Z stt POST /inference 200 0.33 s audio_ctx 512\n")
        await seen.press("up", "shift+up", "shift+up", "y")
        assert seen.app.clipboard.count("\n") == 3 and "Copied 3 lines." in seen.all
        await seen.press("o")
        (path,) = (tmp_path / "excerpts").iterdir()
        assert path.read_text() == seen.app.clipboard
        assert any(str(path) in notice.message for notice in seen.app._notifications)


async def test_nobody_s_words_are_obeyed(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        assert "hostile [bold red]markup[/] moved" in seen.text
        (tmp_path / "llm.log").write_bytes(b"\xff\x00\x1b[2J\x1b]52;c;eA==\x07[@click=app.quit]end[/]\n" + b"w" * 65536)
        await seen.press("right", "right", "w")
        for strip in seen.app.screen._compositor.render_strips():
            assert not any(ord(character) < 32 for character in strip.text)
        assert "w" * 100 in seen.text


async def test_every_size_holds(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        for size in ((20, 6), (1, 1), (120, 36)):
            await seen.pilot.resize_terminal(*size)
            await seen.press("tab", "tab", "w", "up")
        assert "crashes · 2" in seen.all


async def test_the_palette_has_the_keys_of_the_page(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.pilot.press("ctrl+p")
        await seen.pilot.press(*"errors")
        for _ in range(40):
            await seen.pilot.pause(0.05)
            if "Errors (E)" in seen.all:
                break
        await seen.pilot.press("enter")
        await seen.pilot.pause(0.1)
        await seen.settle()
        assert seen.level() is Level.ERROR
