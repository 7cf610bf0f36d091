"""Ollama as an engine: what it needs, pulls with progress, loads for the evening, measures, and leaves behind."""

import asyncio
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from clients.ollama import Ollama
from launchers import llm_ollama, registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.errors import FetchError
from launchers.reported_memory import HeldModel
from launchers.runtime import ollama_server
from launchers.runtime.environments import Environments
from launchers.store import ollama_pull
from launchers.store.model_store import ModelStore
from launchers.store.progress import Progress
from profiles.catalogue import Catalogue
from profiles.errors import ProfileError
from profiles.home import CHECKOUT, Home
from profiles.schema import Engine
from supervisors.errors import NeedsRepair, ServiceError
from supervisors.health import probes
from tests.fakes.ollama_server import BYTES
from tests.launchers.conftest import Make
from tests.support.little_ollama import MODEL, LittleOllama


def children() -> set[int]:
    return {p.pid for p in psutil.Process().children(recursive=True)}


async def none_new(before: set[int]) -> bool:
    """Whether all that was started since has ended, in at most 5 s."""
    for _ in range(100):
        if not children() - before:
            return True
        await asyncio.sleep(0.05)
    return False


def test_attached_without_an_address_means_where_ollama_mostly_is(make: Make) -> None:
    assert make(launch="attach").settings.url == "http://127.0.0.1:11434"
    with pytest.raises(ProfileError, match=r"engines.llm.url: an attached engine needs its address"):
        home = Home(Path("/nonexistent"))
        shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
        registry.launcher("booth.toml", "llm", "llm", Engine(engine="llama_cpp", launch="attach"), shop)


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"model": ""}, "engines.llm.model: Ollama needs the name of a model"),
        ({"model": "two words"}, "engines.llm.model"),
        ({"binary": "none"}, "Ollama is a program of its own"),
        ({"options": {"batsch": 1}}, "unknown option"),
    ],
)
def test_what_cannot_be_is_told_at_once(make: Make, settings: dict[str, object], word: str) -> None:
    with pytest.raises(ProfileError, match=word):
        make(**settings)


@pytest.mark.parametrize("model", ["llama3.2", "llama3.2:1b", "me/skull:q4_K_M", "hf.co/me/Skull-GGUF:Q4_0"])
def test_names_that_ollama_knows_are_none_of_our_catalogue(make: Make, model: str) -> None:
    launcher = make(model=model)
    assert launcher.model == model and not launcher.catalogued and not launcher.needs_environment()


def test_where_a_model_is_written_down(tmp_path: Path) -> None:
    where = {"OLLAMA_MODELS": str(tmp_path)}
    library = tmp_path / "manifests" / "registry.ollama.ai"
    assert ollama_server.manifest("llama3.2", where) == library / "library" / "llama3.2" / "latest"
    assert ollama_server.manifest("me/skull:1b", where) == library / "me" / "skull" / "1b"
    assert ollama_server.manifest("hf.co/me/x:q4", where) == tmp_path / "manifests" / "hf.co" / "me" / "x" / "q4"


async def test_what_check_says_of_an_attached_one(make: Make, theirs: LittleOllama) -> None:
    def words(found: object) -> str:
        return str([(f.state, f.detail, f.mend) for f in found or ()])  # type: ignore[attr-defined]

    assert "'ok', 'model skull:1b stored by Ollama'" in words(await make(theirs.url).look())
    missing = words(await make(theirs.url, model="ghost:3b").look())
    pull = f"OLLAMA_HOST=127.0.0.1:{theirs.port} ollama pull ghost:3b"
    assert f"('missing', 'model ghost:3b not pulled yet', '{pull}')" in missing
    gone = words(await make("http://127.0.0.1:9").look())
    assert "'fault'" in gone and "'OLLAMA_HOST=127.0.0.1:9 ollama serve'" in gone
    assert "'ollama serve'" in words(await make(launch="attach").look())


async def test_what_check_says_of_one_of_our_own(
    make: Make, on_path: LittleOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await make().look()
    assert found and [f.state for f in found] == ["ok", "missing"] and found[1].mend.startswith("start the show")
    monkeypatch.setenv("PATH", "/nonexistent")
    found = await make().look()
    assert found and found[0].state == "missing" and "install Ollama" in found[0].mend
    with pytest.raises(FetchError, match="llm: there is no ollama that runs on this machine; install Ollama"):
        await make().prepare(lambda progress: None)


async def test_a_missing_model_is_pulled_by_a_server_that_ends(make: Make, on_path: LittleOllama) -> None:
    told: list[Progress] = []
    await make().prepare(told.append)
    assert on_path.manifest(MODEL).is_file()
    assert told and told[-1].total == BYTES + 500 and told[-1].what == MODEL
    assert (
        not any("ollama" in psutil.Process(pid).name() for pid in children()) and len(on_path.asked("/api/pull")) == 1
    )
    await make().prepare(told.append)
    assert len(on_path.asked("/api/pull")) == 1


async def test_the_server_that_pulls_inherits_no_key_of_another_server(
    make: Make, on_path: LittleOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_LLM", "inconspicuous99")
    launcher = make()
    launcher.workshop.withheld.add("MY_LLM")
    seen: list[bytes] = []
    before = children()

    def look(progress: Progress) -> None:
        for pid in children() - before:
            with suppress(FileNotFoundError, ProcessLookupError):  # it has ended since
                seen.append(Path(f"/proc/{pid}/environ").read_bytes())

    await launcher.prepare(look)
    assert seen and all(b"inconspicuous99" not in environ for environ in seen)
    assert any(b"OLLAMA_HOST" in environ for environ in seen)


@pytest.mark.parametrize("named", [True, False])
async def test_what_a_running_server_has_is_not_pulled_again(
    named: bool, make: Make, on_path: LittleOllama, theirs: LittleOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is somebody else's server, with models in a folder of its own."""
    if named:
        monkeypatch.setenv("OLLAMA_HOST", f"0.0.0.0:{theirs.port}")
        line = f'say launch = "attach" and url = "{theirs.url}" under [engines.llm]'
    else:
        monkeypatch.setattr(ollama_server, "USUAL", theirs.url)
        monkeypatch.setattr(llm_ollama.Launcher, "default_url", theirs.url)
        line = 'say launch = "attach" under [engines.llm]'
    found = await make().look()
    assert found and (found[1].state, found[1].mend) == ("missing", line)
    with pytest.raises(ServiceError) as caught:
        await make().prepare(lambda progress: None)
    assert str(caught.value) == f"llm: a running Ollama has {MODEL}, at {theirs.url}; {line}"
    assert isinstance(caught.value, NeedsRepair), "it is held at once"
    assert not on_path.asked("/api/pull") and not theirs.asked("/api/pull")
    theirs.manifest(MODEL).unlink()
    await make().prepare(lambda progress: None)
    assert len(on_path.asked("/api/pull")) == 1


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("", None),
        ("box", "http://box:11434"),
        ("box:80", "http://box:80"),
        (":5000", "http://127.0.0.1:5000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("[::]:5000", "http://[::1]:5000"),
        ("http://box:5000/", "http://box:5000"),
        ("https://box", "https://box"),
        ('"10.0.0.7:5000"', "http://10.0.0.7:5000"),
        ("no:such:host", None),
        ("box:abc", None),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(host: str, url: str | None) -> None:
    wanted = [url] if url else []
    found = list(ollama_server.running({"OLLAMA_HOST": host}))
    assert found == list(dict.fromkeys([*wanted, "http://127.0.0.1:11434"]))


async def test_a_pull_can_be_cancelled_and_leaves_nothing(make: Make, on_path: LittleOllama) -> None:
    on_path.environment["FAKE_OLLAMA"] = os.environ["FAKE_OLLAMA"] = '{"pull": "stall"}'
    before = children()
    told: list[Progress] = []
    async with asyncio.timeout(30), asyncio.TaskGroup() as tasks:
        pulling = tasks.create_task(make().prepare(told.append))
        while not (told and told[-1].done):
            await asyncio.sleep(0.02)
        pulling.cancel()
    assert told and 0 < told[-1].done < BYTES
    assert await none_new(before)


_HELD = """
import asyncio
from launchers.runtime import ollama_server
async def main():
    async with ollama_server.serving("llm", "ollama") as url:
        print(url, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


def test_the_server_of_a_pull_ends_with_us_even_when_we_are_killed(on_path: LittleOllama) -> None:
    with subprocess.Popen([sys.executable, "-c", _HELD], stdout=subprocess.PIPE, cwd=CHECKOUT) as held:
        assert held.stdout is not None
        port = int(held.stdout.readline().rsplit(b":", 1)[1])
        assert probes.is_listening(port)
        held.kill()
    deadline = time.monotonic() + 5
    while probes.is_listening(port):
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def test_a_program_that_does_not_serve_is_told(make: Make, on_path: LittleOllama) -> None:
    (on_path.bin / "ollama").write_text('#!/bin/sh\n[ "$1" = --help ] && exit 0\nexit 1\n')
    with pytest.raises(FetchError, match="llm: `ollama serve` ends at once; run it by hand"):
        await make().prepare(lambda progress: None)


async def test_a_pull_that_stands_still_ends(theirs: LittleOllama) -> None:
    theirs.be(pull="stall")
    client = Ollama("llm", theirs.url, "ghost:3b")
    with pytest.raises(FetchError, match="ghost:3b stands still at 50 % since 0.3 s"):
        await ollama_pull.pull(client, lambda progress: None, stall_s=0.3)
    theirs.be(pull_s=1.0)
    await ollama_pull.pull(client, lambda progress: None, stall_s=0.3)  # slow is not still
    await client.aclose()


async def test_a_pull_that_failed_is_not_tried_again_each_second(make: Make, theirs: LittleOllama) -> None:
    theirs.be(pull="offline")
    launcher = make(theirs.url, model="ghost:3b")
    for _ in range(3):
        with pytest.raises(FetchError, match="llm: Ollama does not reach its library"):
            await launcher.attach(lambda progress: None)
    assert len(theirs.asked("/api/pull")) == 1


async def test_the_canary_loads_for_the_evening_and_tells_the_device(make: Make, theirs: LittleOllama) -> None:
    theirs.be(gpu=0.6)
    launcher = make(theirs.url, context=1024, options={"gpu_layers": 12}, threads=3)
    await launcher.canary(theirs.url)
    asked = theirs.asked("/api/chat")[0]
    wanted: dict[str, float] = {"num_ctx": 1024, "num_batch": 128, "num_gpu": 12, "num_thread": 3, "seed": -1}
    wanted |= {"num_predict": 80, "temperature": 0.7, "top_p": 0.9, "repeat_penalty": 1.1}
    assert asked["options"] == wanted and asked["stream"] is True and asked["keep_alive"] == -1
    assert launcher.device == "gpu 60%"


async def test_what_the_models_take(make: Make, theirs: LittleOllama) -> None:
    theirs.be(gpu=0.25)
    launcher = make(theirs.url)
    empty = await launcher.memory(theirs.url)
    assert empty is not None and empty.models == ()
    await launcher.canary(theirs.url)
    memory = await launcher.memory(theirs.url)
    vram = BYTES // 4
    assert memory is not None
    assert memory.models == (HeldModel(name=MODEL, ram_bytes=BYTES - vram, vram_bytes=vram, ours=True),)
    assert theirs.process is not None and theirs.process.pid in memory.pids and len(memory.pids) == 2, "with its runner"
    assert await launcher.memory("http://127.0.0.1:9") is None


async def test_only_what_we_loaded_is_unloaded(make: Make, theirs: LittleOllama) -> None:
    launcher = make(theirs.url)
    await launcher.canary(theirs.url)
    await launcher.canary(theirs.url)
    await launcher.leave(theirs.url)
    assert [a["keep_alive"] for a in theirs.asked("/api/generate")] == [0]
    somebody = Ollama("x", theirs.url, MODEL)
    await somebody.load()
    await launcher.canary(theirs.url)
    await launcher.leave(theirs.url)
    assert await somebody.loaded() is not None
    assert "keep_alive" not in theirs.asked("/api/generate")[-1], "as long as that server keeps models by itself"
    await launcher.leave("http://127.0.0.1:9")  # gone before us
    await somebody.aclose()


@pytest.mark.parametrize(
    ("moods", "model", "word"),
    [
        ({"load_error": "model requires more system memory (9 GiB) than is available"}, MODEL, "not enough memory"),
        ({"die_after": 0}, MODEL, "llm: (broke off|does not answer)"),
        ({}, "ghost:3b", "run: OLLAMA_HOST=127.0.0.1:[0-9]+ ollama pull ghost:3b"),
    ],
)
async def test_a_canary_that_fails_says_why(
    make: Make, theirs: LittleOllama, moods: dict[str, object], model: str, word: str
) -> None:
    theirs.be(**moods)
    with pytest.raises(ServiceError, match=word) as caught:
        await make(theirs.url, model=model).canary(theirs.url)
    assert str(caught.value).startswith("llm: ") and "\n" not in str(caught.value)


async def test_a_server_that_hangs_while_it_loads_ends_the_canary(
    make: Make, theirs: LittleOllama, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(llm_ollama, "_LOOK_S", 0.1)
    theirs.be(load_s=1.0)
    await make(theirs.url).canary(theirs.url)  # slow, and alive
    theirs.be(hang=True)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.0):
            await make(theirs.url).canary(theirs.url)
    monkeypatch.setattr(probes, "TIMEOUT_S", 0.1)
    async with asyncio.TaskGroup() as tasks:
        canary = tasks.create_task(_said(make(theirs.url), theirs.url))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(theirs.be, deaf=True)
    assert "Ollama does not answer while it loads the model" in canary.result()


async def _said(launcher: BaseLauncher, url: str) -> str:
    try:
        await launcher.canary(url)
    except ServiceError as error:
        return str(error)
    return ""
