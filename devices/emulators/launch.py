"""A board of software as a child process, for a rig that says port = "emulated". It ends when we do, however we end."""

import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

from devices.errors import DeviceError

_START_S, _END_S = 10.0, 3.0
_CHECKOUT = Path(__file__).resolve().parents[2]


@contextmanager
def emulated(kind: str) -> Iterator[str]:
    """Blocks 0.2 s; yields the path to open. Its standard input is the lifeline: it ends when our end of it closes. A
    session of its own, so that Ctrl-C closes the jaw before its board is gone. Raises DeviceError.
    """
    command = (sys.executable, "-m", "devices.emulators", kind, "--quiet")
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_CHECKOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_started(kind) from error
    try:
        yield _path(child, kind)
    finally:
        for end in (child.stdin, child.stdout):
            if end is not None:
                with suppress(OSError):
                    end.close()
        try:
            child.wait(_END_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _path(child: "subprocess.Popen[bytes]", kind: str) -> str:
    assert child.stdout is not None
    due, line = monotonic() + _START_S, b""
    while not line.endswith(b"\n"):
        if not select.select((child.stdout,), (), (), max(0.0, due - monotonic()))[0]:
            raise _not_started(kind)
        more = child.stdout.read1(1024)  # type: ignore[attr-defined]
        if not more:
            raise _not_started(kind)
        line += more
    return line.decode().strip()


def _not_started(kind: str) -> DeviceError:
    return DeviceError(f"emulated {kind}", "did not start", f"try python -m devices.emulators {kind}")
