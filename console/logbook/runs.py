"""Where the logs of a show lie: one folder a run, one file a service."""

from collections.abc import Iterable
from pathlib import Path

SHOW = "show"
ALL = "all"


def newest_first(logs: Path, rig: str | None = None) -> list[Path]:
    """The folders of all runs, or of those of one rig. A name is DATE-TIME-RIG-PID."""
    try:
        folders = [folder for folder in logs.iterdir() if folder.is_dir() and folder.name[:8].isdigit()]
    except OSError:
        return []
    mine = [folder for folder in folders if rig is None or rig_of(folder) == rig]
    return sorted(mine, key=lambda folder: folder.name, reverse=True)


def rig_of(run: Path) -> str:
    return "-".join(run.name.split("-")[2:-1])


def written(run: Path) -> list[str]:
    """Services that have a log there, the show itself last."""
    names = {path.name.removesuffix(".log") for path in run.glob("*.log")}
    return [*sorted(names - {SHOW}), *(names & {SHOW})]


def paths(run: Path, services: Iterable[str]) -> dict[str, Path]:
    return {name: run / f"{name}.log" for name in services}
