"""Does what operators ask of a show."""

import asyncio
from contextlib import suppress
from typing import Protocol

from msgspec import UNSET

from console.api import commands as cmd
from console.api.answers import (
    Exchanged,
    Halted,
    Interrupted,
    Playing,
    Pressed,
    Released,
    Restarting,
    Resumed,
    StatusReport,
    Stopping,
    Talked,
)
from console.api.bus import Bus
from console.api.command import A, Handlers
from console.api.events import Held, ShowHalted, ShowResumed
from console.body.body_handler import BodyHandler
from console.engines.engine_set import EngineSet
from console.engines.model_handler import ModelHandler
from console.engines.services import misfit
from console.show.status import status
from conversation.audio import HEARING_RATE, Samples, from_bytes
from conversation.errors import ConversationError
from conversation.events import TurnEnded
from conversation.loop import Busy, ConversationLoop
from conversation.stages import Outcome, Stage
from conversation.text.number_words import has_words
from conversation.turn_context import Request
from devices.audio.microphone_clip import ClipMicrophone
from devices.jaw.jaw_player import JawPlayer
from profiles.errors import ProfileError
from profiles.loader import LoadedProfile, load_character
from profiles.schema import Character
from supervisors.service.group import ServiceGroup

_LASTING = "an earlier press"
_MOST_S = 31.0


class Performed(Protocol):
    """The show, as far as its operators end it or change its character."""

    def stop(self, reason: str) -> None: ...

    def play(self, character: LoadedProfile[Character]) -> None: ...


class CommandRouter:
    """Fits `console.api.server.CommandExecutor`."""

    def __init__(
        self,
        show: Performed,
        engines: EngineSet,
        loop: ConversationLoop,
        group: ServiceGroup,
        jaw: JawPlayer,
        models: ModelHandler,
        body: BodyHandler,
    ) -> None:
        self._show, self._engines = show, engines
        self._loop, self._group, self._jaw = loop, group, jaw
        self._models, self._body = models, body
        self.bus: Bus = engines.bus
        self._asking = 0
        self._stop_when_idle = False
        self._routes: Handlers = {**self.handlers, **models.handlers, **body.handlers}

    @property
    def handlers(self) -> Handlers:
        """Its own; the other commands are for models and body."""
        return {
            cmd.Status: self._status,
            cmd.Press: self._press_button,
            cmd.Release: self._release_button,
            cmd.Talk: self._talk,
            cmd.Interrupt: self._interrupt,
            cmd.Ask: self._ask,
            cmd.Say: self._say,
            cmd.Panic: self._panic,
            cmd.Resume: self._resume,
            cmd.Restart: self._restart,
            cmd.Play: self._play,
            cmd.Stop: self._stop,
        }

    async def execute(self, command: cmd.Command[A], holder: str) -> A:
        answer: A = await self._routes[type(command)](command, holder)
        return answer

    def forget(self, holder: str) -> None:
        self._release(holder)
        self._body.forget(holder)

    async def hold(self, holder: str) -> None:
        """A button with a wire is held. Raises CommandError."""
        await self._press(holder)

    def let_go(self, holder: str) -> None:
        self._release(holder)

    async def _press_button(self, command: cmd.Press, holder: str) -> Pressed:
        return Pressed(turn=await self._press(_LASTING if command.lasting else holder))

    async def _release_button(self, command: cmd.Release, holder: str) -> Released:
        return Released(released=self._release(_LASTING) or self._release(holder))

    async def _talk(self, command: cmd.Talk, holder: str) -> Talked:
        held_by = self._loop.holder
        try:
            request = self._loop.talk(holder)
        except Busy as error:
            raise cmd.CommandError(cmd.TURN_FAILED, str(error)) from None
        if request is None:
            self.bus.publish(Held(holder=held_by, down=False))
            return Talked(turn=0)
        return Talked(turn=await self._begun(request))

    async def _press(self, holder: str) -> int:
        try:
            return await self._begun(self._loop.press(holder))
        except Busy as error:
            raise cmd.CommandError(cmd.TURN_FAILED, str(error)) from None

    async def _begun(self, request: Request) -> int:
        """The turn's number, once the microphone is open for a press."""
        try:
            turn = await asyncio.shield(request.started)  # our end must not cancel it
        except asyncio.CancelledError:
            if not request.started.cancelled():
                raise
            raise cmd.CommandError(cmd.TURN_FAILED, "another press came at the same moment; press again") from None
        if not request.released.is_set():
            self.bus.publish(Held(holder=request.holder, down=True, turn=turn))
        return turn

    def _release(self, holder: str) -> bool:
        released = self._loop.release(holder)
        if released:
            self.bus.publish(Held(holder=holder, down=False))
        return released

    async def _interrupt(self, command: cmd.Interrupt, holder: str) -> Interrupted:
        return Interrupted(interrupted=self._loop.interrupt())

    async def _status(self, command: cmd.Status, holder: str) -> StatusReport:
        return status(self._engines, self._group, self._loop.turns)

    async def _stop(self, command: cmd.Stop, holder: str) -> Stopping:
        self._stop_when_idle = command.when_idle and self._asking > 0
        if not self._stop_when_idle:
            self._show.stop("an operator asked for it")
        return Stopping(stopping=not self._stop_when_idle)

    async def _panic(self, command: cmd.Panic, holder: str) -> Halted:
        self.halt(holder)
        return Halted(halted=True)

    def halt(self, holder: str) -> None:
        """Panic. Silence first; the rest can wait a moment."""
        self._loop.halt()
        self._jaw.jaw.halted = True
        self._jaw.relax()
        if not self.bus.state.halted:
            self.bus.publish(ShowHalted(by=holder))

    async def _resume(self, command: cmd.Resume, holder: str) -> Resumed:
        halted = bool(self.bus.state.halted)
        self._jaw.jaw.resume()
        self._loop.resume()
        if halted:
            self.bus.publish(ShowResumed())
        return Resumed(resumed=halted)

    async def _restart(self, command: cmd.Restart, holder: str) -> Restarting:
        self._group[self._engines.settled(command.service).name].restart()
        return Restarting(restarting=command.service)

    async def _play(self, command: cmd.Play, holder: str) -> Playing:
        """The model reads the new persona at once, so that the next visitor does not wait for it."""
        try:
            character = await asyncio.to_thread(load_character, command.character, self._engines.home)
        except ProfileError as error:
            raise cmd.CommandError(cmd.USAGE, str(error)) from None
        llm = self._engines.live.llm()
        if why := await misfit(self._engines.launchers, llm, character.value):
            raise cmd.CommandError(cmd.USAGE, f"{character.value.name} cannot be played: {why}")
        self._show.play(character)
        if llm is not None and self.bus.state.stage is Stage.IDLE:
            with suppress(ConversationError):
                await llm.prime(self._engines.cast.head())
        return Playing(character=character.name, character_name=character.value.name)

    async def _ask(self, command: cmd.Ask, holder: str) -> Exchanged:
        if bool(command.pcm) == bool(command.text.strip()):
            raise cmd.CommandError(cmd.USAGE, "ask with sound or with text, not with both or neither")
        if command.text:
            return await self._turn(Request("text", holder=holder, text=command.text), command, need=("llm", "tts"))
        pcm = from_bytes(command.pcm)
        if len(pcm) > _MOST_S * HEARING_RATE:
            raise cmd.CommandError(cmd.USAGE, "a question may last 30 s at most; cut the recording")
        microphone = ClipMicrophone("the sound that was sent", pcm)
        request = Request("wav", holder=holder, microphone=microphone)
        return await self._turn(request, command, need=("stt", "llm", "tts"))

    async def _say(self, command: cmd.Say, holder: str) -> Exchanged:
        if not has_words(command.text):
            raise cmd.CommandError(cmd.USAGE, cmd.NOTHING_TO_SAY)
        plain = cmd.Ask(text=command.text, timeout_s=command.timeout_s)
        said = await self._turn(Request("say", holder=holder, text=command.text), plain, need=("tts",))
        if said.outcome in (Outcome.COMPLETED, Outcome.DEGRADED) and not said.audio.seconds:
            raise cmd.CommandError(cmd.USAGE, cmd.NOTHING_TO_SAY)  # letters that this voice cannot read
        return said

    async def _turn(self, request: Request, command: cmd.Ask, need: tuple[str, ...]) -> Exchanged:
        self._asking += 1
        try:
            return await self._one_turn(request, command, need)
        finally:
            self._asking -= 1
            if self._stop_when_idle and not self._asking:
                self._show.stop("the last question was answered")

    async def _one_turn(self, request: Request, command: cmd.Ask, need: tuple[str, ...]) -> Exchanged:
        try:
            async with asyncio.timeout(command.timeout_s):
                await self._until_answerable(need)
                request.pressed_at = asyncio.get_running_loop().time()
                self._loop.submit(request)
                ended, heard = await asyncio.shield(request.done)  # our end must not cancel it
        except TimeoutError:
            self._loop.withdraw(request)
            raise self._too_late(command.timeout_s) from None
        except Busy as error:
            raise cmd.CommandError(cmd.TURN_FAILED, str(error)) from None
        except asyncio.CancelledError:
            if request.done.cancelled():  # the show stops; our own client is still there
                raise cmd.CommandError(cmd.TURN_FAILED, "the show was stopped before this turn") from None
            self._loop.withdraw(request)
            raise
        return _exchanged(ended, heard if command.want_audio else None)

    def _too_late(self, timeout_s: float) -> cmd.CommandError:
        state, waited = self.bus.state, f"no answer within {timeout_s:g} s"
        if self._engines.was_ready:
            return cmd.CommandError(cmd.TURN_FAILED, f"{waited}: the turn is in {state.stage}")
        missing = self._engines.missing()
        why = [s.last_error for s in state.services.values() if s.role in missing and s.last_error]
        return cmd.CommandError(
            cmd.NO_ENGINE, f"{waited}: {'; '.join(why) or 'still waiting for ' + ', '.join(missing)}"
        )

    async def _until_answerable(self, need: tuple[str, ...]) -> None:
        """At the start of a show: until the roles needed have engines. Later a lost engine is the turn's to mend."""
        with self.bus.subscribe(telemetry=False) as changes:
            async for _ in changes.lines():
                missing = set(self._engines.missing()) & set(need)
                if not missing or self._engines.was_ready:
                    return
                if (held := self._engines.hopeless(need)) is not None:
                    raise cmd.CommandError(cmd.NO_ENGINE, held.last_error or f"{held.name} has failed")


def _exchanged(ended: TurnEnded, heard: Samples | None) -> Exchanged:
    completed = ended.outcome is Outcome.COMPLETED
    return Exchanged(
        turn=ended.turn,
        outcome=ended.outcome,
        transcript=ended.transcript,
        caption=ended.caption,
        reply=ended.reply,
        heard=ended.heard,
        marks=ended.marks,
        llm=ended.llm,
        audio=ended.audio,
        jaw=ended.jaw,
        stage=UNSET if completed else ended.stage,
        message=UNSET if completed else ended.message,
        pcm=UNSET if heard is None else heard.astype("<i2").tobytes(),
    )
