"""What the meters read, as the sampler sends it; light to import. Bytes, unless a name says otherwise."""

from msgspec import Struct

CPU_MODE = "No GPU was found: CPU mode."


class Machine(Struct, frozen=True, kw_only=True):
    """RAM and processors of this machine, or of the container that we are in."""

    ram_total: int
    ram_available: int
    """What programs could have without swapping, as the kernel estimates it."""
    swap_total: int = 0
    swap_used: int = 0
    swap_in: int | None = 0
    """Bytes a second that come back from the swap: the sign that RAM is short, where `swap_used` is only its memory;
    None where not told.
    """
    pressure_pct: float | None = None
    """Of the last 10 s, the share in which somebody waited for memory (PSI, "some avg10"); None where not told."""
    cpu_pct: float | None = None
    """Of all cores together since the last reading; None in the first."""

    @property
    def ram_used(self) -> int:
        return self.ram_total - self.ram_available


class GpuProcess(Struct, frozen=True, array_like=True):
    """One process that has memory of a device."""

    pid: int
    used: int | None
    """None: the driver does not say (WDDM, WSL)."""


class GpuReading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One GPU. total = used + free + reserved; all of them 0 where the driver does not tell, as in a MIG container."""

    key: str
    """The same as long as it is the same piece of hardware."""
    name: str
    total: int
    used: int
    free: int
    reserved: int = 0
    """By the driver for itself; 0 where it counts that as used."""
    load_pct: float | None = None
    temp_c: float | None = None
    power_w: float | None = None
    unified: bool = False
    """Its memory is (in part) the machine's RAM: the two must not be added."""
    blind: bool = False
    """The driver does not say which of our processes has what: numbers of another container, or none at all."""
    lost: bool = False
    """It was there and does not answer any more; these are its last values."""
    processes: tuple[GpuProcess, ...] = ()


class MeterReading(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All meters at one moment."""

    at: float
    """Monotonic time, seconds."""
    machine: Machine
    devices: tuple[GpuReading, ...] = ()
    note: str = ""
    """What there is to say about the devices, in plain sentences; "" when all is as it should be."""
    patience_s: float = 0.0
    """The next reading may take this long, because a driver is being woken; `devices` are not known meanwhile."""
