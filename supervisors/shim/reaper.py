"""Finds by its token what a killed show or shim left behind, and ends it; never a process in doubt."""

import contextlib
import hashlib
import os
import secrets
import time
from collections.abc import Iterable
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from supervisors.kernel import TOKEN_VARIABLE

PATIENCE_S = 3.0
EXEC_S, EXEC_PATIENCE_S = 0.02, 1.5
"""An exec takes a millisecond, and much longer where the program must first be read from a busy disk."""
_YOUNG_S = 3.0


def token_prefix(home: Path, rig: str) -> str:
    """The same for every show of this home and rig, so that the next one knows what the last one left."""
    return hashlib.sha256(f"{home}\0{rig}".encode()).hexdigest()[:12]


def make_token(prefix: str, service: str) -> str:
    return f"{prefix}-{service}-{secrets.token_hex(4)}"


def find(token: str, spare: Iterable[int] = ()) -> list[psutil.Process]:
    """Living processes whose token begins with `token`, without ourselves, our ancestors, and the trees of `spare`."""
    ours = {os.getpid(), *(p.pid for p in psutil.Process().parents()), *_trees(spare)}
    return [p for p in psutil.process_iter() if p.pid not in ours and _carries(p, token)]


def reap(token: str, spare: Iterable[int] = ()) -> list[int]:
    """Kill all of them, again and again, for they may fork meanwhile; returns the pids. None there: some 30 ms.

    Only who is not there at two looks is gone: in the midst of an exec a process shows no environment, and so no token.
    """
    spared, killed = tuple(spare), dict[int, psutil.Process]()
    give_up = time.monotonic() + PATIENCE_S
    while time.monotonic() < give_up and (found := find(token, spared) or _second_look(token, spared)):
        for process in found:
            killed[process.pid] = process
            with contextlib.suppress(psutil.Error):
                process.kill()  # psutil compares the start time first: a number that came round again is left alone.
        _await_end(found, give_up)
    return list(killed)


def _second_look(token: str, spare: Iterable[int]) -> list[psutil.Process]:
    due = time.monotonic() + EXEC_PATIENCE_S
    time.sleep(EXEC_S)
    while not (found := find(token, spare)) and time.monotonic() < due and _a_process_is_being_born():
        time.sleep(EXEC_S)
    return found


def _a_process_is_being_born() -> bool:
    """Whether a process that has just been born shows no environment yet; it might be one of those that we look for."""
    now = time.time()
    return any(_shows_nothing(p) for p in psutil.process_iter() if now - p.create_time() < _YOUNG_S)


def _shows_nothing(process: psutil.Process) -> bool:
    try:
        ours = process.uids().real == os.getuid() and process.status() != psutil.STATUS_ZOMBIE
        return ours and not process.environ() and not process.cmdline() and bool(process.exe())  # else the kernel's own
    except (psutil.Error, OSError):
        return False


def sweep(token: str, pid: int) -> list[int]:
    """After the death of a shim: end what it kept. Its engine died with it, and lies at our door as a zombie.

    `pid` 0 says that the engine's number was never learnt. It must match nobody: in a container, every process whose
    session began outside has session 0.
    """
    killed = reap(token)
    orphans = [child for child in psutil.Process().children() if pid and pid in (child.pid, _session(child.pid))]
    _await_end(orphans, time.monotonic() + PATIENCE_S)
    return killed


def _await_end(processes: Iterable[psutil.Process], give_up: float) -> None:
    """Until they are gone. Those that fell to us as their subreaper are ours to collect; others are somebody else's."""
    for process in processes:
        while _lingers(process) and time.monotonic() < give_up:
            time.sleep(0.002)


def _lingers(process: psutil.Process) -> bool:
    with contextlib.suppress(ChildProcessError):
        return os.waitpid(process.pid, os.WNOHANG)[0] == 0
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _session(pid: int) -> int:
    try:
        return os.getsid(pid)
    except OSError:
        return 0


def _carries(process: psutil.Process, token: str) -> bool:
    try:
        return str(process.environ().get(TOKEN_VARIABLE, "")).startswith(token)
    except (psutil.Error, OSError):
        return False  # A zombie, or another user's.


def _trees(roots: Iterable[int]) -> set[int]:
    pids = set[int]()
    for root in roots:
        with contextlib.suppress(psutil.Error):
            pids |= {root, *(p.pid for p in psutil.Process(root).children(recursive=True))}
    return pids
