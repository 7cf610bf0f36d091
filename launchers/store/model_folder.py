"""One model's folder in the store: its files, and the stamps which say that their SHA-256 was checked."""

import os
import shutil
from pathlib import Path

import msgspec
from msgspec import Struct

from launchers.store.file_transfer import replace, size
from profiles.catalogue import ModelFile

STAMPS = ".verified.json"
WORK = ".work-"
"""Folders with this prefix hold half-made files."""
DAMAGED = ".damaged"
PART = ".part"


class Stamp(Struct, frozen=True, kw_only=True):
    """A file as it was when its hash was checked: if one of these changes, somebody touched it."""

    sha256: str
    bytes: int
    mtime_ns: int
    inode: int


class ModelFolder:
    """Only the holder of `lock` writes here; anybody may read."""

    def __init__(self, models: Path, model_id: str) -> None:
        self.folder = models / model_id
        self.lock = models / ".locks" / model_id
        """Outside the folder, and never removed: who waits for it must not end up holding a deleted file."""

    def path(self, file: ModelFile) -> Path:
        return self.folder / file.name

    def holds(self, file: ModelFile) -> bool:
        return not self.trouble(file)

    def trouble(self, file: ModelFile) -> str:
        """Why the file must not be used, as the end of a sentence that begins with its name; "" if it may."""
        try:
            found = self.path(file).stat()
        except FileNotFoundError:
            return "is not stored"
        except OSError as error:
            return f"cannot be read ({error.strerror})"
        if found.st_size != file.bytes:
            return f"is damaged ({size(found.st_size)} where {size(file.bytes)} are due)"
        stamp = self._stamps().get(file.name)
        if stamp is None or stamp.sha256 not in file.accepted:
            return "was never checked against the catalogue"
        if (stamp.bytes, stamp.mtime_ns, stamp.inode) != (found.st_size, found.st_mtime_ns, found.st_ino):
            return "has changed since it was checked"
        return ""

    def stamp(self, file: ModelFile, sha256: str) -> None:
        """Called when the bytes were hashed, and found to be `sha256`."""
        found = self.path(file).stat()
        stamp = Stamp(sha256=sha256, bytes=found.st_size, mtime_ns=found.st_mtime_ns, inode=found.st_ino)
        new = self.folder / f"{STAMPS}{PART}"
        new.write_bytes(msgspec.json.encode(self._stamps() | {file.name: stamp}))
        replace(new, self.folder / STAMPS)

    def set_aside(self, file: ModelFile) -> None:
        """Out of use, but kept until a good one is here: somebody may want to know what happened to it."""
        os.replace(self.path(file), self.folder / f"{file.name}{DAMAGED}")

    def has_anything(self) -> bool:
        try:
            return any(self.folder.iterdir())
        except FileNotFoundError:
            return False
        except OSError:
            return True  # something that we may not look into is not nothing

    def sweep(self, *, all_parts: bool = False) -> None:
        """Remove half-made files. A download's `.part` stays unless `all_parts`: the next fetch goes on from there."""
        for path in self.folder.iterdir():
            if path.name.startswith(WORK):
                shutil.rmtree(path, ignore_errors=True)
            elif all_parts and path.name.endswith((PART, DAMAGED)):
                path.unlink(missing_ok=True)

    def _stamps(self) -> dict[str, Stamp]:
        try:
            return msgspec.json.decode((self.folder / STAMPS).read_bytes(), type=dict[str, Stamp])
        except (OSError, msgspec.DecodeError):
            return {}
