"""The real console, but for one thing: what its speaker plays and what its jaw is told goes to $GALACTUS_TAP as well.

A line each, in JSON: ["sound", generation, first sample, monotonic s at which it is audible, samples]; ["frame",
generation, index] before each write of a frame to the board, ["other"] before any other; ["pcm", generation, base64].
SIGUSR1 blocks the event loop for 5 s.
"""

import asyncio
import base64
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

from conversation.audio import Samples
from devices.jaw.jaw_player import JawPlayer
from devices.limits import LimitedJaw
from devices.sound.output_queue import OutputQueue

BLOCKED_S = 5.0
TAP = os.open(os.environ["GALACTUS_TAP"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def note(*what: Any) -> None:
    os.write(TAP, json.dumps(what).encode() + b"\n")  # one write: lines of two threads do not mix


def watch_sound() -> None:
    advance, write = OutputQueue._advance, OutputQueue.write

    def noted_advance(queue: OutputQueue, at: float, filled: int) -> None:
        note("sound", queue._generation, queue._played, at, filled)
        advance(queue, at, filled)

    def noted_write(queue: OutputQueue, generation: int, pcm: Samples) -> None:
        note("pcm", generation, base64.b64encode(pcm.tobytes()).decode(), queue.rate)
        write(queue, generation, pcm)

    setattr(OutputQueue, "_advance", noted_advance)  # noqa: B010
    setattr(OutputQueue, "write", noted_write)  # noqa: B010


def watch_jaw() -> None:
    """The board hears in this order, so the n-th line belongs to the n-th move that it decodes."""
    step, send = JawPlayer._step, LimitedJaw._write
    now: list[int] = []

    def noted_step(player: JawPlayer) -> None:
        now[:] = [player._generation, player._next]
        try:
            step(player)
        finally:
            now.clear()

    def noted_send(jaw: LimitedJaw, us: float) -> int:
        if jaw.board is not None and not jaw.stopped:
            note("frame", *now) if now else note("other")
        return send(jaw, us)

    setattr(JawPlayer, "_step", noted_step)  # noqa: B010
    setattr(LimitedJaw, "_write", noted_send)  # noqa: B010 - no other door, and none is wanted


def block_when_asked() -> None:
    make = asyncio.new_event_loop

    def made() -> asyncio.AbstractEventLoop:
        loop = make()
        loop.add_signal_handler(signal.SIGUSR1, time.sleep, BLOCKED_S)
        return loop

    asyncio.events.new_event_loop = made


if __name__ == "__main__":
    watch_sound()
    watch_jaw()
    block_when_asked()
    from console.cli.main import main

    sys.exit(main())
