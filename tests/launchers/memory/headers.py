"""Writes model files for tests: a header as it should be, and bytes that may be anything."""

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from launchers.headers.tensor_types import KINDS, tensor_bytes

U32, F32, BOOL, STRING, ARRAY, U64 = 4, 6, 7, 8, 9, 10
Tensors = Sequence[tuple[str, tuple[int, ...], str]]


def number_of(kind: str) -> int:
    return next(number for number, known in KINDS.items() if known.name == kind)


def gguf_bytes(keys: Mapping[str, Any], tensors: Tensors = (), *, version: int = 3) -> bytes:
    """The header, and zeros for the tensors' data."""
    out = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(keys))
    out += b"".join(_text(key) + _value(value) for key, value in keys.items())
    at = 0
    for name, shape, kind in tensors:
        out += _text(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, number_of(kind), at)
        at += -(-tensor_bytes(number_of(kind), shape) // 32) * 32
    return out + bytes(-len(out) % 32) + bytes(at)


def write_gguf(path: Path, keys: Mapping[str, Any], tensors: Tensors = ()) -> Path:
    path.write_bytes(gguf_bytes(keys, tensors))
    return path


def llama(layers: int = 4, *, architecture: str = "llama", **more: Any) -> dict[str, Any]:
    """Keys of a small model: 8 heads of 64 elements each, 2 for the cache."""
    of = {
        "block_count": layers,
        "embedding_length": 512,
        "feed_forward_length": 1024,
        "attention.head_count": 8,
        "attention.head_count_kv": 2,
    }
    of |= {key.replace("__", "."): value for key, value in more.items()}
    named = {f"{architecture}.{key}": value for key, value in of.items()}
    words = [f"w{n}" for n in range(100)]
    return {"general.architecture": architecture, **named, "tokenizer.ggml.tokens": words}


def layer_tensors(layers: int, kind: str = "q4_k") -> list[tuple[str, tuple[int, ...], str]]:
    inside = [(f"blk.{n}.ffn_up.weight", (512, 1024), kind) for n in range(layers)]
    return [("token_embd.weight", (512, 100), "f16"), *inside, ("output.weight", (512, 100), "f16")]


def whisper_bytes(tensors: Sequence[tuple[str, tuple[int, ...], int]], *, words: int = 10) -> bytes:
    out = struct.pack("<I11i", 0x67676D6C, words, 1500, 384, 6, 4, 448, 384, 6, 4, 80, 1)
    out += (
        struct.pack("<2i", 80, 201)
        + bytes(4 * 80 * 201)
        + struct.pack("<i", words)
        + struct.pack("<i2s", 2, b"ab") * words
    )
    for name, shape, kind in tensors:
        out += struct.pack(f"<3i{len(shape)}i", len(shape), len(name), kind, *shape) + name.encode()
        out += bytes(tensor_bytes(kind, shape))
    return out


def _text(text: str) -> bytes:
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _value(value: Any) -> bytes:
    if isinstance(value, (list, tuple)):
        return struct.pack("<I", ARRAY) + _items(list(value))
    kind, data = _scalar(value)
    return struct.pack("<I", kind) + data


def _items(values: list[Any]) -> bytes:
    kind = _scalar(values[0])[0] if values else U32
    return struct.pack("<IQ", kind, len(values)) + b"".join(_scalar(value)[1] for value in values)


def _scalar(value: Any) -> tuple[int, bytes]:
    if isinstance(value, bool):
        return BOOL, struct.pack("<?", value)
    if isinstance(value, int):
        return U32, struct.pack("<I", value)
    if isinstance(value, float):
        return F32, struct.pack("<f", value)
    return STRING, _text(value)
