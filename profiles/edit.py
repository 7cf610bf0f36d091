"""Writes single values into a rig file and leaves everything else in it as its owner wrote it, comments included."""

import os
import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Table

from profiles.errors import ProfileError
from profiles.home import CHECKOUT, Home
from profiles.loader import SHIPPED, load_rig

Value = str | int | float | bool
_ONE_AT_A_TIME = threading.Lock()


def save_rig(file: Path, table: str, values: Mapping[str, Value], home: Home) -> Path:
    """`[table]` of the rig gets `values`; the file that was written. A shipped rig is read-only: what differs goes into
    a file of the same name in the operator's own profiles, which extends it.

    Nothing changes unless the whole rig can be loaded afterwards. Raises ProfileError, OSError.
    """
    with _ONE_AT_A_TIME:
        return _save(file, table, values, home)


def _save(file: Path, table: str, values: Mapping[str, Value], home: Home) -> Path:
    target, text = _target(file.resolve(), home)
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ProfileError(str(target), "", f"it cannot be read ({error})", "mend it by hand") from None
    rows = document.get(table)
    if rows is None:
        rows = document[table] = tomlkit.table()
    if not isinstance(rows, Table):
        raise ProfileError(str(target), table, "it is no table of its own", f"write it as [{table}]")
    for key, value in values.items():
        rows[key] = value
    new = target.with_name(f".{target.stem}.new.toml")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with new.open("w", encoding="utf-8") as out:
            out.write(tomlkit.dumps(document))
            out.flush()
            os.fsync(out.fileno())
        _try(new, target, home)
        if target.exists():
            shutil.copymode(target, new)
        new.replace(target)
    finally:
        new.unlink(missing_ok=True)
    return target


def _target(file: Path, home: Home) -> tuple[Path, str]:
    if SHIPPED not in file.parents:
        return file, file.read_text("utf-8")
    own = home.profiles / "rigs" / file.name
    if own.exists():
        return own, own.read_text("utf-8")
    schema = CHECKOUT / "docs" / "rig.schema.json"  # an editor that knows it completes the keys
    return own, f'#:schema {schema}\n# What differs from the shipped rig "{file.stem}".\nextends = "{file.stem}"\n'


def _try(new: Path, target: Path, home: Home) -> None:
    """Its errors name the file that people know."""
    try:
        load_rig(str(new), home)
    except ProfileError as error:
        raise ProfileError(str(target), error.key, error.message, error.hint) from None
