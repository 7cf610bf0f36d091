"""The words for what a service is doing (standard library only)."""

from enum import StrEnum


class ServiceState(StrEnum):
    STOPPED = "STOPPED"
    WAITING = "WAITING"
    """For a service it depends on."""
    FETCHING = "FETCHING"
    """Its environment or its weights are on their way."""
    STARTING = "STARTING"
    """Spawned; nothing listens yet."""
    LOADING = "LOADING"
    """It listens, but the canary has not answered."""
    READY = "READY"
    DEGRADED = "DEGRADED"
    """It runs, but misses probes."""
    DRAINING = "DRAINING"
    STOPPING = "STOPPING"
    BACKOFF = "BACKOFF"
    """It died; the next start is due in a moment."""
    FAILED = "FAILED"
    """It died too often, or cannot run as it is; it waits for the operator."""

    @classmethod
    def _missing_(cls, value: object) -> "ServiceState | None":
        """What is written of shows up to 0.1.0, which called the last state HELD."""
        return cls.FAILED if value == "HELD" else None
