"""`make bench-logs`: what it costs to read logs, however much is written.

append_us          processor time per line for who follows four logs of 1,000,000 lines, looked at after each 500 (5000
                   lines a second, the ten looks of the page): find what is new, fill the window, lay out its rows
bytes_per_line     memory that grew from an empty book until all of those lines were filtered by level and searched for
                   a letter that each of them has
worst_stall_ms     the latest tick of a 5 ms timer in the real App on the log page, in a terminal, while another process
                   writes 5000 lines a second with rotation; own_: less the queueing for a core (Linux); empty_: of an
                   App with nothing in it, beside it
first_screen_ms    1 GB file: from nothing to the rows of the last page, laid out; the median
jump_ms            in it, to a random place or time, until its rows are laid out; p95
search_gb_s        a word, a regular expression and a level, looked for through all of it
"""

import gc
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from console.logbook.book import Book
from console.logbook.line import Level
from console.logbook.runs import paths
from console.logbook.scan import ScanBudget
from console.logbook.view import LogWindow
from console.tui.pages.log.row_drawing import RowLayout, lines_of
from profiles.home import CHECKOUT
from tests.bench.lag import lateness
from tests.bench.log_page import LOGS, RATE, WORDS
from tests.bench.pseudo_terminal import PseudoTerminal

LINES, BATCH, ROOM = 1_000_000, 500, 38
HUGE, BLOCK = 1 << 30, 1 << 20
SPARE = 3 << 30
FIRST_SCREENS, JUMPS = 15, 200
STALL_S = 25.0
Figures = dict[str, Any]
_EVER = ScanBudget(1e9)
_BEGAN = datetime(2026, 11, 22, 18, tzinfo=UTC)


def stamp(ms: int) -> bytes:
    at = _BEGAN + timedelta(milliseconds=ms)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z ".encode()


def lines(count: int) -> Iterator[tuple[int, bytes]]:
    """As four engines write them at 5000 lines a second."""
    at = b""
    for number in range(count):
        if number % 5 == 0:
            at = stamp(number // 5)
        yield number % 4, at + WORDS[number % 4] % number


def append(folder: Path) -> Figures:
    """The writing is not measured; it goes on between the looks."""
    before = rss()
    files = [(folder / f"{name}.log").open("wb", buffering=0) for name in LOGS]
    with Book(paths(folder, LOGS)) as book:
        view = looking_at(book)
        spent, batch = 0.0, [bytearray() for _ in LOGS]
        for number, (log, line) in enumerate(lines(LINES), 1):
            batch[log] += line
            if number % BATCH == 0:
                for file, data in zip(files, batch, strict=True):
                    file.write(data)
                    data.clear()
                began = time.thread_time()
                book.refresh()
                see(view)
                spent += time.thread_time() - began
        followed = rss()
        view.filter(Level.WARNING, _EVER)
        view.refill(_EVER)
        view.find("e")
        view.count(_EVER)
        assert view.hits == LINES, view.hits
        gc.collect()
        return {
            "append_us": round(spent / LINES * 1e6, 2),
            "bytes_per_line": round((rss() - before) / LINES, 1),
            "followed_bytes_per_line": round((followed - before) / LINES, 1),
        }


def looking_at(book: Book) -> LogWindow:
    view = LogWindow(book)
    view.room = ROOM
    return view


def see(view: LogWindow) -> None:
    """The window as it is now, with every row laid out for a screen of 160 columns."""
    view.refill(_EVER)
    look = RowLayout(width=116, names=tuple(view.book.names))
    for row in view.window.rows:
        lines_of(row, look)


def rss() -> int:
    return int(psutil.Process().memory_info().rss)


def huge(folder: Path) -> Figures:
    path = folder / "huge.log"
    count = write_huge(path)
    try:
        return {"huge_lines": count} | first_screens(path) | jumps(path) | searches(path)
    finally:
        path.unlink()


def write_huge(path: Path) -> int:
    """1 GB in which each MiB has a time of its own; the number of lines."""
    template = b"".join(b"@" * 25 + WORDS[n % 4] % n for n in range(9000))
    template = template[: template.rfind(b"\n", 0, BLOCK) + 1]
    written = count = 0
    with path.open("wb") as file:
        while written < HUGE:
            written += file.write(template.replace(b"@" * 25, stamp(count)))
            count += template.count(b"\n")
    return count


def first_screens(path: Path) -> Figures:
    times = []
    for _ in range(FIRST_SCREENS):
        began = time.perf_counter()
        with Book({"huge": path}) as book:
            see(looking_at(book))
            times.append(time.perf_counter() - began)
    return {"first_screen_ms": ms(statistics.median(times)), "first_screen_worst_ms": ms(max(times))}


def jumps(path: Path) -> Figures:
    dice, times = random.Random(1), []
    with Book({"huge": path}) as book:
        view = looking_at(book)
        see(view)
        last = next(book.sources[0].backward(book.end[0])).stamp
        whole = int((datetime.fromisoformat(last.decode()) - _BEGAN).total_seconds() * 1000)
        for number in range(JUMPS):
            began = time.perf_counter()
            if number % 2:
                view.to_share(dice.random(), _EVER)
            else:
                view.to_time(stamp(dice.randrange(whole))[:-1], 0, _EVER)
            see(view)
            times.append(time.perf_counter() - began)
            assert len(view.window.rows) == ROOM
    return {"jump_ms": ms(sorted(times)[int(JUMPS * 0.95)]), "jump_worst_ms": ms(max(times))}


def searches(path: Path) -> Figures:
    def words(view: LogWindow) -> None:
        view.find("not anywhere in it")
        view.count(_EVER)

    def expression(view: LogWindow) -> None:
        view.find("not (anywhere|here) in it$")
        view.count(_EVER)

    def errors(view: LogWindow) -> None:
        view.filter(Level.ERROR, _EVER)
        view.refill(_EVER)

    def speed(work: Callable[[LogWindow], None]) -> float:
        with Book({"huge": path}) as book:
            view, began = looking_at(book), time.perf_counter()
            work(view)
            return round(book.end[0] / 1e9 / (time.perf_counter() - began), 3)

    return {
        "search_gb_s": speed(words),
        "search_regex_gb_s": speed(expression),
        "filter_gb_s": speed(errors),
        "huge_rss_mb": round(rss() / 2**20),
    }


def stall(folder: Path) -> Figures:
    """Writer, page and an empty App side by side. Ticks go to memory: a busy disk would stall who writes them."""
    shm = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="galactus-bench-", dir=shm if shm.is_dir() else folder) as memory:
        return _stall(folder / "run", Path(memory))


def _stall(run: Path, memory: Path) -> Figures:
    run.mkdir()
    (run / "stt.log").write_bytes(stamp(0) + b"begin\n")
    page_lag, empty_lag = memory / "page.lag", memory / "empty.lag"
    words = ["-m", "tests.bench.log_page"]
    writer = subprocess.Popen(
        [sys.executable, *words, "write", str(run), str(STALL_S + 8)], cwd=CHECKOUT, stdout=subprocess.PIPE
    )
    empty = PseudoTerminal([*words, "empty", str(empty_lag), str(STALL_S)], run)
    page = PseudoTerminal([*words, "page", str(run), str(page_lag), str(STALL_S)], run)
    try:
        page.wait(STALL_S + 30)
        empty.wait(STALL_S + 30)
        told = json.loads(writer.communicate(timeout=30)[0])
    finally:
        for terminal in (page, empty):
            terminal.end()
        writer.kill()
        writer.wait()
    assert (run / "llm.log.1").exists() and told["written"] / told["wrote_s"] > RATE * 0.98, told
    figures: Figures = json.loads(Path(f"{page_lag}.json").read_text())
    del figures["last"]
    for name, lag in (("", page_lag), ("empty_", empty_lag)):
        begin = float(lag.read_text().split(maxsplit=1)[0])
        late, own = lateness(lag, [(begin, begin + STALL_S - 0.5)])  # its end is not a part of it
        figures |= {f"{name}worst_stall_ms": round(late[-1], 1), f"own_{name}worst_stall_ms": round(own[-1], 1)}
        figures |= {f"{name}stall_p99_ms": late[int(len(late) * 0.99)], f"{name}ticks": len(late)}
    return figures | {"stall_watched_s": STALL_S, "lines_per_s": round(told["written"] / told["wrote_s"])}


def ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def table(figures: Figures) -> str:
    rows = [
        ("append, following 1,000,000 lines", "append_us", 5, "us a line"),
        ("memory, filtered and searched", "bytes_per_line", 250, "bytes a line"),
        (
            "worst stall at 5000 lines a second",
            "worst_stall_ms",
            50,
            "ms; an empty App beside it: {empty_worst_stall_ms}",
        ),
        ("1 GB: first screen", "first_screen_ms", 100, "ms; the worst {first_screen_worst_ms}"),
        ("1 GB: a jump, p95", "jump_ms", 20, "ms; the worst {jump_worst_ms}"),
        ("1 GB: a word", "search_gb_s", None, "GB/s; an expression {search_regex_gb_s}, a level {filter_gb_s}"),
        ("the page, of a core", "page_cpu_pct", None, "%, {paints_per_s} paints a second, {page_rss_mb} MiB"),
    ]
    out = [f"{'':<38}{'measured':>10}{'bar':>8}"]
    for words, name, bar, unit in rows:
        out.append(f"{words:<38}{figures[name]:>10}{bar or '':>8}  {unit.format(**figures)}")
    return "\n".join(out)


def main() -> None:
    root = Path(os.environ.get("GALACTUS_BENCH_FOLDER") or tempfile.gettempdir())
    if shutil.disk_usage(root).free < SPARE:
        raise SystemExit(
            f"There is less than 3 GB free in {root}; set GALACTUS_BENCH_FOLDER to a folder with more room."
        )
    figures: Figures = {}
    with tempfile.TemporaryDirectory(prefix="galactus-bench-", dir=root) as folder:
        for part in (append, stall, huge):
            began = time.monotonic()
            figures |= (found := part(Path(folder)))
            print(f"  {part.__name__:<8} {time.monotonic() - began:5.1f} s  {json.dumps(found)}", flush=True)
    print(table(figures))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
