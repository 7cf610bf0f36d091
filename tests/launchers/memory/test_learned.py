"""What was measured before: kept, found again by the same start alone, and never trusted blindly."""

import os
from pathlib import Path

import msgspec
import pytest

from launchers.load_flags import LoadFlags
from launchers.memory.learned import KEPT, MOST_PROFILES, MeasuredProfiles, Measurement, key_of
from profiles.home import Home


@pytest.fixture
def learned(tmp_path: Path) -> MeasuredProfiles:
    return MeasuredProfiles(Home(tmp_path))


def file_of(tmp_path: Path) -> Path:
    return tmp_path / "state" / "learned.json"


def test_what_work_showed_counts_more_than_ready(learned: MeasuredProfiles) -> None:
    assert learned.look_up("k") is None
    learned.record("k", Measurement(after="ready", ram=900, peak_ram=1000, load_s=2.5), name="small")
    first = learned.look_up("k")
    assert first is not None and (first.name, first.ram, first.peak_ram, first.load_warm_s) == ("small", 900, 1000, 2.5)
    learned.record("k", Measurement(after="work", ram=950, vram=7, load_s=9.0, cold=True, speed=30.0))
    then = learned.look_up("k")
    assert then is not None and (then.ram, then.peak_ram, then.vram, then.samples) == (950, 1000, 7, 2)
    assert (then.load_cold_s, then.load_warm_s, then.speed) == (9.0, 2.5, 30.0)


def test_one_odd_evening_does_not_move_it(learned: MeasuredProfiles) -> None:
    for ram in (100, 101, 5000, 102, 103):
        learned.record("k", Measurement(after="work", ram=ram))
    profile = learned.look_up("k")
    assert profile is not None and (profile.ram, len(profile.work_ram)) == (102, KEPT)


def test_only_the_same_start_is_known(tmp_path: Path) -> None:
    weights = tmp_path / "m"
    weights.write_bytes(b"a" * 100)
    os.utime(weights, ns=(1, 1))
    flags = LoadFlags(engine="llm")
    same = key_of(weights, flags, "b1", "cpu")
    assert same == key_of(weights, LoadFlags(engine="llm"), "b1", "cpu")
    others = {
        key_of(weights, LoadFlags(engine="llm", context=4096), "b1", "cpu"),
        key_of(weights, LoadFlags(engine="llm", threads=3), "b1", "cpu"),
        key_of(weights, flags, "b2", "cpu"),
        key_of(weights, flags, "b1", "gpu"),
        key_of(None, flags, "b1", "cpu"),
    }
    os.utime(weights, ns=(2, 2))
    others.add(key_of(weights, flags, "b1", "cpu"))
    weights.write_bytes(b"b" * 100)
    os.utime(weights, ns=(1, 1))
    others.add(key_of(weights, flags, "b1", "cpu"))
    assert len(others - {same}) == 7


@pytest.mark.parametrize(
    "spoilt",
    [
        *(b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b" " * 2_000_000),
        b'{"version":1,"profiles":{"k":{"work_ram":["x"]}}}',
        b'{"version":9,"profiles":{"k":{"work_ram":[5]}}}',
        b'{"version":1,"profiles":{"k":{"work_ram":[-5]}}}',
    ],
)
def test_a_spoilt_file_is_nothing_known_and_is_mended(spoilt: bytes, learned: MeasuredProfiles, tmp_path: Path) -> None:
    file_of(tmp_path).parent.mkdir()
    file_of(tmp_path).write_bytes(spoilt)
    assert learned.look_up("k") is None
    learned.record("k", Measurement(after="work", ram=5))
    profile = learned.look_up("k")
    assert profile is not None and profile.ram == 5


def test_it_stays_small_and_forgets_the_oldest(learned: MeasuredProfiles, tmp_path: Path) -> None:
    for number in range(MOST_PROFILES + 5):
        learned.record(f"k{number}", Measurement(after="work", ram=1))
    known = msgspec.json.decode(file_of(tmp_path).read_bytes())["profiles"]
    assert len(known) == MOST_PROFILES
    assert "k0" not in known and f"k{MOST_PROFILES + 4}" in known
    assert [path.name for path in file_of(tmp_path).parent.iterdir() if "~" in path.name] == []


def test_a_disk_that_is_not_ours_costs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    learned = MeasuredProfiles(Home(tmp_path))
    learned.record("k", Measurement(after="work", ram=1))
    assert learned.look_up("k") is None
