"""What an operator may ask of a show: the vocabulary of the operator API."""

from typing import Any, Literal

from msgspec import Struct

from console.api.body_commands import AnyBodyCommand
from console.api.command import Command as Command


class Status(Command, frozen=True, kw_only=True):
    """Answered with what `status --json` prints."""


class Subscribe(Command, frozen=True, kw_only=True):
    """From here on the connection carries the snapshot, then every event as a line of its own."""

    telemetry: bool = True


class Press(Command, frozen=True, kw_only=True):
    """Answered with {"turn"} once the microphone is open. `lasting`: outlives this connection (a CLI press)."""

    lasting: bool = False


class Release(Command, frozen=True, kw_only=True):
    """Answered with {"released"}: false when nobody held the button, or the visitor had finished by himself."""

    whoever: bool = False
    """Also a button that another client holds: what a second operator's press means while a question is recorded."""


class Interrupt(Command, frozen=True, kw_only=True):
    """Stop speaking now. Answered with {"interrupted"}."""


class Ask(Command, frozen=True, kw_only=True):
    """One turn, answered when it has ended. Exactly one of `pcm` and `text`."""

    pcm: bytes = b""
    """s16le mono 16 kHz (base64 in JSON)."""
    text: str = ""
    want_audio: bool = False
    """Also answer with what was heard, as "pcm" in base64."""
    timeout_s: float = 120.0
    """More than a model that gives signs of life may take for its first words."""


class Say(Command, frozen=True, kw_only=True):
    """Speak a line in the character's voice; answered like Ask."""

    text: str
    timeout_s: float = 120.0


class Panic(Command, frozen=True, kw_only=True):
    """Silence, jaw closed and limp, nobody waits, no turn begins until Resume. Answered with {"halted": true}."""


class Resume(Command, frozen=True, kw_only=True):
    """Answered with {"resumed"}: false when the show was not halted."""


class Restart(Command, frozen=True, kw_only=True):
    """Stop and start one service, also one that is HELD. Answered at once with {"restarting"}."""

    service: str


class Play(Command, frozen=True, kw_only=True):
    """From the next turn on another character speaks. Answered with {"character", "character_name"}."""

    character: str


class Swap(Command, frozen=True, kw_only=True):
    """Another model for a service, while the show is on. Answered with SwapEnded's fields when it is decided."""

    service: str
    model: str
    device: Literal["auto", "cpu", "gpu"] | None = None
    """None: the rig's."""
    timeout_s: float = 900.0
    """How long the client waits: a model may have to be fetched first."""


class Models(Command, frozen=True, kw_only=True):
    """Answered with a list of console.engines.model_handler.ModelCard's fields."""


class Fetch(Command, frozen=True, kw_only=True):
    """Get a model while the show goes on; `cancel` ends that. Answered at once with {"fetching"}."""

    model: str
    cancel: bool = False


class Pin(Command, frozen=True, kw_only=True):
    """A pinned service keeps its model when memory runs low. Answered with {"pinned"}."""

    service: str
    on: bool = True


class Unload(Command, frozen=True, kw_only=True):
    """Stop a service, so that its memory is free; Restart brings it back. Answered at once with {"unloading"}."""

    service: str


class Forecast(Command, frozen=True, kw_only=True):
    """What such a swap would mean. Answered with console.engines.memory_forecast.SwapForecast's fields."""

    service: str
    model: str
    device: Literal["auto", "cpu", "gpu"] | None = None


class Stop(Command, frozen=True, kw_only=True):
    """Answered at once with {"stopping"}; the show then stops its engines in order."""

    when_idle: bool = False
    """A client that started a show for one question stops it so; while others ask, the last of them takes it along."""


AnyCommand = (
    Status
    | Subscribe
    | Press
    | Release
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


class Failure(Struct, frozen=True, kw_only=True):
    """Why a command was not done."""

    code: int
    """The exit code that a CLI gives for it."""
    message: str


class CommandReply(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Comes back for each command."""

    id: int = 0
    result: Any = None
    error: Failure | None = None


class CommandError(Exception):
    """A command that cannot be done; becomes a `Failure`."""

    def __init__(self, code: int, message: str) -> None:
        self.code = code
        super().__init__(message)


NOTHING_TO_SAY = "there is nothing to say in that; give some words"
DONE, USAGE, NO_ENGINE, TURN_FAILED, NO_SHOW, INTERRUPTED = 0, 2, 3, 4, 5, 130
SCREEN_FAILED = 70
"""The exit code of a screen that broke."""
"""Exit codes, the same for every command."""
