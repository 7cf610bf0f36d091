"""What a swap of models would mean for the memory, and so for the visitors."""

from msgspec import Struct

from launchers.memory.fit import Estimate


class FreeMemory(Struct, frozen=True, kw_only=True):
    """What is free now, bytes."""

    ram: int
    vram: int = 0
    one_pool: bool = False
    """The GPU uses the machine's RAM."""


class SwapForecast(Struct, frozen=True, kw_only=True):
    """What an engine would take, and what that means for the one that runs."""

    need: Estimate
    room: FreeMemory
    freed_ram: int
    """What the one that runs would give back."""
    freed_vram: int
    beside: bool
    """Both have room: no pause."""
    fits: bool
    """At least in the place of the one that runs."""
    words: str
    """One plain sentence, without an end."""
