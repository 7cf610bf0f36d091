"""The words shown to people for what a turn is doing, and for how it ended."""

from enum import StrEnum


class Stage(StrEnum):
    IDLE = "IDLE"
    LISTENING = "LISTENING"
    TRANSCRIBING = "TRANSCRIBING"
    SEEING = "SEEING"
    SEARCHING = "SEARCHING"
    THINKING = "THINKING"
    SPEAKING = "SPEAKING"
    FILLER = "FILLER"
    HELD = "HELD"


class Outcome(StrEnum):
    COMPLETED = "completed"
    DEGRADED = "degraded"
    """It was answered, but not by the engine that should have: a canned line or the stand-by voice."""
    INTERRUPTED = "interrupted"
    UNHEARD = "unheard"
    """Nobody spoke, or we heard ourselves."""
    FAILED = "failed"
    """A stage failed or took too long; the stage is named."""
