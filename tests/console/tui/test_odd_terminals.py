"""Terminals that cannot do what ours do: a clear word, never a crash."""

import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from console.host.run_lock import running
from console.tui.drawing import themes
from console.tui.input.drivers import AsciiDriver, driver, own_size
from profiles.home import CHECKOUT, Home
from tests.support.real_show import RealShow
from tests.support.tmux import CONSOLE, Terminal, needs_tmux, terminal


@pytest.mark.parametrize(
    ("environment", "plain"),
    [
        ({}, False),
        ({"LANG": "en_US.UTF-8"}, False),
        ({"LANG": "de_DE.ISO-8859-1"}, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, True),
        ({"LC_CTYPE": "C.UTF-8"}, False),
        ({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, True),
    ],
)
def test_a_locale_that_is_not_utf8_gets_plain_letters(environment: dict[str, str], plain: bool) -> None:
    assert (driver(environment) is AsciiDriver) is plain


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"TERM": "xterm-256color"}, "booth-dark"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "booth-dark"),
        ({"TERM": "xterm-256color", "COLORFGBG": "0;15"}, "booth-light"),
        ({"TERM": "linux"}, "terminal-16"),
        ({"TERM": "xterm"}, "terminal-16"),
        ({"TERM": "xterm-256color", "GALACTUS_THEME": "booth-light"}, "booth-light"),
        ({"TERM": "xterm-256color", "GALACTUS_THEME": "pink"}, "booth-dark"),
    ],
)
def test_colours_fit_the_terminal(environment: dict[str, str], name: str) -> None:
    assert themes.fitting(environment) == name


@contextmanager
def screen(tmp_path: Path, **more: str) -> Iterator[Terminal]:
    """On a rig whose engines run nowhere: the screen comes up all the same."""
    home = tmp_path / "home"
    home.mkdir()
    nowhere = "".join(
        f'[engines.{name}]\nlaunch = "attach"\nurl = "http://127.0.0.1:9"\nmodel = ""\n'
        for name in ("stt", "llm", "tts")
    )
    (home / "booth.toml").write_text(f'extends = "quick"\n{nowhere}[engines.standby]\nenabled = false\n')
    show = RealShow(home, "--rig", str(home / "booth.toml"))
    try:
        with terminal(tmp_path, home, (100, 30), **more) as window:
            window.command(f"clear; {CONSOLE} --rig {home / 'booth.toml'}")
            yield window
            due = time.monotonic() + 90
            while not running(Home(home)):  # before that nobody could stop it
                assert time.monotonic() < due, "the show did not come up"
                time.sleep(0.05)
    finally:
        show.cli("stop")
        show.end()


@needs_tmux
def test_without_utf8_every_glyph_is_ascii(tmp_path: Path) -> None:
    with screen(tmp_path, LC_ALL="C") as window:
        seen = window.wait_for("SETTING UP")
        assert seen.isascii() and "o SETTING UP" in seen


@needs_tmux
def test_without_colours_all_is_said_by_words(tmp_path: Path) -> None:
    with screen(tmp_path, NO_COLOR="1") as window:
        window.wait_for("○ SETTING UP")
        window.type("?")
        window.wait_for("twice in a row is a panic")


@needs_tmux
@pytest.mark.parametrize(
    ("columns", "lines"), [("80", "24"), ("200", "60"), ("0", "0"), ("-5", "abc"), ("", ""), ("9" * 30, "99999")]
)
def test_the_terminals_own_size_counts(tmp_path: Path, columns: str, lines: str) -> None:
    """Not what somebody exported: the key bar is in the last row, also after a resize."""
    with screen(tmp_path, COLUMNS=columns, LINES=lines) as window:
        window.wait_for("SPACE talk")
        for width, height in ((100, 30), (120, 40), (70, 20)):
            window.resize(width, height)
            due = time.monotonic() + 30
            while not keys_are_last(window.screen(), height):
                assert time.monotonic() < due, window.screen()
                time.sleep(0.05)


def keys_are_last(seen: str, height: int) -> bool:
    rows = seen.split("\n")[:height]
    return (
        "SPACE talk" in rows[-1] and rows[-1].rstrip().endswith("all") and sum("SPACE talk" in row for row in rows) == 1
    )


@pytest.mark.parametrize(
    ("kernel", "size"), [((0, 0), (80, 24)), ((30, 0), (80, 30)), ((0, 90), (90, 24)), ((50, 160), (160, 50))]
)
def test_a_terminal_that_does_not_know_its_size(
    monkeypatch: pytest.MonkeyPatch, kernel: tuple[int, int], size: tuple[int, int]
) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    monkeypatch.setenv("LINES", "3")
    parent, child = pty.openpty()
    termios.tcsetwinsize(child, kernel)
    reader, writer = os.pipe()
    try:
        assert own_size(child) == size
        assert own_size(reader) == (80, 24), "no terminal at all"
    finally:
        for number in (parent, child, reader, writer):
            os.close(number)


@needs_tmux
def test_with_sixteen_colours(tmp_path: Path) -> None:
    with screen(tmp_path, TERM="screen", COLORTERM="") as window:
        window.wait_for("○ SETTING UP")


def test_a_dumb_terminal_is_told_so(tmp_path: Path) -> None:
    """`attach` refuses; without a verb the show runs in plain words instead."""
    parent, child = pty.openpty()
    environment = os.environ | {"GALACTUS_HOME": str(tmp_path), "TERM": "dumb"}
    console = [sys.executable, str(CHECKOUT / "console.py")]
    attach = subprocess.run([*console, "attach"], stdin=child, stdout=child, stderr=subprocess.PIPE, env=environment)
    assert attach.returncode == 2
    assert attach.stderr.decode().strip().startswith("this terminal cannot draw a screen (TERM=dumb)")
    show = subprocess.Popen(
        [*console, "--rig", "quick"], stdin=child, stdout=child, stderr=subprocess.PIPE, env=environment
    )
    try:
        assert show.stderr is not None
        assert b"the show runs here in plain words" in show.stderr.readline()
        heard, due = b"", time.monotonic() + 10
        while b"Mr. Bones on the rig quick" not in heard and time.monotonic() < due:
            heard += os.read(parent, 4096)
        assert b"Mr. Bones on the rig quick" in heard and b"\x1b[?1049h" not in heard
    finally:
        show.terminate()
        show.communicate(timeout=60)
        os.close(parent)
        os.close(child)
        RealShow(tmp_path, "--rig", "quick").end()


def test_attach_without_a_show_says_how_to_start_one(tmp_path: Path) -> None:
    parent, child = pty.openpty()
    environment = os.environ | {"GALACTUS_HOME": str(tmp_path), "TERM": "xterm-256color"}
    console = [sys.executable, str(CHECKOUT / "console.py"), "attach"]
    done = subprocess.run(console, stdin=child, stdout=child, stderr=subprocess.PIPE, env=environment, timeout=20)
    os.close(parent)
    os.close(child)
    assert done.returncode == 5 and b"no show is running; start one with: make show" in done.stderr.lower()
