"""How late an event loop is: runs a program of ours with a monitor in its loop.

`python tests/bench/lag.py attach` is `console.py attach`, watched; the file $GALACTUS_LAG gets a line for each tick:
when it came (monotonic, s), how late (ms), and how much of that the kernel had us queue for a core (ms; Linux only).
$GALACTUS_LAG.connect gets one for each unix socket that is opened. Without words there is nothing but the monitor.
"""

import asyncio
import asyncio.events
import os
import sys
import time
from pathlib import Path
from typing import Any

TICK_S = 0.005
_BATCH = 50
"""Ticks that are written at once. The screen leaves by os._exit, so nothing may wait for the end."""
_QUEUED = Path("/proc/thread-self/schedstat")
Windows = list[tuple[float, float]]


class Monitor:
    """A timer that should come each 5 ms and writes down how late it came."""

    def __init__(self, loop: asyncio.AbstractEventLoop, out: Path) -> None:
        self._loop, self._out = loop, out
        self._ticks: list[str] = []
        self._wait()

    def _wait(self) -> None:
        self._queued_before, self._due = queued_ms(), self._loop.time() + TICK_S
        self._loop.call_at(self._due, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        queued = queued_ms() - self._queued_before
        self._ticks.append(f"{now:.6f} {(now - self._due) * 1000:.3f} {queued:.3f}\n")
        if len(self._ticks) >= _BATCH:
            with self._out.open("a") as out:
                out.writelines(self._ticks)
            self._ticks.clear()
        self._wait()


def queued_ms() -> float:
    """How long this thread has been ready to run while others had the cores."""
    try:
        return int(_QUEUED.read_bytes().split()[1]) / 1e6
    except OSError:
        return 0.0


def watch_loops(out: Path) -> None:
    """Every loop that is made from now on; also in the child that the screen's parent forks."""
    make = asyncio.events.new_event_loop

    def watched() -> asyncio.AbstractEventLoop:
        loop = make()
        Monitor(loop, out)
        return loop

    asyncio.events.new_event_loop = watched


def note_connections(out: Path) -> None:
    """When the way to the show was begun."""
    connect = asyncio.open_unix_connection

    async def noted(*words: Any, **more: Any) -> Any:
        with out.open("a") as file:
            file.write(f"{time.monotonic():.6f}\n")
        return await connect(*words, **more)

    asyncio.open_unix_connection = noted


def connections(out: Path) -> list[float]:
    return [float(line) for line in out.read_text().splitlines()]


def lateness(out: Path, windows: Windows) -> tuple[list[float], list[float]]:
    """ms, sorted, of the ticks within these times: all of it, and without the queueing for a core."""
    rows = [tuple(map(float, line.split())) for line in out.read_text().splitlines()]
    rows = [row for row in rows if any(begin <= row[0] <= end for begin, end in windows)]
    return sorted(late for _, late, _ in rows), sorted(max(0.0, late - queued) for _, late, queued in rows)


async def _nothing() -> None:
    await asyncio.Event().wait()


def main() -> int:
    out = os.environ["GALACTUS_LAG"]
    watch_loops(Path(out))
    note_connections(Path(f"{out}.connect"))
    if words := sys.argv[1:]:
        from console.cli.main import main as console

        return console(words)
    asyncio.run(_nothing())
    return 0


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).parent.parent.parent)  # beside us lies another console.py
    raise SystemExit(main())
