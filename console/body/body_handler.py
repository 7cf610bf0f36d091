"""What an operator does by hand to the body: jaw, sound, eyes; each has a desk of its own."""

import asyncio
from base64 import b64decode
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from console.api import body_commands as cmd
from console.api.body_status import BodyStatus
from console.body.camera_service import CameraService
from console.body.captions import caption
from console.body.device_set import Booth
from console.body.jaw_handler import JawHandler
from console.body.live_preflight import LivePreflight
from console.body.sound_handler import SoundHandler
from console.engines.engine_set import EngineSet
from devices.camera import names


class BodyHandler:
    """Answers the commands of console/api/body_commands.py."""

    def __init__(self, engines: EngineSet, booth: Booth, eyes: CameraService, logs: Path) -> None:
        """`logs`: the folder of this run, whose disk the preflight looks at."""
        self._engines, self._booth, self._eyes = engines, booth, eyes
        rig, home = engines.rig, engines.home
        self._jaw = JawHandler(
            booth.limited, booth.board, booth.emergency, rig, home, engines.idle, engines.bus.publish
        )
        self._sound = SoundHandler(booth, Path(rig.file), home, engines.idle)
        self._preflight = LivePreflight(engines, booth, self._jaw, self._sound, eyes, logs)

    async def execute(self, command: cmd.AnyBodyCommand, holder: str) -> Any:
        """Raises CommandError."""
        match command:
            case cmd.Body() | cmd.Calibrate():
                if isinstance(command, cmd.Calibrate):
                    await self._jaw.execute(command, holder)
                return await self._view()
            case cmd.PickDevice() | cmd.HearYourself() | cmd.Beep():
                return await self._sound.execute(command)
            case cmd.Snapshot(caption=True):
                shot: dict[str, Any] = await self._eyes.execute(command, holder)
                return shot | await caption(self._engines, b64decode(shot["jpeg"]), shot["mime"], command.timeout_s)
            case cmd.Move() | cmd.Watch() | cmd.Snapshot():
                return await self._eyes.execute(command, holder)
            case cmd.Preflight():
                return await self._preflight.run(command)
            case cmd.Acknowledge():
                if self._eyes.head is not None:
                    self._eyes.head.acknowledge()
                seen = await self._jaw.execute(command, holder)
                if not self._booth.limited.stopped:  # by another stop meanwhile
                    self._booth.marks.motors(stopped=False)
                if self._booth.limited.stopped:
                    self._booth.marks.motors(stopped=True)
                return seen
        return await self._jaw.execute(command, holder)

    def forget(self, holder: str) -> None:
        """A client is gone: what it began by hand ends."""
        self._jaw.forget(holder)
        self._eyes.forget(holder)

    async def _view(self) -> BodyStatus:
        microphones, speakers = await asyncio.to_thread(self._sound.lists)
        cameras = await asyncio.to_thread(names.cameras)
        latency, head, camera = self._booth.speaker.latency_s, self._eyes.head, self._eyes.camera
        return replace(
            self._jaw.view(),
            output_latency_ms=None if latency is None else round(latency * 1000, 1),
            microphones=microphones,
            speakers=speakers,
            head=head.name if head else "",
            head_answers=head.answers if head else True,
            cameras=tuple(str(found.name) for found in cameras),
            camera=camera.name if camera else "",
        )
