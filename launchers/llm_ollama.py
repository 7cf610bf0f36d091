"""Ollama: a server that somebody runs, or an `ollama serve` of our own. Models are its tags, such as "llama3.2:1b"."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from urllib.parse import urlsplit

from clients.http import EngineClient as Client
from clients.ollama import Ollama
from clients.ollama_wire import full_name, program
from conversation.errors import ConversationError
from launchers.base import Requirement
from launchers.errors import FetchError
from launchers.model_launcher import ModelLauncher
from launchers.reported_memory import HeldModel, ModelMemory
from launchers.runtime import ollama_server
from launchers.runtime.probe_binary import fault
from launchers.store.ollama_pull import pull
from launchers.store.progress import OnProgress
from profiles.errors import ProfileError
from supervisors.errors import NeedsRepair, ServiceError
from supervisors.exits import Exit
from supervisors.health import probes
from supervisors.spec import Command

_TAG = re.compile(r"[\w.-]+(:\d+)?(/[\w.-]+){0,3}(:[\w.-]+)?")
_LOCAL = ("127.0.0.1", "localhost", "::1")
_ASK_S, _FAREWELL_S = 2.0, 5.0
_PULL_AGAIN_S = 30.0
"""After a pull that failed; an attached server is looked at once a second."""
_LOOK_S, _LOOKS = 5.0, 3


class Launcher(ModelLauncher):
    script = ""
    binary = "ollama"
    catalogued = False
    default_url = ollama_server.USUAL
    health_path = ollama_server.HEALTH
    endpoints = ("/v1/chat/completions", "/api/chat", "/api/generate", "/api/tags", "/v1", "/api")
    options = {"batch": 128, "gpu_layers": -1}
    """batch: tokens per prefill step; smaller hears a cancel sooner. gpu_layers: -1 = as many as fit."""
    _loaded_by_us: bool | None = None
    """None until it has been looked at."""
    _pull_failed: tuple[float, FetchError] | None = None

    def check(self, file: str) -> None:
        super().check(file)
        if not _TAG.fullmatch(self.model):
            hint = 'one of its tags, such as "llama3.2:1b"; see ollama.com/library'
            raise ProfileError(file, f"engines.{self.name}.model", "Ollama needs the name of a model", hint)
        if self.settings.binary == "none" and self.settings.launch == "process":
            hint = 'say binary = "auto", or launch = "attach"'
            raise ProfileError(file, f"engines.{self.name}.binary", "Ollama is a program of its own", hint)

    def needs_environment(self) -> bool:
        return False

    async def prepare(self, on_progress: OnProgress) -> None:
        """The program, and the model on the disk: for a download a server is started, and ended again."""
        self.refuse_misfit()
        self._loaded_by_us = None
        self._binary = self._found_binary()
        if self._binary is None or await fault(self._binary):
            raise FetchError(f"{self.name}: there is no ollama that runs on this machine; {ollama_server.INSTALL}")
        if await asyncio.to_thread(ollama_server.manifest(self.model).is_file):
            return
        if url := await self._elsewhere():
            raise NeedsRepair(self.name, f"a running Ollama has {self.model}, at {url}", self._attach_to(url))
        async with ollama_server.serving(self.name, self._binary, self.workshop.withheld) as url:
            await self._provide(url, on_progress)

    async def attach(self, on_progress: OnProgress) -> None:
        self.refuse_misfit()
        if self._pull_failed and monotonic() - self._pull_failed[0] < _PULL_AGAIN_S:
            raise self._pull_failed[1]
        self._pull_failed = None
        try:
            await self._provide(self.settings.url, on_progress)
        except FetchError as error:
            self._pull_failed = monotonic(), error
            raise

    async def leave(self, base_url: str) -> None:
        """Our model goes from a server that goes on; one that was there before us is kept as long as it would be."""
        client = self.connect(base_url)
        try:
            async with asyncio.timeout(_FAREWELL_S):
                if self._loaded_by_us:
                    await client.unload()
                elif self._loaded_by_us is False and await client.loaded():
                    await client.load(keep_alive=None)
        except (ConversationError, TimeoutError):
            pass  # It has gone before us, and its memory with it.
        finally:
            self._loaded_by_us = None
            await client.aclose()

    def died_early(self, end: Exit | None) -> tuple[str, bool]:
        """There is no server of ours to take its place."""
        return "", False

    def command(self, port: int) -> Command:
        assert self._binary is not None  # `prepare` has found it
        argv = ollama_server.command(self._binary)
        return Command(argv, env=ollama_server.environment(port), nice=self.settings.nice)

    def script_arguments(self, weights: Path | None) -> tuple[str, ...]:
        raise NotImplementedError("Ollama is no script of ours")

    def connect(self, base_url: str) -> Ollama:
        return self.introduced(Ollama(self.name, base_url, self.model, self._runner(), self.known()))

    async def try_out(self, client: Client) -> None:
        """Loads it for the evening; the frozen head and a word, so that the canary warms and never evicts."""
        assert isinstance(client, Ollama)
        there = await client.loaded() is not None
        self._loaded_by_us = not there or bool(self._loaded_by_us)
        await self._while_it_answers(client)
        await self._note_device(client)

    async def memory(self, base_url: str) -> ModelMemory | None:
        client = self.connect(base_url)
        try:
            async with asyncio.timeout(_ASK_S):
                running = await client.running()
        except (ConversationError, TimeoutError):
            return None
        finally:
            await client.aclose()
        mine = full_name(self.model)
        held = (
            HeldModel(
                name=m.name,
                ram_bytes=max(0, m.size - m.size_vram),
                vram_bytes=m.size_vram,
                ours=full_name(m.name) == mine,
            )
            for m in running
        )
        return ModelMemory(models=tuple(held), pids=await asyncio.to_thread(_tree, base_url))

    async def look(self) -> Sequence[Requirement] | None:
        if self.settings.launch == "process":
            if self._found_binary() is None:
                return [Requirement("missing", "no program ollama on the PATH", ollama_server.INSTALL)]
            found = Requirement("ok", f"program {self._found_binary()}; {self.openness}")
            if ollama_server.manifest(self.model).is_file():
                return [found, self._model_found(True, "")]
            if url := await self._elsewhere():
                detail = f"a running Ollama has {self.model}, at {url}"
                return [found, Requirement("missing", detail, self._attach_to(url))]
            return [found, self._model_found(False, "start the show: it pulls the model then")]
        client = self.connect(self.settings.url)
        try:
            async with asyncio.timeout(_ASK_S):
                version, there = await client.version(), await client.stored()
        except (ConversationError, TimeoutError):
            return [Requirement("fault", f"no Ollama answers at {self.settings.url}", self._serve())]
        finally:
            await client.aclose()
        theirs = Requirement("ok", f"Ollama {version}, somebody else's, at {self.settings.url}")
        return [theirs, self._model_found(there, f"{program(self.settings.url)} pull {self.model}")]

    def _model_found(self, there: bool, mend: str) -> Requirement:
        if there:
            return Requirement("ok", f"model {self.model} stored by Ollama")
        return Requirement("missing", f"model {self.model} not pulled yet", mend)

    async def _elsewhere(self) -> str:
        """The address of a server that runs already and has our model; "" where there is none."""
        for url in ollama_server.running():
            client = Ollama(self.name, url, self.model)
            try:
                async with asyncio.timeout(_ASK_S):
                    if await client.stored():
                        return url
            except (ConversationError, TimeoutError):
                continue
            finally:
                await client.aclose()
        return ""

    def _attach_to(self, url: str) -> str:
        address = "" if url == self.default_url else f' and url = "{url}"'
        return f'say launch = "attach"{address} under [engines.{self.name}]'

    def _serve(self) -> str:
        """How a server comes to listen at its address."""
        url = urlsplit(self.settings.url)
        if url.hostname in _LOCAL and url.scheme == "http":
            return f"{program(self.settings.url)} serve"
        return f"start Ollama on {url.hostname}, or correct its address in the rig"

    def _runner(self) -> Mapping[str, int]:
        """What the model is loaded with. Left out: what Ollama shall choose by itself."""
        layers, threads = int(self.option("gpu_layers")), self.settings.threads
        chosen = {"num_ctx": self.settings.context, "num_batch": int(self.option("batch"))}
        return chosen | ({"num_gpu": layers} if layers >= 0 else {}) | ({"num_thread": threads} if threads else {})

    async def _provide(self, url: str, on_progress: OnProgress) -> None:
        client = self.connect(url)
        try:
            if not await client.stored():
                await pull(client, on_progress)
        except ConversationError as error:
            what = error.message.removeprefix(self.name).lstrip(": ")
            raise FetchError(f"{self.name}: {what}; {error.hint}") from error
        finally:
            await client.aclose()

    async def _while_it_answers(self, client: Ollama) -> None:
        """To load may take for ever and is ended by Ollama itself when it stalls; unless Ollama hangs, too."""
        song: asyncio.Task[Exception | None]
        async with asyncio.TaskGroup() as tasks:
            song = tasks.create_task(self._sing(client))
            misses = 0
            while not song.done() and misses < _LOOKS:
                await asyncio.wait([song], timeout=_LOOK_S)
                if not song.done():
                    heard = await probes.health(client.base_url + self.health_path) == 200
                    misses = 0 if heard else misses + 1
            song.cancel()
        if song.cancelled():
            raise ServiceError(self.name, "Ollama does not answer while it loads the model", "restart Ollama")
        if error := song.result():
            raise error

    async def _sing(self, client: Ollama) -> Exception | None:
        """Its error as a value, for in a TaskGroup it would come as a group."""
        try:
            await self.walk(client)
        except (ConversationError, NeedsRepair) as error:
            return error
        return None

    async def _note_device(self, client: Ollama) -> None:
        """Where the model really is, as Ollama says."""
        loaded = await client.loaded()
        if loaded is not None and loaded.size:
            share = round(100 * loaded.size_vram / loaded.size)
            self.device = "cpu" if share == 0 else "gpu" if share >= 100 else f"gpu {share}%"


def _tree(base_url: str) -> tuple[int, ...]:
    """The processes of the server at this address; () where it is another machine's, or another user's."""
    url = urlsplit(base_url)
    if url.hostname not in _LOCAL:
        return ()
    owner = probes.port_owner(probes.port_of(base_url))
    return tuple(probes.tree(owner)) if owner is not None else ()
