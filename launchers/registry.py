"""Engines by file name: all names without importing any, and exactly the one that is chosen."""

import difflib
import importlib
from pathlib import Path

from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from profiles.errors import ProfileError
from profiles.schema import Engine, Role

_HERE = Path(__file__).parent


def names(role: Role) -> list[str]:
    """The engines there are for a role: `launchers/<role>_<name>.py`."""
    return sorted(p.stem.removeprefix(f"{role}_") for p in _HERE.glob(f"{role}_*.py"))


def launcher(file: str, name: str, role: Role, settings: Engine, workshop: LauncherContext) -> BaseLauncher:
    """The launcher of one engine of the rig `file`. Raises ProfileError."""
    known = names(role)
    if settings.engine not in known:
        near = difflib.get_close_matches(settings.engine, known, 1)
        hint = f'did you mean "{near[0]}"?' if near else f"engines for {role}: {', '.join(known) or 'none yet'}"
        raise ProfileError(file, f"engines.{name}.engine", f'there is no {role} engine "{settings.engine}"', hint)
    module = importlib.import_module(f"launchers.{role}_{settings.engine}")
    made = module.Launcher(name, settings, workshop)
    assert isinstance(made, BaseLauncher)
    made.check(file)
    return made
