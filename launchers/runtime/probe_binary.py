"""Whether a server program found on the machine runs here at all, and in plain words why not."""

import asyncio
import errno
import os
import re
import signal
import tempfile

from supervisors.exits import Exit, signal_name

_PATIENCE_S = 10.0
_ELSEWHERE = "is built for another processor"
_LIBRARY = re.compile(r"error while loading shared libraries: ([\w.+-]+)|Library not loaded: (\S+)")
_SYMBOL = re.compile(r"version [`']?((?:GLIBC|GLIBCXX|CXXABI|GOMP)[\w.]*)'? not found|(undefined symbol: \w+)")
_MODULE = re.compile(r"No module named '?([\w.]+)")
_ERRORS = {
    errno.ENOEXEC: _ELSEWHERE,
    errno.EACCES: "may not be executed by you",
    errno.ENOENT: "lacks its interpreter or its loader, which is not on this machine",
    errno.ELIBBAD: _ELSEWHERE,
}
_BY_OTHERS = {signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


async def fault(program: str) -> str:
    """Of `program --help`: why it cannot run here, as the end of a sentence; "" when nothing speaks against it."""
    with tempfile.TemporaryFile() as said:  # a pipe would be held open by whatever it starts
        try:
            process = await asyncio.create_subprocess_exec(
                program,
                "--help",
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=said,
                start_new_session=True,
            )
        except OSError as error:
            return _ERRORS.get(error.errno or 0, f"cannot be started ({error.strerror})")
        try:
            async with asyncio.timeout(_PATIENCE_S):
                code = await process.wait()
        except TimeoutError:
            return f"does not even answer --help within {_PATIENCE_S:g} s"
        finally:
            _end(process.pid)
            await process.wait()
        said.seek(0)
        tail = said.read(65_536).decode("utf-8", "replace")
    if why := unfit(code, tail):
        return why
    return f"is killed by {signal_name(-code)} at once" if code < 0 else "" if code in (0, 1) else f"exits with {code}"


def unfit(code: int, tail: str) -> str:
    """What the end of a process says of its program, where trying again can never help; "" for all else."""
    if code == -signal.SIGILL or code == 128 + signal.SIGILL or "Exec format error" in tail:
        return _ELSEWHERE
    if found := _LIBRARY.search(tail):
        return f"lacks the library {found[1] or found[2]}"
    if found := _SYMBOL.search(tail):
        return f"was built for other libraries than this machine has ({found[1] or found[2]})"
    return f"lacks the Python module {found[1]}" if (found := _MODULE.search(tail)) else ""


def ended_by_others(end: Exit) -> bool:
    """A process that was killed from outside says nothing about its program."""
    return end.signal in _BY_OTHERS or end.shim is not None


def of_end(end: Exit) -> str:
    """The same as `unfit` of a server that died before it was ready."""
    return unfit(-end.signal if end.signal is not None else end.code or 0, end.tail)


def _end(pid: int) -> None:
    """And whatever it has started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return
