"""Reads the header of one of whisper.cpp's ggml files: how the model is built and what its tensors weigh.

The format is that of `whisper_model_load` in whisper.cpp: magic, eleven numbers, mel filters, vocabulary, and then each
tensor's shape and name right before its data, over which we step.
"""

import struct
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from launchers.headers.reader import BadHeader
from launchers.headers.tensor_types import tensor_bytes

MAGIC = 0x67676D6C
_HEAD, _COUNT, _TENSOR = struct.Struct("<I11i"), struct.Struct("<i"), struct.Struct("<3i")
_MOST_VOCABULARY, _MOST_TENSORS, _LONGEST_NAME, _LARGEST = 1_000_000, 10_000, 4096, 1_000_000


class WhisperHeader(Struct, frozen=True, kw_only=True):
    vocabulary: int
    audio_context: int
    audio_state: int
    audio_layers: int
    text_context: int
    text_state: int
    text_layers: int
    mels: int
    weight_bytes: int


def read(path: Path) -> WhisperHeader:
    """Raises BadHeader, OSError."""
    size = path.stat().st_size
    with path.open("rb") as file:
        magic, *numbers = _HEAD.unpack(_take(file, _HEAD.size))
        if magic != MAGIC:
            raise BadHeader("it is not a whisper.cpp model")
        if any(not 0 <= number <= _LARGEST for number in numbers):
            raise BadHeader("its header makes no sense")
        vocabulary, audio, state, _, layers, text, text_state, _, text_layers, mels, _ = numbers
        _skip_filters_and_words(file)
        weight_bytes = _weigh(file, size)
    return WhisperHeader(
        vocabulary=vocabulary,
        audio_context=audio,
        audio_state=state,
        audio_layers=layers,
        text_context=text,
        text_state=text_state,
        text_layers=text_layers,
        mels=mels,
        weight_bytes=weight_bytes,
    )


def _skip_filters_and_words(file: BinaryIO) -> None:
    mels, bands = _number(file, _LARGEST), _number(file, _LARGEST)
    file.seek(4 * mels * bands, 1)
    for _ in range(_number(file, _MOST_VOCABULARY)):
        file.seek(_number(file, _LONGEST_NAME), 1)


def _weigh(file: BinaryIO, size: int) -> int:
    """Bytes of all tensors up to the end of the file."""
    total = 0
    for _ in range(_MOST_TENSORS):
        if not (head := file.read(_TENSOR.size)):
            return total
        if len(head) < _TENSOR.size:
            raise BadHeader("it is cut off between two tensors")
        dimensions, name, kind = _TENSOR.unpack(head)
        if not 1 <= dimensions <= 4 or not 0 <= name <= _LONGEST_NAME:
            raise BadHeader("one of its tensors makes no sense")
        shape = tuple(_number(file, 1 << 31) for _ in range(dimensions))
        file.seek(name, 1)
        here = tensor_bytes(kind, shape)
        if file.tell() + here > size:
            raise BadHeader("it ends before its tensors do")
        file.seek(here, 1)
        total += here
    raise BadHeader(f"it has more than {_MOST_TENSORS} tensors")


def _number(file: BinaryIO, largest: int) -> int:
    number = int(_COUNT.unpack(_take(file, 4))[0])
    if not 0 <= number <= largest:
        raise BadHeader("its header makes no sense")
    return number


def _take(file: BinaryIO, count: int) -> bytes:
    data = file.read(count)
    if len(data) < count:
        raise BadHeader("it is cut off in its header")
    return data
