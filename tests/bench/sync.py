"""`make bench-sync`: the jaw against the sound, from the real voice to an emulated Maestro, while the screen works.

send_error_p95_ms    |when the board had a frame - when its sound was audible, less the look-ahead|
drift_ms             how much that error grows in 60 s (the slope of a line through it)
jaw_error_p5, p95    of a modelled servo against the sound, voiced stretches of 200 ms (tests/bench/sync_model.py)
dropped_pct          frames that came too late and were left out; spacing_p95_ms: between two that were sent
estop_p99_ms         request to limp, at the board, with the event loop blocked for 5 s; _show_: of the real show, once

A screen shows the log meanwhile, and 5000 lines a second come into it. Piper and the model are the real ones.
"""

import asyncio
import base64
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from console.api.body_commands import Acknowledge, Arm
from console.api.commands import Say
from conversation.audio import Samples
from devices.emulators.emulate import emulate
from devices.estop import EmergencyStop, request
from devices.jaw.jaw_board import JawBoard
from devices.limits import LimitedJaw
from profiles.home import CHECKOUT
from profiles.schema import Jaw
from tests.bench import sync_model
from tests.bench.log_page import RATE
from tests.bench.pseudo_terminal import PseudoTerminal
from tests.support.real_show import RealShow, borrowed_home

HOP_S, LOOK_AHEAD_S = 0.020, 0.060
LINE = (
    "Once upon a time a merry old skull lived on a shelf by the door, and he told every child a story about a bone. "
    "The bone had gone to sea with a pirate, who wore it on a string around his neck and called it his lucky charm. "
)
LINES = 6
"""Some 75 s of speech in one utterance."""
STOPS, BLOCKS = 20, 5
RIG = """extends = "quick"
title = "Sync"
[audio]
speaker = "null"
microphone = "recorded"
[jaw]
board = "maestro"
port = "{port}"
closed_us = 1300
open_us = 1700
slew_us_per_s = 20000
arm_at_start = true
"""
Figures = dict[str, Any]


def main() -> None:
    figures: Figures = {}
    with tempfile.TemporaryDirectory() as folder:
        home = borrowed_home(Path(folder) / "home")
        figures |= speak(home)
    figures |= stops()
    _table(figures)
    print(json.dumps(figures))


def speak(home: Path) -> Figures:
    with emulate("maestro") as emulator:
        (home / "profiles" / "rigs").mkdir(parents=True)
        (home / "profiles" / "rigs" / "sync.toml").write_text(RIG.format(port=emulator.path))
        show = RealShow(home, "--rig", "sync")
        show.program = str(CHECKOUT / "tests" / "bench" / "synced_show.py")
        show.environment["GALACTUS_TAP"] = str(home / "tap")
        try:
            show.start()
            show.call_now(Say(text="Hello there, I am awake."))  # the voice is known from now on, and warm
            figures = _one_line(show, home, emulator)
            figures["estop_show_ms"] = _stop_the_show(show, emulator)
        finally:
            show.end()
    return figures


def _one_line(show: RealShow, home: Path, emulator: Any) -> Figures:
    logs = Path(show.file.logs)
    flood = subprocess.Popen([sys.executable, "-m", "tests.bench.log_page", "write", str(logs), "600"], cwd=CHECKOUT)
    screen = PseudoTerminal([str(CHECKOUT / "console.py"), "attach"], home)
    try:
        screen.drawn("SPACE")
        screen.type(b"2")
        time.sleep(3.0)
        tapped = (home / "tap").stat().st_size
        emulator.moves.clear()
        show.call_now(Say(text=LINE * LINES, timeout_s=300))
        time.sleep(0.5)
    finally:
        screen.end()
        flood.kill()
        flood.wait()
    with (home / "tap").open("rb") as tap:
        tap.seek(tapped)
        rows = [json.loads(line) for line in tap]
    return _judge(rows, list(emulator.moves))


def _judge(rows: list[list[Any]], moves: list[tuple[float, int, int]]) -> Figures:
    generation = next(row[1] for row in rows if row[0] == "sound")
    sound = [(row[2], row[3], row[4]) for row in rows if row[0] == "sound" and row[1] == generation]
    pieces = [row for row in rows if row[0] == "pcm" and row[1] == generation]
    rate = pieces[0][3]
    pcm = np.concatenate([np.frombuffer(base64.b64decode(row[2]), np.int16) for row in pieces])
    told = [row[1:] for row in rows if row[0] in ("frame", "other")]
    had = [(at, us) for at, _, us in moves if us]
    assert len(told) == len(had), f"{len(told)} frames were written, {len(had)} came"
    frames = [(index[1], at) for index, (at, _) in zip(told, had, strict=True) if index and index[0] == generation]
    errors = [(at - (_audible(sound, rate, index) - LOOK_AHEAD_S), at) for index, at in frames]
    late = np.array([error for error, _ in errors]) * 1000
    at = np.array([moment for _, moment in errors])
    slope = float(np.polyfit(at - at[0], late, 1)[0])
    heard = sync_model.loudness(_as_heard(pcm, sound, rate), rate)
    seen = sync_model.errors_ms(sync_model.servo(had), heard, sound[0][1])
    total = len(pcm) / rate / HOP_S
    return {
        "send_error_p95_ms": round(float(np.percentile(np.abs(late), 95)), 2),
        "send_error_p50_ms": round(float(np.median(np.abs(late))), 2),
        "send_error_max_ms": round(float(np.abs(late).max()), 2),
        "drift_ms": round(abs(slope) * 60, 2),
        "jaw_error_p5_ms": round(float(np.percentile(seen, 5)), 1),
        "jaw_error_p50_ms": round(float(np.median(seen)), 1),
        "jaw_error_p95_ms": round(float(np.percentile(seen, 95)), 1),
        "windows": len(seen),
        "spoken_s": round(len(pcm) / rate, 1),
        "gaps_s": round(sound[-1][1] + sound[-1][2] / rate - sound[0][1] - len(pcm) / rate, 2),
        "frames": len(frames),
        "dropped_pct": round(100 * (1 - len(frames) / total), 2),
        "spacing_p95_ms": round(float(np.percentile(np.diff(at), 95)) * 1000, 2),
        "log_lines_per_s": RATE,
    }


def _audible(sound: list[tuple[int, float, int]], rate: int, index: int) -> float:
    """When the first sample of a frame is heard; before the first block and after the last one by the rate."""
    sample = round(index * HOP_S * rate)
    first, at, _ = next((row for row in sound if row[0] <= sample < row[0] + row[2]), sound[-1])
    return at + (sample - first) / rate


def _as_heard(pcm: Samples, sound: list[tuple[int, float, int]], rate: int) -> Samples:
    """With the gaps in which the voice was not ready: they are part of what the listener hears."""
    began, last = sound[0][1], sound[-1]
    out = np.zeros(round((last[1] - began) * rate) + last[2] + rate, np.int16)
    for first, at, count in sound:
        piece = pcm[first : first + count]
        place = round((at - began) * rate)
        out[place : place + len(piece)] = piece
    return out


def _stop_the_show(show: RealShow, emulator: Any) -> float:
    """While it speaks, with its loop blocked."""

    async def speaking() -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(show.call(Say(text=LINE)))
            while len([us for _, _, us in emulator.moves if us]) < 30:
                await asyncio.sleep(0.02)
            assert show.process is not None
            show.process.send_signal(signal.SIGUSR1)
            await asyncio.sleep(0.5)
            asked.append(time.monotonic())
            assert await asyncio.to_thread(request, show.stop_socket)

    emulator.moves.clear()
    asked: list[float] = []
    asyncio.run(speaking())
    limp = next(at for at, _, us in emulator.moves if us == 0 and at >= asked[0])
    assert not [us for at, _, us in emulator.moves if us and at > limp], "nothing moves after it"
    show.call_now(Acknowledge())
    show.call_now(Arm())
    return float(round((limp - asked[0]) * 1000, 2))


def stops() -> Figures:
    """A hundred, each while frames are sent and this process's event loop is blocked."""
    with emulate("maestro") as emulator, tempfile.TemporaryDirectory() as folder:
        jaw = LimitedJaw(Jaw(board="maestro", port=emulator.path, arm_at_start=True))
        path = Path(folder) / "stop"
        with JawBoard(jaw, lambda: False, lambda down: None, lambda: None), EmergencyStop(path, (jaw.stop,), _nobody):
            while not jaw.armed:
                time.sleep(0.01)
            took: list[float] = []
            for _ in range(BLOCKS):
                asyncio.run(_blocked(jaw, path, emulator, took))
    return {
        "estop_p50_ms": round(statistics.median(took), 2),
        "estop_p99_ms": round(float(np.percentile(took, 99)), 2),
        "estop_max_ms": round(max(took), 2),
        "estops": len(took),
    }


async def _blocked(jaw: LimitedJaw, path: Path, emulator: Any, took: list[float]) -> None:
    worker = threading.Thread(target=_stop_often, args=(jaw, path, emulator, took))
    worker.start()
    await asyncio.sleep(0)
    time.sleep(5.0)  # noqa: ASYNC251 - this is what is measured
    worker.join()


def _stop_often(jaw: LimitedJaw, path: Path, emulator: Any, took: list[float]) -> None:
    for _ in range(STOPS):
        jaw.acknowledge()
        jaw.arm()
        for step in range(6):
            jaw.open_to(step % 2)
            time.sleep(0.02)
        asked = time.monotonic()
        assert request(path)
        while not (limp := [at for at, _, us in list(emulator.moves) if us == 0 and at >= asked]):
            time.sleep(0.001)
        took.append((limp[0] - asked) * 1000)


def _nobody() -> None:
    """Nobody wants to hear of it."""


def _table(figures: Figures) -> None:
    rows = (
        ("sent, against the sound: p50, p95, max", "send_error_p50_ms", "send_error_p95_ms", "send_error_max_ms"),
        ("drift in 60 s", "drift_ms"),
        ("servo, against the sound: p5, p50, p95", "jaw_error_p5_ms", "jaw_error_p50_ms", "jaw_error_p95_ms"),
        ("frames 95 % come within", "spacing_p95_ms"),
        ("e-stop: p50, p99, max", "estop_p50_ms", "estop_p99_ms", "estop_max_ms"),
        ("e-stop of the show", "estop_show_ms"),
    )
    for name, *keys in rows:
        print(f"{name:<42}" + "".join(f"{figures[key]:>9}" for key in keys) + "  ms")
    print(f"{figures['spoken_s']} s spoken, {figures['frames']} frames, {figures['dropped_pct']} % dropped")


if __name__ == "__main__":
    main()
