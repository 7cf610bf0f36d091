"""The character's eyes: the camera and the head that turns it. Run as one task of the show."""

import asyncio
import logging
from time import monotonic
from typing import Any

from console.api import body_commands as cmd
from console.api.body_answers import Moving, Photograph, Watching
from console.api.bus import Bus
from console.api.commands import TURN_FAILED, USAGE, CommandError
from console.api.events import DeviceChanged, DeviceState
from console.api.telemetry_types import CameraReading
from devices.camera.capture import CameraFeed, Frame
from devices.errors import DeviceError
from devices.limits import LimitedHead
from launchers import camera as camera_launcher
from launchers.errors import FetchError
from launchers.runtime.environments import Environments
from profiles.schema import Rig

_SEEN_S, _UNSEEN_S = 0.125, 1.0
_LOG = logging.getLogger(__name__)
_AGAIN_S = 60.0
"""Until the camera's environment is tried again: the network may be back."""


class CameraService:
    """`run` it; the camera is None until its program is there, and where the rig has none."""

    def __init__(self, rig: Rig, environments: Environments, bus: Bus, head: LimitedHead | None) -> None:
        self._rig, self._environments, self._bus, self.head = rig, environments, bus, head
        self.camera: CameraFeed | None = None
        self._watchers: set[str] = set()
        self._movers: set[str] = set()
        self.fault = ""
        """Why there is no camera, while its program is not there."""
        self._told: dict[str, DeviceChanged] = {}
        self._sent: tuple[Frame | None, str] = None, ""

    @property
    def wanted(self) -> bool:
        """The rig has a camera."""
        return self._rig.camera.device != "none"

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            if self.wanted:
                tasks.create_task(self._see())
            while self.wanted or self.head is not None:
                self._tell_camera()
                self._tell_head()
                self._send()
                await asyncio.sleep(_SEEN_S if self._watchers else _UNSEEN_S)

    async def _see(self) -> None:
        while self.camera is None:
            try:
                command = await camera_launcher.prepare(self._rig.camera, self._environments, self._progress)
                self.camera = CameraFeed(self._rig.camera, command)
                self.fault = ""
            except (FetchError, OSError) as error:
                self.fault = f"the camera's program cannot be had ({error})"
                await asyncio.sleep(_AGAIN_S)
            except Exception as error:  # a fault of ours must cost the camera alone
                _LOG.exception("the camera's program")
                self.fault = f"the camera cannot be used ({error}); see show.log"
                await asyncio.sleep(_AGAIN_S)
            finally:
                self._bus.forget("progress", "camera")
        self.camera.watch(bool(self._watchers))
        await self.camera.run()

    def _progress(self, progress: Any) -> None:
        self._bus.telemetry("progress", "camera", progress)

    # ---- what operators ask

    async def move(self, command: cmd.Move, holder: str) -> Moving:
        """Raises CommandError."""
        return Moving(moving=self._move(command, holder))

    async def watch(self, command: cmd.Watch, holder: str) -> Watching:
        return Watching(watching=self._watch(command.on, holder))

    def forget(self, holder: str) -> None:
        """A client is gone: nobody watches for it, and what it moved stops."""
        if holder in self._watchers:
            self._watch(False, holder)
        if holder in self._movers and self.head is not None:
            self.head.stop()
        self._movers.discard(holder)

    def _move(self, command: cmd.Move, holder: str) -> bool:
        if self.head is None:
            raise CommandError(USAGE, "this rig has no head that turns; give it one in [pan_tilt]")
        if self.head.estopped:
            raise CommandError(TURN_FAILED, "the head was stopped; acknowledge that first")
        self._movers.add(holder)
        moving = self.head.home() if command.home else self.head.drive(command.pan, command.tilt)
        wanted = command.home or command.pan or command.tilt
        if wanted and not moving:
            raise CommandError(TURN_FAILED, f"the head does not move: {self.head.fault or 'it is not there'}")
        return bool(moving)

    def _watch(self, on: bool, holder: str) -> bool:
        (self._watchers.add if on else self._watchers.discard)(holder)
        if not self._watchers:
            self._sent = None, ""
            self._bus.forget("camera", "")
        if self.camera is not None:
            self.camera.watch(bool(self._watchers))
        return on and self.wanted

    async def snapshot(self, png: bool) -> Photograph:
        """Raises CommandError."""
        if self.camera is None:
            raise CommandError(TURN_FAILED, self.fault or "this rig has no camera; give it one in [camera]")
        try:
            still = await self.camera.snapshot(png=png)
        except DeviceError as error:
            raise CommandError(TURN_FAILED, str(error)) from None
        return Photograph(
            jpeg=still.data,
            mime=still.mime,
            age_s=round(monotonic() - still.at, 3),
            brightness=still.brightness,
            width=still.width,
            height=still.height,
        )

    # ---- what is told

    def _tell_camera(self) -> None:
        if not self.wanted:
            return
        camera = self.camera
        fault = self.fault if camera is None else camera.fault
        state: DeviceState = "fault" if fault else "simulated" if camera is not None and camera.simulated else "ready"
        name = camera.name if camera is not None else self._rig.camera.device
        self._tell(DeviceChanged(name=name, role="camera", state=state, detail=fault))

    def _tell_head(self) -> None:
        if (head := self.head) is None:
            return
        fault = "stopped by hand; acknowledge it on the rig page" if head.estopped else head.fault
        name, simulated = head.name or self._rig.pan_tilt.driver, self._rig.pan_tilt.driver == "simulated"
        state: DeviceState = "fault" if fault else "simulated" if simulated else "ready"
        self._tell(DeviceChanged(name=name, role="head", state=state, detail=fault))

    def _tell(self, device: DeviceChanged) -> None:
        if self._told.get(device.role) != device:
            self._told[device.role] = device
            self._bus.publish(device)

    def _send(self) -> None:
        camera = self.camera
        if not self._watchers or camera is None:
            return
        frame, fault = camera.frame, camera.fault
        if (frame, fault) == self._sent:
            return
        self._sent = frame, fault
        reading = CameraReading(fault=fault)
        if frame is not None:
            reading = CameraReading(
                width=frame.width,
                height=frame.height,
                rgb=frame.rgb,
                age_s=round(monotonic() - frame.at, 2),
                brightness=frame.brightness,
                fault=fault,
            )
        self._bus.telemetry("camera", "", reading)
