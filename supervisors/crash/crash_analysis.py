"""From the last traces of a service to a report that explains its end."""

import re
from pathlib import Path

from msgspec import Struct

from supervisors import kernel, redact
from supervisors.crash.crash_report import CrashReport
from supervisors.exits import CONTROL, TROUBLE, Exit
from supervisors.spec import Command, ServiceSpec

READ = 4 << 20
"""Bytes of the log that are looked at, from its end: some 20 ms."""
BEFORE, AFTER, LAST = 20, 40, 200
_LENGTH = 4000
_BIRTH = re.compile(r"\[shim\] started .* as (\d+)$")
_OURS = re.compile(r"^\S+Z \[shim\] ")


class CrashEvidence(Struct, frozen=True, kw_only=True):
    """What the supervisor knows in the moment of the end."""

    spec: ServiceSpec
    command: Command
    pid: int
    end: Exit | None
    """None: we ended it, because of `reason`."""
    reason: str
    uptime_s: float
    restarts: int
    wall: str
    """When it was seen, as in its log."""
    during: str
    """What it hit, in the words of the caller, when it was seen."""
    memory: tuple[tuple[float, int], ...]
    log: Path
    vram: tuple[tuple[float, int], ...] = ()
    auditioned: bool = False
    """It was to take over from another, which goes on."""


def examine(crash: CrashEvidence) -> CrashReport:
    """Reads the log: to be called in a thread."""
    lines = last_words(crash.log, crash.pid)
    first = next((n for n, text in enumerate(lines) if TROUBLE.search(text) and not _OURS.match(text)), None)
    context = lines[max(0, first - BEFORE) : first + AFTER + 1] if first is not None else []
    return CrashReport(
        service=crash.spec.name,
        role=crash.spec.role,
        wall=crash.wall,
        end=redact.line(crash.reason),
        code=crash.end.code if crash.end else None,
        signal=crash.end.signal if crash.end else None,
        pid=crash.pid,
        uptime_s=round(crash.uptime_s, 2),
        restarts=crash.restarts,
        during=crash.during,
        argv=redact.arguments(crash.command.argv),
        env=redact.environment(crash.command.env),
        log=str(crash.log),
        first_error=redact.line(lines[first]) if first is not None else "",
        context=tuple(map(redact.line, context)),
        tail=tuple(map(redact.line, lines[-LAST:])),
        memory=crash.memory,
        vram=crash.vram,
        auditioned=crash.auditioned,
        kernel=kernel.out_of_memory_line(crash.pid) if crash.end and crash.end.signal == 9 else "",
    )


def last_words(log: Path, pid: int) -> list[str]:
    """The lines of this very process, as far as they are still there: stamped and plain."""
    text = _end_of(log).decode("utf-8", "replace")
    if len(text) < READ // 2:  # rotated a moment ago
        text = _end_of(log.with_name(f"{log.name}.1")).decode("utf-8", "replace") + text
    lines = [CONTROL.sub("", raw.rstrip("\r").rsplit("\r", 1)[-1])[:_LENGTH] for raw in text.rstrip("\n").split("\n")]
    births = (n for n in range(len(lines) - 1, -1, -1) if (born := _BIRTH.search(lines[n])) and int(born[1]) == pid)
    return lines[next(births, 0) :]


def _end_of(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - READ))
            return file.read(READ)
    except OSError:
        return b""
