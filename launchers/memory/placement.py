"""Where an engine really put its model, and whether that is what the machine is for."""

from typing import Literal

from msgspec import Struct

from profiles.home import PROGRAM

Backend = Literal["cpu", "gpu", "both", "unknown"]


class Placement(Struct, frozen=True, kw_only=True):
    """By the engine's own words. 0 and "" where it did not say."""

    backend: Backend = "unknown"
    devices: tuple[str, ...] = ()
    """As the engine names them: CUDA0, Vulkan0, CPU."""
    layers_offloaded: int = 0
    layers: int = 0
    ram: int = 0
    """Bytes of all buffers in RAM, those of the mapped file included."""
    vram: int = 0
    """Bytes of all buffers on devices; the driver's own share is not among them."""
    projected_vram: int = 0
    """Bytes that the engine meant to use before it loaded."""
    free_vram: int = 0
    """Bytes that were free on its first device before it loaded."""

    @property
    def words(self) -> str:
        """For a column of the screen: "CUDA0, 25/25 layers"."""
        where = ", ".join(self.devices) or {"cpu": "CPU", "gpu": "GPU", "both": "GPU and CPU"}.get(self.backend, "?")
        return f"{where}, {self.layers_offloaded}/{self.layers} layers" if self.layers else where


def fell_back(placement: Placement, *, service: str, gpu: str, wanted: str = "gpu", ours: bool = True) -> str | None:
    """One plain sentence with the command that mends it, when a machine with a `gpu` (its name, "" for none) computes
    elsewhere than the rig `wanted` ("cpu" asks for nothing else). `ours`: our own server runs, no program found here.
    """
    if not gpu or wanted == "cpu" or placement.backend in ("gpu", "unknown"):
        return None
    again = f"{PROGRAM} restart {service}"
    if placement.backend == "both":
        share = f"{placement.layers_offloaded} of {placement.layers} layers" if placement.layers else "a part"
        smaller = f"take a smaller model or context, see: {PROGRAM} models list"
        return f"Only {share} of {service} are on the {gpu}, so it is slow; {smaller}"
    if ours:
        need = "its engine here is built for the CPU alone; put one built for the GPU on the PATH"
        return f"{service} runs on the CPU beside a {gpu}, as {need}, then run: {again}"
    return (
        f"{service} runs on the CPU beside a {gpu}; check its driver with nvidia-smi or vulkaninfo, then run: {again}"
    )
