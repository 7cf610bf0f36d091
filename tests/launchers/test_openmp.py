"""A machine without libgomp gets the copy that one of our wheels brings."""

from pathlib import Path

import pytest

from launchers.errors import FetchError
from launchers.runtime import openmp
from launchers.runtime.environments import Environments
from profiles.home import Home


def installed(home: Home, library: str | None) -> Environments:
    """An environment of the carrier as uv would have left it, with or without the library."""
    environments = Environments(home)
    folder = environments.folder("stt_pywhispercpp")
    libraries = folder / "lib" / "python3.11" / "site-packages" / "pywhispercpp.libs"
    libraries.mkdir(parents=True)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").touch()
    (folder / ".ready").touch()
    if library:
        (libraries / library).write_text("the library")
    return environments


async def test_the_copy_is_put_under_the_plain_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmp, "NAME", "libgomp-that-no-system-has.so.1")
    home = Home(tmp_path)
    for _ in range(2):  # the second start finds it in place
        await openmp.provide(
            home, installed(home, "libgomp-e985bcbb.so.1.0.0") if _ == 0 else Environments(home), print
        )
    folder = Path(openmp.variables(home)["LD_LIBRARY_PATH"])
    assert (folder / openmp.NAME).read_text() == "the library"


async def test_without_any_copy_the_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmp, "NAME", "libgomp-that-no-system-has.so.1")
    home = Home(tmp_path)
    with pytest.raises(FetchError, match="libgomp1"):
        await openmp.provide(home, installed(home, None), print)


def test_a_system_that_has_it_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openmp, "NAME", "libc.so.6")
    assert openmp.system_has_it() and openmp.variables(Home(tmp_path)) == {}
