"""llama.cpp: a `llama-server` of the machine, else xllamacpp in its own environment, else `llama_cpp.server`
of a python that the rig names.
"""

import asyncio
import re
from contextlib import suppress
from pathlib import Path

from clients.http import EngineClient as Client
from clients.openai_chat import OpenAIChat
from launchers.headers import gguf
from launchers.load_flags import LoadFlags
from launchers.memory import formula
from launchers.model_launcher import ModelLauncher
from launchers.store.file_check import gguf_fault
from launchers.store.progress import OnProgress
from profiles.errors import ProfileError
from supervisors.errors import NeedsRepair
from supervisors.exits import Exit
from supervisors.meters import machine

_UNKNOWN = re.compile(r"unknown (?:model )?architecture: *'?([\w.-]+)")
_ALL_LAYERS = 999
_USUAL = 2048
"""Tokens; every model of today was made for so many."""
_OTHERS = 512 * 1024 * 1024
"""Bytes of memory for the ears, the voice and the console; the system has a tenth of all."""


class Launcher(ModelLauncher):
    script = "llm_xllamacpp"
    binary = "llama-server"
    openness = "it wants the show's key, but tells web pages that it runs, and in older versions with which model"
    options = {"batch": 128, "gpu_layers": -1}
    """batch: tokens per prefill step; smaller hears a cancel sooner. gpu_layers: -1 = as many as fit."""
    endpoints = ("/v1/chat/completions", "/chat/completions", "/v1/completions", "/v1/models", "/v1")

    @property
    def _layers(self) -> int:
        """On the GPU; -1 = as many as fit."""
        wanted = {"auto": self.option("gpu_layers"), "cpu": 0, "gpu": _ALL_LAYERS}[self.settings.device]
        return int(wanted)

    def script_arguments(self, weights: Path | None) -> tuple[str, ...]:
        settings = self.settings
        gpu = () if self._layers == -1 else ("--n-gpu-layers", str(self._layers))
        return (
            *("--model", str(weights), "--ctx", str(settings.context), "--threads", self.threads()),
            *("--n-batch", str(self.option("batch")), *gpu),
        )

    def binary_arguments(self, port: int, weights: Path | None) -> tuple[str, ...]:
        """A `binary` that is a python is asked for llama-cpp-python's server, whose flags are its own."""
        where = ("--host", "127.0.0.1", "--port", str(port))
        layers, batch, threads = str(self._layers), str(self.option("batch")), self.threads()
        if self._python:
            flags = ("--n_ctx", str(self.settings.context), "--n_threads", threads, "--n_batch", batch)
            return ("-m", "llama_cpp.server", "--model", str(weights), *where, *flags, "--n_gpu_layers", layers)
        gpu = () if layers == "-1" else ("-ngl", layers)
        sizes = ("-c", str(self.settings.context), "-t", threads, "-b", batch, "-np", "1")
        return ("-m", str(weights), *where, *sizes, *gpu, "--jinja", "--metrics")

    @property
    def _python(self) -> bool:
        return Path(self.settings.binary).name.startswith("python")

    def key_variable(self) -> str:
        return "API_KEY" if self._python else "LLAMA_API_KEY"

    def memory_flags(self) -> LoadFlags:
        """Our own server keeps 512 MiB of prompts (its `--cache-ram`), llama-server 8 GiB unless told otherwise."""
        return LoadFlags(
            engine=self.script,
            threads=int(self.threads()),
            context=self.settings.context,
            batch=int(self.option("batch")),
            gpu_layers=int(self.option("gpu_layers")),
            prompt_cache_mib=512 if self.needs_environment() else 8192,
        )

    def check_context(self, file: str) -> None:
        if found := self._context_misfit():
            raise ProfileError(file, f"engines.{self.name}.context", *found)

    def _context_misfit(self) -> tuple[str, str] | None:
        """What is wrong with its window, and what would fit: more than the model was trained with, or than this machine
        has memory for. Reading the header takes 0.1 s, so not for a usual one.
        """
        files, wanted = self.files(), self.settings.context
        if wanted <= _USUAL or not files or self.settings.launch == "attach":
            return None
        with suppress(OSError, ValueError):
            model = gguf.read(files[0])
            known = model.number("context_length")
            if 0 < known < wanted:
                return f"{wanted} tokens are more than {self.model} was made for", f"write {known} or less"
            if self._layers == 0 or self.needs_environment():  # our own server computes on no GPU
                return self._lack_of_memory(model)
        return None

    def _lack_of_memory(self, model: gguf.Gguf) -> tuple[str, str] | None:
        """By all that the machine has, not by what is free now: what is free changes."""
        flags, total = self.memory_flags(), machine.look().ram_total
        need, room = formula.llm(model, flags).ram, total * 9 // 10 - _OTHERS
        longest = formula.longest_context(model, flags, room)
        if need <= room or longest < _USUAL:  # then it is the model that is too large
            return None
        what = f"{flags.context} tokens with {self.model} take {need / 1e9:.1f} GB of memory"
        return f"{what}, and this machine has {total / 1e9:.1f} GB", f"write {longest} or less"

    def weights_fault(self, weights: Path) -> str:
        return gguf_fault(weights)

    def died_early(self, end: Exit | None) -> tuple[str, bool]:
        """An engine that does not know the model's architecture never will."""
        words, hopeless = super().died_early(end)
        if not words and end is not None and (found := _UNKNOWN.search(end.tail)):
            hint = "take another model, or a newer llama-server"
            return f"the engine does not know the architecture {found[1]} of {self.model}; {hint}", True
        return words, hopeless

    def connect(self, base_url: str) -> OpenAIChat:
        return self.introduced(OpenAIChat(self.name, base_url, self.model, self.known()))

    async def prepare(self, on_progress: OnProgress) -> None:
        self.refuse_misfit()
        await super().prepare(on_progress)
        if found := await asyncio.to_thread(self._context_misfit):  # the model was not here before, or is another one
            raise NeedsRepair(self.name, f"context is too long: {found[0]}", found[1])

    async def try_out(self, client: Client) -> None:
        """The frozen head and a word, so that the canary warms the slot and never evicts it."""
        assert isinstance(client, OpenAIChat)
        await self.walk(client)
