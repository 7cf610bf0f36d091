"""The key of a show's engines: where it is kept, who gets it, and what happens when it is of no use."""

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from clients.http import EngineClient
from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.runtime.engine_key import VARIABLE, EngineKey
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.schema import Engine
from supervisors import redact
from supervisors.shim.spawning import command_hash


def obtained(folder: Path) -> tuple[str, str]:
    key = EngineKey()
    complaint = key.obtain(folder)
    assert key.secret is not None and key.header is not None
    assert key.header.reveal() == f"Bearer {key.secret.reveal()}" and redact.HIDDEN in repr(key.header)
    return key.secret.reveal(), complaint


@pytest.mark.parametrize("umask", [0o022, 0o000, 0o777])
def test_a_key_is_long_and_for_its_owner_alone(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        key, complaint = obtained(tmp_path)
    finally:
        os.umask(before)
    assert complaint == "" and len(key) == 43
    assert stat.S_IMODE((tmp_path / "engine.key").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["engine.key"]


def test_the_show_after_a_crash_has_the_same_key_and_the_one_after_a_stop_another(tmp_path: Path) -> None:
    first = obtained(tmp_path)
    assert obtained(tmp_path) == first
    EngineKey.forget(tmp_path)
    EngineKey.forget(tmp_path)
    key, complaint = obtained(tmp_path)
    assert key != first[0] and complaint == ""


def opened(file: Path) -> None:
    file.chmod(0o640)


def linked(file: Path) -> None:
    file.rename(file.with_name("elsewhere"))
    file.symlink_to("elsewhere")


def folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file, 0o600)


SPOILT: dict[str, Callable[[Path], object]] = {
    "others may read it": opened,
    "a link": linked,
    "empty": lambda file: file.write_text(""),
    "too short": lambda file: file.write_text("short"),
    "a line too many": lambda file: file.write_text(file.read_text() + "\n"),
    "no text": lambda file: file.write_bytes(b"\xff\x00" * 200),
    "a folder": folder,
    "a pipe": pipe,
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT)
def test_a_key_that_is_of_no_use_is_replaced_and_the_operator_told(
    tmp_path: Path, spoil: Callable[[Path], object]
) -> None:
    first, _ = obtained(tmp_path)
    spoil(tmp_path / "engine.key")
    key, complaint = obtained(tmp_path)
    assert key != first and complaint.startswith("the engines' key ") and "\n" not in complaint
    if not (tmp_path / "engine.key").is_dir():  # a folder of somebody's is left alone: then nothing can be kept
        assert obtained(tmp_path) == (key, "")


def test_engines_that_were_left_without_a_key_are_spoken_of(tmp_path: Path) -> None:
    (tmp_path / "services").mkdir()
    (tmp_path / "services" / "llm.json").write_text("{}")
    assert "not there any more" in obtained(tmp_path)[1]


def test_where_nothing_can_be_written_the_show_has_a_key_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("no folder")
    key, complaint = obtained(tmp_path / "state")
    assert len(key) == 43 and "cannot be" in complaint


@pytest.fixture
def shop(tmp_path: Path) -> LauncherContext:
    home = Home(tmp_path)
    made = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    folder = made.environments.folder("stt_pywhispercpp")
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "python").touch()
    (folder / ".ready").touch()
    return made


def ears(shop: LauncherContext, **settings: str) -> BaseLauncher:
    engine = Engine(engine="whisper_cpp", binary="none", **settings)  # type: ignore[arg-type]
    return registry.launcher("rig.toml", "stt", "stt", engine, shop)


def test_it_is_given_by_environment_never_in_argv_and_is_a_part_of_the_command(
    shop: LauncherContext, tmp_path: Path
) -> None:
    launcher = ears(shop)
    without = command_hash(launcher.command(9999))
    shop.key.obtain(tmp_path / "one")
    command = launcher.command(9999)
    assert shop.key.secret is not None
    key = shop.key.secret.reveal()
    assert command.env[VARIABLE] == key and not any(key in word for word in command.argv)
    assert redact.environment(command.env)[VARIABLE] == redact.HIDDEN
    one = command_hash(command)
    shop.key.obtain(tmp_path / "two")
    assert len({without, one, command_hash(launcher.command(9999))}) == 3


async def authorization(client: EngineClient) -> str | None:
    try:
        found: str | None = client.http.headers.get("Authorization")
        return found
    finally:
        await client.aclose()


async def test_clients_of_our_engines_have_it_and_those_of_other_servers_never(
    shop: LauncherContext, tmp_path: Path
) -> None:
    shop.key.obtain(tmp_path / "state")
    ours = await authorization(ears(shop).connect("http://127.0.0.1:9999"))
    theirs = await authorization(ears(shop, launch="attach", url="http://127.0.0.1:9").connect("http://127.0.0.1:9"))
    assert shop.key.header is not None and ours == shop.key.header.reveal() and theirs is None


@pytest.mark.parametrize(
    ("binary", "variable"), [("llama-server", "LLAMA_API_KEY"), ("python3", "API_KEY")], ids=["llama-server", "python"]
)
def test_a_llama_server_of_the_machine_finds_it_where_it_looks(
    shop: LauncherContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, binary: str, variable: str
) -> None:
    program = tmp_path / "bin" / binary
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    engine = Engine(engine="llama_cpp", binary=str(program))
    launcher = registry.launcher("rig.toml", "llm", "llm", engine, shop)
    shop.key.obtain(tmp_path / "state")
    launcher._binary = str(program)  # as `prepare` finds it
    command = launcher.command(9999)
    assert shop.key.secret is not None and command.env == {variable: shop.key.secret.reveal()}
