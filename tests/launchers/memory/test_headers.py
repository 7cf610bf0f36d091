"""Headers of models: what they say, and files that lie."""

import random
import struct
import time
from pathlib import Path

import pytest

from launchers.headers import ggml, gguf
from launchers.headers.gguf import ArrayLength
from launchers.headers.reader import BadHeader
from launchers.headers.tensor_types import KINDS, row_bytes, tensor_bytes
from tests.launchers.memory.headers import gguf_bytes, layer_tensors, llama, number_of, whisper_bytes, write_gguf

SEED, ROUNDS = 20261122, 600

KNOWN_BYTES = {
    "f32": 1024, "f16": 512, "bf16": 512, "q4_0": 144, "q4_1": 160, "q5_0": 176, "q5_1": 192, "q8_0": 272, "q8_1": 288,
    "q2_k": 84, "q3_k": 110, "q4_k": 144, "q5_k": 176, "q6_k": 210, "q8_k": 292, "iq1_s": 50, "iq1_m": 56,
    "iq2_xxs": 66, "iq2_xs": 74, "iq2_s": 82, "iq3_xxs": 98, "iq3_s": 110, "iq4_nl": 144, "iq4_xs": 136, "tq1_0": 54,
    "tq2_0": 66, "mxfp4": 136, "nvfp4": 144, "i8": 256, "i16": 512, "i32": 1024, "i64": 2048, "f64": 2048,
}  # fmt: skip
"""Of 256 elements."""


def test_every_type_weighs_what_llama_cpp_says() -> None:
    assert {kind.name: tensor_bytes(number, (256,)) for number, kind in KINDS.items()} == KNOWN_BYTES
    assert tensor_bytes(number_of("q4_k"), (512, 3, 2)) == 12 * 144
    assert row_bytes("q8_0", 40) == 2 * 34
    assert row_bytes("nonsense", 10) == 20


def test_a_header_is_read(tmp_path: Path) -> None:
    keys = llama(4, attention__key_length=64, rope__freq_base=1e6) | {"general.long": list(range(5000))}
    model = gguf.read(write_gguf(tmp_path / "m.gguf", keys, layer_tensors(4)))
    assert (model.architecture, model.number("block_count"), model.number("attention.key_length")) == ("llama", 4, 64)
    assert model.each("attention.head_count_kv", 4) == (2, 2, 2, 2)
    assert model.items("tokenizer.ggml.tokens") == 100
    assert model.keys["general.long"] == ArrayLength(5000)
    assert model.bytes_by_kind == {"f16": 2 * 512 * 100 * 2, "q4_k": 4 * 1024 * 2 * 144}
    assert model.tensors[1].shape == (512, 1024)
    assert model.header_bytes + model.weight_bytes == (tmp_path / "m.gguf").stat().st_size


def test_numbers_for_each_layer(tmp_path: Path) -> None:
    model = gguf.read(write_gguf(tmp_path / "m.gguf", llama(4, attention__head_count_kv=[4, 0, 2])))
    assert model.each("attention.head_count_kv", 4, 1) == (4, 0, 2, 1)
    assert model.number("attention.head_count_kv") == 4
    assert model.number("nothing", 7) == 7


def test_a_split_model_is_read_whole(tmp_path: Path) -> None:
    keys = llama() | {"split.count": 2}
    first = write_gguf(tmp_path / "m-00001-of-00002.gguf", keys, layer_tensors(1))
    with pytest.raises(OSError):
        gguf.read(first)
    write_gguf(tmp_path / "m-00002-of-00002.gguf", {"split.no": 1}, [("blk.1.x", (256, 8), "q6_k")])
    model = gguf.read(first)
    assert (model.parts, len(model.tensors)) == (2, 4)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "cut off"),
        (b"GGML" + bytes(100), "not a GGUF"),
        (b"GGUF" + struct.pack("<IQQ", 1, 0, 0), "version 1"),
        (b"GGUF" + struct.pack("<IQQ", 3, 1 << 62, 1), "claims"),
        (b"GGUF" + struct.pack("<IQQ", 3, 0, 1 << 62), "claims"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1 << 63), "name of"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 1 << 60), "array of"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 9, 1), "not known here"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 0, 1, 1) + b"k" + struct.pack("<IIQ", 9, 8, 4_000_000), "cut off"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<I", 1 << 31), "dimensions"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<IQIQ", 1, 32, 4, 0), "number 4"),
        (b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<IQIQ", 1, 33, 2, 0), "blocks"),
        (
            b"GGUF" + struct.pack("<IQQQ", 3, 1, 0, 1) + b"t" + struct.pack("<IQQIQ", 2, 1 << 63, 1 << 63, 0, 0),
            "ends before",
        ),
        (gguf_bytes({"general.alignment": 0}), "alignment"),
        (gguf_bytes(llama(), layer_tensors(1))[:-1], "ends before"),
    ],
)
def test_a_file_that_lies_is_one_plain_error(data: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(data)
    with pytest.raises(BadHeader, match=words):
        gguf.read(tmp_path / "m.gguf")


def test_spoilt_headers_never_crash_and_never_take_long(tmp_path: Path) -> None:
    """Bytes flipped, lengths blown up, ends cut off: read, or BadHeader; nothing else, and soon."""
    chance, good, path = random.Random(SEED), gguf_bytes(llama(), layer_tensors(2)), tmp_path / "m.gguf"
    whisper = whisper_bytes([("a", (4, 5), 0), ("b", (32,), 2)])
    began, refused = time.monotonic(), 0
    for turn in range(ROUNDS):
        data = bytearray(good if turn % 2 else whisper)
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(min(len(data) - 8, 2500))
            size = chance.choice((1, 4, 8))
            data[at : at + size] = chance.choice((chance.randbytes(size), b"\xff" * size, bytes(size)))
        path.write_bytes(data[: chance.randrange(len(data))] if chance.random() < 0.3 else data)
        try:
            gguf.read(path) if turn % 2 else ggml.read(path)
        except BadHeader:
            refused += 1
    assert refused > ROUNDS // 4
    assert time.monotonic() - began < 30


def test_a_large_vocabulary_is_stepped_over(tmp_path: Path) -> None:
    words = [f"word number {n}" for n in range(300_000)]
    path = write_gguf(tmp_path / "m.gguf", llama() | {"tokenizer.ggml.tokens": words, "tokenizer.ggml.merges": words})
    began = time.monotonic()
    model = gguf.read(path)
    assert model.items("tokenizer.ggml.merges") == 300_000
    assert time.monotonic() - began < 2  # 0.15 s where nobody else computes


def test_a_whisper_header_is_read(tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(whisper_bytes([("a", (4, 5), 0), ("b", (32,), 2)]))
    model = ggml.read(tmp_path / "m.bin")
    assert (model.vocabulary, model.audio_context, model.text_layers, model.weight_bytes) == (10, 1500, 4, 80 + 18)


@pytest.mark.parametrize("kept", [0, 3, 40, 64_000, -1])
def test_a_whisper_file_that_is_cut_off(kept: int, tmp_path: Path) -> None:
    (tmp_path / "m.bin").write_bytes(whisper_bytes([("a", (4, 5), 0)])[:kept])
    with pytest.raises(BadHeader):
        ggml.read(tmp_path / "m.bin")
