"""A camera that runs beside a test."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from devices.camera import simulated
from devices.camera.capture import CameraFeed, CaptureDeadlines
from devices.camera.names import CameraCandidate
from profiles.schema import Camera as Settings

PATIENT = CaptureDeadlines(first=60.0, kill=60.0, pause=0.05, most_pause=0.2)
"""Of a machine that is busy with other things: nothing counts as a hang."""
LONG = CaptureDeadlines(first=60.0, kill=300.0, pause=0.05)
SOON = CaptureDeadlines(first=60.0, fault=0.5, kill=1.0, pause=0.05, most_pause=0.2)


@asynccontextmanager
async def rolling(
    device: str = "simulated",
    patience: CaptureDeadlines = PATIENT,
    command: Sequence[str] = (),
    listed: Callable[[], list[CameraCandidate]] = list,
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[CameraFeed]:
    """Runs, watched; has ended afterwards, and its child with it."""
    camera = CameraFeed(
        Settings(device=device, width=160, height=120),
        command or simulated.command(),
        patience=patience,
        listed=listed,
        clock=clock,
    )
    camera.watch(True)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(camera.run())
        try:
            yield camera
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def until(true: Callable[[], object], most_s: float = 60.0) -> None:
    due = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < due, "it did not come to pass"
        await asyncio.sleep(0.005)


def program(folder: Path, code: str) -> tuple[str, ...]:
    """A capture program of a test's own; `link` is its line to us."""
    root = Path(simulated.__file__).parents[2]
    path = folder / "program.py"
    path.write_text(
        f"import sys, time\nsys.path.append({str(root)!r})\nfrom devices.camera.child import ShowPipe\n{code}\n"
    )
    return sys.executable, "-I", str(path)
