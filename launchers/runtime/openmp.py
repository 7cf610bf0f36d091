"""GNU OpenMP for engines that expect the system to have it, on machines that do not.

xllamacpp and piper are linked to the system's `libgomp.so.1`, which small installations lack; the wheel of
pywhispercpp brings a copy of it, which the loader takes when it finds it under the plain name.
"""

import ctypes
import os
from pathlib import Path

from launchers.errors import FetchError
from launchers.runtime.environments import Environments
from launchers.store.progress import OnProgress
from profiles.home import Home

NAME = "libgomp.so.1"
_CARRIER = "stt_pywhispercpp"
"""The environment whose wheel brings the library."""


def system_has_it() -> bool:
    """Loading it here costs 0.1 MB; where there is no such thing (macOS) our engines do not need it."""
    if os.uname().sysname != "Linux":
        return True
    try:
        ctypes.CDLL(NAME)
    except OSError:
        return False
    return True


async def provide(home: Home, environments: Environments, on_progress: OnProgress) -> None:
    """Puts a link to the carrier's copy where `variables` points to. Raises FetchError."""
    if system_has_it():
        return
    await environments.ensure(_CARRIER, on_progress)
    copies = sorted(environments.folder(_CARRIER).glob("lib/python*/site-packages/*.libs/libgomp-*.so*"))
    if not copies:
        raise FetchError("this system has no libgomp.so.1; install it, it is called libgomp1 or gcc-libs")
    link = _folder(home) / NAME
    link.parent.mkdir(parents=True, exist_ok=True)
    part = link.with_suffix(f".{os.getpid()}")
    part.unlink(missing_ok=True)
    part.symlink_to(copies[0])
    part.replace(link)


def variables(home: Home) -> dict[str, str]:
    """For the environment of an engine that is linked to it."""
    return {} if system_has_it() else {"LD_LIBRARY_PATH": str(_folder(home))}


def _folder(home: Home) -> Path:
    return home.envs / "openmp"
