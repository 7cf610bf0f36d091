"""Bytes of the KV cache, layer by layer, as llama.cpp lays it out (llama-kv-cache.cpp, llama-kv-cache-iswa.cpp,
llama-memory-recurrent.cpp).
"""

from collections.abc import Mapping
from types import MappingProxyType

from launchers.headers.gguf import Gguf
from launchers.headers.tensor_types import row_bytes
from launchers.load_flags import LoadFlags

MOST_LAYERS = 4096
_PAD = 256
"""Cells come in so many."""
_PATTERNS: Mapping[str, int] = MappingProxyType(
    {
        "gemma2": 2,
        "gemma3": 6,
        "gemma3n": 5,
        "gemma-embedding": 6,
        "gpt-oss": 2,
        "cohere2": 4,
        "exaone4": 4,
        "olmo2": 4,
        "llama4": 4,
    }
)
"""One layer in so many sees everything where the file does not say (`set_swa_pattern` in llama-model.cpp). Others that
have a window in their header are counted in full: llama.cpp does not use it, or we do not know, and then more is safe.
"""


def layers(model: Gguf) -> int:
    return min(MOST_LAYERS, model.number("block_count"))


def per_layer(model: Gguf, flags: LoadFlags) -> tuple[int, ...]:
    """Bytes of each layer's cache."""
    count = layers(model)
    heads, kv_heads = model.number("attention.head_count", 1), _kv_heads(model, count)
    width = model.number("embedding_length") // max(1, heads)
    windowed, latent = _windowed(model, count), model.get("attention.key_length_mla") is not None
    cells = {seen: _cells(model, flags, windowed=seen) for seen in (False, True)}
    owned = count - min(count, model.number("attention.shared_kv_layers"))
    """The last layers of some models look into those of earlier ones."""
    out = []
    for layer in range(count):
        if not kv_heads[layer]:
            out.append(_state_bytes(model) * flags.parallel)
            continue
        ending = "_swa" if windowed[layer] else ""
        key = model.number(f"attention.key_length{ending}") or model.number("attention.key_length", width)
        value = model.number(f"attention.value_length{ending}") or model.number("attention.value_length", width)
        row = row_bytes(flags.cache_k, kv_heads[layer] * key)
        row += 0 if latent else row_bytes(flags.cache_v, kv_heads[layer] * value)
        out.append(row * cells[windowed[layer]] if layer < owned else 0)
    return tuple(out)


def _kv_heads(model: Gguf, count: int) -> tuple[int, ...]:
    """0: a layer with a running state instead of a cache."""
    heads = model.each("attention.head_count", count)
    return model.each("attention.head_count_kv", count) if model.get("attention.head_count_kv") is not None else heads


def _windowed(model: Gguf, count: int) -> tuple[bool, ...]:
    """Which layers look back no further than the sliding window."""
    if not model.number("attention.sliding_window"):
        return (False,) * count
    said = model.get("attention.sliding_window_pattern")
    if isinstance(said, tuple):
        return tuple(bool(each) for each in said[:count]) + (False,) * (count - len(said))
    pattern = said if isinstance(said, int) and said > 0 else _PATTERNS.get(model.architecture, 1)
    return tuple(layer % pattern < pattern - 1 for layer in range(count))


def _cells(model: Gguf, flags: LoadFlags, *, windowed: bool) -> int:
    """Of all parallel requests, each of which has its own stream."""
    parallel = max(1, flags.parallel)
    each = _padded(-(-flags.context // parallel))
    if windowed:
        each = min(each, _padded(model.number("attention.sliding_window") + flags.batch))
    return each * parallel


def _state_bytes(model: Gguf) -> int:
    """A recurrent layer's states for one request (f32), whatever the context is."""
    inner, state = model.number("ssm.inner_size"), model.number("ssm.state_size")
    tail = max(0, model.number("ssm.conv_kernel") - 1)
    return 4 * (tail * (inner + 2 * model.number("ssm.group_count") * state) + state * inner)


def _padded(cells: int) -> int:
    return -(-cells // _PAD) * _PAD
