"""The end of a process in plain words."""

import re
import signal

from msgspec import Struct

CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f]")
TROUBLE = re.compile(
    r"error|exception|fatal|failed|cannot|can't|out of memory|no space|no such|denied|assert|address already", re.I
)
_LINES = 40
_LENGTH = 200


class Exit(Struct, frozen=True, kw_only=True):
    code: int | None = None
    signal: int | None = None
    stopped: bool = False
    """We asked for it."""
    tail: str = ""
    """The last words in its log."""
    shim: str | None = None
    """How its shim ended, when that took the service with it."""


def describe(end: Exit) -> str:
    if end.shim is not None:
        return f"its shim was {end.shim}, and the service ended with it"
    if end.signal is not None:
        how, words = f"killed by {signal_name(end.signal)}", trouble(end.tail)
    else:
        how, words = f"exited with code {end.code}", trouble(end.tail) or (said(end.tail) or [""])[-1]
    return f"{how}: {words}" if words else how


def signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def return_code(code: int) -> str:
    """A `Popen.returncode` in words."""
    return f"killed by {signal_name(-code)}" if code < 0 else f"ended with code {code}"


def trouble(tail: str) -> str:
    """The last line that speaks of trouble: what a killed process said last is mostly no explanation."""
    return next((line for line in reversed(said(tail)) if TROUBLE.search(line)), "")


def said(tail: str) -> list[str]:
    """The last lines that say anything, fit for a screen."""
    lines = [CONTROL.sub("", line).strip() for line in re.split(r"[\r\n]+", tail)]
    said = [line for line in lines if any(c.isalnum() for c in line)][-_LINES:]
    return [line if len(line) <= _LENGTH else line[: _LENGTH - 1] + "…" for line in said]
