"""What played last on this machine, for a show that starts by itself: `state/last.json`."""

from contextlib import suppress
from pathlib import Path

import msgspec
from msgspec import Struct

from profiles.files import replace_file
from profiles.home import Home
from profiles.loader import LoadedProfile
from profiles.schema import Character, Rig


class LastShow(Struct, frozen=True, kw_only=True):
    rig: str
    rig_file: str = ""
    """Absolute; only of a rig that was given as a file. One with a name is found again: the checkout may have moved."""
    character: str
    """As `--character` takes it: a name, or an absolute file."""

    @property
    def rig_given(self) -> str:
        """As `--rig` takes it."""
        return self.rig_file or self.rig


def given(profile: LoadedProfile[Rig] | LoadedProfile[Character]) -> str:
    """What finds this profile again from anywhere: its name, or its file."""
    return profile.name if Path(profile.file).stem == profile.name else profile.file


def remember(home: Home, rig: LoadedProfile[Rig], character: LoadedProfile[Character]) -> None:
    """Never raises: a show without a memory is still a show.

    Not synced to the disk, which may take a second on a memory card: a power cut within half a minute of a change may
    bring back the one before.
    """
    file = "" if given(rig) == rig.name else rig.file
    last = LastShow(rig=rig.name, rig_file=file, character=given(character))
    with suppress(OSError):  # shows of two rigs may change it at the same moment
        replace_file(_path(home), msgspec.json.encode(last))


def recall(home: Home) -> LastShow | None:
    """None when nothing was remembered, or nothing that can be read."""
    try:
        return msgspec.json.decode(_path(home).read_bytes(), type=LastShow)
    except (OSError, msgspec.DecodeError):
        return None


def _path(home: Home) -> Path:
    return home.root / "state" / "last.json"
