"""Whether the disk has room for what a show writes and for what it still has to fetch."""

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from console.api.body_status import PreflightRow
from console.host.disk_space import lacks, trial
from launchers.base import BaseLauncher
from profiles.catalogue import Catalogue
from profiles.home import Home

_LOGS_BYTES = 100_000_000
_ENVIRONMENT_BYTES = 250_000_000


def nearest_folder(home: Home) -> Path:
    """The home itself, or the folder above it that is there already."""
    return next(p for p in (home.root, *home.root.parents) if p.exists())


def disk(home: Home, made: Iterable[BaseLauncher], catalogue: Catalogue, folders: Sequence[Path]) -> PreflightRow:
    """`folders`: where the show writes; each is tried. And room for what is still to be fetched (each weight is for a
    moment there twice) and for the logs.
    """
    lacking = list(lacks(folders, trial).values())
    if bad := [lack for lack in lacking if not lack.low]:
        return PreflightRow(what="disk", state="fault", detail="; ".join(lack.detail for lack in bad), mend=bad[0].mend)
    folder, need = nearest_folder(home), _LOGS_BYTES
    for launcher in made:
        store, environments = launcher.workshop.store, launcher.workshop.environments
        if launcher.settings.launch != "process":
            continue
        if launcher.catalogued and launcher.model and store.state(launcher.model) != "stored":
            need += 2 * catalogue[launcher.model].bytes
        if launcher.needs_environment() and environments.python(launcher.script) is None:
            need += _ENVIRONMENT_BYTES
    free = shutil.disk_usage(folder).free
    detail = f"{free / 1e9:.1f} GB free at {folder}"
    if free >= need and lacking:
        return PreflightRow(what="disk", state="todo", detail=lacking[0].detail, mend=lacking[0].mend)
    if free >= need:
        return PreflightRow(what="disk", state="ok", detail=detail)
    mend = f"make {need / 1e9:.1f} GB free there, or set GALACTUS_HOME to another disk"
    return PreflightRow(what="disk", state="fault", detail=detail, mend=mend)
