"""Finds a rig or a character, lays the operator's values over the shipped ones, and remembers where each came from."""

import difflib
import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar, get_args

from msgspec import Struct
from msgspec.structs import replace

from profiles.address import BadAddress, address, host_and_port
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.schema import MIN_PULSE_US, Character, Engine, Rig, Role
from profiles.strict import convert, read_toml

SHIPPED = Path(__file__).parent
_SLOWEST = 300
"""Baud."""
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,80}")
_LINES = ("socket", "rfc2217")
"""Serial lines behind a network, as pyserial names them."""
T = TypeVar("T")


class LoadedProfile(Struct, Generic[T], frozen=True):
    """A checked profile. `origins` maps each dotted key to the file that set it, `given` to what it was set to."""

    name: str
    file: str
    value: T
    origins: dict[str, str]
    given: dict[str, Any]


def load_rig(given: str, home: Home) -> LoadedProfile[Rig]:
    """By name or by file. Raises ProfileError."""
    loaded = _beside(_load(given, "rigs", Rig, home))
    for name, engine in loaded.value.engines.items():
        _check_engine(loaded.file, name, engine)
    roles = {role_of(name, engine) for name, engine in loaded.value.engines.items() if engine.enabled}
    if "llm" not in roles and "tts" not in roles:
        raise ProfileError(loaded.file, "engines", "neither a model nor a voice is enabled", 'extend "rehearsal"')
    ports = [e.port for e in loaded.value.engines.values() if e.port and e.enabled and e.launch == "process"]
    if len(ports) != len(set(ports)):
        raise ProfileError(
            loaded.file, "engines", "two engines have the same port", "give each its own, or 0 for a free one"
        )
    for key, port in (("jaw.port", loaded.value.jaw.port), ("pan_tilt.port", loaded.value.pan_tilt.port)):
        _check_line(loaded.file, key, port)
    _check_parts(loaded.file, loaded.value)
    return loaded


def _check_parts(file: str, rig: Rig) -> None:
    """What two values say together, and what a bound alone cannot."""
    jaw, memory = rig.jaw, rig.memory
    if jaw.closed_us == jaw.open_us:
        raise ProfileError(file, "jaw.open_us", "open and closed are the same", "set them apart")
    if 0 < jaw.rest_us < MIN_PULSE_US:
        hint = f"0 for closed, or {MIN_PULSE_US} and more"
        raise ProfileError(file, "jaw.rest_us", f"no servo knows a pulse of {jaw.rest_us} us", hint)
    for table, baud in (("jaw", jaw.baud), ("pan_tilt", rig.pan_tilt.baud)):
        if 0 < baud < _SLOWEST:
            raise ProfileError(file, f"{table}.baud", "no line is that slow", "0 for the usual one, or such as 9600")
    if memory.act_at < memory.warn_at:
        both = f"act_at is {memory.act_at:g}, warn_at {memory.warn_at:g}"
        raise ProfileError(file, "memory.act_at", f"it acts before it warns: {both}", "make act_at the larger one")


def _beside(rig: LoadedProfile[Rig]) -> LoadedProfile[Rig]:
    """Paths of key files as they are meant: beside the file that names them, which may be one that is extended."""
    engines = {}
    for name, engine in rig.value.engines.items():
        if engine.api_key_file:
            named_by = Path(rig.origins.get(f"engines.{name}.api_key_file", rig.file))
            path = named_by.parent / os.path.expanduser(engine.api_key_file)
            engine = replace(engine, api_key_file=str(path))
        engines[name] = engine
    return replace(rig, value=replace(rig.value, engines=engines))


def load_character(given: str, home: Home) -> LoadedProfile[Character]:
    """By name or by file. Raises ProfileError."""
    return _load(given, "characters", Character, home)


def known(kind: str, home: Home) -> list[str]:
    """Names of the "rigs" or "characters" that can be had without giving a file."""
    folders = (home.profiles / kind, SHIPPED / kind)
    return sorted({p.stem for folder in folders for p in folder.glob("*.toml") if p.is_file()})


def role_of(name: str, engine: Engine) -> Role:
    """What the engine does; `load_rig` has made sure that it is known."""
    if engine.role is not None:
        return engine.role
    return next(role for role in get_args(Role) if role == name)


def _check_engine(file: str, name: str, engine: Engine) -> None:
    at = f"engines.{name}"
    if engine.role is None and name not in get_args(Role):
        raise ProfileError(
            file, f"{at}.role", "what this engine does is not said", f"one of {', '.join(get_args(Role))}"
        )
    if engine.launch == "process" and engine.url:
        raise ProfileError(file, f"{at}.url", "only an attached engine has an address", 'say launch = "attach"')
    if engine.launch == "attach" and engine.url:
        try:
            known = address(engine.url)
        except BadAddress as error:
            raise ProfileError(file, f"{at}.url", error.message, error.hint) from None
        if (known.user or known.password) and (engine.api_key_env or engine.api_key_file):
            hint = "take user and password out of it, or leave the key away"
            raise ProfileError(file, f"{at}.url", "there is a key beside the user in this address", hint)
    _check_key(file, at, engine)


def _check_key(file: str, at: str, engine: Engine) -> None:
    """Where a key is looked for; a key that was written in place of a name is not repeated."""
    for key in ("api_key_env", "api_key_file"):
        if getattr(engine, key) and engine.launch == "process":
            raise ProfileError(file, f"{at}.{key}", "only an attached engine wants a key", 'say launch = "attach"')
    if engine.api_key_env and engine.api_key_file:
        raise ProfileError(file, f"{at}.api_key_env", "api_key_file is given as well", "say one of the two")
    if engine.api_key_env and not _VARIABLE.fullmatch(engine.api_key_env):
        hint = 'such as api_key_env = "LLM_API_KEY"; the key itself goes into that variable, or into an api_key_file'
        raise ProfileError(file, f"{at}.api_key_env", "this is no name of an environment variable", hint)


def _check_line(file: str, key: str, port: str) -> None:
    """A board behind a network: what can be reached at no address is told before the show starts."""
    kind, found, where = port.strip().partition("://")
    if found and kind.lower() in _LINES:
        try:
            host_and_port(where.partition("?")[0].partition("/")[0])
        except BadAddress as error:
            raise ProfileError(file, key, error.message, error.hint) from None


def _load(given: str, kind: str, into: type[T], home: Home) -> LoadedProfile[T]:
    path = _find(given, kind, home)
    tables, origins = _with_parent(path, kind, home, ())
    if not tables:
        example = "rehearsal" if kind == "rigs" else "mr_bones"
        raise ProfileError(str(path), "", "it is empty", f'begin with extends = "{example}"')
    name = path.stem
    if path.parent not in (home.profiles / kind, SHIPPED / kind):  # two files of one name are two rigs
        name += "-" + hashlib.sha256(str(path).encode()).hexdigest()[:6]
    return LoadedProfile(name, str(path), convert(tables, into, str(path)), origins, _flat(tables))


def _find(given: str, kind: str, home: Home, *, beside: Path | None = None, shipped_only: bool = False) -> Path:
    """By name, or a file: relative to where we are, or to the file that extends it (`beside`)."""
    if (given.endswith(".toml") or "/" in given) and "\0" not in given:
        # Not pathlib's: links in a circle and users that are not there are errors to it.
        return Path(os.path.realpath((beside or Path()) / os.path.expanduser(given)))
    folders = (SHIPPED / kind,) if shipped_only else (home.profiles / kind, SHIPPED / kind)
    for folder in folders:
        if os.path.lexists(path := folder / f"{given}.toml"):
            return path  # whatever it is: the reader says what is wrong with it
    names = known(kind, home)
    near = difflib.get_close_matches(given, names, 1)
    hint = f'did you mean "{near[0]}"?' if near else f"known {kind}: {', '.join(names)}"
    if given and os.path.lexists(f"{given}.toml"):
        hint = f"to name the file that is here, write ./{given}.toml"
    raise ProfileError(given, "", f"there is no such {kind.rstrip('s')}", hint)


def _with_parent(path: Path, kind: str, home: Home, seen: tuple[Path, ...]) -> tuple[dict[str, Any], dict[str, str]]:
    if path in seen:
        raise ProfileError(str(path), "extends", "these files extend each other in a circle", "break it")
    tables = read_toml(path)
    parent = tables.pop("extends", None)
    origins = dict.fromkeys(_flat(tables), str(path))
    if parent is None:
        return tables, origins
    if not isinstance(parent, str):
        raise ProfileError(str(path), "extends", "it must be one name in quotes", 'such as extends = "rehearsal"')
    shadows = path == home.profiles / kind / f"{parent}.toml"
    above = _find(parent, kind, home, beside=path.parent, shipped_only=shadows)
    base, base_origins = _with_parent(above, kind, home, (*seen, path))
    return _merge(base, tables), base_origins | origins


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge, everything else (lists too) is replaced."""
    out = dict(base)
    for key, value in over.items():
        mine = out.get(key)
        out[key] = _merge(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return out


def _flat(tables: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    """Dotted keys to values; a list is one value."""
    out: dict[str, Any] = {}
    for key, value in tables.items():
        out |= _flat(value, f"{above}{key}.") if isinstance(value, dict) else {f"{above}{key}": value}
    return out
