"""An engine's name becomes the name of its log and of its state file."""

from pathlib import Path

import pytest

from launchers.context import LauncherContext
from launchers.registry import launcher
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.schema import Engine


def test_only_names_that_stay_in_their_folder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    voice = Engine(engine="piper", model="piper-joe")
    for name in ("../../boo", "a/b", "", "..", "a b", "x" * 100):
        with pytest.raises(ProfileError, match="cannot be used"):
            launcher("booth.toml", name, "tts", voice, shop)
    assert launcher("booth.toml", "stand-by_2", "tts", voice, shop).name == "stand-by_2"
