"""The show in the foreground, without a screen: JSON lines for programs, plain words for a terminal."""

import asyncio
import os
import select
import signal
import sys
from argparse import Namespace
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec

from console.api.bus import Subscription
from console.api.setup_progress import ProgressPrinter
from console.host import exit_codes
from console.host.last_show import recall
from console.host.run_lock import AlreadyRunning
from console.host.show_finder import DEFAULT_RIG
from console.host.signals import heeded
from console.host.surroundings import for_people
from console.show.show import Show
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import LoadedProfile, load_character, load_rig
from profiles.schema import Character, Rig
from profiles.wording import capital

_LAST_WORDS_S = 1.0
"""How long the end of a show waits for a reader that takes nothing."""


def run(arguments: Namespace) -> int:
    """Until `stop`, Ctrl-C or TERM; then everything it started is gone."""
    os.umask(0o077)  # what visitors said is nobody else's to read
    words = not getattr(arguments, "headless", False) and sys.stdout.isatty()
    code = exit_codes.DONE
    try:
        code = asyncio.run(_run(arguments, words))
    except* AlreadyRunning:
        if not _like_last(arguments):
            raise
        print("This show is running already; it is left as it is.", file=sys.stderr)
    return code


async def _run(arguments: Namespace, words: bool) -> int:
    home = Home.from_environment()
    rig, character = _chosen(arguments, home)
    show = Show(home, rig, character, Catalogue.load(home))
    interrupted = _on_signals(show)
    with show.bus.subscribe(frozenset({"progress"})) as subscription:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_print(subscription, _Words(show).line if words else _json()))
            try:
                await show.run()
            finally:
                subscription.close()
    return exit_codes.INTERRUPTED if interrupted.is_set() else exit_codes.DONE


def _like_last(arguments: Namespace) -> bool:
    """Started by the machine, not by a person: what played last plays again, and a show that runs is good news."""
    return getattr(arguments, "last", False)


def _chosen(arguments: Namespace, home: Home) -> tuple[LoadedProfile[Rig], LoadedProfile[Character]]:
    """Raises ProfileError; but a character of yesterday that is gone must not keep the booth dark."""
    last = recall(home) if _like_last(arguments) else None
    rig = load_rig(arguments.rig or (last.rig_given if last else DEFAULT_RIG), home)
    if last is not None and arguments.character is None:
        try:
            return rig, load_character(last.character, home)
        except ProfileError as error:
            print(f"{error}; {rig.value.character} plays instead.", file=sys.stderr)
    return rig, load_character(arguments.character or rig.value.character, home)


def _on_signals(show: Show) -> asyncio.Event:
    """INT, TERM and a closed terminal all end the show in order; INT is remembered for the exit code. INT and HUP that
    are ignored stay so: somebody wants this show to outlive a terminal.
    """
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop(name: str) -> None:
        if name == "SIGINT":
            interrupted.set()
        show.stop(f"{name} was received")

    for number in (signal.SIGTERM, *heeded(signal.SIGINT, signal.SIGHUP)):
        loop.add_signal_handler(number, stop, number.name)
    return interrupted


async def _print(subscription: Subscription, render: Callable[[dict[str, Any], bytes], bytes]) -> None:
    """On a thread: a reader of our stdout that stalls, has gone, or is a full disk costs the words, never the show."""
    with suppress(OSError):
        async for line in subscription.lines():
            if out := render(msgspec.json.decode(line), line):
                await asyncio.to_thread(_write, out, lambda: subscription.closed)


def _write(data: bytes, ending: Callable[[], bool]) -> None:
    """In pieces that a pipe takes whole once it takes any; when the show ends, a stalled reader is left behind."""
    out = sys.stdout.fileno()
    while data:
        if select.select([], [out], [], _LAST_WORDS_S)[1]:
            data = data[os.write(out, data[: select.PIPE_BUF]) :]
        elif ending():
            raise BrokenPipeError


def _json() -> Callable[[dict[str, Any], bytes], bytes]:
    """Events as they are; of the telemetry only progress, which nobody could see otherwise."""
    last: dict[str, tuple[int, int | None]] = {}

    def render(row: dict[str, Any], line: bytes) -> bytes:
        if "type" in row:
            return line
        if row.get("telemetry") != "progress":
            return b""
        percent = 100 * row["done"] // row["total"] if row["total"] else row["done"] >> 22
        key = (percent, row["total"])
        if last.get(row["what"]) == key and not row.get("note"):
            return b""
        last[row["what"]] = key
        return line

    return render


class _Words:
    """The same for people."""

    def __init__(self, show: Show) -> None:
        self._show = show
        self._printer = ProgressPrinter(sys.stdout)

    def line(self, row: dict[str, Any], _: bytes) -> bytes:
        if row.get("telemetry") == "progress":
            self._printer.show(row)
            return b""
        text = self._event(row)
        return for_people(text + "\n") if text else b""

    def _event(self, row: dict[str, Any]) -> str:
        name = self._show.character.value.name
        match row.get("type"):
            case "ShowStarted":
                return f"{row['character_name']} on the rig {row['rig']}; the log is in {row['logs']}"
            case "DeviceChanged":
                return f"{row['role']}: {row['name']}" + (f" ({row['detail']})" if row["detail"] else "")
            case "DiskChanged" if row["detail"]:
                return f"{capital(row['detail'])}: {row['mend']}"
            case "ServiceChanged" if row["state"] in ("READY", "FAILED", "BACKOFF"):
                why = f": {row['last_error']}" if row["last_error"] and row["state"] != "READY" else ""
                return f"{row['name']} {row['model']} {row['state']}{why}"
            case "ShowReady":
                return f'ON AIR after {row["seconds"]:.1f} s. In another terminal: console.py ask --text "Who are you?"'
            case "ShowNotReady":
                return f"Not ready: nobody does {', '.join(row['roles'])}"
            case "ShowHalted":
                return "HALTED: nobody is answered until: console.py resume"
            case "ShowResumed":
                return "Resumed: visitors may come again"
            case "Note" | "ModelNoted":
                return str(row["text"])
            case "TranscriptReady":
                return f"visitor: {row['text']}"
            case "ClauseReady":
                return f"{name}: {row['text']}"
            case "StageFailed":
                return f"{row['stage']}: {row['message']}"
            case "TurnEnded":
                return _wait(row)
            case "ShowStopping":
                return f"Stopping: {row['reason']}"
        return ""


def _wait(row: dict[str, Any]) -> str:
    release, first = row["marks"]["release"], row["marks"]["first_audio"]
    if release is None or first is None:
        return f"turn {row['turn']} {row['outcome']}"
    return f"turn {row['turn']} {row['outcome']}, release to first audio {(first - release) / 1000:.2f} s"
