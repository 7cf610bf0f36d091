"""Turns a CTranslate2 whisper model (float16) into the ggml file that whisper.cpp reads; numpy only, about 1 s.

`python -m launchers.store.ct2_to_ggml MODEL.BIN TOKENIZER.JSON OUT.BIN`: a process of its own, because reading the
tokenizer holds the interpreter for longer than a jaw may wait.
"""

import json
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Tensor = NDArray[Any]
Tensors = dict[str, Tensor]

CT2_VERSION = 6
CT2_TYPES: tuple[type[np.generic], ...] = (np.float32, np.int8, np.int16, np.int32, np.float16)
GGML_MAGIC = 0x67676D6C
BASE_TOKENS = 50257
"""BPE tokens, the same count in English-only and multilingual files; whisper.cpp knows the special ones itself."""
HEAD_WIDTH = 64
SAMPLE_RATE, FFT = 16_000, 400


class NotWhisper(Exception):
    """The input is not a float16 whisper model of CTranslate2; `str()` of it says why."""


def convert(model: Path, tokenizer: Path, out: Path) -> None:
    """Writes `out`. Raises NotWhisper."""
    try:
        with model.open("rb") as file:
            variables = dict(read_variables(file))
        tensors = whisper_tensors(variables)
        tokens = read_tokens(tokenizer)
        with out.open("wb") as file:
            write_ggml(file, variables, tensors, tokens)
    except (KeyError, ValueError, IndexError, struct.error) as error:
        raise NotWhisper(f"{model.name} is not a whisper model of CTranslate2 ({error!r})") from error


def read_variables(file: BinaryIO) -> Iterator[tuple[str, Tensor]]:
    """Names and arrays, aliases last: they repeat an array under a second name."""

    def number(kind: str) -> int:
        (value,) = struct.unpack("<" + kind, file.read(struct.calcsize("<" + kind)))
        return int(value)

    def text() -> str:
        return file.read(number("H")).rstrip(b"\0").decode()

    if (version := number("I")) != CT2_VERSION:
        raise ValueError(f"file version {version}, not {CT2_VERSION}")
    text(), number("I")  # the spec's name and revision: the tensors themselves say enough
    seen: Tensors = {}
    for _ in range(number("I")):
        name, shape = text(), tuple(number("I") for _ in range(number("B")))
        kind, length = CT2_TYPES[number("B")], number("I")
        seen[name] = np.frombuffer(file.read(length), dtype=kind).reshape(shape)
    for _ in range(number("I")):
        alias = text()
        seen[alias] = seen[text()]
    yield from seen.items()


def layers(variables: Tensors, side: str) -> int:
    prefix = f"{side}/layer_"
    numbers = [k.removeprefix(prefix).split("/")[0] for k in variables if k.startswith(prefix)]
    return 1 + max(int(n) for n in numbers if n.isdigit())


def whisper_tensors(variables: Tensors) -> Tensors:
    """The arrays under OpenAI's names, in the order in which our pinned hashes expect them."""
    out: Tensors = {"encoder.positional_embedding": variables["encoder/position_encodings/encodings"]}
    for conv in ("conv1", "conv2"):
        out |= _linear(variables, f"encoder.{conv}", f"encoder/{conv}")
    for i in range(layers(variables, "encoder")):
        out |= _block(variables, f"encoder.blocks.{i}.", f"encoder/layer_{i}/", crossed=False)
    out |= _norm(variables, "encoder.ln_post", "encoder/layer_norm")
    out["decoder.positional_embedding"] = variables["decoder/position_encodings/encodings"]
    out["decoder.token_embedding.weight"] = variables["decoder/embeddings/weight"]
    for i in range(layers(variables, "decoder")):
        out |= _block(variables, f"decoder.blocks.{i}.", f"decoder/layer_{i}/", crossed=True)
    out |= _norm(variables, "decoder.ln", "decoder/layer_norm")
    for key in [k for k in out if k.endswith("attn.key.bias")]:
        if np.any(out.pop(key)):
            raise ValueError(f"{key} is not zero, and whisper's keys have no bias")
    return out


def _block(variables: Tensors, to: str, source: str, *, crossed: bool) -> Tensors:
    out = _norm(variables, f"{to}attn_ln", f"{source}self_attention/layer_norm")
    fused, width = f"{source}self_attention/linear_0", variables["decoder/embeddings/weight"].shape[1]
    for n, part in enumerate(("query", "key", "value")):
        out |= _linear(variables, f"{to}attn.{part}", fused, _rows(n, width))
    out |= _linear(variables, f"{to}attn.out", f"{source}self_attention/linear_1")
    if crossed:
        out |= _cross(variables, to, f"{source}attention/", width)
    out |= _norm(variables, f"{to}mlp_ln", f"{source}ffn/layer_norm")
    out |= _linear(variables, f"{to}mlp.0", f"{source}ffn/linear_0")
    return out | _linear(variables, f"{to}mlp.2", f"{source}ffn/linear_1")


def _cross(variables: Tensors, to: str, source: str, width: int) -> Tensors:
    out = _norm(variables, f"{to}cross_attn_ln", f"{source}layer_norm")
    out |= _linear(variables, f"{to}cross_attn.query", f"{source}linear_0")
    for n, part in enumerate(("key", "value")):
        out |= _linear(variables, f"{to}cross_attn.{part}", f"{source}linear_1", _rows(n, width))
    return out | _linear(variables, f"{to}cross_attn.out", f"{source}linear_2")


def _rows(n: int, width: int) -> slice:
    return slice(n * width, (n + 1) * width)


def _linear(variables: Tensors, to: str, source: str, rows: slice = slice(None)) -> Tensors:
    out = {f"{to}.weight": variables[f"{source}/weight"][rows]}
    if (bias := variables.get(f"{source}/bias")) is not None:
        out[f"{to}.bias"] = bias[rows]
    return out


def _norm(variables: Tensors, to: str, source: str) -> Tensors:
    return {f"{to}.weight": variables[f"{source}/gamma"], f"{to}.bias": variables[f"{source}/beta"]}


def read_tokens(tokenizer: Path) -> list[bytes]:
    """The base tokens as the bytes they stand for; the file spells bytes as printable characters (GPT-2's way)."""
    vocabulary = json.loads(tokenizer.read_text("utf-8"))["model"]["vocab"]
    by_id = {number: token for token, number in vocabulary.items()}
    spelled = {character: byte for byte, character in enumerate(_byte_spelling())}
    return [bytes(spelled[character] for character in by_id[i]) for i in range(BASE_TOKENS)]


def _byte_spelling() -> list[str]:
    plain = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    others = iter(range(256, 512))
    return [chr(byte) if byte in plain else chr(next(others)) for byte in range(256)]


def mel_filters(bands: int) -> NDArray[np.float32]:
    """Slaney's mel filter bank, which the ggml file carries: linear below 1 kHz, logarithmic above."""
    step, log_step, knee = 200 / 3, np.log(6.4) / 27.0, 15.0
    top = knee + np.log(SAMPLE_RATE / 2 / 1000.0) / log_step
    mels = np.linspace(0.0, top, bands + 2)
    hertz = np.where(mels >= knee, 1000.0 * np.exp(log_step * (mels - knee)), step * mels)
    width, ramps = np.diff(hertz), hertz[:, None] - np.fft.rfftfreq(FFT, 1 / SAMPLE_RATE)[None, :]
    weights = np.maximum(0, np.minimum(-ramps[:-2] / width[:-1, None], ramps[2:] / width[1:, None]))
    scaled: NDArray[np.float32] = (weights * (2.0 / (hertz[2:] - hertz[:-2]))[:, None]).astype(np.float32)
    return scaled


def write_ggml(file: BinaryIO, variables: Tensors, tensors: Tensors, tokens: list[bytes]) -> None:
    vocabulary, width = variables["decoder/embeddings/weight"].shape
    audio, text = (tensors[f"{side}.positional_embedding"].shape[0] for side in ("encoder", "decoder"))
    bands, heads = variables["encoder/conv1/weight"].shape[1], width // HEAD_WIDTH
    encoder, decoder = layers(variables, "encoder"), layers(variables, "decoder")
    head = (GGML_MAGIC, vocabulary, audio, width, heads, encoder, text, width, heads, decoder, bands, 1)
    file.write(struct.pack("<12i", *head))
    filters = mel_filters(bands)
    file.write(struct.pack("<2i", *filters.shape) + filters.tobytes())
    file.write(struct.pack("<i", len(tokens)))
    for token in tokens:
        file.write(struct.pack("<i", len(token)) + token)
    for name, tensor in tensors.items():
        _write_tensor(file, name, tensor)


def _write_tensor(file: BinaryIO, name: str, tensor: Tensor) -> None:
    """Matrices as float16, all else as float32, as the official files have it."""
    if name in ("encoder.conv1.bias", "encoder.conv2.bias"):
        tensor, exact = tensor.reshape(-1, 1), True
    else:
        exact = tensor.ndim < 2 or name.endswith("positional_embedding")
    data = np.ascontiguousarray(tensor.astype(np.float32 if exact else np.float16))
    label = name.encode()
    file.write(struct.pack("<3i", data.ndim, len(label), 0 if exact else 1))
    file.write(struct.pack(f"<{data.ndim}i", *data.shape[::-1]) + label + data.tobytes())


def main(arguments: list[str]) -> int:
    if len(arguments) != 3:
        print("usage: python -m launchers.store.ct2_to_ggml MODEL.BIN TOKENIZER.JSON OUT.BIN", file=sys.stderr)
        return 2
    try:
        convert(*(Path(argument) for argument in arguments))
    except (NotWhisper, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
