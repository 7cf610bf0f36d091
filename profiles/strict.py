"""Read a TOML file into a Struct, strictly: an unknown key or a wrong type is an error that helps."""

import difflib
import errno
import os
import re
import stat
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from profiles.errors import ProfileError
from profiles.plain_words import complaint, has_words, toml_trouble

T = TypeVar("T")
Key = str | int
_MOST = 1 << 20
"""Bytes; the largest of ours has 10,000."""
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_PARTS = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
"""A step of a path as msgspec prints it: `.name`, `[0]`, or `[...]` for any value of a table."""
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of `path`. Raises ProfileError if it is no file, not UTF-8 or not TOML."""
    text = _text(path)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where, what, hint = toml_trouble(text, str(error))
        raise ProfileError(str(path), where, f"it is not valid TOML: {what}", hint) from None
    except RecursionError:
        raise ProfileError(str(path), "", "it is not valid TOML: too many brackets within each other") from None


def _text(path: Path) -> str:
    """Whatever lies there instead of a file of text is named, and never waited for."""
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            raise ProfileError(str(path), "", f"it is {_what(kind)}, not a file", "name a file that ends in .toml")
        with path.open("rb") as file:
            raw = file.read(_MOST + 1)
    except FileNotFoundError:
        if path.is_symlink():
            raise ProfileError(str(path), "", f"it is a link to {os.readlink(path)}, which is not there") from None
        raise ProfileError(
            str(path), "", "there is no such file", "see where you are, or give its whole path"
        ) from None
    except OSError as error:
        hint = "check whose it is" if error.errno in (errno.EACCES, errno.EPERM) else ""
        raise ProfileError(str(path), "", f"it cannot be read ({error.strerror or error})", hint) from None
    if len(raw) > _MOST:
        raise ProfileError(str(path), "", "it is far too large to be written by hand", "name another file")
    if b"\0" in raw or raw[:2] in _UTF16:
        wide = raw[:2] in _UTF16 or not any(raw[1:16:2]) or not any(raw[0:16:2])
        what = "it is UTF-16 text" if wide and len(raw) >= 4 else "it is not text"
        raise ProfileError(str(path), "", what, "save it as UTF-8" if wide else "name another file")
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ProfileError(str(path), f"line {line}", "it is not UTF-8 text", "save it as UTF-8") from None


def _what(kind: int) -> str:
    names = ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"))
    return next((name for is_one, name in names if is_one(kind)), "a device")


def convert(data: Mapping[str, Any], kind: type[T], file: str) -> T:
    """`data` as a `kind`. Raises ProfileError with the dotted key and the nearest valid one."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), data, kind, file) from None


def _explain(message: str, data: Any, kind: Any, file: str) -> ProfileError:
    at = _AT.search(message)
    keys = _keys_of(at["path"], data, kind, message) if at else []
    text = message[: at.start()] if at else message
    if unknown := _UNKNOWN.search(text):
        known = sorted(_known_at(kind, keys, data))
        near = difflib.get_close_matches(unknown["key"], known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known keys here: {', '.join(known)}"
        return ProfileError(file, _dotted([*keys, unknown["key"]]), "unknown key", hint)
    if missing := _MISSING.search(text):
        return ProfileError(file, _dotted([*keys, missing["key"]]), "this key is missing", "add it")
    try:
        value, kinds, default = _value_at(data, keys), *_wanted(kind, keys, data)
    except (LookupError, TypeError):
        return ProfileError(file, _dotted(keys), "this cannot be used")
    if "matching regex" in text and not has_words(kinds):
        return ProfileError(file, _dotted(keys), text)  # the catalogue has words of its own for these
    what, hint = complaint(value, kinds, default)
    return ProfileError(file, _dotted(keys), what, hint)


def _wanted(kind: Any, keys: Sequence[Key], data: Any) -> tuple[list[Any], Any]:
    """What may stand at `keys`, and the default."""
    kinds, default = _alternatives(msgspec.inspect.type_info(kind)), msgspec.NODEFAULT
    for place, key in enumerate(keys):
        structs = _meant(kinds, _value_at(data, keys[:place]))
        default = next((f.default for k in structs for f in k.fields if f.encode_name == key), msgspec.NODEFAULT)
        tags = [k.tag for k in structs if k.tag_field == key]
        kinds = (
            [msgspec.inspect.LiteralType(tuple(sorted(tags, key=str)))]
            if tags
            else [t for k in kinds for t in _below(k, key)]
        )
    return kinds, default


def _meant(kinds: Sequence[Any], here: Any) -> list[Any]:
    """Of several Structs the one whose tag was given."""
    structs = [k for k in kinds if isinstance(k, msgspec.inspect.StructType)]
    tagged = [k for k in structs if k.tag_field and isinstance(here, dict) and here.get(k.tag_field) == k.tag]
    return tagged or structs


def _dotted(keys: Sequence[Key]) -> str:
    return "".join(f"[{k}]" if isinstance(k, int) else f".{k}" for k in keys).lstrip(".")


def _keys_of(path: str, data: Any, kind: Any, message: str) -> list[Key]:
    """The keys on `path`. Of a table msgspec does not say which value it means: each is tried alone, until one gives
    the same error.
    """
    keys: list[Key] = []
    for name, index in _PARTS.findall(path):
        if index == "...":
            name = next((n for n in _value_at(data, keys) if _error(_only(data, keys, n), kind) == message), index)
        keys.append(int(index) if index.isdecimal() else name)
    return keys


def _value_at(data: Any, keys: Sequence[Key]) -> Any:
    for key in keys:
        data = data[key]
    return data


def _only(data: Any, keys: Sequence[Key], name: str) -> Any:
    """`data`, but of the table at `keys` only one entry."""
    if not keys:
        return {name: data[name]}
    copy = data.copy()
    copy[keys[0]] = _only(data[keys[0]], keys[1:], name)
    return copy


def _error(data: Any, kind: Any) -> str:
    try:
        msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        return str(error)
    return ""


def _known_at(kind: Any, keys: Sequence[Key], data: Any) -> set[str]:
    """Field names of the Struct at `keys`; where several are possible, of the one whose tag was given."""
    kinds = _alternatives(msgspec.inspect.type_info(kind))
    for key in keys:
        kinds = [t for k in kinds for t in _below(k, key)]
    chosen = _meant(kinds, _value_at(data, keys))
    return {f.encode_name for k in chosen for f in k.fields} | {k.tag_field for k in chosen if k.tag_field}


def _below(info: Any, key: Key) -> list[Any]:
    if isinstance(info, msgspec.inspect.StructType):
        return [t for f in info.fields if f.encode_name == key for t in _alternatives(f.type)]
    inner = getattr(info, "value_type", None) or getattr(info, "item_type", None)
    return _alternatives(inner) if inner is not None else []


def _alternatives(info: Any) -> list[Any]:
    if isinstance(info, msgspec.inspect.UnionType):
        return [t for kind in info.types for t in _alternatives(kind)]
    return [info]
