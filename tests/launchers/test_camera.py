"""What a camera is captured with, and what is said when that cannot be had."""

from pathlib import Path

import pytest

from devices.camera import simulated
from launchers import camera
from launchers.errors import FetchError
from launchers.runtime.environments import Environments
from launchers.store.progress import Progress
from profiles.home import Home
from profiles.schema import Camera


@pytest.fixture
def environments(tmp_path: Path) -> Environments:
    return Environments(Home(tmp_path / "home"))


async def test_a_drawn_camera_needs_nothing(environments: Environments, tmp_path: Path) -> None:
    for device in ("simulated", "simulated:hang"):
        drawn = Camera(device=device)
        assert not camera.needs_environment(drawn) and camera.ready(drawn, environments)
        assert await camera.prepare(drawn, environments, lambda _: None) == simulated.command()
    assert not camera.needs_environment(Camera())
    assert not (tmp_path / "home").exists()


async def test_without_a_network_there_is_a_plain_word(
    environments: Environments, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    real, steps = Camera(device="auto"), list[Progress]()
    assert camera.needs_environment(real) and not camera.ready(real, environments)
    with pytest.raises(FetchError, match=r"environment of camera_opencv could not be made.*check the network"):
        await camera.prepare(real, environments, steps.append)
    assert not camera.ready(real, environments)
