"""The screen like a person drives it: keys typed in a terminal, with a real show behind it whose engines are scripted.
Each case has a terminal of its own; the evening, in which one visitor was answered before, is that of the whole file.
"""

import os
import re
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from console.api.commands import Ask, Interrupt, Play, Resume
from console.host.run_lock import ShowFile, running
from profiles.home import CHECKOUT, Home
from tests.support.real_show import RealShow
from tests.support.scripted.home import scripted_home
from tests.support.tmux import CONSOLE, Terminal, needs_tmux, terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300), needs_tmux]
READY_S = 60.0
VISITOR = CHECKOUT / "devices" / "visitors" / "01_bm_george.flac"


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealShow]:
    """A visitor was answered, and the operator cut a line short."""
    show = RealShow(scripted_home(tmp_path_factory.mktemp("booth") / "home"), "--rig", "quick")
    try:
        show.start()
        assert show.ask("--wav", str(VISITOR))["outcome"] == "completed"
        assert said_and_cut_short(show) == "interrupted"
        yield show
    finally:
        show.end()


def said_and_cut_short(show: RealShow) -> str:
    """How a question for a long story ended."""
    seen = len(show.events())
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(show.call_now, Ask(text="Tell me a story, and a long one."))
        while not any(row.get("stage") == "SPEAKING" for row in show.events()[seen:]):
            assert not asked.done()
            time.sleep(0.02)
        show.call_now(Interrupt())
        return str(asked.result()["outcome"])


@pytest.fixture
def window(evening: RealShow, tmp_path: Path) -> Iterator[Terminal]:
    """A screen of that evening; whatever was typed into it, the next case finds the show quiet, well and on air."""
    with terminal(tmp_path, evening.home) as shell:
        shell.command(f"clear; {CONSOLE} attach")
        shell.wait_for("All is well.")
        yield shell
    evening.call_now(Interrupt())
    evening.call_now(Resume())
    evening.call_now(Play(character="mr_bones"))


@pytest.fixture
def booth(tmp_path: Path) -> Iterator[RealShow]:
    """Where no show has begun yet: a screen starts it."""
    ended = RealShow(scripted_home(tmp_path / "home"), "--rig", "quick")
    try:
        yield ended
    finally:
        ended.cli("stop")
        ended.end()


@pytest.fixture
def started(booth: RealShow, tmp_path: Path) -> Iterator[Terminal]:
    """The screen that has started the show of the booth."""
    with terminal(tmp_path, booth.home) as shell:
        shell.command(f"clear; {CONSOLE} --rig quick")
        shell.wait_for("ON AIR", READY_S)
        shell.wait_for("● standby", READY_S)
        yield shell


def test_first_start_shows_itself_and_goes_on_air(booth: RealShow, tmp_path: Path) -> None:
    with terminal(tmp_path, booth.home) as window:
        window.command(f"clear; {CONSOLE} --rig quick")
        window.wait_for("SETTING UP", 5)
        seen = window.wait_for("setting up", 5)
        assert "SPACE talk" in seen and "Setting up; there is nothing to do." in window.wait_for("nothing to do")
        window.wait_for("ON AIR", READY_S)
        window.wait_for("All is well.")
        seen = window.wait_for("asks Mr. Bones something")
        assert "a recorded visitor asks in your place" in seen
        for service in ("stt", "llm", "tts", "standby"):
            assert re.search(rf"● {service} ", seen), seen
        assert len(running(Home(booth.home))) == 1
        window.type("Space")
        window.wait_for("visitor 1  turn 1", 30)
        assert re.search(r"visitor +Why did the skeleton cross the road\?", window.wait_for("✓ SPEAKING", 30))


def test_space_asks_with_the_recorded_visitor_and_the_answer_grows(window: Terminal, evening: RealShow) -> None:
    turn = evening.call_now_status()["turns"] + 1
    window.type("Space")
    window.wait_for("MIC OPEN", 3)
    window.wait_for("▶ LISTENING", 3)
    window.wait_for("▶ SPEAKING", 20)
    window.wait_for("mic shut", 3)
    seen = window.wait_for("✓ SPEAKING", 30)
    transcript = [row for row in evening.events() if row.get("type") == "TranscriptReady"][-1]["text"]
    assert re.search(rf"visitor +{re.escape(transcript)}", seen), seen
    assert re.search(r"release → first audio +\d", seen), seen
    assert f"turn {turn}" in seen


def test_space_twice_ends_the_question_early(window: Terminal, evening: RealShow) -> None:
    turn = evening.call_now_status()["turns"] + 1
    window.type("Space")
    window.wait_for("▶ LISTENING", 3)
    time.sleep(0.8)
    window.type("Space")
    window.wait_for("✓ LISTENING", 2)
    window.wait_for(f"turn {turn}", 3)
    window.type("Escape")
    window.wait_for("▶", 20, gone=True)


def test_slash_says_a_line_and_escape_stops_it(window: Terminal) -> None:
    window.type("/")
    window.wait_for("say, in the character's voice")
    window.write("Ladies and gentlemen, this museum closes in five minutes, so please find your own bones.")
    window.type("Enter")
    window.wait_for("▶ SPEAKING", 10)
    window.wait_for("said by the operator", 3)
    time.sleep(0.8)
    window.type("Escape")
    window.wait_for("▶ SPEAKING", 3, gone=True)
    seen = window.wait_for("own bones.")
    assert re.search(r"Ladies and .*✂ interrupted", seen), seen


def test_a_megabyte_in_the_clipboard_is_one_line(window: Terminal) -> None:
    window.type("/")
    window.wait_for("say, in the character's voice")
    window.paste("bone\n" * 200_000)
    window.wait_for("bone bone bone", 20)
    window.type("Escape")
    window.wait_for("say, in the character's voice", gone=True)
    window.wait_for("All is well.")


def test_two_escapes_are_a_panic_and_enter_lifts_it(window: Terminal) -> None:
    window.type("a")
    window.wait_for("ask, in the visitor's place")
    window.write("Tell me a long story about the sea and all of its monsters.")
    window.type("Enter")
    window.wait_for("▶ SPEAKING", 20)
    window.type("Escape")
    time.sleep(0.2)
    window.type("Escape")
    seen = window.wait_for("HALTED", 3)
    assert "Panic: the show is halted" in seen and "[ENTER] go on" in seen
    window.type("Space")  # nobody is answered
    time.sleep(0.5)
    assert "MIC OPEN" not in window.screen()
    window.type("Enter")
    window.wait_for("ON AIR", 3)
    window.type("C-x")
    window.wait_for("HALTED", 3)
    window.type("C-r")
    window.wait_for("ON AIR", 3)


def test_pages_logs_turns_help_and_palette(window: Terminal) -> None:
    window.type("2")
    window.wait_for("following", 3)
    window.type("Right")
    window.wait_for("stt · following")
    window.type("5")
    seen = window.wait_for("from the release on", 3)
    assert "interrupted" in seen and "Why did the skeleton" in seen
    window.type("1")
    window.wait_for("engines")
    window.type("?")
    assert "twice in a row is a panic" in window.wait_for("ESC closes this")
    window.type("Escape")
    window.wait_for("ESC closes this", gone=True)
    window.type("C-p")
    window.write("pan")
    assert "Silence at once" in window.wait_for("Panic (^X)", 3)
    window.type("Escape")
    window.wait_for("Panic (^X)", gone=True)


def test_words_of_others_are_only_words(window: Terminal, evening: RealShow) -> None:
    """Neither markup nor what a terminal would obey, on no page."""
    evening.cli("say", "evil \x1b[5;5HINJECTED\x1b[2J [/b] [bold]words[/bold]")
    seen = window.wait_for("[/b] [bold]words[/bold]", 5)
    assert "evil [5;5HINJECTED[2J" in seen and "engines" in seen
    window.type("5")
    assert "[/b] [bold]words" in window.wait_for("from the release on", 3)
    window.type("1")
    window.wait_for("engines")


def test_a_key_that_is_held_down_or_hit_twice(window: Terminal) -> None:
    window.type(*["Space"] * 40)
    window.wait_for("MIC OPEN", 5)
    time.sleep(0.3)
    window.type("Space")
    window.wait_for("mic shut", 5)
    window.type("Escape")
    window.wait_for("▶", 20, gone=True)


def test_panic_works_in_silence_and_is_lifted_on_any_page(window: Terminal) -> None:
    window.type("Escape")
    time.sleep(0.2)
    window.type("Escape")
    window.wait_for("HALTED", 3)
    window.type("a")
    window.wait_for("ask, in the visitor's place")
    window.write("Question")
    window.type("Enter")
    window.wait_for("The show is halted; resume it first", 3)  # the words are not lost
    window.type("5", "Enter")
    window.wait_for("ON AIR", 3)
    window.type("1", "a")
    window.wait_for("Question", 3)
    window.type("Escape")
    window.wait_for("ask, in the visitor's place", gone=True)


def test_another_character_and_a_restarted_engine(window: Terminal) -> None:
    window.type("c")
    window.wait_for("Who shall speak?")
    window.type("Up", "Enter")
    window.wait_for("Captain Brine · quick", 5)
    window.type("r")
    window.wait_for("Which engine shall be restarted?")
    window.type("End", "Enter")
    window.wait_for("◐ standby", 5)
    window.wait_for("● standby", 30)


def test_from_one_cell_to_a_wall_and_back(window: Terminal) -> None:
    for width, height in ((1, 1), (20, 5), (80, 24), (200, 60), (160, 48)):
        window.resize(width, height)
        time.sleep(0.4)
    for part in ("ON AIR", "engines", "hibari-heart", "^P all"):
        window.wait_for(part, 5)
    assert len(window.screens()) == 1


def test_a_second_screen_sees_the_same(
    window: Terminal, evening: RealShow, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with terminal(tmp_path_factory.mktemp("other"), evening.home, (80, 24)) as other:
        other.command(f"{CONSOLE} attach")
        other.wait_for("ON AIR", 5)
        window.type("Space")
        other.wait_for("MIC OPEN", 3)
        window.type("Escape")
        other.wait_for("mic shut", 3)


def test_leaving_asks_and_the_show_goes_on(window: Terminal, evening: RealShow) -> None:
    window.type("q")
    window.wait_for("Leave the show running, or stop it?")
    window.type("Escape")
    window.wait_for("Leave the show running, or stop it?", gone=True)
    window.type("q")
    window.wait_for("Leave the show running, or stop it?")
    window.type("l")
    window.wait_for("The show goes on without a screen.", 5)
    assert window.modes() == "0 0 1" and len(running(Home(evening.home))) == 1
    window.command(f"clear; {CONSOLE}")
    for part in ("● standby", "Why did the skeleton cross the road?", "ON AIR"):
        window.wait_for(part, 5)


def test_a_show_that_is_killed_is_started_again_and_keeps_its_engines(started: Terminal, booth: RealShow) -> None:
    (show,) = running(Home(booth.home))
    before = engine_pids(booth)
    os.kill(show.pid, 9)
    killed = time.monotonic()
    started.wait_for("started again; 4 engines kept their models", 10)
    print(f"on air again {time.monotonic() - killed:.1f} s after the kill")
    started.wait_for("ON AIR", 10)
    (again,) = running(Home(booth.home))
    assert again.pid != show.pid and engine_pids(booth) == before


def test_a_show_that_hangs_is_named_and_replaced_with_enter(started: Terminal, booth: RealShow) -> None:
    (show,) = running(Home(booth.home))
    before = engine_pids(booth)
    os.kill(show.pid, signal.SIGSTOP)
    started.wait_for("The show hangs", 15)
    started.type("Enter")
    again = another(show.pid, booth.home)  # its word comes later; the one of the crash before may still be there
    started.wait_for("started again; 4 engines kept their models", 15)
    assert again.pid != show.pid and engine_pids(booth) == before


def another(pid: int, home: Path) -> ShowFile:
    due = time.monotonic() + 60
    while not (shows := [show for show in running(Home(home)) if show.pid != pid]):
        assert time.monotonic() < due, "no other show came up"
        time.sleep(0.03)
    return shows[0]


def engine_pids(booth: RealShow) -> dict[str, int]:
    return {row["name"]: row["pid"] for row in booth.call_now_status()["services"]}


def test_stopping_from_the_screen_leaves_nothing(started: Terminal, booth: RealShow) -> None:
    started.type("q")
    started.wait_for("Leave the show running, or stop it?")
    started.type("s")
    started.wait_for("The show of the rig quick has stopped.", 20)
    assert running(Home(booth.home)) == [] and started.modes() == "0 0 1"
    booth.wait_nothing_left()
