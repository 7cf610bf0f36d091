"""The screen, driven like a person drives it: keys typed in a terminal, the show and its engines real."""

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.host.run_lock import ShowFile, running
from profiles.home import Home
from tests.support.real_show import RealShow, borrowed_home
from tests.support.tmux import CONSOLE, Terminal, needs_tmux, terminal

pytestmark = [pytest.mark.engines, pytest.mark.slow, pytest.mark.timeout(300), needs_tmux]
READY_S = 60.0


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return borrowed_home(tmp_path_factory.mktemp("booth") / "home")


@pytest.fixture(scope="module")
def window(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Terminal]:
    """A shell, in which the first test starts the show; those after it go on in the same evening."""
    ended = RealShow(home, "--rig", "quick")
    try:
        with terminal(tmp_path_factory.mktemp("tty"), home) as shell:
            yield shell
    finally:
        ended.cli("stop")
        ended.end()


def test_first_start_shows_itself_and_goes_on_air(window: Terminal, home: Path) -> None:
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
    assert len(running(Home(home))) == 1


def test_space_asks_with_the_recorded_visitor_and_the_answer_grows(window: Terminal) -> None:
    window.type("Space")
    window.wait_for("MIC OPEN", 3)
    window.wait_for("▶ LISTENING", 3)
    window.wait_for("▶ SPEAKING", 20)
    window.wait_for("mic shut", 3)
    seen = window.wait_for("✓ SPEAKING", 30)
    assert re.search(r"visitor +Why did the skeleton cross the road\?", seen), seen
    assert re.search(r"release → first audio +\d", seen), seen
    assert "visitor 1  turn 1" in seen


def test_space_twice_ends_the_question_early(window: Terminal) -> None:
    window.type("Space")
    window.wait_for("▶ LISTENING", 3)
    time.sleep(0.8)
    window.type("Space")
    window.wait_for("✓ LISTENING", 2)
    window.wait_for("turn 2", 3)
    window.type("Escape")
    window.wait_for("▶", 20, gone=True)


def test_slash_says_a_line_and_escape_stops_it(window: Terminal) -> None:
    time.sleep(1.1)  # else this ESC and the one before are a panic
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
    time.sleep(1.1)
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


def test_words_of_others_are_only_words(window: Terminal, home: Path) -> None:
    """Neither markup nor what a terminal would obey, on no page."""
    RealShow(home, "--rig", "quick").cli("say", "evil \x1b[5;5HINJECTED\x1b[2J [/b] [bold]words[/bold]")
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
    time.sleep(1.1)


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
    time.sleep(1.1)


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


def test_a_second_screen_sees_the_same(window: Terminal, home: Path, tmp_path: Path) -> None:
    with terminal(tmp_path, home, (80, 24)) as other:
        other.command(f"{CONSOLE} attach")
        other.wait_for("ON AIR", 5)
        window.type("Space")
        other.wait_for("MIC OPEN", 3)
        window.type("Escape")
        other.wait_for("mic shut", 3)


def test_leaving_asks_and_the_show_goes_on(window: Terminal, home: Path) -> None:
    window.type("q")
    window.wait_for("Leave the show running, or stop it?")
    window.type("Escape")
    window.wait_for("Leave the show running, or stop it?", gone=True)
    window.type("q")
    window.wait_for("Leave the show running, or stop it?")
    window.type("l")
    window.wait_for("The show goes on without a screen.", 5)
    assert window.modes() == "0 0 1" and len(running(Home(home))) == 1
    window.command(f"clear; {CONSOLE}")
    for part in ("● standby", "Why did the skeleton cross the road?", "ON AIR"):
        window.wait_for(part, 5)


def test_a_show_that_is_killed_is_started_again_and_keeps_its_engines(window: Terminal, home: Path) -> None:
    (show,) = running(Home(home))
    before = engine_pids(home)
    os.kill(show.pid, 9)
    killed = time.monotonic()
    window.wait_for("started again; 4 engines kept their models", 10)
    print(f"on air again {time.monotonic() - killed:.1f} s after the kill")
    window.wait_for("ON AIR", 10)
    (again,) = running(Home(home))
    assert again.pid != show.pid and engine_pids(home) == before


def test_a_show_that_hangs_is_named_and_replaced_with_enter(window: Terminal, home: Path) -> None:
    (show,) = running(Home(home))
    before = engine_pids(home)
    os.kill(show.pid, signal.SIGSTOP)
    window.wait_for("The show hangs", 15)
    window.type("Enter")
    again = another(show.pid, home)  # its word comes later; the one of the crash before may still be there
    window.wait_for("started again; 4 engines kept their models", 15)
    assert again.pid != show.pid and engine_pids(home) == before


def another(pid: int, home: Path) -> ShowFile:
    due = time.monotonic() + 60
    while not (shows := [show for show in running(Home(home)) if show.pid != pid]):
        assert time.monotonic() < due, "no other show came up"
        time.sleep(0.03)
    return shows[0]


def engine_pids(home: Path) -> dict[str, int]:
    return {row["name"]: row["pid"] for row in RealShow(home, "--rig", "quick").status()["services"]}


def test_stopping_from_the_screen_leaves_nothing(window: Terminal, home: Path) -> None:
    window.type("q")
    window.wait_for("Leave the show running, or stop it?")
    window.type("s")
    window.wait_for("The show of the rig quick has stopped.", 20)
    assert running(Home(home)) == [] and window.modes() == "0 0 1"
    RealShow(home, "--rig", "quick").wait_nothing_left()
