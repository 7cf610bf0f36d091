"""The store: what counts as stored, what is noticed, and what two fetches, a kill or a full disk do to it."""

import asyncio
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from launchers.errors import FetchError
from launchers.store import file_transfer
from launchers.store.file_transfer import DiskFull
from launchers.store.model_store import ModelStore
from launchers.store.progress import Progress
from profiles.errors import ProfileError
from profiles.home import Home
from tests.fakes.package_index import Fault, PackageIndex, serving
from tests.launchers.toy_models import DATA, HUB, fetch, make_home, make_store, publish, sha256, start_fetch

MB = 1 << 20
LOCAL = 'sources = [{{ from = "file", path = "{}" }}]'


def silent(_: Progress) -> None:
    """Nobody watches."""


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageIndex]:
    with serving() as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.simple)
        monkeypatch.setenv("HF_ENDPOINT", index.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield index


@pytest.fixture
def original(tmp_path: Path) -> Path:
    path = tmp_path / "original.gguf"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def home(tmp_path: Path, original: Path) -> Home:
    """The toy comes from a file of this machine."""
    return make_home(tmp_path / "home", LOCAL.format(original))


@pytest.fixture
async def stored(home: Home) -> ModelStore:
    await fetch(home)
    return make_store(home)


async def test_from_absent_to_stored_and_back(home: Home) -> None:
    store = make_store(home)
    assert store.state("toy") == "absent"
    with pytest.raises(FetchError, match=r"toy.gguf of toy is not stored; run: .* models fetch toy"):
        store.path("toy")
    path = await store.fetch("toy", silent)
    assert (store.path("toy"), store.path("toy", "toy.gguf"), store.state("toy")) == (path, path, "stored")
    (row,) = [row for row in store.list() if row.id == "toy"]
    assert (row.role, row.bytes, row.licence, row.state) == ("llm", len(DATA), "MIT", "stored")
    assert store.remove("toy") >= len(DATA)
    assert (store.state("toy"), store.remove("toy")) == ("absent", 0)


async def test_a_second_fetch_reads_nothing(stored: ModelStore, original: Path) -> None:
    original.unlink()
    await stored.fetch("toy", silent)


def test_unknown_names_are_told_with_the_nearest(home: Home) -> None:
    store = make_store(home)
    with pytest.raises(ProfileError, match='no such model; did you mean "toy"'):
        store.path("tpy")
    with pytest.raises(FetchError, match=r"toy has no file x.bin; it has toy.gguf"):
        store.path("toy", "x.bin")


async def test_a_file_cut_in_half_is_noticed_and_mended(stored: ModelStore) -> None:
    path = stored.path("toy")
    os.truncate(path, len(DATA) // 2)
    assert stored.state("toy") == "partial"
    with pytest.raises(FetchError, match=r"toy.gguf of toy is damaged \(3.15 MB where 6.29 MB are due\)"):
        stored.path("toy")
    await stored.fetch("toy", silent)
    assert sha256(stored.path("toy").read_bytes()) == sha256(DATA)


async def test_a_touched_file_is_hashed_before_it_is_used_again(stored: ModelStore, original: Path) -> None:
    path = stored.path("toy")
    original.unlink()
    os.utime(path, ns=(1, 1))
    assert stored.state("toy") == "partial"
    with pytest.raises(FetchError, match="has changed since it was checked"):
        stored.path("toy")
    notes: list[str] = []
    await stored.fetch("toy", lambda step: notes.append(step.note))
    assert stored.path("toy") == path
    assert "toy.gguf has changed since it was checked; checking it" in notes


async def test_a_flipped_bit_is_found_and_fetched_again(stored: ModelStore) -> None:
    path = stored.path("toy")
    with path.open("r+b") as file:
        file.write(b"x")
    with pytest.raises(FetchError):
        stored.path("toy")
    verdict = await stored.verify("toy", silent)
    assert not verdict.good
    assert verdict.words.startswith("toy.gguf is damaged (its SHA-256 is ")
    assert not path.exists() and path.with_name("toy.gguf.damaged").exists()
    await stored.fetch("toy", silent)
    assert (await stored.verify("toy", silent)).good
    assert not path.with_name("toy.gguf.damaged").exists()


async def test_a_flipped_bit_with_size_and_times_kept_is_found_by_verify(stored: ModelStore) -> None:
    path = stored.path("toy")
    times = path.stat()
    with path.open("r+b") as file:
        file.write(b"x")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert not (await stored.verify("toy", silent)).good
    assert stored.state("toy") == "partial"


async def test_verify_of_nothing_says_so(home: Home) -> None:
    assert (await make_store(home).verify("toy", silent)).words == "toy is not stored"


async def test_a_given_file_is_verified_like_any_other(home: Home, original: Path, tmp_path: Path) -> None:
    wrong, short = tmp_path / "wrong.gguf", tmp_path / "short.gguf"
    wrong.write_bytes(bytes(len(DATA)))
    short.write_bytes(DATA[:-1])
    for path, words in (
        (wrong, "is another file"),
        (short, "6,291,455 bytes where 6,291,456 are due"),
        (tmp_path / "none", "cannot be read"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(FetchError, match=words) as caught:
            await fetch(home, from_file=path)
        assert "\n" not in str(caught.value)
        assert make_store(home).state("toy") == "absent"
    moved = original.rename(tmp_path / "any name")
    assert (await fetch(home, from_file=moved))[0].read_bytes() == DATA
    assert moved.exists()


async def test_two_processes_fetch_once(index: PackageIndex, tmp_path: Path) -> None:
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    index.break_(where, Fault("slow", at=5 * MB))
    home = make_home(tmp_path, HUB)
    children = [await start_fetch(home) for _ in range(2)]
    told = [(await child.communicate())[0].decode() for child in children]
    assert all(f"path {home.models / 'toy' / 'toy.gguf'}" in words for words in told), told
    assert sum("another fetch of toy is running; waiting for it" in words for words in told) == 1
    assert len(index.asked(where)) == 1


async def test_remove_does_not_pull_the_floor_from_under_a_fetch(index: PackageIndex, tmp_path: Path) -> None:
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    index.break_(where, Fault("slow", at=4 * MB))
    store = make_store(make_home(tmp_path, HUB))
    async with asyncio.TaskGroup() as group:
        group.create_task(store.fetch("toy", silent))
        while store.state("toy") == "absent":
            await asyncio.sleep(0.01)
        with pytest.raises(FetchError, match="a fetch of toy is running"):
            store.remove("toy")
    assert store.state("toy") == "stored"


async def test_a_cancelled_fetch_leaves_nothing_that_could_be_taken_for_whole(
    index: PackageIndex, tmp_path: Path
) -> None:
    publish(index)
    home = make_home(tmp_path)
    for delay in (0.05, 0.15, 0.3, 0.33, 0.36, 0.4):
        store = make_store(home)
        try:
            async with asyncio.timeout(delay):
                await store.fetch("toy", silent)
        except TimeoutError:
            continue
    assert sha256((await fetch(home))[0].read_bytes()) == sha256(DATA)
    assert {p.name for p in (home.models / "toy").iterdir()} == {"toy.gguf", ".verified.json"}


async def test_too_little_room_is_told_before_the_first_byte(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = index.add_to_hub("toys/toy", "toy.gguf", DATA)
    monkeypatch.setattr(file_transfer, "RESERVE", 1 << 60)
    with pytest.raises(DiskFull, match=r"the disk is too full: .* are needed in .* and .* free; make room"):
        await fetch(make_home(tmp_path, HUB))
    assert not index.asked(where)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """80 MB of its own, where we may mount such a thing."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=80m", "tmpfs", str(disk)]
    if os.geteuid() or not shutil.which("mount") or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


async def test_a_disk_that_fills_up_in_the_middle(index: PackageIndex, small_disk: Path) -> None:
    publish(index)
    home = make_home(small_disk / "home")
    index.break_(".whl", Fault("slow", at=2 * MB))
    filler = small_disk / "filler"

    def fill(step: Progress) -> None:
        if step.done > 4 * MB and not filler.exists():
            with filler.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(small_disk).free)

    with pytest.raises(DiskFull, match=r"the disk became full while writing to .*; make room and fetch again"):
        await make_store(home).fetch("toy", fill)
    assert make_store(home).state("toy") == "absent"
    assert shutil.disk_usage(small_disk).free > MB, "the half-made files were given back"
    filler.unlink()
    index.mend()
    await fetch(home)


async def test_a_limit_on_file_size_is_one_line(index: PackageIndex, tmp_path: Path) -> None:
    publish(index)
    home = make_home(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * MB, before[1]))
    try:
        child = await start_fetch(home)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told = (await child.communicate())[0].decode()
    assert told.splitlines()[-1].startswith("error the disk became full while writing to ")
    assert make_store(home).state("toy") == "absent"


async def test_a_folder_that_may_not_be_written_is_one_line(home: Home) -> None:
    home.models.parent.mkdir(parents=True, exist_ok=True)
    home.models.write_text("a file where the store should be")
    with pytest.raises(FetchError, match=r"cannot be used \(.*\); mend that and fetch again"):
        await fetch(home)
