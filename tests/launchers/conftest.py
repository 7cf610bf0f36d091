"""An Ollama to launch: the launcher, somebody else's server, the program on the PATH."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.schema import Engine
from tests.support.little_ollama import MODEL, LittleOllama

Make = Callable[..., BaseLauncher]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    home = Home(tmp_path / "home")
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))

    def made(url: str = "", model: str = MODEL, **settings: object) -> BaseLauncher:
        if url:
            settings |= {"launch": "attach", "url": url}
        engine = Engine(engine="ollama", model=model, **settings)  # type: ignore[arg-type]
        return registry.launcher("booth.toml", "llm", "llm", engine, shop)

    return made


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[LittleOllama]:
    """Somebody else's server."""
    with LittleOllama(tmp_path / "theirs") as server:
        yield server


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LittleOllama:
    """The program on the PATH, with no model yet."""
    little = LittleOllama(tmp_path / "ours", stored=())
    for key, value in little.environment.items():
        monkeypatch.setenv(key, value)
    return little
