"""`make bench-console`: what the operator's screen costs, and how soon it is there; the real programs in a terminal.

first_frame_ms       launch of `console.py attach` to a frame with the key bar; _cold_: of `console.py`, no show running
attach_ms            the larger of two. drawn: the screen opens the show's socket until engines and memory are drawn (by
                     lag.py's clock and the terminal's); told: start of Link.run, in this process, until it knows them
idle_cpu_pct         of one core, over 20 s in which nobody speaks; the larger of show and screen
show_, tui_rss_mb    after some turns; _idle_: before them; _uss_: what nobody else uses; parent_: the terminal's guard
show_, tui_lag_      how late a 5 ms timer fires between press and end of turns (tests/bench/lag.py), of other processes
                     than those above; own_lag_: less the queueing for a core; reference_: of an empty loop beside them
frame_ms, draw_ms    processor time of a frame in a replayed turn with all that follows; of ConsoleApp.draw alone
bytes_per_s          to the terminal while a turn runs
python_start_ms      `python -c pass` in between: how fast the machine is just now; import_textual_ms: with textual.app
"""

import asyncio
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

from console.api.commands import Ask
from console.host.run_lock import alive
from console.tui.client.show_connection import ShowConnection
from devices.audio.microphone_clip import recorded_visitors
from devices.sound.sound_file import read_sound
from profiles.home import CHECKOUT, Home
from tests.bench.lag import Windows, connections, lateness
from tests.bench.pseudo_terminal import PseudoTerminal
from tests.support.real_show import RealShow, borrowed_home

STARTS, COLD_STARTS, ATTACHES, LINKS = 7, 3, 5, 15
QUIET_S, IDLE_S = 4.0, 20.0
TURNS, WATCHED_TURNS, TURNS_S = 2, 4, 40.0
KEY_BAR = "SPACE"
ENGINES, MEMORY = "whisper-tiny.en", "RAM "
PROGRAM = str(CHECKOUT / "console.py")
_WATCHED = str(CHECKOUT / "tests" / "bench" / "lag.py")
_WHO = ("show", "tui", "reference")
_CHARACTER = 'extends = "mr_bones"\n[thinking]\nseed = 7\nhistory_turns = 0\n'
"""A fixed seed and no memory: every run of the bench says the same words."""
Figures = dict[str, Any]


def cold_start(home: Path) -> Figures:
    """The screen starts the show, and both come up on the same cores."""
    times = []
    for _ in range(COLD_STARTS):
        screen = PseudoTerminal([PROGRAM, "--rig", "rehearsal"], home)
        try:
            times.append(screen.drawn(KEY_BAR) - screen.launched)
        finally:
            screen.end()
            _stop_show(home)
    return {"first_frame_cold_ms": _ms(times)}


def _stop_show(home: Path) -> None:
    """Also one that is just starting; by force if it does not listen."""
    show = RealShow(home, "--rig", "rehearsal")
    show.cli("stop")
    if (left := alive(Home(home).state(show.rig))) is not None:
        os.kill(left.pid, signal.SIGKILL)
    show.end()


def first_frames(home: Path) -> Figures:
    """Between them two starts that have nothing to do with us: a shared machine is slow for all of them at once."""
    commands = {"python_start_ms": "pass", "import_textual_ms": "import textual.app"}
    times: dict[str, list[float]] = {name: [] for name in ("first_frame_ms", *commands)}
    for _ in range(STARTS):
        screen = PseudoTerminal([PROGRAM, "attach"], home)
        try:
            times["first_frame_ms"].append(screen.drawn(KEY_BAR) - screen.launched)
        finally:
            screen.end()
        for name, code in commands.items():
            began = time.monotonic()
            subprocess.run([sys.executable, "-c", code], check=True)
            times[name].append(time.monotonic() - began)
    ratios = [ours / theirs for ours, theirs in zip(times["first_frame_ms"], times["import_textual_ms"], strict=True)]
    out: Figures = {name: _ms(seconds) for name, seconds in times.items()}
    return out | {"first_frame_to_import_textual": round(statistics.median(ratios), 2)}


def attach_drawn(home: Path) -> Figures:
    times, lag = [], home / "attach.lag"
    for _ in range(ATTACHES):
        screen = PseudoTerminal([_WATCHED, "attach"], home, GALACTUS_LAG=str(lag))
        try:
            times.append(screen.drawn(ENGINES, MEMORY) - connections(Path(f"{lag}.connect"))[-1])
        finally:
            screen.end()
    return {"attach_drawn_ms": _ms(times)}


async def attach_told(folder: Path) -> Figures:
    times = []
    for _ in range(LINKS):
        link, whole = ShowConnection(folder), asyncio.Event()

        def look(link: ShowConnection = link, whole: asyncio.Event = whole) -> None:
            if link.picture.link == "live" and link.picture.memory is not None:
                whole.set()

        link.on_change = look
        async with asyncio.TaskGroup() as tasks:
            began = time.monotonic()
            running = tasks.create_task(link.run())
            await whole.wait()
            times.append(time.monotonic() - began)
            running.cancel()
    return {"attach_told_ms": _ms(times)}


def idle(show: psutil.Process, terminal: PseudoTerminal) -> Figures:
    """Nobody speaks; the clock ticks."""
    time.sleep(QUIET_S)
    processes = {"show": show, "tui": terminal.screen}
    began, before = time.monotonic(), {name: _cpu_s(process) for name, process in processes.items()}
    time.sleep(IDLE_S)
    ended = time.monotonic()
    out = {f"{name}_idle_cpu_pct": _percent(_cpu_s(p) - before[name], ended - began) for name, p in processes.items()}
    out["idle_cpu_pct"] = max(out.values())
    return out | {"idle_bytes_per_s": round(terminal.bytes_per_s([(began, ended)]))}


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def memory(show: psutil.Process, terminal: PseudoTerminal, when: str) -> Figures:
    out: Figures = {}
    for name, process in (("show", show), ("tui", terminal.screen), ("parent", terminal.parent)):
        info = process.memory_full_info()
        out[f"{name}{when}_rss_mb"], out[f"{name}{when}_uss_mb"] = _mb(info.rss), _mb(info.uss)
    return out


def turns(show: RealShow, count: int) -> Windows:
    """Recorded visitors ask, fewer on a slow day; from press to end, on the monotonic clock."""
    windows: Windows = []
    for path in recorded_visitors()[:count]:
        if windows and time.monotonic() - windows[0][0] > TURNS_S:
            break
        pcm = read_sound(path).astype("<i2").tobytes()
        began = time.monotonic()
        assert show.call_now(Ask(pcm=pcm))["outcome"] == "completed"
        windows.append((began, time.monotonic()))
    return windows


def warm(home: Path) -> Figures:
    """All that is measured from outside, of a show and a screen that nobody tampered with."""
    show = RealShow(home, "--character", "bench")
    terminal: PseudoTerminal | None = None
    try:
        show.start()
        turns(show, 1)
        out = first_frames(home) | attach_drawn(home)
        out |= asyncio.run(attach_told(Home(home).state(show.rig)))
        process, terminal = psutil.Process(show.file.pid), PseudoTerminal([PROGRAM, "attach"], home)
        terminal.drawn(ENGINES)
        out |= idle(process, terminal) | memory(process, terminal, "_idle")
        windows = turns(show, TURNS)
        return out | memory(process, terminal, "") | {"bytes_per_s": round(terminal.bytes_per_s(windows))}
    finally:
        if terminal is not None:
            terminal.end()
        show.end()


def lags(home: Path) -> Figures:
    """Show, screen and an empty loop side by side, while turns run."""
    show = RealShow(home, "--character", "bench")
    show.program, watched = _WATCHED, {who: {"GALACTUS_LAG": str(home / f"{who}.lag")} for who in _WHO}
    show.environment |= watched["show"]
    # A session of its own, as the show and the screen have: the kernel shares the cores between sessions first.
    reference = subprocess.Popen(
        [sys.executable, _WATCHED], env=os.environ | watched["reference"], start_new_session=True
    )
    terminal: PseudoTerminal | None = None
    try:
        show.start()
        terminal = PseudoTerminal([_WATCHED, "attach"], home, **watched["tui"])
        terminal.drawn(ENGINES)
        turns(show, 1)
        cpu = {"show": psutil.Process(show.file.pid), "tui": terminal.screen}
        before = {name: _cpu_s(process) for name, process in cpu.items()}
        windows = turns(show, WATCHED_TURNS)
        wall = windows[-1][1] - windows[0][0]
        out = {f"{name}_turn_cpu_pct": _percent(_cpu_s(p) - before[name], wall) for name, p in cpu.items()}
        time.sleep(0.5)  # the last ticks are written
        return out | _lag_figures(home, windows)
    finally:
        reference.kill()
        reference.wait()
        if terminal is not None:
            terminal.end()
        show.end()


def _lag_figures(home: Path, windows: Windows) -> Figures:
    out: Figures = {"turns_s": round(sum(end - begin for begin, end in windows), 1)}
    for name in _WHO:
        for kind, late in zip(("lag", "own_lag"), lateness(home / f"{name}.lag", windows), strict=True):
            out[f"{name}_{kind}_p50_ms"] = round(statistics.median(late), 2)
            out[f"{name}_{kind}_p99_ms"] = round(late[-(-len(late) * 99 // 100) - 1], 2)
            out[f"{name}_{kind}_max_ms"] = round(late[-1], 2)
    return out


def frames(home: Path) -> Figures:
    terminal = PseudoTerminal(["-m", "tests.bench.frames", str(home / "frames.json")], home)
    try:
        terminal.wait(60.0)
    finally:
        terminal.end()
    out: Figures = json.loads((home / "frames.json").read_bytes())
    return out


def _ms(seconds: list[float]) -> float:
    return round(statistics.median(seconds) * 1000, 1)


def _mb(size: int) -> float:
    return round(size / 2**20, 1)


def _percent(cpu_s: float, wall_s: float) -> float:
    return round(cpu_s / wall_s * 100, 2)


def table(figures: Figures) -> str:
    def row(words: str, *names: str, unit: str) -> str:
        return f"{words:<34}" + "".join(f"{figures[name]:>10}" for name in names) + f"  {unit}"

    def each(words: str, figure: str, unit: str, last: str) -> str:
        return row(words, *(f"{who}_{figure}" for who in ("show", "tui", last) if who), unit=unit)

    lines = [
        row("first frame: attached, cold", "first_frame_ms", "first_frame_cold_ms", unit="ms"),
        row("python; with textual imported", "python_start_ms", "import_textual_ms", unit="ms"),
        row("attach: drawn, told", "attach_drawn_ms", "attach_told_ms", unit="ms"),
        row("a frame; its draw", "frame_ms", "draw_ms", unit=f"ms, {figures['frames_per_s']} a second"),
        row("to the terminal: in a turn, idle", "bytes_per_s", "idle_bytes_per_s", unit="bytes a second"),
        f"{'':<34}{'show':>10}{'screen':>10}",
        each("processor, idle", "idle_cpu_pct", "% of a core", ""),
        each("processor, in a turn", "turn_cpu_pct", "% of a core", ""),
        each("memory, idle", "idle_rss_mb", "MiB; the screen's parent", "parent"),
        each("memory, after turns", "rss_mb", "MiB; the screen's parent", "parent"),
        each("of which its own", "uss_mb", "MiB; the screen's parent", "parent"),
    ]
    for kind, words in (("lag", "late"), ("own_lag", "late by itself")):
        for part in ("p50", "p99", "max"):
            lines.append(each(f"{words}, {part}", f"{kind}_{part}_ms", "ms; an empty loop", "reference"))
    return "\n".join(lines)


def main() -> None:
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # nobody at a booth compiles us again at each start
    with tempfile.TemporaryDirectory(prefix="galactus-bench-") as folder:
        home = borrowed_home(Path(folder) / "home")
        own = home / "profiles" / "characters"
        own.mkdir(parents=True)
        (own / "bench.toml").write_text(_CHARACTER)
        figures: Figures = {}
        for part in (warm, lags, frames, cold_start):
            began = time.monotonic()
            figures |= part(home)
            print(f"  {part.__name__:<12} {time.monotonic() - began:5.1f} s", flush=True)
    figures["attach_ms"] = max(figures["attach_drawn_ms"], figures["attach_told_ms"])
    print(table(figures))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
