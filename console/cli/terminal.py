"""The tiny parent of the screen: when the screen dies, however it does, the terminal is put right again.

A killed program cannot restore its terminal, and nobody at a booth knows `reset`. Standard library only, so that it
costs next to nothing while the screen runs.
"""

import os
import signal
import sys
import termios
import time
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from console.host.exit_codes import SCREEN_FAILED
from console.host.signals import heeded
from profiles.wording import capital

_RESET = (
    "\x1b[<u"  # keyboard protocol
    "\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1015l\x1b[?1004l"  # mouse, focus
    "\x1b[?2004l\x1b[?2026l\x1b[?2048l"  # paste, synchronised output, resize reports
    "\x1b[?1049l\x1b[?25h\x1b[0m"  # alternate screen, cursor, colours
)
_LAST_WORDS_S = 0.05
"""Until the terminal has obeyed: a key that is still held would go on typing its repeats into the shell."""
_CAN_DRAW_NOTHING = ("dumb", "unknown", "")


def open_screen(arguments: Namespace, screen: Callable[[], int]) -> int:
    """Run `screen` in a child and give its exit code. A terminal that cannot draw gets the show in plain words."""
    if not sys.stdin.isatty() or os.environ.get("TERM", "") in _CAN_DRAW_NOTHING:
        return _without_screen(arguments)
    settings = termios.tcgetattr(sys.stdin)
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        _become_screen(screen)
    status = _wait(child)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status) != SCREEN_FAILED:
        return os.WEXITSTATUS(status)
    _put_right(settings)
    how = "failed" if os.WIFEXITED(status) else f"was ended by {_name(os.WTERMSIG(status))}"
    print(f"The screen {how}; the show goes on. Open it again with: console.py attach", file=sys.stderr)
    if os.WIFEXITED(status):
        print("What went wrong is in state/screen.log below the data folder (see: console.py check).", file=sys.stderr)
    return 1


def _without_screen(arguments: Namespace) -> int:
    from console.api.commands import USAGE, CommandError
    from console.cli import headless

    term = os.environ.get("TERM", "")
    why = f"this terminal cannot draw a screen (TERM={term})" if sys.stdin.isatty() else "a screen needs a terminal"
    if arguments.verb == "attach":
        raise CommandError(USAGE, f"{why}; use another one, or: console.py status")
    print(f"{capital(why)}; the show runs here in plain words. Stop it with Ctrl-C.", file=sys.stderr)
    return headless.run(arguments)


def _become_screen(screen: Callable[[], int]) -> Any:
    """The child's whole life; it must never come back into the parent's code."""
    code = SCREEN_FAILED
    try:
        code = screen()
    finally:
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _wait(child: int) -> int:
    """Signals for a terminal go to both of us; they are the screen's business, and we outlive it."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)
    for number in (signal.SIGTERM, *heeded(signal.SIGHUP)):
        signal.signal(number, lambda number, frame: _pass_on(child, number))
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return status
        os.kill(os.getpid(), signal.SIGSTOP)  # ^Z: the shell waits for us, not for the screen
        _pass_on(child, signal.SIGCONT)


def _pass_on(child: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, number)


def _put_right(settings: list[Any]) -> None:
    with suppress(OSError, termios.error):
        os.write(sys.stdout.fileno(), _RESET.encode())
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, settings)
        time.sleep(_LAST_WORDS_S)
        termios.tcflush(sys.stdin, termios.TCIFLUSH)  # what mouse and keys still sent


def _name(number: int) -> str:
    return signal.Signals(number).name
