"""Every screen in every stage and trouble looks as it did when somebody last looked at it.

A picture that is meant to change: look at it (`make screenshots`, or FOLDER of tests.console.screenshots), then
`make snapshots` keeps the new ones.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.scenes import SCENES, draw
from tests.console.screenshots import LOG

KEPT = Path(__file__).parent / "__snapshots__"
CASES = [(name, size) for name, scene in SCENES.items() for size in scene.sizes]


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


@pytest.mark.parametrize(("name", "size"), CASES, ids=[f"{n}-{w}x{h}" for n, (w, h) in CASES])
async def test_picture(name: str, size: tuple[int, int], tmp_path: Path, own_environment: None) -> None:
    (tmp_path / "llm.log").write_text(LOG)
    now = await draw(SCENES[name], size, tmp_path)
    kept = KEPT / f"{name}-{size[0]}x{size[1]}.svg"
    if os.environ.get("GALACTUS_KEEP_PICTURES"):
        KEPT.mkdir(exist_ok=True)
        kept.write_text(now)
    if now != kept.read_text():
        other = tmp_path / kept.name
        other.write_text(now)
        pytest.fail(f"{kept.name} looks different: compare it with {other}; if it is meant to, run: make snapshots")
