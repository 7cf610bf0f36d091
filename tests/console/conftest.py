"""A real show per module, with real engines."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.real_show import BRIEF, RealShow, borrowed_home, with_brief


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = borrowed_home(tmp_path_factory.mktemp("galactus") / "home")
    (folder / "profiles" / "characters").mkdir(parents=True)
    (folder / "profiles" / "characters" / "seeded.toml").write_text(_SEEDED)
    (folder / "profiles" / "characters" / "brief.toml").write_text(BRIEF)
    (folder / "profiles" / "rigs").mkdir()
    (folder / "profiles" / "rigs" / "rehearsal.toml").write_text(_PATIENT)
    return folder


@pytest.fixture(scope="module")
def show(home: Path) -> Iterator[RealShow]:
    """The rehearsal rig, READY."""
    running = RealShow(home, "--character", "seeded")
    try:
        yield running.start()
    finally:
        running.end()


_PATIENT = """extends = "rehearsal"
[deadlines]
transcribing_s = 30
first_token_s = 40
next_token_s = 20
first_pcm_s = 20
thinking_s = 60
"""
"""What is answered is tested here; how soon, in the benches: a busy machine must not fail a stage."""
_SEEDED = 'extends = "mr_bones"\n[thinking]\nseed = 7\n'
"""Mr. Bones with a fixed seed: the same questions get the same words."""


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[RealShow]:
    """The smallest model, started fresh, to be treated badly."""
    folder = with_brief(borrowed_home(tmp_path / "home"))
    running = RealShow(folder, "--rig", "quick", "--character", "brief")
    try:
        yield running.start()
    finally:
        running.end()
