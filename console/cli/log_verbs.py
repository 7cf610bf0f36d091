"""`console.py logs`: what the services said, and why one crashed; of the running show, or of the last run."""

import os
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from console.api import commands as cmd
from console.api.client import NoShow
from console.host import exit_codes
from console.host.surroundings import for_people
from console.logbook import report, runs
from console.logbook.book import Book, Place
from console.logbook.line import Line, coloured, plain
from console.logbook.scan import ScanBudget
from console.logbook.source import LogSource
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import load_rig
from supervisors.crash.crash_report import CrashReport

_LOOK_S = 0.1
_FIRST = 20
"""Lines that come first when it follows."""
_RUNS, _OLDER = 20, 30
_WHOLE = 1 << 20
"""Bytes of a line that are printed."""


def logs(arguments: Namespace) -> int:
    """Lines to stdout, words to stderr. Raises CommandError, NoShow, ProfileError; BrokenPipeError ends it quietly."""
    home = Home.from_environment()
    rig = load_rig(arguments.rig, home).name if arguments.rig is not None else None
    run, runs_now = _run(arguments, home, rig)
    services = _services(arguments.service, run, home)
    if not runs_now:
        print(f"No show is running; this is the last run: {run}", file=sys.stderr)
    try:
        if arguments.crash:
            return _crashes(arguments.service, home, rig, run)
        return _print(services, run, arguments.follow)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else Python complains at its end
        return exit_codes.DONE


def _run(arguments: Namespace, home: Home, rig: str | None) -> tuple[Path, bool]:
    """The folder of the running show, else of the last run; and whether it runs."""
    from console.host import show_finder

    show = show_finder.find(Namespace(rig=arguments.rig, character=None), home)
    if show is not None:
        return Path(show.logs), True
    if not (found := runs.newest_first(home.logs, rig)):
        raise NoShow("nothing has been run yet, so there are no logs; start a show with: make show")
    return found[0], False


def _services(name: str, run: Path, home: Home) -> list[str]:
    """Which are meant. Raises CommandError."""
    written = runs.written(run)
    known = list(dict.fromkeys((*_engines(run, home), *written)))
    if name == runs.ALL:
        return known
    if seats := [key for key in written if key.partition("~")[0] == name]:
        return seats  # an engine that took over from another has a log of its own
    if name not in (*known, runs.SHOW):
        there = ", ".join(dict.fromkeys((*known, runs.SHOW)))
        raise cmd.CommandError(cmd.USAGE, f"there is no service {name}; this run has {there}, or all for all of them")
    return [name]


def _engines(run: Path, home: Home) -> list[str]:
    """Of the rig, which may have been changed since."""
    try:
        return [name for name, engine in load_rig(runs.rig_of(run), home).value.engines.items() if engine.enabled]
    except ProfileError:
        return []


def _print(services: list[str], run: Path, follow: bool) -> int:
    with Book(runs.paths(run, services)) as book:
        if book.end == book.start:
            print(f"{' and '.join(services)}: nothing has been written yet.", file=sys.stderr)
        if not follow:
            _write(book, book.forward(book.start, None, ScanBudget(0)))
            return exit_codes.DONE
        last = list(islice(book.backward(book.end, None, ScanBudget(0)), _FIRST))
        place = book.at_line(last[-1]) if last else book.end
        while True:
            lines = [line for line in book.forward(place, None, ScanBudget(0)) if line.whole]
            _write(book, iter(lines))
            place = _after(list(place), lines)
            time.sleep(_LOOK_S)
            before = [source.emptied for source in book.sources]
            book.refresh()
            place = tuple(map(_still_there, book.sources, before, place))


def _after(place: list[int], lines: list[Line]) -> Place:
    for line in lines:
        place[line.source] = line.end
    return tuple(place)


def _still_there(source: LogSource, emptied: int, at: int) -> int:
    """Where to go on reading; what is missing is told."""
    name = source.path.stem
    if source.emptied != emptied:
        print(f"{name}: the log was emptied; this is what came since.", file=sys.stderr)
        return source.newest
    if at < source.start:
        print(f"{name}: some lines were rotated away before they could be shown.", file=sys.stderr)
    return max(at, source.start)


def _write(book: Book, lines: Iterator[Line]) -> None:
    out, colours = sys.stdout.buffer, _colours()
    several = len(book.names) > 1
    cells = max(map(len, book.names))
    for line in lines:
        text = coloured(line.data, _WHOLE) if colours else plain(line.data, _WHOLE)
        name = f"{book.names[line.source]:<{cells}}  " if several else ""
        end = "\x1b[0m\n" if "\x1b" in text else "\n"
        out.write(for_people(f"{line.stamp.decode('ascii', 'replace')} {name}{text}{end}"))
    out.flush()


def _colours() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def _crashes(service: str, home: Home, rig: str | None, run: Path) -> int:
    """The newest one whole, older ones a line each, also of earlier runs."""
    wanted = None if service == runs.ALL else service
    earlier = [folder for folder in runs.newest_first(home.logs, rig) if folder.name < run.name]
    folders = [run, *earlier[: _RUNS - 1]]
    found = [(folder, one) for folder in folders for one in report.newest_first(folder, wanted, _OLDER)]
    if not found:
        who = "Nothing has" if wanted is None else f"{wanted} has not"
        when = "run" if len(folders) == 1 else f"{len(folders)} runs"
        print(f"{who} crashed in the last {when}.", file=sys.stderr)
        return exit_codes.DONE
    folder, newest = found[0]
    if folder != run:
        print(f"There was no crash in this run; the last one was in {folder}", file=sys.stderr)
    text = "".join(f"{row}\n" for row in (*_report_lines(newest), *_older([one for _, one in found[1:_OLDER]])))
    sys.stdout.buffer.write(for_people(text))
    sys.stdout.buffer.flush()
    return exit_codes.DONE


def _report_lines(crash: CrashReport) -> Iterator[str]:
    for part in report.report_lines(crash):
        if part.kind == "heading":
            yield ""
        text = part.text if _colours() else plain(part.text.encode(), _WHOLE)
        label = f"{part.label:<10}" if part.label else ""
        yield label + text + ("\x1b[0m" if "\x1b" in text else "")


def _older(crashes: list[CrashReport]) -> Iterator[str]:
    if crashes:
        yield ""
        yield "Before that"
    for crash in crashes:
        yield f"{report.when(crash, '%Y-%m-%d %H:%M:%S')}  {report.headline(crash)}"
