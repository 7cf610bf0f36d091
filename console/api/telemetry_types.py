"""What the telemetry says; light to import, for those who only read it."""

from typing import Literal

from msgspec import Struct


class Levels(Struct, frozen=True, kw_only=True):
    """Sound and jaw at this moment."""

    mic_db: float | None = None
    """None: no microphone is open (a recorded visitor between two questions)."""
    floor_db: float | None = None
    jaw: float = 0.0
    """0 closed .. 1 open."""
    clipped: bool = False
    """The microphone was driven too hard just now."""


class JawReading(Struct, frozen=True, kw_only=True):
    """Telemetry "jaw", while a screen looks: 20 Hz when it moves, else when something changed."""

    us: int = 0
    """Last sent; 0 = limp."""
    opening: float = 0.0
    track: float = 0.0
    """What the voice asks for at this moment, 0 .. 1, before limits."""
    armed: bool = False
    stopped: bool = False
    """An emergency stop that nobody has acknowledged."""
    fault: str = ""
    """Latched until acknowledged."""
    rearms: bool = False
    """To acknowledge the fault arms it again, as it was before; if its board is gone, as soon as that is back."""
    lost: bool = False
    """The board is not there now; it is looked for."""
    sync_ms: float | None = None
    """Frames of this line against the sound, negative early: p95 of the error in the time of sending."""
    dropped: int = 0
    """Frames that came too late to be sent, in this line."""


class CameraReading(Struct, frozen=True, kw_only=True):
    """Telemetry "camera", while a screen watches: 5-8 Hz."""

    width: int = 0
    height: int = 0
    rgb: bytes = b""
    """A small picture, rows of 3 bytes a pixel; empty while there is none."""
    age_s: float | None = None
    """Of the frame, since it was taken; None: there has been none."""
    brightness: int | None = None
    """Percent."""
    fault: str = ""


class DeviceMemory(Struct, frozen=True, kw_only=True):
    """One GPU. The services' + others + reserved + free = total; bytes."""

    name: str
    total: int
    used: int
    free: int
    reserved: int = 0
    """By its driver."""
    services: dict[str, int] = {}
    """Of each service's whole tree."""
    others: int = 0
    inferred: tuple[str, ...] = ()
    """Services whose share the driver does not tell: it follows from what went when they came."""
    load_pct: int | None = None
    temp_c: int | None = None
    power_w: int | None = None
    unified: bool = False
    """It is (in part) the machine's RAM."""
    stale: bool = False
    """It does not answer; these are its last values."""


class Memory(Struct, frozen=True, kw_only=True):
    """RAM of this machine, and of each service's whole tree, and its GPUs; bytes."""

    services: dict[str, int]
    show: int
    used: int
    total: int
    available: int
    cpu_pct: int | None = None
    """Of all cores together."""
    swap_in: int = 0
    """Bytes a second that come back from the swap."""
    pressure: int | None = None
    """Of the last 10 s, the percentage in which somebody waited for memory; None where the kernel does not tell."""
    devices: tuple[DeviceMemory, ...] = ()
    note: str = ""
    """What there is to say about the GPUs, in plain sentences."""
    stale: bool = False
    """The meters are not read any more; these are the last values."""
    warn_at: float = 0.90
    act_at: float = 0.95
    margin: int = 0
    """From which share in use on the rig's `[memory]` has it told, and acted upon; and with less free than what."""

    def runs_low(self, free: int, total: int) -> Literal["", "warn", "bad"]:
        """Of the RAM or a GPU's memory: "bad" where a model would have to step down."""
        used = 1 - free / total if total else 0.0
        if used >= self.act_at or (total and free < self.margin):
            return "bad"
        return "warn" if used >= self.warn_at else ""


class MemoryTrace(Struct, frozen=True, kw_only=True):
    """The last ten minutes in equal columns, the oldest first; the fullest moment of each in percent, -1 unknown."""

    ram: tuple[int, ...] = ()
    vram: tuple[int, ...] = ()
    """Of all GPUs together; empty where there is none."""
    marks: tuple[tuple[int, str, str], ...] = ()
    """Column, "swap" or "crash", service."""
