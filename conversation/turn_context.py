"""A turn as its parts see it: what was asked, what to work with, which stage it is in, and what was noted of it."""

import asyncio
from collections.abc import Callable

from msgspec import Struct, field

from conversation.audio import Samples
from conversation.errors import ConversationError
from conversation.events import Event, Marks, StageEntered, StageFailed, TurnEnded
from conversation.history import History
from conversation.ports import Engines, Microphone, SpeechDetector
from conversation.speech.speech_player import SpeechPlayer
from conversation.stages import Outcome, Stage
from conversation.text.reply import ModelHabits
from profiles.schema import Audio, Character, Deadlines


class TurnDependencies(Struct, frozen=True, kw_only=True):
    """What every turn of a show works with."""

    engines: Engines
    character: Character
    history: History
    player: SpeechPlayer
    detector: SpeechDetector
    audio: Audio
    deadlines: Deadlines
    emit: Callable[[Event], None]
    habits: ModelHabits = field(default_factory=ModelHabits)


class Request:
    """Somebody wants something said or answered; one request becomes one turn.

    `source`: button, wav (a microphone of its own, which ends), text (no microphone) or say (no model either).
    """

    def __init__(self, source: str, *, holder: str = "", microphone: Microphone | None = None, text: str = "") -> None:
        self.source, self.holder, self.microphone, self.text = source, holder, microphone, text
        self.released = asyncio.Event()
        self.abandoned = False
        """Nobody wants it any more; a turn that has not begun ends at once."""
        self.pressed_at = asyncio.get_running_loop().time()
        self.started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.done: asyncio.Future[tuple[TurnEnded, Samples]] = asyncio.get_running_loop().create_future()


class TurnContext:
    """One request on its way through the stages. Times are monotonic seconds."""

    def __init__(self, number: int, request: Request, hands: TurnDependencies) -> None:
        self.number, self.request, self.hands = number, request, hands
        self.stage = Stage.IDLE
        self.outcome = Outcome.COMPLETED
        self.failed_stage: Stage | None = None
        self.message = ""
        self._times: dict[str, float] = {}

    def enter(self, stage: Stage) -> None:
        self.stage = stage
        self.hands.emit(StageEntered(turn=self.number, stage=stage))

    def mark(self, name: str, at: float | None = None) -> None:
        """Remember when something first happened; monotonic s, now if not given."""
        self._times.setdefault(name, asyncio.get_running_loop().time() if at is None else at)

    def fail(self, error: ConversationError, outcome: Outcome) -> None:
        """Name the stage once; a worse outcome replaces a better one."""
        self.hands.emit(StageFailed(turn=self.number, stage=error.stage, message=error.message, hint=error.hint))
        if self.outcome is Outcome.COMPLETED or outcome is Outcome.FAILED:
            self.outcome, self.failed_stage, self.message = outcome, error.stage, str(error)

    def marks(self) -> Marks:
        """When each thing first happened, in ms since the press."""
        zero = self.request.pressed_at
        return Marks(**{name: round((at - zero) * 1000, 1) for name, at in self._times.items()})
