"""How many bytes the elements of a ggml tensor take, by type.

From `type_traits` in ggml.c and the block structs in ggml-common.h: (elements of a block, bytes of a block). Numbers
that are missing were types once and are refused by llama.cpp as well.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from launchers.headers.reader import BadHeader


class Kind(NamedTuple):
    name: str
    block: int
    """Elements."""
    bytes: int
    """Of one block."""


KINDS: Mapping[int, Kind] = MappingProxyType(
    {
        0: Kind("f32", 1, 4),
        1: Kind("f16", 1, 2),
        2: Kind("q4_0", 32, 18),
        3: Kind("q4_1", 32, 20),
        6: Kind("q5_0", 32, 22),
        7: Kind("q5_1", 32, 24),
        8: Kind("q8_0", 32, 34),
        9: Kind("q8_1", 32, 36),
        10: Kind("q2_k", 256, 84),
        11: Kind("q3_k", 256, 110),
        12: Kind("q4_k", 256, 144),
        13: Kind("q5_k", 256, 176),
        14: Kind("q6_k", 256, 210),
        15: Kind("q8_k", 256, 292),
        16: Kind("iq2_xxs", 256, 66),
        17: Kind("iq2_xs", 256, 74),
        18: Kind("iq3_xxs", 256, 98),
        19: Kind("iq1_s", 256, 50),
        20: Kind("iq4_nl", 32, 18),
        21: Kind("iq3_s", 256, 110),
        22: Kind("iq2_s", 256, 82),
        23: Kind("iq4_xs", 256, 136),
        24: Kind("i8", 1, 1),
        25: Kind("i16", 1, 2),
        26: Kind("i32", 1, 4),
        27: Kind("i64", 1, 8),
        28: Kind("f64", 1, 8),
        29: Kind("iq1_m", 256, 56),
        30: Kind("bf16", 1, 2),
        34: Kind("tq1_0", 256, 54),
        35: Kind("tq2_0", 256, 66),
        39: Kind("mxfp4", 32, 17),
        40: Kind("nvfp4", 64, 36),
    }
)


def tensor_bytes(kind: int, shape: tuple[int, ...]) -> int:
    """Bytes of a tensor, whose first dimension is made of whole blocks. Raises BadHeader."""
    found = KINDS.get(kind)
    if found is None:
        raise BadHeader(f"it has tensors of a type that is not known here (number {kind})")
    if shape[0] % found.block:
        raise BadHeader(f"it has a tensor of {found.name} whose rows are not made of whole blocks")
    elements = 1
    for length in shape:
        elements *= length
    return elements // found.block * found.bytes


def row_bytes(name: str, elements: int) -> int:
    """Bytes of `elements` in a cache of this type, in whole blocks; an unknown type counts as f16, the default."""
    kind = next((kind for kind in KINDS.values() if kind.name == name), KINDS[1])
    return -(-elements // kind.block) * kind.bytes
