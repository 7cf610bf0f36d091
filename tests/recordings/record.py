"""Writes down all that a real show tells a screen, for pictures to be drawn from.

`python -m tests.recordings.record evening OUT` plays an evening in short on the rehearsal rig: a spoken question, a
typed one that is interrupted, a line of the operator's, a killed model, a panic, and the end. `first OUT` is the first
start on an empty machine, with everything fetched.
"""

import asyncio
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from console.api import commands as cmd
from console.api.client import OperatorClient
from console.host.run_lock import alive
from devices.audio.microphone_clip import recorded_visitors
from devices.sound.sound_file import read_sound
from profiles.home import Home
from tests.support.real_show import RealShow, borrowed_home


async def listen(show: RealShow, rows: list[dict[str, Any]]) -> None:
    while (found := alive(Home(show.home).state(show.rig))) is None:
        await asyncio.sleep(0.01)
    async with OperatorClient(Path(found.socket)) as client:
        async for row in client.events():
            rows.append(row)


async def evening(show: RealShow) -> None:
    visitor = read_sound(recorded_visitors()[0]).astype("<i2").tobytes()
    await show.call(cmd.Ask(pcm=visitor))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(show.call(cmd.Ask(text="Tell me about the sea and the night.")))
        await asyncio.sleep(2.5)
        tasks.create_task(show.call(cmd.Interrupt()))
    await show.call(cmd.Say(text="The museum closes in 5 minutes."))
    await show.call(cmd.Ask(pcm=read_sound(recorded_visitors()[1]).astype("<i2").tobytes()))
    os.kill(show.service("llm")["pid"], signal.SIGKILL)
    await asyncio.sleep(0.4)
    await show.call(cmd.Ask(text="Are you still there?"))
    await asyncio.sleep(6)
    await show.call(cmd.Panic())
    await asyncio.sleep(0.5)
    await show.call(cmd.Resume())
    await show.call(cmd.Stop())


async def first(show: RealShow) -> None:
    await show.call(cmd.Stop())


async def record(out: Path, show: RealShow, play: Callable[[RealShow], Awaitable[None]]) -> None:
    rows: list[dict[str, Any]] = []
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listen(show, rows))
        await asyncio.to_thread(show.start)
        await play(show)
    out.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        which, out = sys.argv[1:]
        home = Path(folder) / "home"
        running = RealShow(home if which == "first" else borrowed_home(home), "--rig", "rehearsal")
        try:
            asyncio.run(record(Path(out), running, first if which == "first" else evening))
        finally:
            running.end()
            time.sleep(0.2)
