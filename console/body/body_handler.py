"""What an operator does by hand to the body: jaw, sound, camera and head."""

import asyncio
from pathlib import Path

from msgspec.structs import replace

from console.api import body_commands as cmd
from console.api.body_answers import Acknowledged, Photograph, Picked, ToneHeard, VoiceHeard
from console.api.body_status import BodyStatus, PreflightRow
from console.api.command import Handlers
from console.body.camera_service import CameraService
from console.body.captions import caption
from console.body.device_set import Booth
from console.body.jaw_handler import JawHandler
from console.body.live_preflight import LivePreflight
from console.body.sound_handler import SoundHandler
from console.engines.engine_set import EngineSet
from devices.camera import names


class BodyHandler:
    """The commands of console/api/body_commands.py."""

    def __init__(self, engines: EngineSet, booth: Booth, eyes: CameraService, logs: Path) -> None:
        """`logs`: the folder of this run, whose disk the preflight looks at."""
        self._engines, self._booth, self._eyes = engines, booth, eyes
        rig, home = engines.rig, engines.home
        self._jaw = JawHandler(
            booth.limited, booth.board, booth.emergency, rig, home, engines.idle, engines.bus.publish
        )
        self._sound = SoundHandler(booth, Path(rig.file), home, engines.idle)
        self._preflight = LivePreflight(engines, booth, self._jaw, self._sound, eyes, logs)

    @property
    def handlers(self) -> Handlers:
        return self._jaw.handlers | {
            cmd.Body: self._body,
            cmd.Calibrate: self._calibrate,
            cmd.Acknowledge: self._acknowledge,
            cmd.PickDevice: self._pick,
            cmd.HearYourself: self._hear_yourself,
            cmd.Beep: self._beep,
            cmd.Move: self._eyes.move,
            cmd.Watch: self._eyes.watch,
            cmd.Snapshot: self._snapshot,
            cmd.Preflight: self._check,
        }

    async def _body(self, command: cmd.Body, holder: str) -> BodyStatus:
        return await self._view()

    async def _calibrate(self, command: cmd.Calibrate, holder: str) -> BodyStatus:
        await self._jaw.calibrate(command, holder)
        return await self._view()

    async def _acknowledge(self, command: cmd.Acknowledge, holder: str) -> Acknowledged:
        if self._eyes.head is not None:
            self._eyes.head.acknowledge()
        seen = await self._jaw.acknowledge()
        if not self._booth.limited.stopped:
            self._booth.marks.motors(stopped=False)
        if self._booth.limited.stopped:  # by another stop meanwhile
            self._booth.marks.motors(stopped=True)
        return seen

    async def _pick(self, command: cmd.PickDevice, holder: str) -> Picked:
        return await self._sound.pick(command)

    async def _hear_yourself(self, command: cmd.HearYourself, holder: str) -> VoiceHeard:
        return await self._sound.hear_yourself(command)

    async def _beep(self, command: cmd.Beep, holder: str) -> ToneHeard:
        return await self._sound.beep()

    async def _snapshot(self, command: cmd.Snapshot, holder: str) -> Photograph:
        taken = await self._eyes.snapshot(command.png)
        if not command.caption:
            return taken
        words, blind = await caption(self._engines, taken.jpeg, taken.mime, command.timeout_s)
        return replace(taken, caption=words, blind=blind)

    async def _check(self, command: cmd.Preflight, holder: str) -> list[PreflightRow]:
        return await self._preflight.run(command)

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
