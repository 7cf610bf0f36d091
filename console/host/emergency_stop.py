"""The emergency stop from outside: by the show's own socket for it, and where that is gone, by a signal."""

import time
from pathlib import Path

from console.host import run_lock
from devices.estop import request
from supervisors import kernel

PATIENCE_S = 1.0
_SOCKET_S = 0.4
_LOOK_S = 0.01


def stop_motors(folder: Path, within_s: float = PATIENCE_S) -> bool:
    """Whether the show of this state folder says that its motors are off. Quick: nothing is waited for but its word."""
    due = time.monotonic() + within_s
    show = run_lock.alive(folder)
    if show is not None and show.stop_socket:
        try:
            if request(Path(show.stop_socket), min(_SOCKET_S, within_s)):
                return True
        except OSError:
            pass  # gone, or not ours any more
    return _by_signal(folder, due)


def _by_signal(folder: Path, due: float) -> bool:
    """It needs no file of the show's but its lock, whose pid and time of birth say which process is meant."""
    began, told = time.monotonic_ns(), False
    while True:
        holder = run_lock.holder(folder)
        if holder is not None and holder.stopped_at >= began:
            return True
        if not told and holder is not None and holder.takes_signal:
            found = kernel.read_proc(holder.pid)
            told = found is not None and found.started == holder.started
            if found is not None and told:
                kernel.signal_exactly(found, run_lock.STOP_SIGNAL)
        if time.monotonic() >= due:
            return False
        time.sleep(_LOOK_S)
