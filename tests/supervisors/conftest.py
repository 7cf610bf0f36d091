"""A home of its own for every test, a maker of fakes, and the proof that nothing was left behind."""

import hashlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest

from supervisors.health.restart_policy import RestartRules
from supervisors.shim import reaper
from supervisors.spec import Command, ServicePaths, ServiceSpec, ServiceStatus

FAKE = Path(__file__).parent.parent / "fakes" / "engine_server.py"
EAGER = RestartRules(base_s=0.02, cap_s=0.1, most=0)
"""Restarts at once and for ever: for tests of what a crash leaves, not of the schedule."""

Fake = Callable[..., ServiceSpec]


def places_in(folder: Path) -> ServicePaths:
    """The same for a stand-in show in another process, given the same folder."""
    return ServicePaths(
        folder / "state",
        folder / "logs",
        lambda name: Path("/tmp") / f"gt-{hashlib.sha256(f'{folder}{name}'.encode()).hexdigest()[:12]}.sock",
        reaper.token_prefix(folder, "test"),
    )


def fake_spec(name: str, *flags: str, **settings: Any) -> ServiceSpec:
    def command(port: int) -> Command:
        return Command((sys.executable, "-S", "-E", str(FAKE), "--port", str(port), *flags))

    return ServiceSpec(**{"name": name, "role": name, "command": command, "stop_grace_s": 2.0, **settings})


async def ask(base_url: str) -> None:
    """A canary that asks the fake for a real answer."""
    async with httpx.AsyncClient(trust_env=False, timeout=None) as client:
        (await client.post(f"{base_url}/answer", content=b"hi")).raise_for_status()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """For stand-in shows; the sockets of killed ones lie outside, where paths are short."""
    yield tmp_path
    for name in "ab":
        places_in(tmp_path).socket(name).unlink(missing_ok=True)


@pytest.fixture
def places(home: Path) -> Iterator[ServicePaths]:
    places = places_in(home)
    yield places
    left = eventually_gone(places.prefix)
    reaper.reap(places.prefix)
    assert left == [], "left behind"
    assert not list((places.state / "services").glob("*"))


@pytest.fixture
def fake() -> Fake:
    return fake_spec


class Story:
    """Every status that was told, in order."""

    def __init__(self) -> None:
        self.told: list[ServiceStatus] = []

    def __call__(self, status: ServiceStatus) -> None:
        self.told.append(status)

    def states(self, name: str = "a") -> list[str]:
        """Without repeats."""
        found: list[str] = []
        for status in self.told:
            if status.name == name and found[-1:] != [status.state.value]:
                found.append(status.state.value)
        return found


@pytest.fixture
def story() -> Story:
    return Story()


def working(prefix: str) -> list[psutil.Process]:
    """Without the shims that wait for an order: one for each service that is READY."""
    return [p for p in reaper.find(prefix) if "shim.py" not in " ".join(p.cmdline()) or p.children()]


def eventually_gone(prefix: str, within_s: float = 3.0) -> list[str]:
    """Who is still there after a while, by command line."""
    due = time.monotonic() + within_s
    while (left := reaper.find(prefix)) and time.monotonic() < due:
        time.sleep(0.02)
    return [" ".join(process.cmdline()) for process in left]
