"""Every screen in every stage and trouble looks as it did when somebody last looked at it.

A picture that is meant to change: look at it (`make screenshots`, or its module with a FOLDER of your own), then
`make snapshots` keeps the new ones.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.pictures.evening_logs import write_logs
from tests.console.pictures.scenes import SCENES, draw

KEPT = Path(__file__).parent / "__snapshots__"


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Scenes set the time zone, the theme and the home; afterwards all is as it was."""
    for name in ("TZ", "GALACTUS_THEME", "GALACTUS_HOME"):
        monkeypatch.setenv(name, "")
    for name in ("NO_COLOR", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("name", SCENES)
async def test_picture(name: str, tmp_path: Path, own_environment: None) -> None:
    write_logs(tmp_path)
    others = []
    async for size, now in draw(SCENES[name], tmp_path):
        kept = KEPT / f"{name}-{size[0]}x{size[1]}.svg"
        if os.environ.get("GALACTUS_KEEP_PICTURES"):
            KEPT.mkdir(exist_ok=True)
            kept.write_text(now)
        if now != kept.read_text():
            (tmp_path / kept.name).write_text(now)
            others.append(f"{kept.name} looks different: compare it with {tmp_path / kept.name}")
    assert not others, "\n".join([*others, "if it is meant to, run: make snapshots"])
