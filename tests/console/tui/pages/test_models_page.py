"""The models page, driven by keys and mouse, with a show that answers what a test says; no engines."""

import asyncio
from pathlib import Path

import pytest
from textual.widgets import OptionList

from console.api import commands as cmd
from console.api.client import NoShow
from console.tui.client import poller
from console.tui.widgets.questions import ChoiceScreen
from tests.console.pictures.model_scenes import CARDS, NARROW, QWEN, SMALL, SWAPPED, SWAPPING, UNLOADED, card
from tests.console.pictures.scenes import settle
from tests.console.tui.pages.models_driver import sight


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GALACTUS_THEME", "booth-dark")
    monkeypatch.setattr(poller, "REST_S", 0.01)


async def test_each_model_is_told_with_all_that_is_known(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        rows = {name: row for row in seen.all.split("\n") for name in ("qwen-1.5b", "piper-joe") if f" {name} " in row}
        for words in ("llm", "1.0G", "Apache-2.0", "stored", "▲ with a pause", "19 t/s", "1.4G", "dry run, 1.2 % over"):
            assert words in rows["qwen-1.5b"]
        for words in ("● tts", "loaded by tts ◆ pinned", "RTF 0.12", "learned, formula 3.0 % over"):
            assert words in rows["piper-joe"]
        assert "no engine" in seen.all and "qwen-0.5b" in seen.here


async def test_what_fits_is_swapped_at_once_and_what_pauses_is_asked_first(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("down", "enter")
        assert isinstance(seen.app.screen, ChoiceScreen) and "silent about 2 s" in seen.all and seen.show.told == []
        await seen.press("escape")
        assert seen.show.told == []
        await seen.press("enter", "enter")
        assert seen.show.told == [cmd.Swap(service="llm", model="qwen-1.5b")]
        await seen.press("down", "enter")
        assert seen.show.told[1:] == [cmd.Swap(service="llm", model="smollm2-135m")]
        assert len(seen.app.screen_stack) == 1


async def test_what_is_not_here_is_asked_for_before_it_is_swapped(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("up", "enter")
        assert "141M are fetched first, while the show goes on" in seen.all
        await seen.press("down", "enter")
        assert seen.show.told == []


async def test_what_cannot_be_says_why(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("enter")
        assert "llm has it now." in seen.page._keys.word
        await seen.press("end", "enter")
        assert "No engine of this rig can use it." in seen.page._keys.word
        assert "ENTER swap" not in seen.all
        await seen.press("p")
        assert "No engine has kokoro-82m" in seen.page._keys.word and seen.show.told == []


async def test_a_fetch_begins_and_is_cancelled_with_the_same_key(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("home", "down", "f")
        seen.show.cards[1] = seen.show.cards[1] | {"state": "fetching"}
        await seen.happens({"type": "Note", "text": "something"})
        progress = {"telemetry": "progress", "key": "model whisper-base", "what": "Whisper base", "unit": "bytes"}
        seen.app.link._take({**progress, "done": 30, "total": 100, "seconds_left": 9.0})
        seen.app.draw()
        await settle(seen.pilot)
        assert "30% 9.0s" in seen.here and "F cancel the fetch" in seen.all
        await seen.press("f")
        fetch = cmd.Fetch(model="whisper-base")
        assert seen.show.told == [fetch, cmd.Fetch(model="whisper-base", cancel=True)]


async def test_pin_and_unload(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("p")
        assert seen.show.told == [cmd.Pin(service="llm", on=True)]
        await seen.press("u")
        assert "canned lines are spoken" in seen.all
        await seen.press("enter")  # the careful answer is the first
        assert len(seen.show.told) == 1
        await seen.press("u", "up", "enter")
        assert seen.show.told[1:] == [cmd.Unload(service="llm")]
        await seen.press("end", "up")
        await seen.happens(UNLOADED)
        assert "standby STOPPED" in seen.here and "U load again" in seen.all
        await seen.press("u")
        assert seen.show.told[2:] == [cmd.Restart(service="standby")]


async def test_a_swap_is_seen_on_its_row_and_on_the_show_page(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("down", "down")
        await seen.happens(SWAPPING)
        assert "◐ llm" in seen.here and "loading" in seen.here and "ENTER swap" not in seen.all
        await seen.press("enter")
        assert "llm is being swapped; wait for its end." in seen.all
        await seen.press("1")
        assert "qwen-0.5b → smollm2-135m  loading" in seen.all
        await seen.press("4")
        await seen.happens(SWAPPED)
        assert "loading" not in seen.here


async def test_the_cursor_stays_with_its_model(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("down", "down")
        assert "smollm2-135m" in seen.here
        seen.show.cards = [card("whisper-huge", "stt", "Huge", 10**9), *CARDS]
        await seen.happens({"type": "Note", "text": "another model"})
        assert "smollm2-135m" in seen.here and "whisper-huge" in seen.all
        seen.show.cards = [QWEN, SMALL]
        await seen.happens({"type": "Note", "text": "fewer models"})
        assert "smollm2-135m" in seen.here
        seen.show.cards = [QWEN]
        await seen.happens({"type": "Note", "text": "still fewer"})
        assert "qwen-0.5b" in seen.here
        seen.show.cards = []
        await seen.happens({"type": "Note", "text": "none"})
        assert "This show knows no models." in seen.all
        await seen.press("down", "enter", "f", "p", "u", "pagedown", "end")
        assert seen.show.told == [] and "There is no model here." in seen.all


async def test_a_slow_or_failing_show_leaves_what_it_told(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        seen.show.slow = asyncio.Event()
        await seen.happens({"type": "Note", "text": "slow"})
        await seen.press("down")
        assert "qwen-1.5b" in seen.here
        seen.show.error = cmd.CommandError(cmd.USAGE, "the catalogue cannot be read")
        seen.show.slow.set()
        await asyncio.sleep(0.05)
        await settle(seen.pilot)
        assert "The models are not up to date: the catalogue cannot be read." in seen.all and "qwen-1.5b" in seen.here
        seen.show.error = NoShow("gone")
        await seen.happens({"type": "Note", "text": "gone"})
        assert "it does not answer" in seen.all
        seen.show.error = None
        seen.show.cards = [{"id": 7}]
        await seen.happens({"type": "Note", "text": "new"})
        assert "the show is of another version" in seen.all
        seen.show.cards = list(CARDS)
        await seen.happens({"type": "Note", "text": "well"})
        assert "not up to date" not in seen.all


async def test_it_asks_by_itself_but_never_while_nobody_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "ASK_S", 0.05)
    async with sight(tmp_path) as seen:
        await seen.asked_again()
        await seen.press("1")
        await asyncio.sleep(0.1)
        before = seen.show.asked
        seen.app.link._take({**SWAPPED, "t_mono_ms": 0.0})
        seen.app.draw()
        await asyncio.sleep(0.2)
        assert seen.show.asked == before
        await seen.press("4")
        assert seen.show.asked > before


async def test_the_mouse_chooses_and_acts(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        y = next(n for n, row in enumerate(seen.all.split("\n")) if "smollm2-135m" in row)
        await seen.pilot.click(offset=(20, y))
        await settle(seen.pilot)
        assert "smollm2-135m" in seen.here
        await seen.pilot.click("#model-keys", offset=(3, 0))
        await settle(seen.pilot)
        assert seen.show.told == [cmd.Swap(service="llm", model="smollm2-135m")]
        await seen.pilot.click("Header")
        await seen.press("up")
        assert "qwen-1.5b" in seen.here


async def test_full_memory_leads_here_and_enter_is_no_mending_here(tmp_path: Path) -> None:
    async with sight(tmp_path, memory=NARROW) as seen:
        assert "RAM is 96% full" in seen.all and "[click] models" in seen.all and "ENTER fix" not in seen.all
        await seen.press("1")
        assert "[ENTER] models" in seen.all
        await seen.press("enter")
        assert "forecast" in seen.all and seen.show.told == []


async def test_the_keys_come_back_after_a_line_was_typed(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        await seen.press("slash", "p", "escape", "down")
        assert "qwen-1.5b" in seen.here and seen.show.told == []


async def test_every_size_holds(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        for size in ((20, 6), (1, 1), (80, 24), (200, 60)):
            await seen.pilot.resize_terminal(*size)
            await seen.press("up", "down", "pagedown", "home", "down", "down")
        assert "qwen-0.5b" in seen.here


async def test_the_palette_has_what_can_be_done(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        names = {command.title for command in seen.app.get_system_commands(seen.app.screen)}
        assert {"Pin (P)", "Unload (U)", "Models (4)"} <= names and not {"Swap (ENTER)", "Fetch (F)"} & names
        await seen.press("ctrl+p", *"unload")
        for _ in range(40):
            await seen.pilot.pause(0.05)
            if "Unload (U)" in seen.all and seen.app.screen.query(OptionList).first().option_count:
                break
        await seen.press("enter")
        await settle(seen.pilot)
        assert "Unload llm?" in seen.all


async def test_what_became_of_a_swap_is_told_on_every_page(tmp_path: Path) -> None:
    async with sight(tmp_path) as seen:
        assert not seen.app._notifications
        await seen.happens(SWAPPED)
        (notice,) = seen.app._notifications
        assert notice.message == "llm has smollm2-135m now instead of qwen-0.5b, after 1.4 s without one."
