"""What an engine will take, from the best source there is: learned, else the engine's own word, else the formula."""

import platform
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from launchers.base import BaseLauncher
from launchers.errors import FetchError
from launchers.headers import ggml, gguf
from launchers.headers.reader import BadHeader
from launchers.load_flags import LoadFlags
from launchers.memory import formula
from launchers.memory.dry_run import totals
from launchers.memory.fit import Estimate, margin
from launchers.memory.formula import MemoryNeed
from launchers.memory.learned import MeasuredProfiles, Measurement, Profile, key_of
from launchers.memory.placement import Placement


class EngineLoad(Struct, frozen=True, kw_only=True):
    """One start of one engine: all that its memory depends on."""

    flags: LoadFlags
    weights: Path | None
    """None: not stored, or the engine brings its own."""
    file_bytes: int
    build: str
    """Which engine: the hash of its environment, or a program's path, size and stamp."""
    device: str = "cpu"
    name: str = ""
    """Of the model, for people."""

    @property
    def key(self) -> str | None:
        """Of its learned profile; None when the file is not here."""
        try:
            return key_of(self.weights, self.flags, self.build, self.device) if self._here else None
        except OSError:
            return None

    @property
    def _here(self) -> bool:
        return self.weights is not None or not self.file_bytes

    @property
    def on_gpu(self) -> bool:
        return self.device != "cpu"


def load_of(launcher: BaseLauncher, *, model: str | None = None, device: str | None = None) -> EngineLoad:
    """The start that this launcher would make; of another model or on another device where they are given. Raises
    ProfileError for a model that is not in the catalogue.
    """
    wanted, shop = launcher.model if model is None else model, launcher.workshop
    weights, size = None, 0
    if wanted:
        size = shop.store.bytes(wanted)
        try:
            weights = shop.store.path(wanted)
        except FetchError:
            weights = None
    return EngineLoad(
        flags=launcher.memory_flags(),
        weights=weights,
        file_bytes=size,
        build=launcher.build(),
        device=device or launcher.device,
        name=wanted,
    )


def for_launcher(
    launcher: BaseLauncher,
    learned: MeasuredProfiles,
    *,
    model: str | None = None,
    device: str | None = None,
    placement: Placement | None = None,
    free_vram: int = -1,
) -> Estimate:
    """See `estimate`; reads up to 16 MB of the file, so call it in a thread (0.1 s for a large vocabulary)."""
    load = load_of(launcher, model=model, device=device)
    return estimate(load, learned, placement=placement, free_vram=free_vram)


def estimate(
    load: EngineLoad,
    learned: MeasuredProfiles | None = None,
    *,
    placement: Placement | None = None,
    free_vram: int = -1,
) -> Estimate:
    """Never fails: a file that cannot be read is estimated by its size. `placement`: what the engine itself reported
    of such a load; `free_vram` decides how many layers go to a GPU, -1: all.
    """
    need, rough = _formula(load, free_vram)
    key = load.key
    profile = learned.look_up(key) if learned is not None and key is not None else None
    if profile is not None:
        return _learned(profile, need)
    known = totals(placement, load.flags.engine, _vocabulary(load)) if placement is not None else None
    if placement is not None and known is not None:
        ram, vram = known
        grown = need.peak_ram - need.ram
        made = _estimate(MemoryNeed(ram=ram, peak_ram=ram + grown, vram=vram))
        return replace(made, source="dry run", layers_on_gpu=placement.layers_offloaded, layers=placement.layers)
    return replace(_estimate(need), rough=rough)


def learn(learned: MeasuredProfiles, load: EngineLoad, seen: Measurement) -> None:
    """Keeps what was measured of this start, for the next one like it."""
    if (key := load.key) is not None:
        learned.record(key, seen, name=load.name)


def error_pct(said: int, measured: int) -> float:
    """How far an estimate was off; positive: it said too much."""
    return 100.0 * (said - measured) / max(1, measured)


def _estimate(need: MemoryNeed) -> Estimate:
    return Estimate(
        ram_bytes=need.ram,
        peak_ram_bytes=max(need.ram, need.peak_ram),
        vram_bytes=need.vram,
        peak_vram_bytes=need.vram,
        source="formula",
        margin_bytes=margin(need.vram or need.ram, vram=need.vram > 0),
        layers_on_gpu=need.layers_on_gpu,
        layers=need.layers,
    )


def _learned(profile: Profile, need: MemoryNeed) -> Estimate:
    return Estimate(
        ram_bytes=profile.ram,
        peak_ram_bytes=profile.peak_ram,
        vram_bytes=profile.vram,
        peak_vram_bytes=profile.peak_vram,
        source="learned",
        margin_bytes=margin(profile.vram or profile.ram, vram=profile.vram > 0),
        error_pct=round(error_pct(need.vram or need.ram, (profile.vram if need.vram else 0) or profile.ram), 1),
        layers_on_gpu=need.layers_on_gpu,
        layers=need.layers,
        load_s=profile.load_warm_s or profile.load_cold_s,
        speed=profile.speed,
    )


def _formula(load: EngineLoad, free_vram: int) -> tuple[MemoryNeed, bool]:
    """And whether it is a rough one."""
    flags, weights = load.flags, load.weights
    try:
        if weights is not None and flags.engine.startswith("llm"):
            model = gguf.read(weights)
            return formula.llm(model, flags, machine=platform.machine(), gpu=load.on_gpu, free_vram=free_vram), False
        if weights is not None and flags.engine.startswith("stt"):
            return formula.stt(ggml.read(weights), gpu=load.on_gpu), False
        if weights is not None or not load.file_bytes:
            return formula.by_size(flags.engine, load.file_bytes), False
    except (BadHeader, OSError):
        pass  # A file of another kind, or one that just went: its size is all we know.
    return formula.rough(flags.engine, load.file_bytes, gpu=load.on_gpu), True


def _vocabulary(load: EngineLoad) -> int:
    """Bytes that no engine reports: of llama.cpp's vocabulary, and of whisper.cpp's with what it keeps untouched."""
    if load.weights is None or not load.flags.engine.startswith("llm"):
        return 0
    try:
        return formula.vocabulary_bytes(gguf.read(load.weights))
    except (BadHeader, OSError):
        return 0
