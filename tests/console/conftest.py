"""Shows for the tests of the console: with scripted engines, and one for the whole session with real ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.api.commands import Play
from tests.support.real_show import BRIEF, RealShow, borrowed_home, with_brief
from tests.support.scripted.home import scripted_home


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return with_brief(scripted_home(tmp_path_factory.mktemp("galactus") / "home"))


@pytest.fixture(scope="module")
def brief(home: Path) -> Iterator[RealShow]:
    """The rig `quick` with scripted engines and a character of few words, for a whole file."""
    running = RealShow(home, "--rig", "quick", "--character", "brief")
    try:
        yield running.start()
    finally:
        running.end()


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[RealShow]:
    """The same, started fresh, to be treated badly."""
    running = RealShow(with_brief(scripted_home(tmp_path / "home")), "--rig", "quick", "--character", "brief")
    try:
        yield running.start()
    finally:
        running.end()


@pytest.fixture(scope="session")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealShow]:
    """The rehearsal rig with its real engines; whatever a case does to it, it leaves it READY with the same models."""
    folder = borrowed_home(tmp_path_factory.mktemp("galactus") / "home")
    (folder / "profiles" / "characters").mkdir(parents=True)
    (folder / "profiles" / "characters" / "seeded.toml").write_text(_SEEDED)
    (folder / "profiles" / "characters" / "brief.toml").write_text(BRIEF)
    (folder / "profiles" / "rigs").mkdir()
    (folder / "profiles" / "rigs" / "rehearsal.toml").write_text(_PATIENT)
    running = RealShow(folder, "--character", "seeded")
    try:
        yield running.start()
    finally:
        running.end()


@pytest.fixture
def terse(real: RealShow) -> Iterator[RealShow]:
    """The real engines, with a character of few words."""
    real.call_now(Play(character="brief"))
    yield real
    real.call_now(Play(character="seeded"))


_PATIENT = """extends = "rehearsal"
[deadlines]
transcribing_s = 30
first_token_s = 40
next_token_s = 20
first_pcm_s = 20
thinking_s = 60
filler_s = 0
"""
"""What is answered is tested here; how soon, in the benches: a busy machine must not fail a stage, nor fill a pause."""
_SEEDED = 'extends = "mr_bones"\n[thinking]\nseed = 7\n'
"""Mr. Bones with a fixed seed: the same questions get the same words."""
