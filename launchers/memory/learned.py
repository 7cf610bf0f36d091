"""What was measured here before: `$GALACTUS_HOME/state/learned.json`, which may be lost or spoilt at any time."""

import fcntl
import hashlib
import time
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Literal

import msgspec
from msgspec import Struct

from launchers.load_flags import LoadFlags
from profiles.files import replace_file
from profiles.home import Home

MOST_PROFILES, MOST_BYTES, KEPT = 200, 1024 * 1024, 5
"""Profiles, bytes of the file, and values of one kind in a profile."""
_HEADER = 64 * 1024
_VERSION = 1
Values = tuple[float, ...]


class Measurement(Struct, frozen=True, kw_only=True):
    """What somebody saw of one engine; None: did not look."""

    after: Literal["ready", "work"]
    """Before or after its first answer: an engine grows with that, so "work" counts where there is any."""
    ram: int | None = None
    """Resident bytes of its tree (`supervisors.health.probes.tree_rss`)."""
    vram: int | None = None
    peak_ram: int | None = None
    peak_vram: int | None = None
    load_s: float | None = None
    """From the start of the process to READY, seconds."""
    cold: bool = False
    """Whether `load_s` was that of a file that was not in the page cache."""
    speed: float | None = None
    """Tokens a second of a model; of ears and voices, seconds of work for a second of sound (RTF)."""


class Profile(Struct, frozen=True, kw_only=True):
    """The last few values of each kind, oldest first; bytes and seconds."""

    name: str = ""
    """For people: the model's id."""
    seen: float = 0.0
    """When it was last measured, seconds since 1970; the oldest profile goes first."""
    samples: int = 0
    ready_ram: Values = ()
    work_ram: Values = ()
    peak_rams: Values = ()
    ready_vram: Values = ()
    work_vram: Values = ()
    peak_vrams: Values = ()
    cold: Values = ()
    warm: Values = ()
    speeds: Values = ()

    @property
    def ram(self) -> int:
        """Steady; one odd evening does not move it."""
        return int(_middle(self.work_ram or self.ready_ram) or 0)

    @property
    def vram(self) -> int:
        return int(_middle(self.work_vram or self.ready_vram) or 0)

    @property
    def peak_ram(self) -> int:
        return int(max((*self.peak_rams, self.ram)))

    @property
    def peak_vram(self) -> int:
        return int(max((*self.peak_vrams, self.vram)))

    @property
    def load_cold_s(self) -> float | None:
        return _middle(self.cold)

    @property
    def load_warm_s(self) -> float | None:
        return _middle(self.warm)

    @property
    def speed(self) -> float | None:
        return _middle(self.speeds)

    def with_one(self, seen: Measurement, name: str, now: float) -> "Profile":
        work, cold = seen.after == "work", seen.cold
        return Profile(
            name=name or self.name,
            seen=now,
            samples=self.samples + 1,
            ready_ram=_add(self.ready_ram, None if work else seen.ram),
            work_ram=_add(self.work_ram, seen.ram if work else None),
            peak_rams=_add(self.peak_rams, seen.peak_ram),
            ready_vram=_add(self.ready_vram, None if work else seen.vram),
            work_vram=_add(self.work_vram, seen.vram if work else None),
            peak_vrams=_add(self.peak_vrams, seen.peak_vram),
            cold=_add(self.cold, seen.load_s if cold else None),
            warm=_add(self.warm, None if cold else seen.load_s),
            speeds=_add(self.speeds, seen.speed),
        )


class _File(Struct):
    version: int = 0
    profiles: dict[str, Profile] = {}


class MeasuredProfiles:
    """The profiles of this machine. Cheap to make; every call reads the file, which others write too."""

    def __init__(self, home: Home) -> None:
        self._path = home.root / "state" / "learned.json"

    def look_up(self, key: str) -> Profile | None:
        """None where nothing of use is known."""
        profile = self._read().get(key)
        return profile if profile is not None and profile.ram > 0 else None

    def record(self, key: str, seen: Measurement, *, name: str = "") -> None:
        """Adds what was seen. A disk that is full or not ours costs the knowledge, never the show."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.with_suffix(".lock").open("ab") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                profiles, now = self._read(), time.time()
                profiles[key] = profiles.get(key, Profile()).with_one(seen, name, now)
                newest = sorted(profiles.items(), key=lambda item: item[1].seen)[-MOST_PROFILES:]
                replace_file(self._path, msgspec.json.encode(_File(version=_VERSION, profiles=dict(newest))))
        except OSError:
            return

    def _read(self) -> dict[str, Profile]:
        """Empty when there is none, or none that can be read; a profile that makes no sense is left out."""
        try:
            if self._path.stat().st_size > MOST_BYTES:
                return {}
            found = msgspec.json.decode(self._path.read_bytes(), type=_File)
        except (OSError, ValueError, RecursionError):
            return {}
        return {k: p for k, p in found.profiles.items() if _sane(p)} if found.version == _VERSION else {}


def key_of(weights: Path | None, flags: LoadFlags, build: str, device: str) -> str:
    """What two starts must share for one to foretell the other: file, flags, engine and device. Raises OSError."""
    parts = [build, device, *flags.words]
    if weights is not None:
        found = weights.stat()
        with weights.open("rb") as file:
            header = hashlib.sha256(file.read(_HEADER)).hexdigest()
        parts += [str(found.st_size), str(found.st_mtime_ns), header]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _sane(profile: Profile) -> bool:
    kinds = (v for v in msgspec.structs.astuple(profile) if isinstance(v, tuple))
    return all(0 <= value < 1 << 50 for values in kinds for value in values) and profile.samples >= 0


def _add(values: Values, value: float | None) -> Values:
    return values if value is None else (*values, float(value))[-KEPT:]


def _middle(values: Iterable[float]) -> float | None:
    found = list(values)
    return median(found) if found else None
