"""Which source wins, what is refused and in which words, and how a launcher is asked."""

import asyncio
from pathlib import Path

import pytest

from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.load_flags import LoadFlags
from launchers.memory.estimate import EngineLoad, error_pct, estimate, for_launcher, learn, load_of
from launchers.memory.fit import LEAST_RAM, LEAST_VRAM, Estimate, fits, margin, refusal, would_fit
from launchers.memory.learned import MeasuredProfiles, Measurement
from launchers.memory.placement import Placement
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.schema import Engine
from tests.launchers.memory.headers import layer_tensors, llama, write_gguf

GB = 1_000_000_000


def load(tmp_path: Path) -> EngineLoad:
    path = write_gguf(tmp_path / "m.gguf", llama(2), layer_tensors(2))
    return EngineLoad(
        flags=LoadFlags(engine="llm_xllamacpp"), weights=path, file_bytes=path.stat().st_size, build="b", name="toy"
    )


def test_learned_beats_the_engines_word_and_that_the_formula(tmp_path: Path) -> None:
    here, learned = load(tmp_path), MeasuredProfiles(Home(tmp_path))
    by_formula = estimate(here, learned)
    said = Placement(backend="cpu", ram=5_000_000)
    by_word = estimate(here, learned, placement=said)
    silent = estimate(here, learned, placement=Placement(backend="cpu"))
    learn(learned, here, Measurement(after="work", ram=60_000_000, peak_ram=70_000_000, load_s=1.5, speed=40.0))
    known = estimate(here, learned, placement=said)
    assert [e.source for e in (by_formula, by_word, silent, known)] == ["formula", "dry run", "formula", "learned"]
    assert (known.ram_bytes, known.peak_ram_bytes, known.load_s, known.speed) == (60_000_000, 70_000_000, 1.5, 40.0)
    assert known.error_pct == pytest.approx(error_pct(by_formula.ram_bytes, 60_000_000), abs=0.1)
    assert by_formula.error_pct is None and not by_formula.rough


def test_a_file_that_is_no_model_is_estimated_by_its_size(tmp_path: Path) -> None:
    here = load(tmp_path)
    (tmp_path / "m.gguf").write_bytes(b"nonsense")
    found = estimate(here)
    assert found.rough and found.ram_bytes > here.file_bytes


def test_margins() -> None:
    assert margin(0, vram=True) == 0
    assert margin(GB, vram=True) == LEAST_VRAM
    assert margin(20 * GB, vram=True) == GB
    assert margin(200_000_000, vram=False) == LEAST_RAM


def of(ram: int, vram: int = 0, peak: int = 0) -> Estimate:
    return Estimate(ram_bytes=ram, peak_ram_bytes=max(ram, peak), vram_bytes=vram, source="formula")


def test_a_refusal_gives_the_numbers_and_what_would_fit() -> None:
    models = {"large": of(1_900_000_000), "middle": of(650_000_000), "small": of(200_000_000)}
    assert refusal("small", models["small"], models, 900_000_000) is None
    assert refusal("large", models["large"], models, 900_000_000) == (
        "large needs 1.9 GB of RAM and 900 MB are free; middle or small would fit"
    )
    assert refusal("large", models["large"], models, 100_000_000) == (
        "large needs 1.9 GB of RAM and 100 MB are free; nothing smaller is here; free some memory first"
    )
    assert would_fit(models, 3 * GB) == ["large", "middle", "small"]


def test_vram_is_asked_for_with_its_own_margin() -> None:
    verdict = fits(of(400_000_000, 2 * GB), 8 * GB, 2 * GB + 100_000_000)
    assert not verdict.fits
    assert verdict.words == "needs 2.0 GB of VRAM (with 537 MB to spare) and 2.1 GB are free"
    assert verdict.missing_vram == LEAST_VRAM - 100_000_000
    both = fits(of(GB, 2 * GB), 0, 0)
    assert both.words == "needs 1.0 GB of RAM and 0 MB are free and needs 2.0 GB of VRAM and 0 MB are free"
    assert fits(of(GB, 2 * GB), 4 * GB, 0, one_pool=True).fits
    assert not fits(of(GB, 2 * GB), 3 * GB, 0, one_pool=True).fits


def test_what_may_grow_too_large_is_told_but_not_refused() -> None:
    verdict = fits(of(200_000_000, peak=740_000_000), 500_000_000)
    assert verdict.fits and verdict.tight
    assert verdict.words == "fits, but may grow to 740 MB of RAM and 500 MB are free"


def launcher(tmp_path: Path, engine: str, role: str, **more: object) -> BaseLauncher:
    home = Home(tmp_path)
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    settings = Engine(engine=engine, binary="none", **more)  # type: ignore[arg-type]
    return registry.launcher("rig", role, role, settings, shop)  # type: ignore[arg-type]


def test_a_launcher_is_asked_before_its_model_is_here(tmp_path: Path) -> None:
    llm = launcher(tmp_path, "llama_cpp", "llm", model="qwen-0.5b", context=4096)
    flags = llm.memory_flags()
    assert (flags.engine, flags.context, flags.batch, flags.prompt_cache_mib) == ("llm_xllamacpp", 4096, 128, 512)
    found = for_launcher(llm, MeasuredProfiles(Home(tmp_path)))
    assert found.rough and found.source == "formula"
    assert 650_000_000 < found.ram_bytes < 1_100_000_000
    assert for_launcher(llm, MeasuredProfiles(Home(tmp_path)), model="smollm2-135m").ram_bytes < found.ram_bytes
    assert load_of(llm).key is None


def test_every_engine_of_ours_has_an_estimate(tmp_path: Path) -> None:
    learned = MeasuredProfiles(Home(tmp_path))
    for engine, role, model in (
        ("whisper_cpp", "stt", "whisper-tiny.en"),
        ("piper", "tts", "piper-joe"),
        ("hibari", "tts", "hibari-heart"),
        ("hibari", "tts", ""),
    ):
        made = launcher(tmp_path, engine, role, model=model)
        assert 100_000_000 < for_launcher(made, learned).ram_bytes < 400_000_000
        assert made.build().startswith(made.script)


def test_another_program_is_another_build(tmp_path: Path) -> None:
    program = tmp_path / "llama-server"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    llm = launcher(tmp_path, "llama_cpp", "llm")
    llm.settings = Engine(engine="llama_cpp", binary=str(program))
    before = llm.build()
    program.write_text("#!/bin/sh\n# newer\n")
    assert str(program) in before and llm.build() != before


def test_it_may_be_asked_in_a_thread(tmp_path: Path) -> None:
    async def ask() -> Estimate:
        return await asyncio.to_thread(estimate, load(tmp_path))

    assert asyncio.run(ask()).ram_bytes > 0
