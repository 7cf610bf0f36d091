"""Read a TOML file into a Struct, strictly: an unknown key or a wrong type is an error that helps."""

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from profiles.errors import ProfileError

T = TypeVar("T")
Key = str | int
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_PARTS = re.compile(r"\.([^.\[]+)|\[(\d+|\.\.\.)\]")
"""A step of a path as msgspec prints it: `.name`, `[0]`, or `[...]` for any value of a table."""
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of `path`. Raises ProfileError if it is missing, not UTF-8 or not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise ProfileError(str(path), "", "there is no such file") from None
    except UnicodeDecodeError:
        raise ProfileError(str(path), "", "it is not UTF-8 text", "save it as UTF-8") from None
    except OSError as error:
        raise ProfileError(str(path), "", f"it cannot be read ({error.strerror or error})") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(str(path), "", f"it is not valid TOML: {error}") from None


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
    text = text[0].lower() + text[1:]
    return ProfileError(file, _dotted(keys), text.replace("`", ""))


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
    structs = [k for k in kinds if isinstance(k, msgspec.inspect.StructType)]
    here = _value_at(data, keys)
    tagged = [k for k in structs if k.tag_field and here.get(k.tag_field) == k.tag]
    chosen = tagged or structs
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
