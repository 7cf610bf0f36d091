"""Finds the show that a command is meant for, or starts one in the background."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from msgspec import Struct

from console.api import commands as cmd
from console.api.client import NoShow, OperatorClient
from console.host import exit_codes
from console.host.run_lock import ShowFile, alive, farewell, held, running, starting
from profiles.home import CHECKOUT, Home
from profiles.loader import load_character, load_rig

DEFAULT_RIG = "rehearsal"
_START_S = 20.0
_STOP_S = 30.0
_SETTLE_S = 5.0
_HEAR_S = 5.0
"""A show that has not even heard a `stop` by then hangs."""
_BACK_S = 3.0
"""A show whose socket was taken away makes it again well before."""


def find(arguments: Namespace, home: Home) -> ShowFile | None:
    """The running show that is meant: of the rig named, else the only one. Raises ProfileError, CommandError.

    One that is just starting is waited for, so that a `stop` finds it.
    """
    patience = time.monotonic() + _SETTLE_S
    while starting(home) and time.monotonic() < patience:
        time.sleep(0.03)
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


class PendingShow(Struct, frozen=True):
    """A show that has been started and does not answer yet."""

    child: subprocess.Popen[bytes]
    folder: Path
    words: Path
    """What it says before it dies."""


def spawn(arguments: Namespace, home: Home) -> PendingShow:
    """Start a show in the background; quick. Raises ProfileError."""
    rig = load_rig(arguments.rig or DEFAULT_RIG, home)
    folder = home.state(rig.name)
    folder.mkdir(parents=True, exist_ok=True)
    words = folder / "start.log"
    with suppress(OSError):
        words.replace(folder / "start.log.1")  # what a show that crashed said last
    argv = [sys.executable, str(CHECKOUT / "console.py"), "run", "--headless", "--rig", arguments.rig or DEFAULT_RIG]
    if arguments.character is not None:
        argv += ["--character", arguments.character]
    return PendingShow(_spawn(argv, words), folder, words)


async def start(arguments: Namespace, home: Home) -> tuple[ShowFile, bool]:
    """A show in the background, once it answers, and whether it is ours: somebody else may have been quicker. Raises
    CommandError with its last word if it does not come up. A caller that is interrupted leaves no show behind.
    """
    newborn = spawn(arguments, home)
    try:
        return await until_it_answers(newborn)
    except BaseException:
        end(newborn.child)
        raise


async def until_it_answers(newborn: PendingShow) -> tuple[ShowFile, bool]:
    """Its file, and whether it is the one we started. Raises CommandError."""
    deadline = time.monotonic() + _START_S
    while time.monotonic() < deadline:
        if (show := alive(newborn.folder)) is not None and Path(show.socket).exists():
            return show, show.pid == newborn.child.pid
        if newborn.child.poll() is not None and not held(newborn.folder):  # else somebody else was quicker
            raise last_words(newborn.child.returncode, newborn.words)
        await asyncio.sleep(0.03)
    raise cmd.CommandError(cmd.NO_ENGINE, f"the show did not come up within {_START_S:g} s; see {newborn.words}")


def last_words(code: int, words: Path) -> cmd.CommandError:
    """Why it ended, as it said itself; on a full disk it could not."""
    from console.host.disk_space import trial

    said: list[str] = []
    with suppress(OSError):
        said = words.read_text("utf-8", "replace").strip().splitlines()
    if not said and (lack := trial(words.parent)) is not None and not lack.low:
        return cmd.CommandError(cmd.NO_ENGINE, f"{lack.detail}; {lack.mend}")
    unknown = "the show did not start and could not say why; see what this prints: console.py run --headless"
    return cmd.CommandError(cmd.USAGE if code == exit_codes.USAGE else cmd.NO_ENGINE, said[-1] if said else unknown)


def end(child: subprocess.Popen[bytes]) -> None:
    """In order, if it can; then its engines go with it. Of one that must be killed they wait for the next show."""
    child.terminate()
    try:
        child.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()


def _spawn(argv: list[str], words: Path) -> subprocess.Popen[bytes]:
    """A session of its own: closing our terminal must not reach it. What it says before it dies is in `words`."""
    with words.open("wb") as errors:
        null = subprocess.DEVNULL
        return subprocess.Popen(argv, stdin=null, stdout=null, stderr=errors, start_new_session=True)


@asynccontextmanager
async def line(show: ShowFile, home: Home) -> AsyncIterator[OperatorClient]:
    """A connection to it, also where its socket has been taken away a moment ago. Raises NoShow."""
    folder, deadline = home.state(show.rig), time.monotonic() + _BACK_S
    while True:
        client = OperatorClient(Path((alive(folder) or show).socket))
        try:
            await client.__aenter__()
            break
        except NoShow as error:
            if not held(folder):
                raise
            if time.monotonic() > deadline:
                way_out = "console.py estop stops its motors, console.py stop ends it"
                raise NoShow(f"the show runs (pid {show.pid}), but {error}; {way_out}") from None
        await asyncio.sleep(0.05)
    try:
        yield client
    finally:
        await client.close()


async def stop(show: ShowFile, home: Home, *, when_idle: bool = False) -> None:
    """Ask, wait, insist; and in the end nothing with our token is left. `when_idle`: others may still be asking, then
    it stays for them.
    """
    from supervisors.shim.reaper import reap, token_prefix

    if not when_idle:
        with suppress(OSError):  # a full disk: then a screen may take it for a crash
            farewell(home.state(show.rig), show.pid).touch()
    try:
        async with asyncio.timeout(_HEAR_S), line(show, home) as client:
            answer = await client.call(cmd.Stop(when_idle=when_idle))
            if not answer.stopping:
                return
    except (NoShow, TimeoutError):
        kill(show, home, signal.SIGTERM)  # a show that cannot be reached, but does not hang, ends in order
    if not await wait_gone(show, home):
        kill(show, home)
    await asyncio.to_thread(reap, token_prefix(home.root, show.rig))


def was_stopped(show: ShowFile, home: Home) -> bool:
    """Somebody wanted its end, whatever it took: no screen is to take that for a crash."""
    return farewell(home.state(show.rig), show.pid).exists()


async def wait_gone(show: ShowFile, home: Home) -> bool:
    """Until the show's lock is free and its process has ended. False when it does not end."""
    deadline = time.monotonic() + _STOP_S
    while time.monotonic() < deadline:
        if not _runs(show, home) and not _exists(show.pid):
            return True
        await asyncio.sleep(0.03)
    return False


def _runs(show: ShowFile, home: Home) -> bool:
    now = alive(home.state(show.rig))
    return now is not None and now.pid == show.pid


def _exists(pid: int) -> bool:
    """Alive and not a zombie: a show that we started ourselves stays one until we are gone."""
    import psutil  # type: ignore[import-untyped]  # 15 ms, and only `stop` and one-shot asks pay

    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def kill(show: ShowFile, home: Home, number: int = signal.SIGKILL) -> None:
    """Only while it holds its lock: a number alone may be anybody's."""
    if _runs(show, home):
        with suppress(ProcessLookupError):
            os.kill(show.pid, number)
