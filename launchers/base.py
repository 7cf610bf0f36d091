"""What every launcher is: it knows one engine, from its weights to its client."""

import asyncio
import contextlib
import os
import re
import shutil
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Literal, TypeVar

from msgspec import Struct
from msgspec.inspect import type_info
from msgspec.structs import replace

from clients.http import EngineClient as Client
from clients.http import RemoteServer
from conversation.errors import ConversationError
from conversation.ports import Message
from launchers.access import access
from launchers.context import LauncherContext
from launchers.errors import FetchError
from launchers.load_flags import LoadFlags
from launchers.reported_memory import ModelMemory
from launchers.runtime import openmp
from launchers.runtime.engine_key import VARIABLE
from launchers.runtime.probe_binary import ended_by_others, fault, of_end
from launchers.store.file_check import any_fault
from launchers.store.progress import OnProgress, Progress
from profiles.address import address
from profiles.errors import ProfileError
from profiles.home import PROGRAM
from profiles.loader import role_of
from profiles.plain_words import complaint
from profiles.schema import Character, Engine, OptionValue, Role
from supervisors.errors import NeedsRepair, ServiceError
from supervisors.exits import Exit, describe
from supervisors.spec import Command

_NAME = re.compile(r"[A-Za-z0-9_-]{1,40}")
_OTHER_BINARY = 'install one for this machine, or say binary = "auto" under [engines.{}]'
_OTHER_WEIGHTS = "take another model, or correct this one in profiles/models.toml of your data folder"
C = TypeVar("C", bound=Client)


class Requirement(Struct, frozen=True):
    """One thing that an engine needs, for `check`."""

    state: Literal["ok", "missing", "fault"]
    detail: str
    mend: str = ""
    """The one command, or the one thing to do."""


class BaseLauncher(ABC):
    """One engine of one rig. Nothing happens before `prepare`."""

    script: ClassVar[str]
    """Name of the server of ours: `launchers/engines/<script>.py`."""
    binary: ClassVar[str] = ""
    """A server program that is preferred where it is found."""
    openness: ClassVar[str] = "it knows no key: every program and web page on this machine can use it"
    """What `check` says of that program, because it listens on loopback."""
    options: ClassVar[Mapping[str, OptionValue]] = {}
    """What `[engines.X.options]` may say, with defaults; their types are checked."""
    catalogued: ClassVar[bool] = True
    """Whether its models are ids of our catalogue, fetched into our store; else the engine has names of its own."""
    default_url: ClassVar[str] = ""
    """Where such an engine runs by custom, when somebody else runs it."""
    health_path: ClassVar[str] = "/health"
    endpoints: ClassVar[Sequence[str]] = ("/v1",)
    """What people write behind the address of such a server, which our requests add themselves; longest first."""

    def __init__(self, name: str, settings: Engine, workshop: LauncherContext) -> None:
        if settings.launch == "attach":
            settings = replace(settings, url=self._base(settings.url or self.default_url))
        self.name, self.settings, self.workshop = name, settings, workshop
        self._binary: str | None = None
        self.theirs: RemoteServer | None = None
        """Of an attached one, once it is checked."""
        self._sound = False
        """Its weights are what it can read."""
        self.keyless: ProfileError | None = None
        """Why the key that its server wants is not to be had."""
        self.device = "cpu"
        self.tell: Callable[[str], None] = lambda words: None
        """Takes a sentence for the operator: what the engine was found not to take, and what is done instead."""

    @property
    def role(self) -> Role:
        return role_of(self.name, self.settings)

    @property
    def model(self) -> str:
        return self.settings.model

    def warm_with(self, messages: Sequence[Message], character: Character | None = None) -> None:
        """The prompt that will be asked for first, and whose it is; of use to models alone."""
        return

    def misfit(self, character: Character) -> str:
        """Why it cannot play that character, as far as can be told without asking it, and what to do; "" if it can."""
        return ""

    def check(self, file: str) -> None:
        """Raises ProfileError for what the schema cannot know: an unknown option, a missing program."""
        if not _NAME.fullmatch(self.name):
            hint = "letters, digits, _ and - only: it becomes a file name"
            raise ProfileError(file, f"engines.{self.name}", "this name cannot be used", hint)
        if self.settings.launch == "attach" and not self.settings.url:
            hint = 'such as "http://127.0.0.1:8080"'
            raise ProfileError(file, f"engines.{self.name}.url", "an attached engine needs its address", hint)
        if self.settings.launch == "attach":
            self._unlock(file)
        for key, value in self.settings.options.items():
            at = f"engines.{self.name}.options.{key}"
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                raise ProfileError(file, at, "unknown option", f"known options of this engine: {known}")
            if type(value) is not type(self.options[key]):
                what, hint = complaint(value, [type_info(type(self.options[key]))], self.options[key])
                raise ProfileError(file, at, what, hint)
        given = self.settings.binary
        if given not in ("auto", "none") and self.settings.launch == "process" and not shutil.which(given):
            hint = 'install it, correct the path, or say binary = "auto"'
            raise ProfileError(file, f"engines.{self.name}.binary", f"there is no program {given}", hint)

    def check_context(self, file: str) -> None:
        """Raises ProfileError for a window that the model, if it is here, was not made for."""
        return

    def _unlock(self, file: str) -> None:
        """Finds the key of an attached engine; from then on its address is fit to be shown."""
        url, table = address(self.settings.url).url, f"engines.{self.name}"
        try:
            self.theirs = access(file, table, self.settings)
        except ProfileError as error:
            self.theirs, self.keyless = RemoteServer(url=url, table=table), error
        self.settings = replace(self.settings, url=url)

    def _base(self, url: str) -> str:
        """The address without what our requests add to it."""
        url = url.strip().rstrip("/")
        for path in (*self.endpoints, self.health_path):
            url = url.removesuffix(path).rstrip("/")
        return url

    def option(self, key: str) -> OptionValue:
        return self.settings.options.get(key, self.options[key])

    def files(self) -> Sequence[Path]:
        """The weights that it reads; none when they are not all here."""
        if not (self.model and self.catalogued) or self.workshop.store.state(self.model) != "stored":
            return ()
        return self.workshop.store.files(self.model)

    def needs_environment(self) -> bool:
        return self._found_binary() is None

    async def prepare(self, on_progress: OnProgress) -> None:
        """Brings program and weights. Raises FetchError."""
        self._binary, note = await self.chosen_binary()
        if note:
            on_progress(Progress(what=self.name, unit="packages", done=0, total=None, note=note))
        if self._binary is None:
            await self.workshop.environments.ensure(self.script, on_progress)
            await openmp.provide(self.workshop.home, self.workshop.environments, on_progress)
        if self.model:
            weights = await self.workshop.store.fetch(self.model, on_progress)
            if not self._sound and (why := await asyncio.to_thread(self.weights_fault, weights)):
                raise NeedsRepair(self.name, f"{weights.name} of {self.model} {why}", _OTHER_WEIGHTS)
            self._sound = True  # a restart need not read the header again; the store sees whether the file changes

    @property
    def revive(self) -> str:
        """What a person does when it is of no more use."""
        return self.theirs.revive if self.theirs else f"restart {self.name}"

    @property
    def doubt(self) -> str:
        """What a person does when it answers nonsense."""
        if self.theirs is not None:
            return self.theirs.look
        return f"run: {PROGRAM} models verify {self.model}" if self.model else self.revive

    def weights_fault(self, weights: Path) -> str:
        """What its engine could not read of them, as the end of a sentence. Looks at the disk."""
        return any_fault(weights)

    async def attach(self, on_progress: OnProgress) -> None:
        """Somebody else's engine answers: brings what it lacks. Raises FetchError."""
        return

    async def leave(self, base_url: str) -> None:
        """We part from somebody else's engine, which goes on; never raises."""
        return

    async def memory(self, base_url: str) -> ModelMemory | None:
        """What it says that its models take; None when it says nothing, and its processes are all that is known."""
        return None

    async def look(self) -> Sequence[Requirement] | None:
        """What it needs and whether that is there, without starting anything; None: just what all engines need."""
        return None

    def command(self, port: int) -> Command:
        """How to start it. Raises FetchError if a weight file is not what was verified."""
        weights = self.workshop.store.path(self.model) if self.model else None
        if self._binary is not None:
            key = self.workshop.key.variables(self.key_variable())
            return Command((self._binary, *self.binary_arguments(port, weights)), env=key, nice=self.settings.nice)
        python = self.workshop.environments.python(self.script)
        if python is None:
            raise FetchError(f"the environment of {self.script} is not there; start the show again")
        script = self.workshop.environments.script(self.script)
        arguments = ("--host", "127.0.0.1", "--port", str(port), *self.script_arguments(weights))
        argv = (str(python), "-I", str(script), *arguments)
        variables = openmp.variables(self.workshop.home) | self.workshop.key.variables(VARIABLE)
        return Command(argv, env=variables, nice=self.settings.nice)

    @abstractmethod
    def script_arguments(self, weights: Path | None) -> tuple[str, ...]:
        """For our own server, after host and port."""

    def binary_arguments(self, port: int, weights: Path | None) -> tuple[str, ...]:
        """For the program found on the machine."""
        raise NotImplementedError(f"{self.name} has no program of its own")

    def key_variable(self) -> str:
        """In which that program finds the key that it asks for; "" if it knows none."""
        return ""

    @abstractmethod
    def connect(self, base_url: str) -> Client:
        """A client; nothing is sent yet."""

    def introduced(self, client: C) -> C:
        """A client of a remote server knows so; one of ours has our key."""
        if self.theirs is not None:
            client.belongs_to(self.theirs)
        elif key := self.workshop.key.header:
            client.http.headers["Authorization"] = key.reveal()
        return client

    @abstractmethod
    async def try_out(self, client: Client) -> None:
        """What a visitor's turn will send, until it has brought back a word, a transcript or a sound: the canary, and
        the warm-up.
        """

    async def canary(self, base_url: str) -> None:
        """Raises ServiceError when the engine does not do its work."""
        client = self.connect(base_url)
        try:
            await self.try_out(client)
            if self._binary is not None:
                self.workshop.fit.add(self._binary)
        except ServiceError:
            raise
        except ConversationError as error:
            raise ServiceError(self.name, error.message.removeprefix(self.name).lstrip(": "), error.hint) from error
        except Exception as error:
            raise ServiceError(self.name, f"it runs but does not work ({error})", client.look) from error
        finally:
            await client.aclose()

    def threads(self, most: int = 8) -> str:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 2
        return str(self.settings.threads or max(1, min(most, cores)))

    def memory_flags(self) -> LoadFlags:
        """What of its settings decides how much memory it will take."""
        return LoadFlags(engine=self.script, threads=int(self.threads()))

    def build(self) -> str:
        """Which engine would run: another build is another memory. Looks at the disk."""
        found = self._found_binary()
        if found is None:
            return self.workshop.environments.folder(self.script).name
        with contextlib.suppress(OSError):
            seen = os.stat(found)
            return f"{found} {seen.st_size} {seen.st_mtime_ns}"
        return found

    def _found_binary(self) -> str | None:
        wanted = self.settings.binary
        if wanted == "none" or not self.binary:
            return None
        found = shutil.which(self.binary if wanted == "auto" else wanted)
        return None if wanted == "auto" and found in self.workshop.unfit else found

    async def chosen_binary(self) -> tuple[str | None, str]:
        """The program of the machine that would run, and one line on one that was found and cannot. Raises Unfit for
        one that the rig names.
        """
        found = self._found_binary()
        if found is None or found in self.workshop.fit or not (why := await fault(found)):
            return found, ""
        if self.settings.binary != "auto":
            raise NeedsRepair(self.name, f"{found} {why}", _OTHER_BINARY.format(self.name))
        self.workshop.unfit.add(found)
        return None, f"{found} {why}; our own server is used instead"

    def died_early(self, end: Exit | None) -> tuple[str, bool]:
        """Of our process, before it was READY (None: it lived, and was of no use): what to say of it, "" for nothing,
        and whether another try is of no use. A program that was merely found is left for our own server.
        """
        program, why = self._binary, of_end(end) if end else ""
        if program is None or program in self.workshop.fit or (end and ended_by_others(end)):
            return "", False
        if self.settings.binary != "auto":
            return (f"{program} {why}; {_OTHER_BINARY.format(self.name)}", True) if why else ("", False)
        self.workshop.unfit.add(program)
        why = why or (describe(end) if end else "does not come up")
        return f"{program} {why}; our own server is used instead", False
