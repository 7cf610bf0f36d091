"""What an engine says of the memory that its models take, for those who count it."""

from msgspec import Struct


class HeldModel(Struct, frozen=True, kw_only=True):
    """One model in memory, as the engine itself reckons it."""

    name: str
    ram_bytes: int
    vram_bytes: int
    ours: bool
    """Whether it is the rig's, and not loaded for somebody else."""


class ModelMemory(Struct, frozen=True, kw_only=True):
    models: tuple[HeldModel, ...]
    pids: tuple[int, ...] = ()
    """The engine's processes, where they are on this machine and can be seen: what they take can be measured, too."""
