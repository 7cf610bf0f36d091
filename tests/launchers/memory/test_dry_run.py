"""The engine's own word, from logs of real builds (`logs/`; those with a GPU have the form of real ones)."""

from pathlib import Path

import pytest

from launchers.memory.dry_run import MIB, listen, totals
from launchers.memory.placement import Placement, fell_back

LOGS = Path(__file__).parent / "logs"


def placement(name: str) -> Placement:
    return listen((LOGS / f"{name}.log").read_text().splitlines())


def test_our_own_server_at_its_usual_verbosity_tells_the_device_alone() -> None:
    found = placement("xllamacpp_11549_cpu")
    assert (found.backend, found.devices, found.ram) == ("cpu", ("CPU",), 0)
    assert totals(found, "llm_xllamacpp", 0) is None


def test_a_talkative_one_tells_every_buffer() -> None:
    found = placement("xllamacpp_11549_verbosity4_cpu")
    assert found.backend == "cpu"
    assert found.ram == pytest.approx((1059.89 + 596.53 + 0.58 + 56 + 17.38) * MIB, abs=100)
    known = totals(found, "llm_xllamacpp", 61_500_000)
    assert known is not None and known[0] == pytest.approx(1_906_000_000, rel=0.01)  # measured


def test_two_caches_of_one_name_are_two() -> None:
    found = placement("xllamacpp_11549_verbosity4_windows_cpu")
    assert found.ram == pytest.approx((235.16 + 12.66 + 1 + 24 + 11.25 + 6.76) * MIB, abs=100)


def test_a_part_on_the_gpu() -> None:
    found = placement("llama_2024_cuda_part")
    assert (found.backend, found.layers_offloaded, found.layers, found.devices) == ("both", 20, 33, ("CUDA0",))
    assert found.vram == pytest.approx((2700.25 + 320 + 258.5) * MIB, abs=100)
    assert found.ram == pytest.approx((1800.5 + 192 + 0.49 + 9.01) * MIB, abs=100)
    assert found.words == "CUDA0, 20/33 layers"


def test_all_on_the_gpu_and_what_was_free() -> None:
    found = placement("llama_2026_vulkan")
    assert (found.backend, found.devices, found.layers_offloaded) == ("gpu", ("Vulkan0",), 33)
    assert (found.free_vram, found.projected_vram) == (7843 * MIB, 5120 * MIB)
    assert found.vram == pytest.approx(4812 * MIB, abs=100)


def test_whisper_on_both() -> None:
    here, there = placement("whisper_1.8.5_cpu"), placement("whisper_1.8.5_cuda")
    assert (here.backend, here.vram, there.backend, there.ram) == ("cpu", 0, "gpu", 0)
    assert here.ram == pytest.approx(126.88e6, abs=100)
    assert there.vram == pytest.approx(222.79e6, abs=100)
    assert there.devices == ("CUDA0",)


def test_a_pass_that_only_tried_is_not_counted() -> None:
    lines = (LOGS / "llama_2026_vulkan.log").read_text().splitlines()
    assert listen([*lines, *lines]).vram == listen(lines).vram


def test_junk_is_nothing_known() -> None:
    junk = ["", "=" * 100_000, "CUDA0 model buffer size = lots MiB", "offloaded x/y layers to GPU", "\0\xff"]
    assert listen(junk) == Placement()
    assert listen(f"line {n}" for n in range(50_000)) == Placement()


def test_a_silent_fall_back_is_told_with_what_mends_it() -> None:
    gpu = "NVIDIA RTX 4070"
    here = Placement(backend="cpu", devices=("CPU",))
    ours = fell_back(here, service="llm", gpu=gpu)
    theirs = fell_back(here, service="llm", gpu=gpu, ours=False)
    part = fell_back(placement("llama_2024_cuda_part"), service="llm", gpu=gpu)
    assert ours is not None and gpu in ours and ours.endswith("console.py restart llm")
    assert theirs is not None and "driver" in theirs
    assert part is not None and "20 of 33 layers" in part and "console.py models list" in part


def test_no_fault_where_none_is() -> None:
    here, there = Placement(backend="cpu"), placement("llama_2026_vulkan")
    assert fell_back(here, service="llm", gpu="") is None
    assert fell_back(here, service="llm", gpu="GPU", wanted="cpu") is None
    assert fell_back(there, service="llm", gpu="GPU") is None
    assert fell_back(Placement(), service="llm", gpu="GPU") is None
