"""Reads the header of a GGUF file: how the model is built and what its tensors weigh; never the tensors.

The format is ggml's docs/gguf.md (little-endian; version 2 and 3). Files come from anywhere, so every count is bounded.
"""

import re
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from launchers.headers.reader import BadHeader, HeaderReader
from launchers.headers.tensor_types import KINDS, tensor_bytes

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
MOST_KEYS, MOST_TENSORS, MOST_ITEMS = 65_536, 65_536, 4_194_304
"""Of keys, of tensors, and of items in one array; the largest known models have 60, 2,000 and 600,000."""
_LONGEST_NAME, _LONGEST_TEXT, _MOST_DIMENSIONS = 65_535, 16 * 1024 * 1024, 4
_KEPT_ITEMS, _KEPT_TEXT = 4096, 256
"""A per-layer array is kept, a vocabulary only counted."""
_STRING, _ARRAY = 8, 9
_SCALARS: Mapping[int, struct.Struct] = MappingProxyType(
    {n: struct.Struct("<" + code) for n, code in zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd", strict=True)}
)
_PART = re.compile(r"^(.*)-(\d{5})-of-(\d{5})\.gguf$")
_ALIGNMENT, _MOST_ALIGNMENT = 32, 1 << 20


class Tensor(Struct, frozen=True):
    name: str
    kind: str
    """Of ggml: q4_k, f16 ..."""
    shape: tuple[int, ...]
    bytes: int


class ArrayLength(Struct, frozen=True):
    """An array too long to keep."""

    items: int


class Gguf(Struct, frozen=True, kw_only=True):
    """The header of one model, of all its parts."""

    architecture: str
    keys: Mapping[str, Any]
    """Numbers, short texts, tuples of up to 4096 numbers; `ArrayLength` for longer arrays and all texts in arrays."""
    tensors: tuple[Tensor, ...]
    header_bytes: int
    parts: int = 1

    @property
    def weight_bytes(self) -> int:
        return sum(tensor.bytes for tensor in self.tensors)

    @property
    def bytes_by_kind(self) -> dict[str, int]:
        out: dict[str, int] = {}
        for tensor in self.tensors:
            out[tensor.kind] = out.get(tensor.kind, 0) + tensor.bytes
        return out

    def get(self, key: str) -> Any:
        """The value of `<architecture>.<key>`, or None."""
        return self.keys.get(f"{self.architecture}.{key}")

    def number(self, key: str, default: int = 0) -> int:
        """A whole number that is not negative; `default` where there is none. Of an array, the largest."""
        found = self.get(key)
        found = max(found, default=None) if isinstance(found, tuple) else found
        return int(found) if isinstance(found, (int, float)) and 0 <= found < 1 << 40 else default

    def each(self, key: str, count: int, default: int = 0) -> tuple[int, ...]:
        """The same for each layer: an array, or one number for all."""
        found = self.get(key)
        if not isinstance(found, tuple):
            return (self.number(key, default),) * count
        numbers = tuple(int(n) if 0 <= n < 1 << 40 else default for n in found[:count])
        return numbers + (default,) * (count - len(numbers))

    def items(self, key: str) -> int:
        """How long an array is, given its full name; 0 where there is none."""
        found = self.keys.get(key)
        return found.items if isinstance(found, ArrayLength) else len(found) if isinstance(found, tuple) else 0


def read(path: Path) -> Gguf:
    """The header of a model and, where it is split into files that lie beside it, of all parts; 0.1 s for a large
    vocabulary. Raises BadHeader, OSError.
    """
    first = _read_one(path)
    match, count, number = _PART.match(path.name), first.keys.get("split.count"), first.keys.get("split.no", 0)
    if not isinstance(count, int) or not 1 < count <= 999:
        return first
    if number != 0:
        raise BadHeader(
            f"it is part {number + 1} of {count}, where part 1 has to be" if isinstance(number, int) else ""
        )
    if not match or int(match[2]) != 1 or int(match[3]) != count:
        wanted = f"a name that ends in -00001-of-{count:05d}.gguf"
        raise BadHeader(f"it is part 1 of {count} and needs {wanted}, beside the other parts")
    names = [f"{match[1]}-{n:05d}-of-{count:05d}.gguf" for n in range(2, count + 1)]
    others = [_read_one(path.with_name(name)) for name in names]
    tensors = first.tensors + tuple(tensor for other in others for tensor in other.tensors)
    return Gguf(
        architecture=first.architecture,
        keys=first.keys,
        tensors=tensors,
        header_bytes=first.header_bytes + sum(other.header_bytes for other in others),
        parts=count,
    )


def _read_one(path: Path) -> Gguf:
    size = path.stat().st_size
    with path.open("rb") as file:
        reader = HeaderReader(file)
        if reader.take(4) != MAGIC:
            raise BadHeader("it is not a GGUF file")
        if (version := reader.u32()) not in _VERSIONS:
            raise BadHeader(f"it has GGUF version {version}, and only 2 and 3 are known here")
        tensor_count, key_count = reader.u64(), reader.u64()
        if tensor_count > MOST_TENSORS or key_count > MOST_KEYS:
            raise BadHeader(f"it claims {tensor_count} tensors and {key_count} keys")
        keys = {reader.text(_LONGEST_NAME): _value(reader) for _ in range(key_count)}
        placed = [_tensor(reader) for _ in range(tensor_count)]
        alignment = keys.get("general.alignment", _ALIGNMENT)
        if not isinstance(alignment, int) or not 0 < alignment <= _MOST_ALIGNMENT:
            raise BadHeader("its alignment makes no sense")
        start = -(-reader.at // alignment) * alignment
    if any(start + offset + tensor.bytes > size for tensor, offset in placed):
        raise BadHeader("it ends before its tensors do")
    architecture = keys.get("general.architecture")
    return Gguf(
        architecture=architecture if isinstance(architecture, str) else "",
        keys=keys,
        tensors=tuple(tensor for tensor, _ in placed),
        header_bytes=start,
    )


def _value(reader: HeaderReader) -> Any:
    kind = reader.u32()
    if kind == _STRING:
        return reader.text(_LONGEST_TEXT)[:_KEPT_TEXT]
    if kind == _ARRAY:
        return _array(reader)
    return _scalar(reader, kind)()


def _scalar(reader: HeaderReader, kind: int) -> Callable[[], Any]:
    form = _SCALARS.get(kind)
    if form is None:
        raise BadHeader(f"it has a value of a type that is not known here (number {kind})")
    return lambda: form.unpack(reader.take(form.size))[0]


def _array(reader: HeaderReader) -> Any:
    kind, count = reader.u32(), reader.u64()
    if count > MOST_ITEMS:
        raise BadHeader(f"it has an array of {count} items")
    if kind == _STRING:
        reader.skip_texts(count)
        return ArrayLength(count)
    one = _scalar(reader, kind)  # arrays of arrays are in no file that llama.cpp loads
    if count > _KEPT_ITEMS:
        reader.skip(count * _SCALARS[kind].size)
        return ArrayLength(count)
    return tuple(one() for _ in range(count))


def _tensor(reader: HeaderReader) -> tuple[Tensor, int]:
    """And where its data lies after the header."""
    name, dimensions = reader.text(_LONGEST_NAME), reader.u32()
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise BadHeader(f"it has a tensor of {dimensions} dimensions")
    shape = tuple(reader.u64() for _ in range(dimensions))
    kind, offset = reader.u32(), reader.u64()
    return Tensor(name, KINDS[kind].name if kind in KINDS else "", shape, tensor_bytes(kind, shape)), offset
