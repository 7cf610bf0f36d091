"""Does what operators ask of a show."""

import asyncio
import base64
from contextlib import suppress
from typing import Any, Protocol

import msgspec

from console.api import commands as cmd
from console.api.bus import Bus
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


class Playing(Protocol):
    """The show, as far as its operators end it or change its character."""

    def stop(self, reason: str) -> None: ...

    def play(self, character: LoadedProfile[Character]) -> None: ...


class CommandRouter:
    """Fits `console.api.server.CommandExecutor`."""

    def __init__(
        self,
        show: Playing,
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

    async def execute(self, command: cmd.AnyCommand, holder: str) -> Any:
        match command:
            case cmd.Status():
                return status(self._engines, self._group, self._loop.turns)
            case cmd.Press():
                return await self._press(_LASTING if command.lasting else holder)
            case cmd.Release():
                own = self._release(_LASTING) or self._release(holder)
                return {"released": own or (command.whoever and self._release(self._loop.holder))}
            case cmd.Interrupt():
                return {"interrupted": self._loop.interrupt()}
            case cmd.Ask():
                return await self._ask(command, holder)
            case cmd.Say():
                return await self._say(command, holder)
            case cmd.Panic():
                return self.halt(holder)
            case cmd.Resume():
                return self._resume()
            case cmd.Restart():
                return self._restart(command.service)
            case cmd.Play():
                return await self._play(command.character)
            case cmd.Swap() | cmd.Forecast() | cmd.Models() | cmd.Fetch() | cmd.Pin() | cmd.Unload():
                return await self._models.execute(command)
            case cmd.Stop():
                self._stop_when_idle = command.when_idle and self._asking > 0
                if not self._stop_when_idle:
                    self._show.stop("an operator asked for it")
                return {"stopping": not self._stop_when_idle}
            case cmd.Subscribe():
                raise cmd.CommandError(cmd.USAGE, "this command needs a connection of its own")
            case _:
                return await self._body.execute(command, holder)

    def forget(self, holder: str) -> None:
        self._release(holder)
        self._body.forget(holder)

    async def hold(self, holder: str) -> None:
        """A button with a wire is held. Raises CommandError."""
        await self._press(holder)

    def let_go(self, holder: str) -> None:
        self._release(holder)

    async def _press(self, holder: str) -> dict[str, Any]:
        try:
            request = self._loop.press(holder)
        except Busy as error:
            raise cmd.CommandError(cmd.TURN_FAILED, str(error)) from None
        try:
            turn = await asyncio.shield(request.started)  # our end must not cancel it
        except asyncio.CancelledError:
            if not request.started.cancelled():
                raise
            raise cmd.CommandError(cmd.TURN_FAILED, "another press came at the same moment; press again") from None
        if not request.released.is_set():
            self.bus.publish(Held(holder=holder, down=True, turn=turn))
        return {"turn": turn}

    def _release(self, holder: str) -> bool:
        released = self._loop.release(holder)
        if released:
            self.bus.publish(Held(holder=holder, down=False))
        return released

    def halt(self, holder: str) -> dict[str, Any]:
        """Panic. Silence first; the rest can wait a moment."""
        self._loop.halt()
        self._jaw.jaw.halted = True
        self._jaw.relax()
        if not self.bus.state.halted:
            self.bus.publish(ShowHalted(by=holder))
        return {"halted": True}

    def _resume(self) -> dict[str, Any]:
        halted = bool(self.bus.state.halted)
        self._jaw.jaw.resume()
        self._loop.resume()
        if halted:
            self.bus.publish(ShowResumed())
        return {"resumed": halted}

    def _restart(self, name: str) -> dict[str, Any]:
        self._group[self._engines.settled(name).name].restart()
        return {"restarting": name}

    async def _play(self, name: str) -> dict[str, Any]:
        """The model reads the new persona at once, so that the next visitor does not wait for it."""
        try:
            character = await asyncio.to_thread(load_character, name, self._engines.home)
        except ProfileError as error:
            raise cmd.CommandError(cmd.USAGE, str(error)) from None
        llm = self._engines.live.llm()
        if why := await misfit(self._engines.launchers, llm, character.value):
            raise cmd.CommandError(cmd.USAGE, f"{character.value.name} cannot be played: {why}")
        self._show.play(character)
        if llm is not None and self.bus.state.stage is Stage.IDLE:
            with suppress(ConversationError):
                await llm.prime(self._engines.cast.head())
        return {"character": character.name, "character_name": character.value.name}

    async def _ask(self, command: cmd.Ask, holder: str) -> dict[str, Any]:
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

    async def _say(self, command: cmd.Say, holder: str) -> dict[str, Any]:
        if not has_words(command.text):
            raise cmd.CommandError(cmd.USAGE, cmd.NOTHING_TO_SAY)
        plain = cmd.Ask(text=command.text, timeout_s=command.timeout_s)
        said = await self._turn(Request("say", holder=holder, text=command.text), plain, need=("tts",))
        if said["outcome"] in (Outcome.COMPLETED, Outcome.DEGRADED) and not said["audio"]["seconds"]:
            raise cmd.CommandError(cmd.USAGE, cmd.NOTHING_TO_SAY)  # letters that this voice cannot read
        return said

    async def _turn(self, request: Request, command: cmd.Ask, need: tuple[str, ...]) -> dict[str, Any]:
        self._asking += 1
        try:
            return await self._one_turn(request, command, need)
        finally:
            self._asking -= 1
            if self._stop_when_idle and not self._asking:
                self._show.stop("the last question was answered")

    async def _one_turn(self, request: Request, command: cmd.Ask, need: tuple[str, ...]) -> dict[str, Any]:
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
        return self._result(ended, heard, command.want_audio)

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
                    raise cmd.CommandError(cmd.NO_ENGINE, held.last_error or f"{held.name} is held")

    def _result(self, ended: TurnEnded, heard: Samples, want_audio: bool) -> dict[str, Any]:
        row: dict[str, Any] = msgspec.to_builtins(ended)
        keys = ("turn", "outcome", "transcript", "caption", "reply", "heard", "marks", "llm", "audio", "jaw")
        out = {key: row[key] for key in keys}
        if ended.outcome is not Outcome.COMPLETED:
            out |= {"stage": row["stage"], "message": ended.message}
        if want_audio:
            out["pcm"] = base64.b64encode(heard.astype("<i2").tobytes()).decode()
        return out
