"""The key that the engines of one show ask for, and where it is kept for the show that adopts them after a crash.

Without it any program and any web page on this machine could use an engine, for it listens on loopback.
"""

import os
import re
import secrets
import stat
from contextlib import suppress
from pathlib import Path

from profiles.files import replace_file
from supervisors.redact import Secret

VARIABLE = "GALACTUS_ENGINE_KEY"
"""How an engine server of ours is given it: never in `argv`, which every user of the machine may read."""
_NAME = "engine.key"
_FORM = re.compile(r"[A-Za-z0-9_-]{43}")
_MOST = 100
"""Bytes read of a file that may be anything."""


class EngineKey:
    """No key until `obtain`: a server that is started without one asks for none."""

    def __init__(self) -> None:
        self.secret: Secret | None = None

    @property
    def header(self) -> Secret | None:
        """As an Authorization header."""
        return None if self.secret is None else Secret(f"Bearer {self.secret.reveal()}", self.secret.reveal())

    def variables(self, name: str) -> dict[str, str]:
        """For the environment of a server that finds its key in the variable `name`; "" if it knows none."""
        return {name: self.secret.reveal()} if self.secret is not None and name else {}

    def obtain(self, folder: Path) -> str:
        """Take the key that an earlier show left there, else make one.

        Returns one plain sentence when engines were left and their key is of no use, or when the new one cannot be
        kept; else "". An engine that runs with another key is started again, because its command is another one. Call
        it with the rig's lock held.
        """
        file = folder / _NAME
        try:
            left, why = _read(file), ""
        except FileNotFoundError:
            kept = any((folder / "services").glob("*.json"))  # a show that was stopped leaves none of these
            left, why = "", "the engines' key is not there any more; they are started with a new one" if kept else ""
        except (OSError, ValueError) as error:
            left, why = "", f"the engines' key could not be read ({_reason(error)}); they are started with a new one"
        self.secret = Secret(left or secrets.token_urlsafe(32))
        if not left:
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                replace_file(file, self.secret.reveal().encode(), private=True)
            except OSError as error:
                return f"the engines' key cannot be kept ({_reason(error)}); after a crash they will load again"
        return why

    @staticmethod
    def forget(folder: Path) -> None:
        """The show has ended in order, and no engine is left to adopt. Never raises."""
        with suppress(OSError):
            (folder / _NAME).unlink(missing_ok=True)


def _read(file: Path) -> str:
    """Raises OSError, ValueError: a file that others may have read or written holds no key."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as opened:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
            raise ValueError("others may read it")
        key = opened.read(_MOST).decode("ascii", "replace")
    if not _FORM.fullmatch(key):
        raise ValueError("it holds no key")
    return key


def _reason(error: Exception) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
