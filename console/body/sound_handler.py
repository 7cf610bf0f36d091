"""What an operator does to the sound by hand: pick devices, hear himself, send a beep."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from console.api import body_commands as cmd
from console.api.body_answers import Picked, ToneHeard, VoiceHeard
from console.api.body_status import SoundDevice
from console.api.commands import TURN_FAILED, CommandError
from console.body.device_set import Booth
from conversation.errors import ConversationError
from devices.audio import audio_devices, sound_test
from devices.errors import DeviceError
from profiles.edit import save_rig
from profiles.errors import ProfileError
from profiles.home import Home

_LONGEST_S = 20.0


class SoundHandler:
    """The commands for the sound."""

    def __init__(self, booth: Booth, rig_file: Path, home: Home, idle: Callable[[], bool]) -> None:
        self._booth, self._file, self._home, self._idle = booth, rig_file, home, idle
        self._busy = asyncio.Lock()
        self.heard: sound_test.HeardVoice | None = None
        """Of the last time that somebody spoke to hear himself, with the microphone of now."""

    async def pick(self, command: cmd.PickDevice) -> Picked:
        """Raises CommandError, as the next two do."""
        async with self._quiet():
            return Picked(name=await asyncio.to_thread(self._pick, command))

    async def hear_yourself(self, command: cmd.HearYourself) -> VoiceHeard:
        async with self._quiet():
            seconds = min(max(command.seconds, 0.5), _LONGEST_S)
            heard = await sound_test.hear_yourself(self._booth.microphone, self._booth.speaker, seconds, self._idle)
            self.heard = None if self._booth.microphone.simulated else heard
            return VoiceHeard(
                peak_db=heard.peak_db, floor_db=heard.floor_db, snr_db=heard.snr_db, clipped=heard.clipped
            )

    async def beep(self) -> ToneHeard:
        async with self._quiet():
            beep = await sound_test.beep(self._booth.microphone, self._booth.speaker)
            return ToneHeard(heard=beep.heard, snr_db=beep.snr_db, delay_ms=beep.delay_ms)

    @asynccontextmanager
    async def _quiet(self) -> AsyncIterator[None]:
        """The sound is ours alone for this block. Raises CommandError."""
        if not self._idle() or self._busy.locked():
            raise CommandError(TURN_FAILED, "the sound is in use just now; try again when nobody is being answered")
        async with self._busy:
            try:
                yield
            except (DeviceError, ConversationError, ProfileError, OSError) as error:
                raise CommandError(TURN_FAILED, str(error)) from None

    def _pick(self, command: cmd.PickDevice) -> str:
        device = self._booth.microphone if command.role == "microphone" else self._booth.speaker
        name = device.pick(command.name, command.save)
        self.heard = self.heard if command.role == "speaker" else None
        if command.save:
            self._file = save_rig(self._file, "audio", {command.role: command.name}, self._home)
        return name

    def lists(self) -> tuple[tuple[SoundDevice, ...], tuple[SoundDevice, ...]]:
        """Microphones and speakers that are there now. Blocks some 20 ms."""
        return _listed("input", self._booth.microphone.name), _listed("output", self._booth.speaker.name)


def _listed(kind: str, chosen: str) -> tuple[SoundDevice, ...]:
    rows = audio_devices.devices(kind)
    return tuple(
        SoundDevice(
            name=row.name,
            driver=row.driver,
            chosen=row.name == chosen
            or (row.default and chosen.startswith("default "))
            or (row.simulated and chosen.startswith(row.name)),
            simulated=row.simulated,
            id=row.id,
        )
        for row in rows
    )
