"""What a model will take by its header, where nothing has been measured yet.

Memory in RAM means resident pages of the engine's process tree, those of the mapped file included, after the first
answer. The constants at the top belong to the engines, never to a model; each says where it comes from. Checked by
`tests/bench/estimates.py` against every model in the store.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct
from msgspec.structs import replace

from launchers.headers.ggml import WhisperHeader
from launchers.headers.gguf import Gguf, Tensor
from launchers.load_flags import LoadFlags
from launchers.memory.kv_cache import layers, per_layer

MIB = 1024 * 1024
BASES: Mapping[str, int] = MappingProxyType(
    {"llm_xllamacpp": 41_000_000, "stt_pywhispercpp": 41_000_000, "tts_piper": 141_000_000, "tts_hibari": 195_000_000}
)
"""Bytes of Python, libraries and server with a model's own bytes taken off; measured (Linux, x86-64). The voices'
include onnxruntime and its arena after a sentence."""
BASE = 195_000_000
"""Of an engine that nobody measured: the largest of those."""
PER_TOKEN, PER_MERGE = 212, 193
"""Bytes that llama.cpp keeps for each word of the vocabulary, and for each rule that joins two; measured with
vocabularies of 49,152, 151,936 and 262,144 words."""
CUDA_CONTEXT = 600 * MIB
"""VRAM of a process that has loaded nothing yet (llama.cpp #19379 tells of 614 MiB)."""
CUDA_HOST = 300 * MIB
"""RAM of the driver's part in our process; not measured here."""
PROJECTOR_WORK = 64 * MIB
"""What the eyes of a model compute in; not measured here."""
WHISPER_WORK = 30_000_000
"""whisper.cpp's vocabulary, spectrogram and the part of its decoder's buffer that is ever touched; measured with tiny
and base."""
WHISPER_WINDOW = 512 / 1500
"""The part of the encoder's window that the show asks for in all but long utterances."""

_REPACKED: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "x86": frozenset({"q4_0", "q4_k", "iq4_nl", "mxfp4"}),
        "arm": frozenset({"q4_0", "q4_k", "q5_k", "q6_k", "q8_0", "iq4_nl"}),
    }
)
"""Types that the CPU backend rearranges, in a second copy (`ggml_repack_get_optimal_repack_type`)."""
_REPACK_ROWS = 8


class MemoryNeed(Struct, frozen=True, kw_only=True):
    """Bytes."""

    ram: int
    """After the first answer."""
    peak_ram: int
    """The most it may grow to."""
    vram: int = 0
    layers_on_gpu: int = 0
    layers: int = 0
    """With the output counted as one, as llama.cpp does."""


def llm(
    model: Gguf, flags: LoadFlags, *, machine: str = "x86_64", gpu: bool = False, free_vram: int = -1
) -> MemoryNeed:
    """llama.cpp. With a GPU and `gpu_layers` = -1 as many layers go there as fit into `free_vram`; -1: all."""
    total = layers(model) + 1
    if not gpu or flags.gpu_layers == 0:
        return _split(model, flags, machine, 0)
    if flags.gpu_layers > 0:
        return _split(model, flags, machine, min(total, flags.gpu_layers))
    if free_vram < 0:
        return _split(model, flags, machine, total)
    fewest, most = 0, total
    while fewest < most:
        tried = (fewest + most + 1) // 2
        fits = _split(model, flags, machine, tried).vram <= free_vram
        fewest, most = (tried, most) if fits else (fewest, tried - 1)
    return _split(model, flags, machine, fewest)


def _split(model: Gguf, flags: LoadFlags, machine: str, on_gpu: int) -> MemoryNeed:
    """The last `on_gpu` layers, of which the output is the very last, are on the GPU; so is their cache. The words'
    own table stays in RAM (`load_tensors` in llama-model.cpp).
    """
    total = layers(model) + 1
    first = total - on_gpu
    here = [tensor for tensor in model.tensors if _layer(tensor, total) < first]
    there = model.weight_bytes - sum(tensor.bytes for tensor in here)
    cache = per_layer(model, flags)
    compute, words = compute_bytes(model, flags), _words(model)
    base = BASES["llm_xllamacpp"] + vocabulary_bytes(model) + 4 * words
    ram = base + _weights_in_ram(here, flags, machine) + _tied_copy(model, machine, on_gpu == 0) + sum(cache[:first])
    vram = 0
    if on_gpu:
        ram += CUDA_HOST
        logits = 4 * min(flags.batch, 512) * words if total - 1 >= first else 0
        tied = 0 if _has_output(model) else sum(t.bytes for t in here if t.name == "token_embd.weight")
        vram = CUDA_CONTEXT + there + tied + sum(cache[first:]) + compute + logits
        vram += flags.projector_bytes + PROJECTOR_WORK if flags.projector_bytes else 0
    else:
        ram += compute + (flags.projector_bytes + PROJECTOR_WORK if flags.projector_bytes else 0)
    loading = there if flags.mmap else 0
    peak = max(ram + loading, ram + flags.prompt_cache_mib * MIB)
    return MemoryNeed(ram=ram, peak_ram=peak, vram=vram, layers_on_gpu=on_gpu, layers=total)


def longest_context(model: Gguf, flags: LoadFlags, ram: int) -> int:
    """Tokens of the largest window, in steps of 256, with which a model that is on no GPU takes no more than `ram`
    bytes; 0 where it is too large with any.
    """
    fewest, most = 0, flags.context // 256
    while fewest < most:
        tried = (fewest + most + 1) // 2
        fits = llm(model, replace(flags, context=256 * tried)).ram <= ram
        fewest, most = (tried, most) if fits else (fewest, tried - 1)
    return 256 * fewest


def vocabulary_bytes(model: Gguf) -> int:
    """What llama.cpp keeps of the vocabulary outside of its buffers."""
    return PER_TOKEN * _words(model) + PER_MERGE * model.items("tokenizer.ggml.merges")


def _words(model: Gguf) -> int:
    return model.items("tokenizer.ggml.tokens") or model.number("vocab_size")


def compute_bytes(model: Gguf, flags: LoadFlags) -> int:
    """The scratch memory of one prefill step, with flash attention: three rows as wide as the feed-forward part and
    five as wide as the embedding for each token (f32), and the mask (f16). That is what `sched_reserve` reports, to 1 %
    for smollm2 and qwen2, 4 % for gemma3.
    """
    step = min(flags.batch, 512)
    experts = model.number("expert_feed_forward_length") * model.number("expert_used_count")
    wide = max(model.number("feed_forward_length"), experts)
    seen = -(-flags.context // max(1, flags.parallel))
    return 4 * step * (3 * wide + 5 * model.number("embedding_length")) + 2 * step * seen


def _weights_in_ram(tensors: list[Tensor], flags: LoadFlags, machine: str) -> int:
    again = sum(tensor.bytes for tensor in tensors if tensor.name != "token_embd.weight" and _repacked(tensor, machine))
    return sum(tensor.bytes for tensor in tensors) + (again if flags.mmap else 0)


def _tied_copy(model: Gguf, machine: str, output_in_ram: bool) -> int:
    """Where the words' table is the output as well, a repacked one is a second copy of it."""
    if not output_in_ram or _has_output(model):
        return 0
    return sum(t.bytes for t in model.tensors if t.name == "token_embd.weight" and _repacked(t, machine))


def _has_output(model: Gguf) -> bool:
    return any(tensor.name == "output.weight" for tensor in model.tensors)


def _repacked(tensor: Tensor, machine: str) -> bool:
    kinds = _REPACKED["arm" if machine.lower() in {"arm64", "aarch64"} else "x86"]
    return tensor.kind in kinds and len(tensor.shape) > 1 and tensor.shape[1] % _REPACK_ROWS == 0


def _layer(tensor: Tensor, total: int) -> int:
    """-1: with the input, always in RAM; total - 1: with the output."""
    head, _, rest = tensor.name.partition(".")
    number = rest.partition(".")[0]
    if head == "blk" and number.isdecimal():
        return int(number)
    return total - 1 if head.startswith("output") else -1


def stt(model: WhisperHeader, *, gpu: bool = False) -> MemoryNeed:
    """whisper.cpp, which reads its weights into memory. The sizes of its caches and buffers are those of
    `whisper_init_state` (flash attention, f16), which prints them; large-v3's agree within 3 %.
    """
    cells, text = _padded(model.audio_context), model.text_state
    caches = 2 * 2 * text * (model.text_layers * (_padded(model.text_context) + cells) + cells)
    whole = 7_100_000 + 48 * model.audio_context * model.audio_state  # the convolution, the encoder, the cross part
    base, model_bytes = BASES["stt_pywhispercpp"] + WHISPER_WORK, model.weight_bytes + caches
    if gpu:
        host = base + CUDA_HOST
        loading = model.weight_bytes // 10  # one tensor at a time passes through RAM
        logits = 4 * model.vocabulary * model.text_context
        vram = CUDA_CONTEXT + model_bytes + whole + logits
        return MemoryNeed(ram=host, peak_ram=host + loading, vram=vram, layers_on_gpu=1, layers=1)
    ram = base + model_bytes + int(WHISPER_WINDOW * whole)
    return MemoryNeed(ram=ram, peak_ram=base + model_bytes + whole, layers=1)


def _padded(cells: int) -> int:
    return -(-cells // 256) * 256


def by_size(engine: str, file_bytes: int) -> MemoryNeed:
    """An ONNX voice: its weights once, and what its engine has measured."""
    ram = BASES.get(engine, BASE) + file_bytes
    return MemoryNeed(ram=ram, peak_ram=ram + file_bytes // 4, layers=1)


def rough(engine: str, file_bytes: int, *, gpu: bool = False) -> MemoryNeed:
    """Of a model that is not here: a cache and layers rearranged are guessed from its size."""
    if engine.startswith("tts"):
        return by_size(engine, file_bytes)
    base = BASES.get(engine, BASE) + (WHISPER_WORK if engine.startswith("stt") else 0)
    inside = int((1.2 if engine.startswith("stt") else 1.6) * file_bytes)
    if gpu:
        host = base + CUDA_HOST + file_bytes // 4
        return MemoryNeed(ram=host, peak_ram=host + file_bytes, vram=CUDA_CONTEXT + inside)
    return MemoryNeed(ram=base + inside, peak_ram=base + inside + file_bytes // 4)
