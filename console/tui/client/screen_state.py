"""All that a screen draws, at one moment."""

from typing import Literal

from msgspec import Struct

from console.api.state import ShowState
from console.api.telemetry_types import CameraReading, JawReading, Levels, Memory, MemoryTrace
from console.tui.client.jaw_trace import Column

LinkState = Literal["starting", "live", "reviving", "lost", "failed", "stopped"]
"""reviving: the show crashed and is started again; lost: it crashed too often for that."""


class Fetching(Struct, frozen=True, kw_only=True):
    """How far a service's environment or weights are; the `progress` telemetry."""

    what: str
    done: int
    total: int | None = None
    unit: str = "bytes"
    seconds_left: float | None = None
    note: str = ""

    @property
    def share(self) -> float:
        return min(1.0, self.done / self.total) if self.total else 0.0


class ScreenState(Struct, frozen=True, kw_only=True):
    """The folded state, the latest telemetry, and how we are connected."""

    state: ShowState = ShowState()
    now: float = 0.0
    """ms on the show's clock."""
    clock: float = 0.0
    """Wall-clock time, seconds since 1970."""
    levels: Levels = Levels()
    jaw: JawReading | None = None
    """None until the show has told of it."""
    course: tuple[Column, ...] = ()
    """How the jaw moved lately."""
    camera: CameraReading | None = None
    """None while nobody watches."""
    memory: Memory | None = None
    history: MemoryTrace = MemoryTrace()
    fetching: dict[str, Fetching] = {}
    link: LinkState = "starting"
    crashed: float = 0.0
    """When the last show that this screen saw crashed, seconds since 1970; 0 = none did."""
    hangs: bool = False
    """A show to which we are connected has lost its pulse."""
    trouble: str = ""
    """Why the link failed, in plain words."""

    @property
    def setting_up(self) -> bool:
        """The very first start: something is still being brought, and nobody has been answered yet."""
        return not self.state.ready and self.state.exchange is None and self.link in ("starting", "live")

    @property
    def on_air(self) -> bool:
        return (
            self.state.ready
            and not self.state.halted
            and self.link == "live"
            and not (self.state.stopping or self.hangs)
        )

    @property
    def busy(self) -> bool:
        """Whether something on the screen runs: a turn, or work that has a clock of its own."""
        return self.link == "live" and (self.state.stage != "IDLE" or not self.state.ready or bool(self.state.swaps))
