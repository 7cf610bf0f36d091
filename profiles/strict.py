"""Read a TOML file into a Struct, strictly: an unknown key or a wrong type is an error that helps."""

import copy
import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from profiles.errors import ProfileError

T = TypeVar("T")
_AT = re.compile(r" - at `\$(?P<path>[^`]*)`$")
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`")


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of `path`. Raises ProfileError if it is missing, not UTF-8 or not TOML."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ProfileError(str(path), "", "there is no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ProfileError(str(path), "", f"it cannot be read ({error})") from None
    except tomllib.TOMLDecodeError as error:
        raise ProfileError(str(path), "", f"it is not valid TOML: {error}") from None


def convert(data: Mapping[str, Any], kind: type[T], file: str) -> T:
    """`data` as a `kind`. Raises ProfileError with the dotted key and the nearest valid one."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise _explain(str(error), data, kind, file) from None


def _explain(message: str, data: Mapping[str, Any], kind: Any, file: str) -> ProfileError:
    at = _AT.search(message)
    path = _with_names(at["path"].lstrip("."), message, data, kind) if at else ""
    text = message[: at.start()] if at else message
    if unknown := _UNKNOWN.search(text):
        key = f"{path}.{unknown['key']}" if path else unknown["key"]
        known = sorted(_keys_at(kind, path))
        near = difflib.get_close_matches(unknown["key"], known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"known keys here: {', '.join(known)}"
        return ProfileError(file, key, "unknown key", hint)
    if missing := _MISSING.search(text):
        key = f"{path}.{missing['key']}" if path else missing["key"]
        return ProfileError(file, key, "this key is missing", "add it")
    text = text[0].lower() + text[1:]
    return ProfileError(file, path, text.replace("`", ""))


def _with_names(path: str, message: str, data: Mapping[str, Any], kind: Any) -> str:
    """msgspec says `engines[...].context`; which of the engines it was is found by trying each alone."""
    while "[...]" in path:
        above = path.split("[...]")[0]
        items = _follow(data, above)
        culprit = next((key for key in _keys_of(items) if _fails_alone(data, above, key, message, kind)), None)
        if culprit is None:
            return path
        path = path.replace("[...]", f".{culprit}", 1)
    return path


def _follow(data: Any, path: str) -> Any:
    for part in filter(None, path.split(".")):
        data = data[int(part) if isinstance(data, list) else part]
    return data


def _keys_of(items: Any) -> list[Any]:
    return list(range(len(items))) if isinstance(items, list) else list(items)


def _fails_alone(data: Mapping[str, Any], above: str, key: Any, message: str, kind: Any) -> bool:
    trial = copy.deepcopy(dict(data))
    items = _follow(trial, above)
    for other in reversed(_keys_of(items)):
        if other != key:
            del items[other]
    try:
        msgspec.convert(trial, kind)
    except msgspec.ValidationError as error:
        return str(error) == message
    return False


def _keys_at(kind: Any, path: str) -> set[str]:
    """Field names of the Struct that `path` (as msgspec prints it, `a.b[...].c`) leads to."""
    info = msgspec.inspect.type_info(kind)
    for part in filter(None, re.split(r"[.\[\]]+", path)):
        info = _step(info, part)
    return {f.encode_name for f in info.fields} if isinstance(info, msgspec.inspect.StructType) else set()


def _step(info: Any, part: str) -> Any:
    if isinstance(info, msgspec.inspect.UnionType):
        info = next((t for t in info.types if not isinstance(t, msgspec.inspect.NoneType)), info)
    if (inner := getattr(info, "value_type", None) or getattr(info, "item_type", None)) is not None:
        return inner
    fields = getattr(info, "fields", ())
    return next((f.type for f in fields if f.encode_name == part), info)
