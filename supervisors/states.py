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
    HELD = "HELD"
    """It died too often; it waits for the operator."""
