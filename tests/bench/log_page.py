"""Programs that the log bench runs beside itself, in a terminal: `python -m tests.bench.log_page WHICH ...`.

page RUN OUT SECONDS    the real App on the log page of a run; OUT gets its lag (tests/bench/lag.py), OUT.json the rest
empty OUT SECONDS       a Textual App with nothing in it
write RUN SECONDS       5000 lines a second into four logs, as the shims write them, rotated all the time
"""

import asyncio
import gc
import inspect
import json
import resource
import sys
import time
from argparse import Namespace
from pathlib import Path
from time import process_time

import psutil  # type: ignore[import-untyped]
from textual.app import App

from console.tui.app.app import ConsoleApp
from console.tui.pages.log.page import LogPage
from supervisors.shim.log_file import LogFile
from tests.bench.lag import Monitor
from tests.console.pictures.scenes import Scene, StillLink, ended

RATE, BURSTS_S = 5000, 0.01
LOGS = ("stt", "llm", "tts", "show")
_LIMIT, _READ = 2_000_000, 12
"""Bytes of a file before it is rotated, some three seconds; lines that come out of a pipe at once."""
_SETTLE_S = 2.0
WORDS = (
    b"slot print_timing: id 0 | task %d | prompt eval time = 142.31 ms / 12 tokens (11.86 ms per token)\n",
    b"\x1b[36mINFO\x1b[0m said %d characters in 0.12 s, of which 0.03 s were spent in the queue of the voice\n",
    b"POST /inference 200 0.31 s audio_ctx 512, window %d, beam 1, no temperature fallback, 16 kHz mono\n",
    b"WARNING a kernel falls back to the processor, node %d of the graph runs on CPUExecutionProvider\n",
)


class WatchedApp(ConsoleApp):
    CSS_PATH = str(Path(inspect.getfile(ConsoleApp)).with_name("app.tcss"))

    def __init__(self, run: Path, out: Path, seconds: float) -> None:
        super().__init__(StillLink(Scene(until=ended(4)), run), Namespace(rig=None, character=None, verb="attach"))
        self._out, self._for_s, self._paints = out, seconds, 0

    async def on_ready(self) -> None:
        await self.action_see("log")
        page = self.screen_stack[0].query_one(LogPage)
        self._count_paints(page)
        await asyncio.sleep(_SETTLE_S)
        Monitor(asyncio.get_running_loop(), self._out)
        began, cpu, paints = time.monotonic(), process_time(), self._paints
        self.set_timer(self._for_s, lambda: self._end(began, cpu, paints))

    def _count_paints(self, page: LogPage) -> None:
        paint = page._paint

        def counted() -> None:
            self._paints += 1
            paint()

        page._paint = counted  # type: ignore[method-assign]

    def _end(self, began: float, cpu: float, paints: int) -> None:
        wall = time.monotonic() - began
        last = self.screen_stack[0].query_one(LogPage)._reader.shown.lines[-1][1]
        figures = {
            "page_cpu_pct": round((process_time() - cpu) / wall * 100, 1),
            "page_rss_mb": round(psutil.Process().memory_info().rss / 2**20, 1),
            "paints_per_s": round((self._paints - paints) / wall, 1),
            "last": "".join(text for text, _ in last),
        }
        Path(f"{self._out}.json").write_text(json.dumps(figures))
        self.exit("leave")


class EmptyApp(App[None]):
    def __init__(self, out: Path, seconds: float) -> None:
        super().__init__()
        self._out, self._for_s = out, seconds

    async def on_ready(self) -> None:
        await asyncio.sleep(_SETTLE_S)
        Monitor(asyncio.get_running_loop(), self._out)
        self.set_timer(self._for_s, self.exit)


def write(run: Path, seconds: float) -> None:
    """In bursts, as pipes are read; what cannot be done in time is caught up with."""
    logs = [LogFile(str(run / f"{name}.log"), limit=_LIMIT) for name in LOGS]
    began, written, reads = time.monotonic(), 0, 0
    while (now := time.monotonic() - began) < seconds:
        while written < now * RATE:
            which, reads = reads % len(LOGS), reads + 1
            logs[which].write(b"".join(WORDS[which] % (written + n) for n in range(_READ)))
            written += _READ
        time.sleep(BURSTS_S)
    print(json.dumps({"written": written, "wrote_s": round(time.monotonic() - began, 2)}))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    match sys.argv[1:]:
        case ["page", run, out, seconds]:
            gc.disable()  # as console.tui.app.main does; the App's first frame switches it on again
            WatchedApp(Path(run), Path(out), float(seconds)).run()
        case ["empty", out, seconds]:
            EmptyApp(Path(out), float(seconds)).run()
        case ["write", run, seconds]:
            write(Path(run), float(seconds))


if __name__ == "__main__":
    main()
