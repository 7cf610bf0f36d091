"""A crash report in plain words, for the screen and for the command line."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from msgspec import Struct

from console.logbook.line import coloured, local_time, plain
from console.logbook.sparkline import spark
from supervisors.crash import crash_report
from supervisors.crash.crash_report import CrashReport

Kind = Literal["title", "fact", "error", "heading", "line"]
_POINTS = 30
LINES = 200


class ReportLine(Struct, frozen=True):
    """One line of it."""

    kind: Kind
    text: str
    label: str = ""
    """Of a fact: "uptime"."""


def newest_first(logs: Path, service: str | None = None, most: int = 50) -> list[CrashReport]:
    """The crashes of one run; files that are no reports are passed over."""
    found = (crash_report.read(path) for path in reversed(crash_report.listed(logs, service)))
    fitting = (report for report in found if report is not None and service in (None, report.service))
    return [report for _, report in zip(range(most), fitting, strict=False)]


def headline(report: CrashReport) -> str:
    return f"{report.service} ended: {_safe(report.end)}"


def when(report: CrashReport, form: str = "%H:%M:%S") -> str:
    at = local_time(report.wall.encode())
    return f"{at:{form}}" if at else _safe(report.wall)[:24]


def report_lines(report: CrashReport) -> Iterator[ReportLine]:
    """From what matters most to what is only sometimes needed."""
    yield ReportLine("title", headline(report))
    yield ReportLine("fact", when(report, "%Y-%m-%d %H:%M:%S"), "when")
    if report.during:
        yield ReportLine("fact", _safe(report.during), "during")
    yield ReportLine("fact", _lasted(report.uptime_s), "ran for")
    yield ReportLine("fact", _times(report.restarts), "before")
    if report.kernel:
        yield ReportLine("error", _safe(report.kernel), "kernel")
    if report.memory:
        yield ReportLine("fact", _curve(report.memory), "memory")
    if any(size for _, size in report.vram):
        yield ReportLine("fact", _curve(report.vram), "VRAM")
    yield ReportLine("fact", str(report.pid), "pid")
    yield ReportLine("fact", " ".join(map(_safe, report.argv)), "command")
    yield from (ReportLine("fact", f"{_safe(k)}={_safe(v)}", "setting") for k, v in sorted(report.env.items()))
    yield ReportLine("fact", _safe(report.log), "log")
    if report.first_error:
        yield ReportLine("heading", "The first line that speaks of trouble")
        yield from _marked(report.context or (report.first_error,), report.first_error)
    if report.tail:
        yield ReportLine("heading", f"Its last {len(report.tail)} lines")
        yield from _marked(report.tail[-LINES:], report.first_error)


def _marked(lines: tuple[str, ...], error: str) -> Iterator[ReportLine]:
    for line in lines:
        yield ReportLine("error" if line == error else "line", coloured(line.encode("utf-8", "replace")))


def _lasted(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def _times(restarts: int) -> str:
    return (
        "it had not been restarted" if not restarts else f"restarted {'once' if restarts == 1 else f'{restarts} times'}"
    )


def _curve(memory: tuple[tuple[float, int], ...]) -> str:
    """Between its lowest and its highest point, which are told."""
    values = [value for _, value in memory]
    step = -(-len(values) // _POINTS)
    peaks = [max(values[n : n + step]) for n in range(0, len(values), step)]
    low, high = min(peaks), max(peaks)
    line = spark((peak - low) / max(1, high - low) for peak in peaks)
    return f"{line}  {low >> 20} to {high >> 20} MB in its last {memory[0][0] - memory[-1][0]:.0f} s"


def _safe(text: str) -> str:
    return plain(text.replace("\n", " ").encode("utf-8", "replace"))
