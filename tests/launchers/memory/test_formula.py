"""The formula on models made for it: caches by layer, types, windows, and how a GPU divides them."""

from pathlib import Path
from typing import Any

import pytest

from launchers.headers import gguf
from launchers.headers.ggml import WhisperHeader
from launchers.headers.gguf import Gguf
from launchers.load_flags import LoadFlags
from launchers.memory import formula
from launchers.memory.kv_cache import per_layer
from tests.launchers.memory.headers import Tensors, layer_tensors, llama, write_gguf

MIB = 1024 * 1024
ONE = 2 * 64 * 2
"""Bytes of one cell of K: two heads of 64 in f16."""


def flags(**more: Any) -> LoadFlags:
    return LoadFlags(engine="llm_xllamacpp", **{"context": 2048, "batch": 128} | more)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def model(folder: Path, keys: dict[str, Any], tensors: Tensors = ()) -> Gguf:
    return gguf.read(write_gguf(folder / "m.gguf", keys, tensors))


def test_a_cache_counts_the_heads_that_are_kept(folder: Path) -> None:
    assert per_layer(model(folder, llama(3)), flags()) == (2 * ONE * 2048,) * 3


def test_without_a_number_of_kept_heads_all_are_kept(folder: Path) -> None:
    keys = llama(1)
    del keys["llama.attention.head_count_kv"]
    assert per_layer(model(folder, keys), flags()) == (4 * 2 * ONE * 2048,)


def test_heads_differ_by_layer(folder: Path) -> None:
    keys = llama(3, attention__head_count_kv=[4, 2, 1])
    assert per_layer(model(folder, keys), flags()) == tuple(n * ONE * 2048 for n in (4, 2, 1))


def test_key_and_value_may_be_of_different_length_and_type(folder: Path) -> None:
    keys = llama(1, attention__key_length=128, attention__value_length=64)
    assert per_layer(model(folder, keys), flags()) == ((2 * 128 + 2 * 64) * 2 * 2048,)
    quantized = per_layer(model(folder, keys), flags(cache_k="q8_0", cache_v="q4_0"))
    assert quantized == ((256 // 32 * 34 + 128 // 32 * 18) * 2048,)


def test_the_context_is_shared_by_parallel_requests_in_whole_pages(folder: Path) -> None:
    one = model(folder, llama(1))
    assert per_layer(one, flags(context=2049)) == (2 * ONE * 2304,)
    assert per_layer(one, flags(parallel=4)) == per_layer(one, flags())


def test_sliding_windows(folder: Path) -> None:
    """gemma3's rule, one that the file spells out, and a window that llama.cpp does not use."""
    full, seen = 2 * ONE * 8192, 2 * ONE * 768
    gemma = model(folder, llama(7, architecture="gemma3", attention__sliding_window=512))
    assert per_layer(gemma, flags(context=8192)) == (*(seen,) * 5, full, seen)
    assert per_layer(gemma, flags(context=256)) == (2 * ONE * 256,) * 7
    spelled = llama(3, attention__sliding_window=512, attention__sliding_window_pattern=[True, False, True])
    assert per_layer(model(folder, spelled), flags(context=8192)) == (seen, full, seen)
    unused = llama(2, architecture="qwen2", attention__sliding_window=512)
    assert per_layer(model(folder, unused), flags(context=8192)) == (full, full)


def test_latent_attention_keeps_no_values_and_running_states_no_context(folder: Path) -> None:
    latent = llama(1, attention__head_count_kv=1, attention__key_length=576, attention__key_length_mla=192)
    assert per_layer(model(folder, latent), flags()) == (576 * 2 * 2048,)
    ssm: dict[str, Any] = {"ssm__inner_size": 1024, "ssm__state_size": 16, "ssm__conv_kernel": 4, "ssm__group_count": 1}
    hybrid = llama(2, attention__head_count_kv=[0, 2], **ssm)
    state = 4 * (3 * (1024 + 2 * 16) + 16 * 1024)
    assert per_layer(model(folder, hybrid), flags()) == (state, 2 * ONE * 2048)


def test_layers_that_are_laid_out_anew_are_in_memory_twice(folder: Path) -> None:
    made = model(folder, llama(4), layer_tensors(4))
    again = 4 * 1024 * 2 * 144
    mapped, read = (formula.llm(made, flags(mmap=mmap)).ram for mmap in (True, False))
    assert mapped - read == again
    plain = model(folder, llama(4), layer_tensors(4, "q6_k"))
    assert formula.llm(plain, flags()).ram == formula.llm(plain, flags(mmap=False)).ram
    assert formula.llm(plain, flags(), machine="aarch64").ram > formula.llm(plain, flags()).ram


def test_a_longer_context_and_kept_prompts_cost_what_they_cost(folder: Path) -> None:
    made = model(folder, llama(4), layer_tensors(4))
    short, long = (formula.llm(made, flags(context=context)) for context in (2048, 4096))
    assert long.ram - short.ram == 2048 * (4 * 2 * ONE + 2 * 128)
    kept = formula.llm(made, flags(prompt_cache_mib=512))
    assert kept.peak_ram - kept.ram == 512 * MIB


def test_a_gpu_takes_the_last_layers_first(folder: Path) -> None:
    made = model(folder, llama(4), layer_tensors(4))
    none, all_ = formula.llm(made, flags(gpu_layers=0), gpu=True), formula.llm(made, flags(), gpu=True)
    assert (none.vram, none.layers_on_gpu, none.layers) == (0, 0, 5)
    assert all_.layers_on_gpu == 5
    assert all_.ram < none.ram + formula.CUDA_HOST
    one, two = (formula.llm(made, flags(gpu_layers=n), gpu=True).vram for n in (1, 2))
    assert two - one == 1024 * 2 * 144 + 2 * ONE * 2048
    assert one - formula.CUDA_CONTEXT == 512 * 100 * 2 + formula.compute_bytes(made, flags()) + 4 * 128 * 100


def test_as_many_layers_as_fit(folder: Path) -> None:
    made = model(folder, llama(4), layer_tensors(4))
    whole = formula.llm(made, flags(), gpu=True).vram
    assert formula.llm(made, flags(), gpu=True, free_vram=whole).layers_on_gpu == 5
    assert formula.llm(made, flags(), gpu=True, free_vram=whole - 1).layers_on_gpu == 4
    assert formula.llm(made, flags(), gpu=True, free_vram=0).vram == 0


def test_eyes_and_a_table_used_twice(folder: Path) -> None:
    tied = model(folder, llama(1), [("token_embd.weight", (512, 104), "q4_k")])
    table = 104 * 2 * 144
    untied = model(folder, llama(1), [("token_embd.weight", (512, 104), "q4_k"), ("output.weight", (512, 1), "f16")])
    assert formula.llm(tied, flags()).ram - formula.llm(untied, flags()).ram == table - 1024
    seeing = formula.llm(tied, flags(projector_bytes=100 * MIB)).ram - formula.llm(tied, flags()).ram
    assert seeing == 100 * MIB + formula.PROJECTOR_WORK


def test_experts_work_side_by_side(folder: Path) -> None:
    dense = model(folder, llama(1))
    few = model(folder, llama(1, expert_feed_forward_length=1024, expert_used_count=4))
    assert formula.compute_bytes(few, flags()) - formula.compute_bytes(dense, flags()) == 4 * 128 * 3 * 3072


def test_whisper_by_its_own_word() -> None:
    """What `whisper_init_state` prints for base: 6.29 + 18.87 + 3.15 MB of caches, 16.28 + 23.09 + 4.66 of work."""
    base = WhisperHeader(
        vocabulary=51865,
        audio_context=1500,
        audio_state=512,
        audio_layers=6,
        text_context=448,
        text_state=512,
        text_layers=6,
        mels=80,
        weight_bytes=147_366_912,
    )
    need = formula.stt(base)
    known = formula.BASES["stt_pywhispercpp"] + formula.WHISPER_WORK + base.weight_bytes
    assert need.peak_ram - known == pytest.approx((6.29 + 18.87 + 3.15 + 16.28 + 23.09 + 4.66) * 1e6, rel=0.01)
    assert need.ram < need.peak_ram
    assert formula.stt(base, gpu=True).vram > base.weight_bytes


def test_an_engine_that_nobody_measured_is_taken_for_a_large_one() -> None:
    assert formula.by_size("tts_new", 10).ram == max(formula.BASES.values()) + 10
