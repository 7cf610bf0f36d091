"""Saving into a rig file: comments stay, shipped rigs are not touched, nothing bad is written."""

from pathlib import Path

import pytest

from profiles.edit import save_rig
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import SHIPPED, load_rig

RIG = """# by the door
extends = "quick"
title = "Booth"

[jaw]            # glued
board = "simulated"
closed_us = 1450 # measured twice
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_comments_stay_and_the_value_changes(tmp_path: Path, home: Home) -> None:
    file = tmp_path / "booth.toml"
    file.write_text(RIG)
    assert save_rig(file, "jaw", {"closed_us": 1320, "look_ahead_ms": 80}, home) == file
    text = file.read_text()
    assert "# by the door" in text and "# glued" in text and "# measured twice" in text
    rig = load_rig(str(file), home).value
    assert (rig.jaw.closed_us, rig.jaw.look_ahead_ms, rig.title) == (1320, 80, "Booth")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["booth.toml"]


def test_a_shipped_rig_is_extended_not_changed(home: Home) -> None:
    shipped = SHIPPED / "rigs" / "quick.toml"
    before = shipped.read_bytes()
    saved = save_rig(shipped, "audio", {"speaker": "Big Speaker"}, home)
    save_rig(shipped, "jaw", {"open_us": 1700}, home)
    assert shipped.read_bytes() == before and saved == home.profiles / "rigs" / "quick.toml"
    rig = load_rig("quick", home).value
    assert (rig.audio.speaker, rig.jaw.open_us, rig.title) == ("Big Speaker", 1700, "Quick")


def test_what_cannot_be_loaded_afterwards_is_not_written(tmp_path: Path, home: Home) -> None:
    file = tmp_path / "booth.toml"
    file.write_text(RIG)
    with pytest.raises(ProfileError, match="booth.toml: jaw.open_us"):
        save_rig(file, "jaw", {"open_us": 1450}, home)
    file.write_text("jaw = 3\n" + RIG.replace("[jaw]", "[audio]").replace('board = "simulated"\nclosed_us = 1450', ""))
    with pytest.raises(ProfileError, match="no table of its own"):
        save_rig(file, "jaw", {"open_us": 1600}, home)
    file.write_text("this is no toml [")
    with pytest.raises(ProfileError, match="cannot be read"):
        save_rig(file, "jaw", {"open_us": 1600}, home)
    assert file.read_text() == "this is no toml ["
    assert sorted(p.name for p in tmp_path.iterdir()) == ["booth.toml"]


def test_a_link_stays_a_link(tmp_path: Path, home: Home) -> None:
    real, link = tmp_path / "real.toml", tmp_path / "link.toml"
    real.write_text(RIG)
    link.symlink_to(real)
    assert save_rig(link, "jaw", {"closed_us": 1333}, home) == real
    assert link.is_symlink() and "1333" in real.read_text()
