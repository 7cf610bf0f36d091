"""What a service left when it died: one JSON file a crash, for people who want to know why."""

from pathlib import Path

import msgspec
from msgspec import Struct


class CrashReport(Struct, frozen=True, kw_only=True):
    service: str
    role: str
    wall: str
    """When its end was seen: UTC, ISO 8601 with milliseconds, as in the events and at the head of each log line."""
    end: str
    """In words: "killed by SIGSEGV", "exited with code 3", "no answer to 3 probes of /health in a row"."""
    code: int | None = None
    signal: int | None = None
    pid: int
    uptime_s: float
    """Since it was spawned, or since it was adopted by this show."""
    restarts: int
    """How often it had been started again before."""
    during: str = ""
    """What it hit, in the words of the caller: "turn 3, SPEAKING"."""
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    """What its environment has and ours has not; secrets are redacted."""
    log: str
    """Path of its log file; it may have been rotated since."""
    first_error: str = ""
    context: tuple[str, ...] = ()
    """The first line that speaks of trouble, with 20 lines before and 40 after it."""
    tail: tuple[str, ...] = ()
    """Its last 200 lines."""
    memory: tuple[tuple[float, int], ...] = ()
    """(seconds before the end, bytes in RAM of the whole tree), oldest first, one minute at most."""
    vram: tuple[tuple[float, int], ...] = ()
    """The same on GPUs; empty where nothing was measured."""
    auditioned: bool = False
    """It was to take over from another engine, which went on."""
    kernel: str = ""
    """What the kernel says of it, when we may read that: mostly that it ran out of memory."""


def folder(logs: Path) -> Path:
    """Of a run's log folder."""
    return logs / "crashes"


def listed(logs: Path, service: str | None = None) -> list[Path]:
    """The reports of a run, oldest first; of one service or of all."""
    return sorted(folder(logs).glob(f"*-{service or '*'}.json"))


def write(logs: Path, report: CrashReport) -> Path:
    """Whole or not at all. Raises OSError: the disk may be full."""
    stamp = report.wall.translate({ord(c): None for c in "-:."})
    path = folder(logs) / f"{stamp}-{report.service}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    early = path.with_suffix(".part")
    early.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1))
    early.replace(path)
    return path


def read(path: Path) -> CrashReport | None:
    """None when it is gone or not a report."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=CrashReport)
    except (OSError, msgspec.MsgspecError):
        return None
