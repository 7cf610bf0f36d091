"""Whether something fits into what is free now, in words with the numbers."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from profiles.wording import amount

MIB = 1024 * 1024
LEAST_VRAM, LEAST_RAM = 512 * MIB, 64 * MIB
"""A GPU that is full fails at once, and drivers, screens and other programs take hundreds of MiB without asking, hence
512. RAM gives way first (page cache, swap), our engines were foretold to 15 MB, and 512 MiB
would refuse a model of 200 MB on a small board: 64 covers four times that error and the growth of the show itself.
"""
SHARE = 20
"""A margin is at least one part in so many: 5 %."""
Source = Literal["learned", "dry run", "formula"]


class Estimate(Struct, frozen=True, kw_only=True):
    """What an engine will take, bytes."""

    ram_bytes: int
    """Resident, after its first answer."""
    peak_ram_bytes: int
    """The most that it may grow to, or has."""
    vram_bytes: int
    source: Source
    peak_vram_bytes: int = 0
    margin_bytes: int = 0
    """To keep free beside it: of VRAM where it uses any, else of RAM."""
    error_pct: float | None = None
    """(formula or dry run - measured) / measured, where it was ever measured here; of a learned estimate, how far the
    formula was off."""
    rough: bool = False
    """The file is not here, so that only its size is known."""
    layers_on_gpu: int = 0
    layers: int = 0
    load_s: float | None = None
    """With the file in the page cache, where it was ever measured here."""
    speed: float | None = None
    """Tokens a second, or RTF, where it was ever measured here."""

    @property
    def words(self) -> str:
        """For the screen: "1.9 GB (formula, 0.7 % over)"."""
        off = self.error_pct
        said = "" if off is None else f", {abs(off):.1f} % {'over' if off >= 0 else 'under'}"
        return f"{_gb(self.ram_bytes, self.vram_bytes)} ({self.source}{', rough' if self.rough else ''}{said})"


class Fit(Struct, frozen=True, kw_only=True):
    fits: bool
    tight: bool = False
    """It fits, but not if it grows to its peak."""
    words: str = ""
    """One plain sentence."""
    missing_ram: int = 0
    missing_vram: int = 0
    """Bytes that would have to be freed first."""


def margin(need: int, *, vram: bool) -> int:
    """Bytes to keep free beside a need; none beside none."""
    return max(LEAST_VRAM if vram else LEAST_RAM, need // SHARE) if need else 0


def fits(estimate: Estimate, available_ram: int, free_vram: int = 0, *, one_pool: bool = False) -> Fit:
    """`one_pool`: the GPU uses the machine's RAM (Apple, integrated graphics), and only `available_ram` counts."""
    ram, vram = estimate.ram_bytes, estimate.vram_bytes
    if one_pool:
        ram, vram = ram + vram, 0
    missing_ram = max(0, ram + margin(ram, vram=False) - available_ram)
    missing_vram = max(0, vram + margin(vram, vram=True) - free_vram)
    if missing_ram or missing_vram:
        of = [_lack(ram, available_ram, "RAM")] * bool(missing_ram) + [_lack(vram, free_vram, "VRAM")] * bool(
            missing_vram
        )
        return Fit(fits=False, words=" and ".join(of), missing_ram=missing_ram, missing_vram=missing_vram)
    peak = estimate.peak_ram_bytes + (max(estimate.peak_vram_bytes, estimate.vram_bytes) if one_pool else 0)
    if peak > available_ram:
        return Fit(
            fits=True,
            tight=True,
            words=f"fits, but may grow to {amount(peak)} of RAM and {amount(available_ram)} are free",
        )
    return Fit(fits=True, words=f"needs {_gb(ram, vram)}")


def would_fit(
    alternatives: Mapping[str, Estimate], available_ram: int, free_vram: int = 0, *, one_pool: bool = False
) -> list[str]:
    """The names of those that fit, the largest first."""
    good = [n for n, e in alternatives.items() if fits(e, available_ram, free_vram, one_pool=one_pool).fits]
    return sorted(good, key=lambda name: -(alternatives[name].ram_bytes + alternatives[name].vram_bytes))


def refusal(
    name: str,
    estimate: Estimate,
    alternatives: Mapping[str, Estimate],
    available_ram: int,
    free_vram: int = 0,
    *,
    one_pool: bool = False,
) -> str | None:
    """One sentence why `name` cannot be started now and what could be; None when it fits."""
    verdict = fits(estimate, available_ram, free_vram, one_pool=one_pool)
    if verdict.fits:
        return None
    others = [n for n in would_fit(alternatives, available_ram, free_vram, one_pool=one_pool) if n != name]
    instead = f"{' or '.join(others[:3])} would fit" if others else "nothing smaller is here; free some memory first"
    return f"{name} {verdict.words}; {instead}"


def _lack(need: int, free: int, where: str) -> str:
    """The margin is told where without it the numbers would look as if it fitted."""
    kept = margin(need, vram=where == "VRAM")
    spare = f" (with {amount(kept)} to spare)" if need <= free else ""
    return f"needs {amount(need)} of {where}{spare} and {amount(max(0, free))} are free"


def _gb(ram: int, vram: int) -> str:
    return f"{amount(ram)} of RAM and {amount(vram)} of VRAM" if vram else f"{amount(ram)} of RAM"
