"""Ollama under supervision: a server of somebody else's, one of our own, and a real one where there is one."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from clients.ollama import Ollama
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from launchers.base import BaseLauncher
from launchers.runtime import ollama_server
from launchers.store.progress import Progress
from profiles.home import Home
from supervisors.health import probes
from supervisors.service.group import ServiceGroup
from supervisors.spec import AttachedSpec, ServicePaths, ServiceSpec, ServiceStatus
from supervisors.states import ServiceState
from tests.fakes.ollama_server import BYTES
from tests.launchers.conftest import Make
from tests.support.little_ollama import MODEL, LittleOllama


@asynccontextmanager
async def group_of(
    launcher: BaseLauncher, folder: Path, told: list[Progress], seen: list[ServiceStatus]
) -> AsyncIterator[ServiceGroup]:
    spec: AttachedSpec | ServiceSpec
    if launcher.settings.launch == "attach":
        spec = AttachedSpec(
            name="llm",
            role="llm",
            base_url=launcher.settings.url,
            prepare=launcher.attach,
            canary=launcher.canary,
            leave=launcher.leave,
            health_path=launcher.health_path,
        )
    else:
        spec = ServiceSpec(
            name="llm",
            role="llm",
            command=launcher.command,
            prepare=launcher.prepare,
            canary=launcher.canary,
            health_path=launcher.health_path,
        )
    folder.mkdir()
    home = Home(folder)
    places = ServicePaths(
        folder / "state", folder / "logs", lambda name: home.socket("rig", "shim", name), f"{folder.name}-"
    )
    group = ServiceGroup(places, [spec], seen.append, on_progress=lambda name, progress: told.append(progress))
    async with group:
        yield group


async def test_an_attached_server_is_given_what_it_lacks_and_left_as_it_was(
    make: Make, theirs: LittleOllama, tmp_path: Path
) -> None:
    theirs.be(pull_s=0.5)
    told: list[Progress] = []
    seen: list[ServiceStatus] = []
    async with group_of(make(theirs.url, model="ghost:3b"), tmp_path / "g", told, seen) as group:
        group.start()
        await group.wait_ready(timeout=10)
    states = list(dict.fromkeys(s.state for s in seen))
    assert [s.name for s in states] == ["STARTING", "LOADING", "FETCHING", "READY", "STOPPED"]
    assert told and told[-1].total == BYTES + 500
    assert theirs.asked("/api/generate")[-1]["keep_alive"] == 0
    assert theirs.process is not None and theirs.process.poll() is None


async def test_a_show_that_crashes_leaves_the_model_to_the_next(
    make: Make, theirs: LittleOllama, tmp_path: Path
) -> None:
    launcher = make(theirs.url)
    with pytest.raises(ZeroDivisionError):
        async with group_of(launcher, tmp_path / "g", [], []) as group:
            group.start()
            await group.wait_ready(timeout=10)
            raise ZeroDivisionError
    memory = await launcher.memory(theirs.url)
    assert memory is not None and [m.name for m in memory.models] == [MODEL]


async def test_a_server_of_our_own_is_started_and_stopped_with_its_runner(
    make: Make, on_path: LittleOllama, tmp_path: Path
) -> None:
    told: list[Progress] = []
    seen: list[ServiceStatus] = []
    launcher = make()
    async with group_of(launcher, tmp_path / "g", told, seen) as group:
        group.start()
        await group.wait_ready(timeout=20)
        url = group["llm"].base_url
        assert url is not None and group["llm"].status.pid is not None
        memory = await launcher.memory(url)
        assert memory is not None and len(memory.models) == 1 and len(memory.pids) == 2
        assert set(memory.pids) <= set(probes.tree(group["llm"].status.pid))
    assert ServiceState.FETCHING in {s.state for s in seen} and told
    assert not any(psutil.pid_exists(pid) for pid in memory.pids)
    log = (tmp_path / "g" / "logs" / "llm.log").read_text()
    assert "Listening on" in log and "GIN" not in log, "a line per probe would bury the rest"


@pytest.mark.engines
@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("ollama"), reason="no ollama on the PATH")
async def test_a_real_ollama_with_the_smallest_of_its_models(make: Make, tmp_path: Path) -> None:
    async with ollama_server.serving("llm", shutil.which("ollama") or "") as url:
        client = Ollama("llm", url, "any")
        stored = sorted(await client.models(), key=lambda m: m.size)
        await client.aclose()
    if not stored:
        pytest.skip("this Ollama has no model; ollama pull smollm2:135m")
    launcher = make(model=stored[0].name)
    async with group_of(launcher, tmp_path / "g", [], []) as group:
        group.start()
        await group.wait_ready(timeout=100)
        assert (url_of_ours := group["llm"].base_url) is not None
        memory = await launcher.memory(url_of_ours)
        assert memory is not None and memory.models[0].ram_bytes + memory.models[0].vram_bytes > 50_000_000
        mind, figures = launcher.connect(url_of_ours), list[ModelFigures]()
        assert isinstance(mind, Ollama)
        words = [w async for w in mind.stream([Message("user", "Hello.")], Sampling(max_tokens=12), figures.append)]
        assert "".join(words).strip() and figures[-1].tokens_per_s
        await mind.aclose()
