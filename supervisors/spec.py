"""What a service is: the caller gives the callables, so that nothing here knows of models, wires or voices."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from supervisors.exits import Exit
from supervisors.redact import Secret
from supervisors.states import ServiceState

LOG_RULES = (
    r"CUDA error",
    r"GGML_ASSERT",
    r"ggml_abort",
    r"[Oo]ut of memory",
    r"cudaMalloc failed",
    r"std::bad_alloc",
    r"Segmentation fault",
)
"""What engines say before they hang or die (from public reports of such servers)."""
OnProgress = Callable[[Any], None]
"""Takes whatever the caller's `prepare` reports; it is handed on, never read."""


class Command(Struct, frozen=True):
    argv: tuple[str, ...]
    env: dict[str, str] = {}
    """Added to our own environment."""
    nice: int = 0
    cwd: str | None = None


async def no_canary(base_url: str) -> None:
    """For a server whose 200 says enough."""


async def nothing_to_prepare(on_progress: OnProgress) -> None:
    """For a service that has all it needs."""


async def no_farewell(base_url: str) -> None:
    """For a server in which we leave nothing behind."""


def never_busy() -> bool:
    return False


def always_idle() -> bool:
    return True


def no_gpu() -> None:
    """Nobody measures any."""


def just_died(end: Exit | None) -> tuple[str, bool]:
    """Nothing more is known."""
    return "", False


class ServiceSpec(Struct, frozen=True, kw_only=True):
    """A server that we start, watch, restart and stop."""

    name: str
    role: str
    command: Callable[[int], Command]
    """What to run on the given port; asked again at every start."""
    prepare: Callable[[OnProgress], Awaitable[None]] = nothing_to_prepare
    """FETCHING: brings environment and weights; an error's `str()` is one plain line."""
    canary: Callable[[str], Awaitable[None]] = no_canary
    """A real little request to the base URL, and the warm-up; raises ServiceError when it goes unanswered."""
    health_path: str = "/health"
    port: int = 0
    """0: we choose a free one, and keep it over restarts while it stays free."""
    after: tuple[str, ...] = ()
    """Services of the group that must be READY first."""
    stop_grace_s: float = 5.0
    stall_s: float = 300.0
    """Loading may take as long as it likes, but not this long without a word in the log."""
    adopt_window_s: float = 0.0
    """How long the engine outlives a show that dies; 0: not at all."""
    log_rules: tuple[str, ...] = LOG_RULES
    """Regular expressions of lines after which it may be alive and of no more use; each is followed by a canary."""
    busy: Callable[[], bool] = never_busy
    """Whether a request of ours is within its deadline: a busy server may miss probes."""
    idle: Callable[[], bool] = always_idle
    """Whether a canary disturbs nobody: no visitor is being listened or talked to."""
    canary_every_s: float = 30.0
    drain_s: float = 5.0
    """How long a stop waits for a request of ours to end."""
    memory_limit: int = 0
    """Bytes in RAM of its whole tree, beyond which it is started again; 0: no limit."""
    vram: Callable[[], int | None] = no_gpu
    """Bytes of its whole tree on GPUs now, as somebody else measures them; None where that is not known."""
    died_early: Callable[[Exit | None], tuple[str, bool]] = just_died
    """Asked when it ended before it was READY (None: it lived and gave no answer): what to say instead, or "", and
    whether another try is of no use."""
    seat: int = 1
    """While one model takes over from another, two of the same name run: each has files, socket and log of its own."""

    @property
    def key(self) -> str:
        """Names its files. No service can be called so: a name has no ~."""
        return self.name if self.seat == 1 else f"{self.name}~{self.seat}"


class AttachedSpec(Struct, frozen=True, kw_only=True):
    """A server that somebody else runs; probed, never started or stopped."""

    name: str
    role: str
    base_url: str
    prepare: Callable[[OnProgress], Awaitable[None]] = nothing_to_prepare
    """Brings what the server lacks, once it answers and before the canary; FETCHING when it tells of progress."""
    canary: Callable[[str], Awaitable[None]] = no_canary
    leave: Callable[[str], Awaitable[None]] = no_farewell
    """Puts things right at the base URL when we go, if we ever asked anything of it; not when the show crashes."""
    health_path: str = "/health"
    after: tuple[str, ...] = ()
    busy: Callable[[], bool] = never_busy
    key: Secret | None = None
    """An Authorization header for the probes; what `prepare` and `canary` send is theirs."""
    locked: str = "wants a key"
    """What is wrong, and what to do, when the server says 401 or 403."""


class ServicePaths(Struct, frozen=True):
    """Where services leave what they need on this machine."""

    state: Path
    """`services/<name>.json` are below it."""
    logs: Path
    socket: Callable[[str], Path]
    """A short path for the socket of the named service's shim."""
    prefix: str
    """First part of every token; see `reaper.token_prefix`."""
    withheld: frozenset[str] = frozenset()
    """Variables that no engine inherits, however harmless their names: they hold keys of others."""

    def state_file(self, name: str) -> Path:
        return self.state / "services" / f"{name}.json"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"


class ServiceStatus(Struct, frozen=True, kw_only=True):
    """What is known of a service at one moment."""

    name: str
    role: str
    state: ServiceState
    since: float
    """Monotonic time at which it came into this state."""
    pid: int | None = None
    shim_pid: int | None = None
    port: int | None = None
    restarts: int = 0
    adopted: bool = False
    last_error: str | None = None
    """Why it last failed, in one plain line; stays after the recovery until the operator starts it again."""
    rss_bytes: int | None = None
    """Of the whole tree; brought up to date every few seconds without a call of `on_status`."""


OnStatus = Callable[[ServiceStatus], None]
