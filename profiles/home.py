"""Where things live on this machine: GALACTUS_HOME, and the folders under it."""

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import platformdirs

from profiles.errors import ProfileError

_LONGEST_BASE = 60
"""Bytes; our own folder and name take up to 40 of the 104."""
_LONGEST_OWN = 78
"""Bytes; the name takes 22 of the 104, and a shim's first name one more."""
CHECKOUT = Path(__file__).resolve().parent.parent
PROGRAM = ".venv/bin/python console.py"
"""How messages name the program, typed in the checkout."""


class Home(msgspec.Struct, frozen=True):
    """Folders of one installation. Nothing is made until somebody writes."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        """Raises ProfileError for a place that can be no folder."""
        given = os.environ.get("GALACTUS_HOME", "").strip()
        root = Path(os.path.expanduser(given)) if given else platformdirs.user_data_path("galactus")
        if (trouble := _trouble(root, given)) is not None:
            name = "GALACTUS_HOME" if given else "HOME"
            raise ProfileError(name, "", trouble, "set GALACTUS_HOME to a folder of your own")
        return cls(Path(os.path.realpath(root)) if given else root)

    @property
    def models(self) -> Path:
        """The model store."""
        return self.root / "models"

    @property
    def envs(self) -> Path:
        """One Python environment per engine."""
        return self.root / "envs"

    @property
    def cache(self) -> Path:
        """Downloads that can be had again."""
        return self.root / "cache"

    @property
    def profiles(self) -> Path:
        """The operator's own profiles; they shadow the shipped ones by name."""
        return self.root / "profiles"

    def state(self, rig: str) -> Path:
        return self.root / "state" / rig

    @property
    def logs(self) -> Path:
        """`logs/` of the checkout; below `root` when GALACTUS_HOME is set, so that tests keep to their own folder, and
        when the checkout is not ours to write.
        """
        beside = CHECKOUT / "logs"
        ours = os.access(beside if beside.exists() else CHECKOUT, os.W_OK)
        return beside if ours and not os.environ.get("GALACTUS_HOME", "").strip() else self.root / "logs"

    def socket(self, *words: str) -> Path:
        """A short path for a unix socket (the limit is 104-108 bytes) in a folder that only we may enter (0700), which
        is made. Ask again rather than remember: folders for sockets are cleared away, and then it may be another one.
        Raises OSError when there is none for us.
        """
        name = hashlib.sha256("\0".join((str(self.root), *words)).encode()).hexdigest()[:16]
        refusal: OSError | None = None
        for folder in self._socket_folders():
            try:
                _make_private(folder)
            except OSError as error:
                refusal = refusal or error
            else:
                return folder / f"{name}.sock"
        assert refusal is not None
        raise refusal

    def _socket_folders(self) -> Iterator[Path]:
        """The best first: the system's for such things, then those of temporary files, and our own, which may be on a
        disk that knows no sockets.
        """
        bases = [os.environ.get("XDG_RUNTIME_DIR") or "", _temporary(), "/tmp"]
        for base in map(Path, filter(None, bases)):
            if len(os.fsencode(base)) <= _LONGEST_BASE and base.is_dir():
                yield base / f"galactus-{os.getuid()}"
        own = self.root / "run"
        if len(os.fsencode(own)) <= _LONGEST_OWN:
            yield own


def _temporary() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:  # none can be written
        return ""


def _make_private(folder: Path) -> None:
    """Raises OSError. A folder of ours that was opened to others is closed again."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()  # not stat: somebody may have put a link there
    if found.st_uid != os.getuid() or not stat.S_ISDIR(found.st_mode):
        raise PermissionError(errno.EPERM, "this folder is not ours; remove it, or set XDG_RUNTIME_DIR", str(folder))
    if stat.S_IMODE(found.st_mode) != 0o700:
        folder.chmod(0o700)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, "this folder cannot be written; set XDG_RUNTIME_DIR", str(folder))


def _trouble(root: Path, given: str) -> str | None:
    """Why nothing can ever lie there."""
    if given.startswith("~") and str(root).startswith("~"):
        return f"there is no user {given.partition('/')[0]}"
    if not given and not root.is_absolute():
        return "this user has no home folder"
    if not str(root).isprintable():
        return f"{ascii(str(root))} holds a letter that cannot be shown"
    try:
        return None if stat.S_ISDIR(root.stat().st_mode) else f"{root} is not a folder"
    except FileNotFoundError:
        return f"{root} is a link to nothing" if root.is_symlink() else None
    except PermissionError:
        return None  # the one who writes there says so
    except OSError as error:
        return f"{root} can be no folder ({error.strerror or error})"
