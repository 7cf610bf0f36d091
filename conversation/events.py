"""What happens in a turn, as data: the screen, the log and the tests read the same events."""

from msgspec import Struct

from conversation.stages import Outcome, Stage


class Event(Struct, frozen=True, kw_only=True, tag_field="type", tag=True):
    """Base of everything that is logged and folded into the state; `type` on the wire is the class's name."""


class TurnEvent(Event, frozen=True, kw_only=True):
    """Base of what belongs to one turn."""

    turn: int


class TurnStarted(TurnEvent, frozen=True, kw_only=True):
    source: str
    """button, wav, text or say."""
    holder: str = ""
    """Who pressed."""
    text: str = ""
    """What was typed."""


class StageEntered(TurnEvent, frozen=True, kw_only=True):
    stage: Stage


class TranscriptReady(TurnEvent, frozen=True, kw_only=True):
    text: str
    seconds: float
    """Length of what was recorded."""


class ClauseReady(TurnEvent, frozen=True, kw_only=True):
    """The model finished a clause; the voice gets it now."""

    index: int
    text: str


class ClausePlaying(TurnEvent, frozen=True, kw_only=True):
    """The first sample of a clause is audible."""

    index: int
    text: str
    seconds: float | None
    """Its length, where all of it is already rendered."""


class StageFailed(TurnEvent, frozen=True, kw_only=True):
    """A stage gave up; the turn goes on without it or ends with a canned line."""

    stage: Stage
    message: str
    hint: str = ""


class ModelNoted(TurnEvent, frozen=True, kw_only=True):
    """How the model answers, where that costs something: told once of each model."""

    text: str


class Marks(Struct, frozen=True, kw_only=True):
    """Milliseconds since the press; null = it did not happen. A filler never counts as first_audio."""

    press: float = 0.0
    first_mic: float | None = None
    snapshot: float | None = None
    caption: float | None = None
    release: float | None = None
    stt_final: float | None = None
    llm_sent: float | None = None
    first_token: float | None = None
    first_clause: float | None = None
    first_pcm: float | None = None
    first_audio: float | None = None
    last_audio: float | None = None
    played: float | None = None


class ModelFigures(Struct, frozen=True, kw_only=True):
    """What the model's own timings say of this turn."""

    tokens_per_s: float | None = None
    kv_hit: float | None = None
    """Share of the prompt that was in the cache, 0..1."""


class AudioFigures(Struct, frozen=True, kw_only=True):
    seconds: float = 0.0
    """Heard."""
    sample_rate: int = 0
    rtf: float | None = None
    """Time to render / time it lasts, of the first voice."""


class JawFigures(Struct, frozen=True, kw_only=True):
    frames: int = 0
    sync_p95_ms: float | None = None
    """p95 of |sent - due| over the frames of this turn."""
    dropped: int = 0
    """Frames that came too late to be sent."""


class TurnEnded(TurnEvent, frozen=True, kw_only=True):
    outcome: Outcome
    stage: Stage | None = None
    """The stage that failed, or that an interruption met."""
    message: str = ""
    transcript: str = ""
    caption: str | None = None
    reply: str = ""
    """All that the character meant to say."""
    heard: str = ""
    """What the visitor heard of it."""
    marks: Marks
    llm: ModelFigures = ModelFigures()
    audio: AudioFigures = AudioFigures()
    jaw: JawFigures = JawFigures()
