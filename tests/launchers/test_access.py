"""Keys of other people's servers: found where the rig says, sent with every request and probe, shown nowhere."""

import asyncio
import logging
import traceback
from argparse import Namespace
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from console.cli.preflight import check
from console.engines import services
from console.engines.services import EngineProbes
from conversation.errors import RequestRefused
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import load_rig
from supervisors.errors import ServiceError
from supervisors.service.attached import AttachedService
from supervisors.spec import AttachedSpec, ServiceStatus
from supervisors.states import ServiceState
from tests.fakes.http_server import Asked, Script, serving, whole

KEY = "sk-test-0123456789abcdef"
ENGINES = {
    ("llm", "llama_cpp"): "",
    ("llm", "ollama"): 'model = "skull:1b"\n',
    ("stt", "whisper_cpp"): "",
    ("tts", "piper"): 'model = ""\n',
}


def made(folder: Path, url: str, lines: str = "", role: str = "llm", engine: str = "llama_cpp") -> BaseLauncher:
    """The one attached engine of a rig."""
    rig = folder / "booth.toml"
    own = ENGINES[role, engine]
    rig.write_text(
        f'extends = "rehearsal"\n[engines.{role}]\nengine = "{engine}"\nlaunch = "attach"\n{own}url = "{url}"\n{lines}'
    )
    home = Home(folder / "home")
    catalogue = Catalogue.load(home)
    shop = LauncherContext(home, ModelStore(home, catalogue), Environments(home))
    return services.launchers(load_rig(str(rig), home), shop, catalogue)[role]


def trouble(folder: Path, lines: str) -> str:
    with pytest.raises(ProfileError) as caught:
        made(folder, "http://127.0.0.1:9", lines)
    assert "\n" not in str(caught.value) and caught.value.hint
    return str(caught.value)


def guarded(wanted: str) -> Script:
    """A server that lets nobody in without `wanted`, and repeats what it was sent in its complaints."""

    async def script(asked: Asked) -> AsyncIterator[bytes]:
        sent = asked.headers.get("authorization", "")
        answer = whole(b"{}")
        if sent != wanted:
            answer = whole(f'{{"error": "Incorrect API key provided: {sent}"}}'.encode(), 401)
        elif asked.path not in ("/health", "/api/version"):
            answer = whole(f'{{"error": "out of order ({sent})"}}'.encode(), 500)
        async for data in answer(asked):
            yield data

    return script


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "there is no environment variable SKULL_KEY here"),
        ("", "SKULL_KEY is empty"),
        (" \n", "SKULL_KEY is empty"),
        ("two keys", "a space or more than one line"),
        ("k\u00e9y-0123456789", "a letter in the key that no key has"),
        ("\u201ckey-0123456789\u201d", "quotation marks"),
        ("'key-0123456789'", "quotation marks"),
        ("k" * 9000, "too long for a key"),
    ],
)
def test_a_variable_without_a_key_is_told_before_the_start(
    value: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SKULL_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("SKULL_KEY", value)
    line = trouble(tmp_path, 'api_key_env = "SKULL_KEY"')
    assert "engines.llm.api_key_env: " in line and said in line and "0123456789" not in line


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "there is no file"),
        (b"", "is empty"),
        (b"\r\n\n", "is empty"),
        (b"first-0123456789\nsecond", "more than one line"),
        (b"LLM_API_KEY=key-0123456789", "NAME= before the key"),
        (b"export LLM_API_KEY = key-0123456789", "NAME= before the key"),
        (b'"key-0123456789"', "quotation marks"),
        ("kl\u00fccky-0123456789".encode(), "a letter in the key that no key has"),
        (b"key\xff-0123456789", "a letter in the key that no key has"),
        (b"key\0-0123456789", "a letter in the key that no key has"),
        (b"\x89PNG" * 9000, "too long for a key"),
        ("folder", "is no file"),
    ],
)
def test_a_file_without_a_key_is_told_before_the_start(value: bytes | str | None, said: str, tmp_path: Path) -> None:
    file = tmp_path / "key.txt"
    if value == "folder":
        file.mkdir()
    elif isinstance(value, bytes):
        file.write_bytes(value)
    line = trouble(tmp_path, 'api_key_file = "key.txt"')
    assert "engines.llm.api_key_file: " in line and said in line and "0123456789" not in line


@pytest.mark.parametrize("text", [KEY, f"{KEY}\n", f"{KEY}\r\n\n", f"\ufeff{KEY}", f"  {KEY} ", f"Bearer {KEY}\n"])
@pytest.mark.parametrize("where", ["env", "file"])
async def test_a_key_is_the_same_however_it_was_saved(
    where: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKULL_KEY", text.lstrip("\ufeff"))
    (tmp_path / "key.txt").write_text(text, "utf-8")
    lines = 'api_key_env = "SKULL_KEY"' if where == "env" else 'api_key_file = "key.txt"'
    theirs = made(tmp_path, "http://127.0.0.1:9", lines).theirs
    assert theirs is not None and theirs.key is not None and theirs.key.reveal() == f"Bearer {KEY}"
    assert KEY not in repr(theirs) + str(theirs)


SENSES = EngineProbes(busy=lambda _: lambda: False, idle=lambda: True, vram=lambda _: None)


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_no_engine_of_ours_inherits_the_key_of_another_server(
    enabled: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However inconspicuous the name of its variable is, and whether that server is in use tonight or not."""
    monkeypatch.setenv("MY_LLM", KEY)
    (tmp_path / "booth.toml").write_text(
        'extends = "rehearsal"\n[engines.other]\nrole = "llm"\nengine = "llama_cpp"\nlaunch = "attach"\n'
        f'url = "http://127.0.0.1:9"\napi_key_env = "MY_LLM"\nenabled = {enabled}\n'
    )
    home = Home(tmp_path / "home")
    rig, catalogue = load_rig(str(tmp_path / "booth.toml"), home), Catalogue.load(home)
    shop = services.workshop(home, catalogue)
    services.launchers(rig, shop, catalogue)
    assert shop.withheld == services.places(home, rig, tmp_path).withheld == {"MY_LLM"}


async def answered(launcher: BaseLauncher) -> tuple[ServiceStatus, str]:
    """Where its service comes to, and all that was said of it meanwhile."""
    told: list[ServiceStatus] = []
    rig = load_rig("rehearsal", Home(Path("/nonexistent")))
    spec = services.spec(rig, launcher, SENSES, 1)
    assert isinstance(spec, AttachedSpec)
    service = AttachedService(spec, told.append)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run())
        service.start()
        async with asyncio.timeout(20):
            while service.status.state not in (ServiceState.DEGRADED, ServiceState.READY):
                await asyncio.sleep(0.01)
        await service.stop()
        service.quit()
    return told[-2], repr((told, spec, [services.changed(one, launcher) for one in told]))


@pytest.mark.parametrize(("role", "engine"), ENGINES)
@pytest.mark.parametrize("lines", ["", 'api_key_env = "SKULL_KEY"', "user"])
async def test_a_server_that_lets_us_not_in_is_told_with_what_mends_it(
    role: str, engine: str, lines: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SKULL_KEY", KEY)
    async with serving(guarded("Bearer right")) as (url, _):
        if lines == "user":
            url, lines = url.replace("://", f"://me:{KEY}@"), ""
            wanted = f"{role}: the server did not accept the user and password in its url; correct it there"
        elif lines:
            wanted = f"{role}: the server did not accept the key in the variable SKULL_KEY; correct it there"
        else:
            wanted = f"{role}: the server wants a key; set api_key_env or api_key_file under [engines.{role}]"
        launcher = made(tmp_path, url, lines, role, engine)
        status, said = await answered(launcher)
        assert status.state is ServiceState.DEGRADED and status.last_error == wanted
        assert KEY not in said
        with pytest.raises(ServiceError) as caught:
            await launcher.canary(launcher.settings.url)
    assert wanted.partition("the server ")[2].partition(";")[0] in str(caught.value)
    assert not isinstance(caught.value.__cause__, RequestRefused), "it is not to be asked again with less"
    assert KEY not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(("role", "engine"), ENGINES)
@pytest.mark.parametrize("how", ["env", "file", "user"])
async def test_a_key_goes_with_every_request_and_is_shown_nowhere(
    role: str,
    engine: str,
    how: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setenv("SKULL_KEY", KEY)
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path / "home"))
    (tmp_path / "key.txt").write_text(f"{KEY}\n")
    basic = b64encode(f"me:{KEY}".encode()).decode()
    lines = {"env": 'api_key_env = "SKULL_KEY"', "file": 'api_key_file = "key.txt"', "user": ""}[how]
    wanted = f"Basic {basic}" if how == "user" else f"Bearer {KEY}"
    async with serving(guarded(wanted)) as (url, server):
        if how == "user":
            url = url.replace("://", f"://me:{KEY}@")
        launcher = made(tmp_path, url, lines, role, engine)
        status, said = await answered(launcher)
        checked = Namespace(rig=str(tmp_path / "booth.toml"), character=None, json=True, beep=False, sweep=False)
        await asyncio.to_thread(check, checked)
    assert len(server.asked) >= 3 and {one.headers["authorization"] for one in server.asked} == {wanted}
    assert f"out of order ({wanted.split()[0]} [redacted])" in str(status.last_error)
    seen = said + caplog.text + "".join(capsys.readouterr()) + repr(launcher.theirs)
    assert not [secret for secret in (KEY, basic) if secret in seen]
    assert not [f for f in tmp_path.rglob("*") if f.is_file() and f.suffix not in (".toml", ".txt")]
