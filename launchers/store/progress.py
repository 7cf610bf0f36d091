"""How far long work has come, in a form that every screen can draw."""

from collections.abc import Callable
from typing import Literal

from msgspec import Struct


class Progress(Struct, frozen=True, kw_only=True):
    """One step of a fetch or an installation."""

    what: str
    """For people: "whisper tiny.en", "environment of tts_piper"."""
    unit: Literal["bytes", "packages"]
    done: int
    total: int | None
    """None until it is known."""
    seconds_left: float | None = None
    note: str = ""
    """A word that matters once: a source skipped, a resume."""


OnProgress = Callable[[Progress], None]
