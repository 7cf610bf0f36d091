"""A real show per module, with real engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.real_show import RealShow, borrowed_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return borrowed_home(tmp_path_factory.mktemp("galactus") / "home")


@pytest.fixture(scope="module")
def show(home: Path) -> Iterator[RealShow]:
    """The rehearsal rig, READY."""
    running = RealShow(home)
    try:
        yield running.start()
    finally:
        running.end()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[RealShow]:
    """The smallest model, started fresh, to be treated badly."""
    running = RealShow(borrowed_home(tmp_path / "home"), "--rig", "quick")
    try:
        yield running.start()
    finally:
        running.end()
