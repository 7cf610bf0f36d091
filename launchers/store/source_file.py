"""A model's file from a path on this machine: copied, and verified like any other."""

import hashlib
from pathlib import Path

from launchers.store.download import SourceFailed
from launchers.store.fetch_meter import FetchMeter
from launchers.store.file_transfer import need_room, pump
from profiles.catalogue import ModelFile


async def get(
    path: Path, file: ModelFile, accepted: frozenset[str], folder: Path, meter: FetchMeter
) -> tuple[Path, str]:
    """A verified copy of `path` in `folder`, and its SHA-256. Raises SourceFailed."""
    part = folder / f"{file.name}.copy.part"
    try:
        have = path.stat().st_size
        if not path.is_file():
            raise SourceFailed(f"{path} is not a file")
    except OSError as error:
        raise SourceFailed(f"{path} cannot be read ({error.strerror})") from error
    if have != file.bytes:
        raise SourceFailed(f"{path} has {have:,} bytes where {file.bytes:,} are due")
    need_room(folder, file.bytes)
    meter.expect(str(path), file.bytes)
    digest = hashlib.sha256()
    with path.open("rb") as source, part.open("wb") as sink:
        await pump(source.read, digest.update, sink.write, on_bytes=lambda n: meter.add(str(path), n))
    if (found := digest.hexdigest()) not in accepted:
        part.unlink()
        raise SourceFailed(f"{path} is another file (its SHA-256 is {found[:12]}...)")
    return part, found
