"""What a frame costs: a recorded turn, drawn by the real App at the speed at which it happened, without a show.

`python -m tests.bench.frames FILE`, in a terminal: a headless App would skip the last step, from cells to bytes. FILE
gets one JSON object.
"""

import asyncio
import inspect
import json
import sys
import time
from argparse import Namespace
from pathlib import Path
from time import monotonic, process_time
from typing import Any

import numpy as np

from console.tui.app.app import ConsoleApp
from console.tui.client.show_connection import ShowConnection

RECORDING = Path(__file__).parent.parent / "recordings" / "evening.jsonl"
_TURN = 1
_SETTLE_S = 0.5


class Replay(ShowConnection):
    """Tells what came before the turn at once, then the turn in its own time."""

    def __init__(self) -> None:
        super().__init__(RECORDING.parent)
        self.app: MeasuredApp

    async def run(self) -> None:
        rows = timed([json.loads(line) for line in RECORDING.read_text().splitlines()])
        begin, end = (_at(rows, kind) for kind in ("TurnStarted", "TurnEnded"))
        for at, row in rows:
            if at < begin:
                self._take(row)
        self._zero = monotonic() - begin / 1000
        await asyncio.sleep(_SETTLE_S)  # the first frame is another figure's business
        self._zero = monotonic() - begin / 1000
        self.app.begin()
        for at, row in rows:
            if begin <= at <= end:
                await asyncio.sleep(max(0.0, self._zero + at / 1000 - monotonic()))
                self._take(row)
        self.app.result = self.app.measured()
        self.app.exit("leave")


def timed(rows: list[dict[str, Any]]) -> list[tuple[float, dict[str, Any]]]:
    """Telemetry carries no time: it is spread evenly between the events around it."""
    known = [(number, row["t_mono_ms"]) for number, row in enumerate(rows) if "t_mono_ms" in row]
    times = np.interp(range(len(rows)), [number for number, _ in known], [at for _, at in known])
    return list(zip(times.tolist(), rows, strict=True))


def _at(rows: list[tuple[float, dict[str, Any]]], kind: str) -> float:
    return next(at for at, row in rows if row.get("type") == kind and row["turn"] == _TURN)


class MeasuredApp(ConsoleApp):
    """Counts the processor time of `draw`, and of all that follows from it."""

    CSS_PATH = str(Path(inspect.getfile(ConsoleApp)).with_name("app.tcss"))
    result: dict[str, float]
    _draw_s, _cpu, _wall, _frames = 0.0, 0.0, 0.0, 0

    def begin(self) -> None:
        self._draw_s, self._cpu, self._wall, self._frames = 0.0, process_time(), monotonic(), self.frames

    def draw(self) -> None:
        began = time.thread_time()
        super().draw()
        self._draw_s += time.thread_time() - began

    def measured(self) -> dict[str, float]:
        frames, cpu, wall = self.frames - self._frames, process_time() - self._cpu, monotonic() - self._wall
        return {
            "frame_ms": round(cpu / frames * 1000, 2),
            "draw_ms": round(self._draw_s / frames * 1000, 2),
            "frames_per_s": round(frames / wall, 1),
            "replay_cpu_pct": round(cpu / wall * 100, 1),
        }


def main() -> None:
    link = Replay()
    link.app = MeasuredApp(link, Namespace(rig=None, character=None, verb="attach"))
    link.app.run()
    Path(sys.argv[1]).write_text(json.dumps(link.app.result))


if __name__ == "__main__":
    main()
