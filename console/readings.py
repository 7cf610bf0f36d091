"""What the telemetry says; light to import, for those who only read it."""

from msgspec import Struct


class Levels(Struct, frozen=True, kw_only=True):
    """Sound and jaw at this moment."""

    mic_db: float | None = None
    """None: no microphone is open (a recorded visitor between two questions)."""
    floor_db: float | None = None
    jaw: float = 0.0
    """0 closed .. 1 open."""


class Memory(Struct, frozen=True, kw_only=True):
    """RAM of this machine, and of each service's whole tree; bytes."""

    services: dict[str, int]
    show: int
    used: int
    total: int
    available: int
