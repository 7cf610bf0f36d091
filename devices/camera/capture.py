"""The show's side of the camera: keeps a capture program running, and has its newest picture."""

import asyncio
import contextlib
import logging
import math
import socket
import subprocess
import time
from collections.abc import Callable, Sequence

import msgspec
from msgspec import Struct

from devices.camera import names, protocol
from devices.camera.names import CameraCandidate
from devices.errors import DeviceError
from profiles.schema import Camera as Settings

WATCHED_FPS, CALM_FPS = 8.0, 2.0
"""Small pictures a second: for somebody who looks, and for nobody. The camera itself runs on, for a picture must be
there when it is asked for: to open one takes up to two seconds."""
SNAPSHOT_S = 2.0
_LOOK_S = 0.25
_KILLED_WITHIN_S = 0.2
_log = logging.getLogger(__name__)


class CaptureDeadlines(Struct, frozen=True, kw_only=True):
    """How long we wait for what; seconds."""

    first: float = 15.0
    """For the first picture: a cold Python, a driver that waits ten seconds for its camera."""
    fault: float = 1.0
    """Without a picture for so long, beside the time between two, and the fault is named."""
    kill: float = 3.0
    """Then it is a hang, and the program is ended; a busy machine alone makes one wait for a second."""
    pause: float = 1.0
    most_pause: float = 10.0
    """Before the next start, doubled each time."""
    well: float = 10.0
    """Who ran for so long is started again after the shortest pause."""


class Frame(Struct, frozen=True, kw_only=True):
    """The newest small picture."""

    width: int
    height: int
    """Pixels of `rgb`, 96 at most."""
    rgb: bytes
    """Rows of 3 bytes a pixel."""
    at: float
    """When it was taken, on time.monotonic()."""
    brightness: int
    """Percent."""
    full_width: int
    full_height: int
    """Of the camera's own picture."""


class StillPicture(Struct, frozen=True, kw_only=True):
    """A picture of full size."""

    data: bytes
    mime: str
    """image/jpeg; of the simulated camera image/png."""
    at: float
    brightness: int
    width: int
    height: int


class CameraFeed:
    """`run` it; then `frame` is the newest picture there is. Nothing is opened before."""

    def __init__(
        self,
        settings: Settings,
        command: Sequence[str],
        *,
        patience: CaptureDeadlines | None = None,
        listed: Callable[[], list[CameraCandidate]] = names.cameras,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`command` starts the capture program; device and size are added. `listed` may block for a second."""
        self._settings, self._command = settings, tuple(command)
        self._patience, self._listed, self._clock = patience or CaptureDeadlines(), listed, clock
        self.simulated = settings.device.partition(":")[0] == "simulated"
        self.name = "simulated camera" if self.simulated else settings.device
        self.starts = 0
        self._fps = min(CALM_FPS, float(settings.fps))
        self._closed = False
        self._fruitless = 0
        """Starts in a row without a picture."""
        self._trouble = ""
        self._process: subprocess.Popen[bytes] | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._frame: Frame | None = None
        self._heard_at, self._limit = -math.inf, self._patience.first
        self._held: list[subprocess.Popen[bytes]] = []
        """Killed, but not yet let go by their driver."""
        self._asked: dict[asyncio.Future[StillPicture], bool] = {}
        """Who waits for a still, and whether for a PNG: then all get one."""

    @property
    def frame(self) -> Frame | None:
        """The newest, however old; None before the first."""
        return self._frame

    @property
    def age_s(self) -> float | None:
        """Of the newest picture, since it was taken."""
        return None if self._frame is None else max(0.0, self._clock() - self._frame.at)

    @property
    def on(self) -> bool:
        """A capture program runs: people are to be told that they may be seen."""
        return self._process is not None and self._process.poll() is None

    @property
    def fault(self) -> str:
        """Why there is no fresh picture, in one plain sentence; "" when there is one, or before the first."""
        if self._trouble or self._frame is None:
            return self._trouble
        patience = self._patience.fault + 1 / self._fps
        old = max(self._clock() - self._heard_at, self._clock() - self._frame.at)
        return f"{self.name}: gives no pictures; it is started again by itself" if old > patience else ""

    @property
    def _still(self) -> dict[str, object]:
        return {"still": "png" if any(self._asked.values()) else "jpeg"} if self._asked else {}

    def watch(self, on: bool) -> None:
        """Somebody looks, or nobody any more."""
        self._fps = min(WATCHED_FPS if on else CALM_FPS, float(self._settings.fps))
        self._order({"fps": self._fps})

    async def snapshot(self, timeout_s: float = SNAPSHOT_S, *, png: bool = False) -> StillPicture:
        """A picture taken now, at full size; `png`: without loss. Takes `timeout_s` at most. Raises DeviceError."""
        asked: asyncio.Future[StillPicture] = asyncio.get_running_loop().create_future()
        self._asked[asked] = png
        self._order(self._still)
        try:
            async with asyncio.timeout(timeout_s):
                return await asked
        except TimeoutError:
            raise DeviceError(self.name, f"gave no picture within {timeout_s:g} s", "go on without one") from None
        finally:
            self._asked.pop(asked, None)

    async def run(self) -> None:
        """Until cancelled or closed; once. Whatever becomes of the capture program, there will be another."""
        pause = self._patience.pause
        try:
            while not self._closed:
                began = self._clock()
                try:
                    self._note(await self._follow())
                except DeviceError as error:
                    self._note(str(error))
                except OSError as error:
                    self._note(f"{self.name}: it cannot be started ({error.strerror or error})")
                if self._clock() - began >= self._patience.well:
                    pause = self._patience.pause
                await asyncio.sleep(pause)
                pause = min(self._patience.most_pause, 2 * pause)
        finally:
            self.close()

    def close(self) -> None:
        """Ends the capture program for sure, and with it the camera's light; `run` starts no other."""
        self._closed = True
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_KILLED_WITHIN_S)

    async def _follow(self) -> str:
        """One capture program, from its start to its end; why it ended. Raises DeviceError, OSError."""
        found = await self._find()
        if self._closed:
            return ""
        ours, its = socket.socketpair()
        with its:
            try:
                self._process = self._launch(its, found)
            except OSError:
                ours.close()
                raise
        self._heard_at, self._limit = self._clock(), self._patience.first
        try:
            reader, self._writer = await asyncio.open_unix_connection(sock=ours, limit=protocol.ROOM)
            with contextlib.closing(self._writer):
                self._order({"fps": self._fps, **self._still})
                async with asyncio.TaskGroup() as group:
                    watchdog = group.create_task(self._watch_over(self._writer.transport))
                    why = await self._look(reader, {camera.path: camera.name for camera in found})
                    watchdog.cancel()
                return why
        finally:
            self._writer = None
            await self._end()

    async def _find(self) -> list[CameraCandidate]:
        """Chosen again at each start: on another socket the same camera has another number. Each time another one goes
        first, until there is a picture, so that one that hangs keeps none from being found. Raises DeviceError.
        """
        if self.simulated:
            return [CameraCandidate(self.name, self._settings.device)]
        found = names.find(self._settings.device, await asyncio.to_thread(self._listed))
        turn = self._fruitless % len(found)
        self._fruitless += 1
        self.name = found[turn].name
        return found[turn:] + found[:turn]

    def _launch(self, its: socket.socket, found: Sequence[CameraCandidate]) -> subprocess.Popen[bytes]:
        """From the main thread only, whose end would otherwise be that of the program."""
        self.starts += 1
        wanted = self._settings
        words = [word for camera in found for word in ("--device", camera.path)]
        words += ["--width", str(wanted.width), "--height", str(wanted.height), "--fps", str(wanted.fps)]
        return subprocess.Popen(
            (*self._command, *words),
            stdin=its.fileno(),
            stdout=its.fileno(),
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    async def _watch_over(self, transport: asyncio.BaseTransport) -> None:
        """Hangs up on a program that hangs, which `_look` then hears: one that its driver holds in the kernel would not
        let go of its end. Looks twice, for it may be we who were kept from listening.
        """
        silent = 0
        while silent < 2:
            await asyncio.sleep(_LOOK_S)
            silent = silent + 1 if self._clock() - self._heard_at > self._limit else 0
        self._limit = -math.inf
        assert isinstance(transport, asyncio.WriteTransport)
        transport.abort()

    async def _look(self, reader: asyncio.StreamReader, known: dict[str, str]) -> str:
        """Takes pictures until there are no more; why."""
        while True:
            try:
                head, rgb, still = await protocol.read(reader)
            except protocol.ProtocolError:
                return f"{self.name}: its capture program talks nonsense; it is started again by itself"
            except (EOFError, ConnectionError):
                did = "gave no pictures any more and was ended" if self._limit < 0 else "has ended"
                return f"{self.name}: its capture program {did}; it is started again by itself"
            if isinstance(head, protocol.CaptureFailed):
                return str(DeviceError(self.name, head.message, head.hint))
            self.name = known.get(head.device, self.name)
            self._limit = self._patience.kill
            self._take(head, rgb, still)

    async def _end(self) -> None:
        """Kills, and waits without keeping a turn waiting. One that its driver holds dies when that lets it go."""
        process = self._process
        if process is None:
            return
        process.kill()
        due = self._clock() + _KILLED_WITHIN_S
        while process.poll() is None and self._clock() < due:
            await asyncio.sleep(0.005)
        self._process = None
        self._held = [one for one in (*self._held, process) if one.poll() is None]

    def _take(self, head: protocol.PictureHeader, rgb: bytes, still: bytes) -> None:
        now = self._clock()
        at = min(head.at, now)
        self._frame = Frame(
            width=head.small_width,
            height=head.small_height,
            rgb=rgb,
            at=at,
            brightness=head.brightness,
            full_width=head.width,
            full_height=head.height,
        )
        self._heard_at, self._trouble, self._fruitless = now, "", 0
        if still:
            light, size = head.brightness, (head.width, head.height)
            made = StillPicture(data=still, mime=head.mime, at=at, brightness=light, width=size[0], height=size[1])
            for asked in self._asked:
                if not asked.done():
                    asked.set_result(made)

    def _order(self, order: dict[str, object]) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(order) + b"\n")

    def _note(self, trouble: str) -> None:
        """Once, for a camera that is not there is looked for all evening."""
        if trouble != self._trouble:
            self._trouble = trouble
            _log.warning("%s", trouble)
