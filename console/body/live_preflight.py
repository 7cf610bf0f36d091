"""The preflight of a running show: everything is asked once, on the very path that a visitor takes."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

from clients.chat import rehearsal
from console.api import body_commands as cmd
from console.api.body_status import CLOSE_DB, DARK_PERCENT, OLD_PICTURE_S, PreflightRow
from console.api.commands import TURN_FAILED, CommandError
from console.body.camera_service import CameraService
from console.body.device_set import Booth
from console.body.jaw_handler import JawHandler
from console.body.sound_handler import SoundHandler
from console.engines.engine_set import EngineSet
from console.engines.fetch_space import disk
from console.host.disk_space import places
from conversation import prompt
from conversation.errors import ConversationError
from conversation.stages import Stage
from devices.audio.microphone_clip import recorded_visitors
from devices.sound.sound_file import read_sound
from profiles.home import PROGRAM
from supervisors.states import ServiceState

_ANSWER_S = 20.0
_CALL_S = 1.0
_LITTLE = 0.05
"""Of the RAM: with less free than this the next visitor may be the last."""
Asked = Callable[[], Awaitable[str]]


class LivePreflight:
    """`run` it while nobody is being answered."""

    def __init__(
        self, engines: EngineSet, booth: Booth, jaw: JawHandler, sound: SoundHandler, eyes: CameraService, logs: Path
    ) -> None:
        self._engines, self._booth, self._jaw, self._sound, self._eyes = engines, booth, jaw, sound, eyes
        self._logs = logs

    async def run(self, command: cmd.Preflight) -> list[PreflightRow]:
        """Rows for a screen, in the order of the path. Raises CommandError while somebody is being answered."""
        if not self._engines.idle():
            raise CommandError(TURN_FAILED, "somebody is being answered; check again when that is over")
        return [
            await self._engine("stt", self._hear),
            await self._engine("llm", self._think),
            await self._engine("tts", self._speak),
            self._microphone(),
            await self._speaker(command.beep),
            await self._servo(command.sweep),
            *self._sight(),
            await self._ports(),
            self._memory(),
            await asyncio.to_thread(self._disk),
            *self._air(),
        ]

    # ---- engines

    async def _engine(self, role: str, ask: Asked) -> PreflightRow:
        names = [name for name, made in self._engines.launchers.items() if made.role == role]
        if not names:
            return PreflightRow(what=role, state="ok", detail="not in this rig")
        theirs = self._engines.launchers[names[0]].theirs
        mend = theirs.look if theirs else f"press R and choose {names[0]}, or read its log on page 2"
        began = monotonic()
        try:
            async with asyncio.timeout(_ANSWER_S):
                said = await ask()
        except TimeoutError:
            return PreflightRow(what=role, state="fault", detail=f"no answer within {_ANSWER_S:.0f} s", mend=mend)
        except ConversationError as error:
            return PreflightRow(what=role, state="fault", detail=str(error), mend=mend)
        if not said:
            held = (self._engines.bus.state.services.get(name) for name in names)
            why = next(
                (s.last_error for s in held if s and s.state is ServiceState.FAILED and s.last_error), "not ready"
            )
            return PreflightRow(what=role, state="missing", detail=why, mend=mend)
        return PreflightRow(what=role, state="ok", detail=f"{said} in {monotonic() - began:.1f} s")

    async def _hear(self) -> str:
        """A shipped visitor, transcribed."""
        if (stt := self._engines.live.stt()) is None:
            return ""
        pcm = await asyncio.to_thread(read_sound, recorded_visitors()[0])
        words = await stt.transcribe(pcm)
        if not words.strip():
            raise ConversationError(
                Stage.TRANSCRIBING, "it heard no words in a recorded question", "choose another model"
            )
        return f'heard "{words.strip()}"'

    async def _think(self) -> str:
        if (llm := self._engines.live.llm()) is None:
            return ""
        character = self._engines.cast.character.value
        said = await llm.word(rehearsal(self._engines.cast.head()), prompt.sampling(character))
        return "; it ".join([f'began with "{said[:40]}"', *llm.ways()])

    async def _speak(self) -> str:
        said = []
        for voice in self._engines.live.voices():
            seconds = 0.0
            async for rate, pcm in voice.speak("Hello.", 1.0):
                seconds += len(pcm) / rate
            if not seconds:
                raise ConversationError(Stage.SPEAKING, f"{voice.name} gave no sound", "choose another model")
            said.append(f"{voice.name} said {seconds:.1f} s")
        return " · ".join(said)

    # ---- devices

    def _microphone(self) -> PreflightRow:
        microphone = self._booth.microphone
        if microphone.fault:
            return PreflightRow(
                what="microphone", state="fault", detail=microphone.fault, mend="plug it in, or choose another"
            )
        if microphone.simulated:
            name, note = microphone.name, microphone.note
            if note:
                return PreflightRow(what="microphone", state="todo", detail=f"{name}: {note}", mend="plug one in")
            return PreflightRow(what="microphone", state="ok", detail=name)
        level = microphone.level_db
        if level is None or level <= -89:
            mend = "switch it on, or choose another"
            return PreflightRow(what="microphone", state="fault", detail=f"{microphone.name} is silent", mend=mend)
        detail, heard = f"{microphone.name}, {level:.0f} dB", self._sound.heard
        if heard is None:
            return PreflightRow(
                what="microphone", state="ok", detail=f"{detail}; how near a voice is was not tried yet"
            )
        detail = f"{detail}, a voice {heard.snr_db:.0f} dB above the room"
        if heard.clipped:
            return PreflightRow(what="microphone", state="fault", detail=f"{detail}, but clipped", mend="turn it down")
        if heard.snr_db < CLOSE_DB:
            mend = "move closer, or turn noise_suppression up in the rig"
            return PreflightRow(what="microphone", state="fault", detail=detail, mend=mend)
        return PreflightRow(what="microphone", state="ok", detail=detail)

    async def _speaker(self, beep: bool) -> PreflightRow:
        speaker = self._booth.speaker
        if speaker.fault:
            return PreflightRow(
                what="speaker", state="fault", detail=speaker.fault, mend="plug it in, or choose another"
            )
        if not beep:
            return PreflightRow(what="speaker", state="ok", detail=speaker.name)
        try:
            heard = await self._sound.beep()
        except CommandError as error:
            return PreflightRow(what="speaker", state="fault", detail=str(error), mend="try again")
        if heard.heard is None:
            return PreflightRow(
                what="speaker", state="ok", detail=f"{speaker.name}: beeped; no live microphone heard it"
            )
        if not heard.heard:
            mend = "turn it up, or bring the microphone nearer"
            return PreflightRow(what="speaker", state="fault", detail="the microphone did not hear the beep", mend=mend)
        return PreflightRow(what="speaker", state="ok", detail=f"{speaker.name}: the microphone heard the beep")

    async def _servo(self, sweep: bool) -> PreflightRow:
        jaw, name = self._booth.limited, self._booth.board.name
        if (problem := "it was stopped" if jaw.stopped else jaw.fault) != "":
            return PreflightRow(
                what="jaw", state="fault", detail=f"{name}: {problem}", mend="acknowledge it: 3, then K"
            )
        if jaw.board is None:
            return PreflightRow(
                what="jaw", state="missing", detail=jaw.missing or f"{name} is looked for", mend="plug it in"
            )
        if not jaw.armed:
            return PreflightRow(what="jaw", state="todo", detail=f"{name} is limp", mend="arm it on the rig page")
        if not sweep:
            return PreflightRow(what="jaw", state="ok", detail=f"{name}, armed")
        try:
            await self._jaw.sweep()
        except CommandError as error:
            return PreflightRow(what="jaw", state="fault", detail=str(error), mend="look at the board and its supply")
        return PreflightRow(what="jaw", state="ok", detail=f"{name}: swept from closed to open and back")

    def _sight(self) -> list[PreflightRow]:
        rows = []
        camera = self._eyes.camera
        if self._eyes.wanted:
            fault = self._eyes.fault if camera is None else camera.fault
            age = None if camera is None else camera.age_s
            frame = None if camera is None else camera.frame
            mend = "plug it in, close other programs that use it, or name another in the rig"
            if fault or camera is None or frame is None or age is None or age > OLD_PICTURE_S:
                rows.append(PreflightRow(what="camera", state="fault", detail=fault or "no picture yet", mend=mend))
            elif frame.brightness < DARK_PERCENT:
                rows.append(
                    PreflightRow(what="camera", state="fault", detail=f"{camera.name}: dark", mend="take the cap off")
                )
            else:
                detail = f"{camera.name}, {frame.full_width}x{frame.full_height}, brightness {frame.brightness} %"
                rows.append(PreflightRow(what="camera", state="ok", detail=detail))
        if (head := self._eyes.head) is not None:
            bad = "it was stopped" if head.estopped else head.fault
            mend = "acknowledge it: 3, then K" if bad else ""
            rows.append(PreflightRow(what="head", state="fault" if bad else "ok", detail=bad or head.name, mend=mend))
        return rows

    # ---- the machine

    async def _ports(self) -> PreflightRow:
        """Where our own engines listen, those that are up; somebody else's is probed at its own address."""
        up = (ServiceState.READY, ServiceState.DEGRADED)
        known = self._engines.bus.state.services.values()
        services = [one for one in known if one.pid and one.port and one.state in up]
        deaf = [one for one in services if not await _takes_calls(one.port or 0)]
        if deaf:
            detail = f"port {deaf[0].port} of {deaf[0].name} takes no calls"
            mend = f"press R and choose {deaf[0].name}, or give it another port in the rig"
            return PreflightRow(what="ports", state="fault", detail=detail, mend=mend)
        told = " · ".join(f"{one.name} {one.port}" for one in services)
        return PreflightRow(what="ports", state="ok", detail=told or "no engine of ours listens")

    def _air(self) -> list[PreflightRow]:
        """A show in a panic is well, and yet answers nobody."""
        if not self._engines.bus.state.halted:
            return []
        detail, mend = "HALTED by a panic: nobody is answered", f"{PROGRAM} resume"
        return [PreflightRow(what="show", state="fault", detail=detail, mend=mend)]

    def _memory(self) -> PreflightRow:
        reading = self._engines.meters.meter.reading
        if reading is None:
            return PreflightRow(what="memory", state="todo", detail="not measured yet", mend="check again in a second")
        machine = reading.machine
        detail = f"{machine.ram_available / 1e9:.1f} of {machine.ram_total / 1e9:.1f} GB free"
        if machine.ram_available < _LITTLE * machine.ram_total:
            return PreflightRow(what="memory", state="fault", detail=detail, mend="swap to a smaller model: page 4")
        return PreflightRow(what="memory", state="ok", detail=detail)

    def _disk(self) -> PreflightRow:
        engines = self._engines
        folders = places(engines.home, engines.rig.name, self._logs)
        return disk(engines.home, engines.launchers.values(), engines.catalogue, folders)


async def _takes_calls(port: int) -> bool:
    try:
        async with asyncio.timeout(_CALL_S):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (OSError, TimeoutError):
        return False
    writer.close()
    return True
