"""What an operator may ask of a show: the vocabulary of the operator API."""

from enum import StrEnum
from typing import Any, Literal

from msgspec import Struct

from console.api.answers import (
    Exchanged,
    Fetching,
    Halted,
    Interrupted,
    Pinned,
    Playing,
    Pressed,
    Released,
    Restarting,
    Resumed,
    StatusReport,
    Stopping,
    Talked,
    Unloading,
)
from console.api.body_commands import AnyBodyCommand
from console.api.command import Command as Command
from console.api.events import SwapEnded
from console.api.model_card import ModelCard
from console.api.swap_forecast import SwapForecast


class Status(Command[StatusReport], frozen=True, kw_only=True):
    """How the show is: what `status --json` prints."""


class Subscribe(Command[None], frozen=True, kw_only=True):
    """From here on the connection carries the snapshot, then every event as a line of its own."""

    telemetry: bool = True


class Press(Command[Pressed], frozen=True, kw_only=True):
    """The talk button goes down; answered once the microphone is open. `lasting`: it outlives this connection."""

    lasting: bool = False


class Release(Command[Released], frozen=True, kw_only=True):
    """The button that this client holds, or a lasting press, comes up."""


class Talk(Command[Talked], frozen=True, kw_only=True):
    """The talk button of a screen: a question that is being recorded, also by another client, is over now; else this
    client presses. Both in one step, so that no other press can come between.
    """


class Interrupt(Command[Interrupted], frozen=True, kw_only=True):
    """Stop speaking now."""


class Ask(Command[Exchanged], frozen=True, kw_only=True):
    """One turn, answered when it has ended. Exactly one of `pcm` and `text`."""

    pcm: bytes = b""
    """s16le mono 16 kHz (base64 in JSON)."""
    text: str = ""
    want_audio: bool = False
    """Also answer with what was heard, as "pcm" in base64."""
    timeout_s: float = 120.0
    """More than a model that gives signs of life may take for its first words."""


class Say(Command[Exchanged], frozen=True, kw_only=True):
    """Speak a line in the character's voice."""

    text: str
    timeout_s: float = 120.0


class Panic(Command[Halted], frozen=True, kw_only=True):
    """Silence, jaw closed and limp, nobody waits, no turn begins until Resume."""


class Resume(Command[Resumed], frozen=True, kw_only=True):
    """End a panic."""


class Restart(Command[Restarting], frozen=True, kw_only=True):
    """Stop and start one service, also one that has failed for good. Answered at once."""

    service: str


class Play(Command[Playing], frozen=True, kw_only=True):
    """From the next turn on another character speaks."""

    character: str


class Swap(Command[SwapEnded], frozen=True, kw_only=True):
    """Another model for a service, while the show is on. Answered when it is decided."""

    service: str
    model: str
    device: Literal["auto", "cpu", "gpu"] | None = None
    """None: the rig's."""
    timeout_s: float = 900.0
    """How long the client waits: a model may have to be fetched first."""


class Models(Command[list[ModelCard]], frozen=True, kw_only=True):
    """Every model of the catalogue, and what it would mean here."""


class Fetch(Command[Fetching], frozen=True, kw_only=True):
    """Get a model while the show goes on; `cancel` ends that. Answered at once."""

    model: str
    cancel: bool = False


class Pin(Command[Pinned], frozen=True, kw_only=True):
    """A pinned service keeps its model when memory runs low."""

    service: str
    on: bool = True


class Unload(Command[Unloading], frozen=True, kw_only=True):
    """Stop a service, so that its memory is free; Restart brings it back. Answered at once."""

    service: str


class Forecast(Command[SwapForecast], frozen=True, kw_only=True):
    """What such a swap would mean."""

    service: str
    model: str
    device: Literal["auto", "cpu", "gpu"] | None = None


class Stop(Command[Stopping], frozen=True, kw_only=True):
    """Answered at once; the show then stops its engines in order."""

    when_idle: bool = False
    """A client that started a show for one question stops it so; while others ask, the last of them takes it along."""


AnyCommand = (
    Status
    | Subscribe
    | Press
    | Release
    | Talk
    | Interrupt
    | Ask
    | Say
    | Panic
    | Resume
    | Restart
    | Play
    | Swap
    | Forecast
    | Models
    | Fetch
    | Pin
    | Unload
    | Stop
    | AnyBodyCommand
)


class FailureCode(StrEnum):
    """The kinds of failure; a command line makes exit codes of them."""

    USAGE = "usage"
    """The command cannot be done as it was given."""
    NO_ENGINE = "no_engine"
    """An engine could not be made ready."""
    TURN_FAILED = "turn_failed"
    """It could not be done now, or failed on its way."""
    NO_SHOW = "no_show"
    """No show can do it."""


class Failure(Struct, frozen=True, kw_only=True):
    """Why a command was not done."""

    code: FailureCode
    message: str


class CommandReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Comes back for each command."""

    id: int = 0
    result: Any = None
    error: Failure | None = None


class CommandError(Exception):
    """A command that cannot be done; becomes a `Failure`."""

    def __init__(self, code: FailureCode, message: str) -> None:
        self.code = code
        super().__init__(message)


NOTHING_TO_SAY = "there is nothing to say in that; give some words"
USAGE = FailureCode.USAGE
NO_ENGINE = FailureCode.NO_ENGINE
TURN_FAILED = FailureCode.TURN_FAILED
NO_SHOW = FailureCode.NO_SHOW
