"""Whether a file of weights is what its engine reads, told before the engine is started: one plain clause if not."""

import re
from pathlib import Path

from launchers.headers import ggml, gguf
from launchers.headers.reader import BadHeader

_LOOKS = (
    (re.compile(rb"\s*<(!doctype|html|\?xml)", re.IGNORECASE), "is a web page"),
    (re.compile(rb"version https://git-lfs"), "is only a pointer of Git LFS, not the file that it stands for"),
    (re.compile(rb"\s*\{"), "is JSON text"),
    (re.compile(rb"\0+$"), "holds nothing but zeros"),
    (re.compile(rb"PK\x03\x04"), "is a zip archive or a PyTorch file"),
    (re.compile(rb"\x1f\x8b|BZh|\xfd7zXZ|\x28\xb5\x2f\xfd"), "is packed: unpack it first"),
    (re.compile(rb"tjgg|fmgg|lmgg|algg"), "has the old GGML form"),
    (re.compile(rb"GGUF"), "is a GGUF file"),
    (re.compile(rb"GGUF\0\0\0"), "is a GGUF file for big-endian machines"),
    (re.compile(rb"[\s\S]{8}\{\""), "is a safetensors file"),
)
_NO_WRITERS = re.compile(r"clip|.*bert.*|t5encoder|wavtokenizer-dec|.*-embedding")
"""Architectures of what lies beside a language model, or only turns text into numbers."""
_HEAD = 512
_SURE = ("it is part", "it is not a GGUF", "it ends before", "it is cut off", "it has GGUF version 1,")
"""What is wrong for every engine; another may know more kinds of tensors than we do."""


def gguf_fault(path: Path) -> str:
    """Of a language model, with all its parts; "" when nothing speaks against it. Reads headers: 0.1 s."""
    if why := _no_file(path):
        return why
    try:
        model = gguf.read(path)
    except FileNotFoundError as error:
        return f"lacks its part {Path(error.filename or '').name}"
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except BadHeader as error:
        return _looks(path, b"GGUF") or (_as_clause(error) if str(error).startswith(_SURE) else "")
    kind = model.keys.get("general.type", "model")
    if kind in ("adapter", "mmproj", "imatrix", "vocab"):
        return f"is no language model but a GGUF file of the kind {kind}"
    if not model.architecture:
        return "does not say which architecture it has"
    if _NO_WRITERS.fullmatch(model.architecture):
        return f"is no language model: its architecture is {model.architecture}"
    return ""


def ggml_fault(path: Path) -> str:
    """The same of a model of whisper.cpp."""
    if why := _no_file(path):
        return why
    try:
        ggml.read(path)
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    except BadHeader as error:
        return _looks(path, b"lmgg") or (_as_clause(error) if "cut off" in str(error) or "ends" in str(error) else "")
    return ""


def any_fault(path: Path) -> str:
    """Of weights whose form is not known here: what is no model of any kind."""
    if why := _no_file(path):
        return why
    try:
        found = _looks(path, b"\x08")
    except OSError as error:
        return f"cannot be read ({error.strerror or error})"
    return found if found.startswith(("is a web page", "is only", "holds nothing")) else ""


def _no_file(path: Path) -> str:
    if path.is_dir():
        return "is a folder"
    try:
        return "" if path.stat().st_size else "is empty"
    except OSError:
        return "is not there"


def _looks(path: Path, own: bytes) -> str:
    """What it is instead; "" where it begins as it should, or where that cannot be told."""
    with path.open("rb") as file:
        first = file.read(_HEAD)
    if first.startswith(own) and not (own == b"GGUF" and first[4:7] == b"\0\0\0" and first[7:8] in b"\x02\x03"):
        return ""
    return next((words for pattern, words in reversed(_LOOKS) if pattern.match(first)), "")


def _as_clause(error: BadHeader) -> str:
    """ "it is ..." as the end of a sentence that begins with the file's name."""
    return str(error).removeprefix("it ")
