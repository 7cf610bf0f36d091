"""What a show answers to commands for the body; `body_status.py` has the longer answers."""

from msgspec import UNSET, Struct, UnsetType


class Armed(Struct, frozen=True, kw_only=True):
    armed: bool


class MotorsOff(Struct, frozen=True, kw_only=True):
    stopped: bool


class Acknowledged(Struct, frozen=True, kw_only=True):
    """The fault that was seen; empty if there was none."""

    fault: str


class Jogged(Struct, frozen=True, kw_only=True):
    us: int
    """The last pulse."""
    opening: float
    """0 closed .. 1 open."""


class Swept(Struct, frozen=True, kw_only=True):
    us: int
    """The last pulse."""


class Saved(Struct, frozen=True, kw_only=True):
    file: str


class Picked(Struct, frozen=True, kw_only=True):
    name: str
    """In full."""


class VoiceHeard(Struct, frozen=True, kw_only=True):
    """How the microphone heard a voice; dB of full scale."""

    peak_db: float
    floor_db: float
    snr_db: float
    clipped: bool


class ToneHeard(Struct, frozen=True, kw_only=True):
    heard: bool | None
    """None: there is no live microphone."""
    snr_db: float | None
    delay_ms: float | None = None
    """From when the speaker says that it is audible until the microphone has it."""


class Moving(Struct, frozen=True, kw_only=True):
    moving: bool


class Watching(Struct, frozen=True, kw_only=True):
    watching: bool


class Photograph(Struct, frozen=True, kw_only=True):
    """A snapshot."""

    jpeg: bytes
    """The file (base64 in JSON), a PNG where that was asked for."""
    mime: str = "image/jpeg"
    age_s: float
    brightness: float
    width: int
    height: int
    caption: str | UnsetType = UNSET
    """Where it was asked for: a sentence,"""
    blind: str | UnsetType = UNSET
    """or why there is none."""
