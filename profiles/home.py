"""Where things live on this machine: GALACTUS_HOME, and the folders under it."""

import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path

import msgspec
import platformdirs

_LONGEST_BASE = 60
"""Bytes; our own folder and name take up to 40 of the 104."""
CHECKOUT = Path(__file__).resolve().parent.parent


class Home(msgspec.Struct, frozen=True):
    """Folders of one installation. Nothing is made until somebody writes."""

    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        given = os.environ.get("GALACTUS_HOME")
        return cls(Path(given).expanduser().resolve() if given else platformdirs.user_data_path("galactus"))

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
        """`logs/` of the checkout; under GALACTUS_HOME when that is set, so that tests keep to their own folder."""
        return self.root / "logs" if os.environ.get("GALACTUS_HOME") else CHECKOUT / "logs"

    def socket(self, *words: str) -> Path:
        """A short path for a unix socket (the limit is 104-108 bytes) in a folder that only we may enter (0700)."""
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
        if len(os.fsencode(base)) > _LONGEST_BASE or not base.is_dir():
            base = Path("/tmp")
        folder = base / f"galactus-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()  # not stat: somebody may have put a link there
        if found.st_uid != os.getuid() or found.st_mode & 0o077 or not stat.S_ISDIR(found.st_mode):
            why = "this folder is open to others or not ours; remove it"
            raise PermissionError(errno.EPERM, why, str(folder))
        name = hashlib.sha256("\0".join((str(self.root), *words)).encode()).hexdigest()[:16]
        return folder / f"{name}.sock"
