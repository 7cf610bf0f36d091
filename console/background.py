"""Finds the show that a command is meant for, or starts one in the background."""

import asyncio
import os
import subprocess
import sys
import time
from argparse import Namespace
from pathlib import Path

from console import commands as cmd
from console.presence import ShowFile, alive, running
from profiles.home import CHECKOUT, Home
from profiles.loader import load_character, load_rig

DEFAULT_RIG = "rehearsal"
_START_S = 20.0
_STOP_S = 30.0


def find(arguments: Namespace, home: Home) -> ShowFile | None:
    """The running show that is meant: of the rig named, else the only one. Raises ProfileError, CommandError."""
    if arguments.rig is not None:
        show = alive(home.state(load_rig(arguments.rig, home).name))
    else:
        shows = running(home)
        if len(shows) > 1:
            names = ", ".join(s.rig for s in shows)
            raise cmd.CommandError(cmd.USAGE, f"several shows are running ({names}); say which with --rig")
        show = shows[0] if shows else None
    if show is not None and arguments.character is not None:
        wanted = load_character(arguments.character, home).name
        if wanted != show.character:
            raise cmd.CommandError(
                cmd.USAGE, f"the running show plays {show.character}, not {wanted}; stop it first: console.py stop"
            )
    return show


async def start(arguments: Namespace, home: Home) -> ShowFile:
    """A show in the background, once it answers. Raises CommandError with its last word if it does not come up."""
    rig = load_rig(arguments.rig or DEFAULT_RIG, home)
    folder = home.state(rig.name)
    folder.mkdir(parents=True, exist_ok=True)
    words = folder / "start.log"
    argv = [sys.executable, str(CHECKOUT / "console.py"), "run", "--headless", "--rig", arguments.rig or DEFAULT_RIG]
    if arguments.character is not None:
        argv += ["--character", arguments.character]
    child = _spawn(argv, words)
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if (show := alive(folder)) is not None and Path(show.socket).exists():
            return show
        if child.poll() is not None:
            said = words.read_text("utf-8", "replace").strip().splitlines()
            raise cmd.CommandError(
                child.returncode or cmd.NO_ENGINE, said[-1] if said else f"the show did not start; see {words}"
            )
        await asyncio.sleep(0.03)
    child.kill()
    raise cmd.CommandError(cmd.NO_ENGINE, f"the show did not come up within {_START_S:g} s; see {words}")


def _spawn(argv: list[str], words: Path) -> subprocess.Popen[bytes]:
    """A session of its own: closing our terminal must not reach it. What it says before it dies is in `words`."""
    with words.open("wb") as errors:
        null = subprocess.DEVNULL
        return subprocess.Popen(argv, stdin=null, stdout=null, stderr=errors, start_new_session=True)


async def wait_gone(show: ShowFile, home: Home) -> bool:
    """Until the show's lock is free and its process has ended. False when it does not end."""
    deadline = time.monotonic() + _STOP_S
    while time.monotonic() < deadline:
        if alive(home.state(show.rig)) is None and not _exists(show.pid):
            return True
        await asyncio.sleep(0.03)
    return False


def _exists(pid: int) -> bool:
    """Alive and not a zombie: a show that we started ourselves stays one until we are gone."""
    import psutil  # type: ignore[import-untyped]  # 15 ms, and only `stop` and one-shot asks pay

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(pid: int) -> None:
    os.kill(pid, 9)
