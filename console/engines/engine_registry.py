"""Which engines can be used right now: services that are READY, each with a client."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from clients.chat import ChatModel
from clients.http import EngineClient as Client
from clients.speech import Speech
from clients.whisper_server import WhisperServer
from launchers.base import BaseLauncher
from supervisors.spec import ServiceStatus
from supervisors.states import ServiceState

C = TypeVar("C", bound=Client)


class LiveEngines:
    """Fits `conversation.ports.Engines`. A client lives as long as its base URL does."""

    def __init__(self, launchers: Mapping[str, BaseLauncher], standbys: frozenset[str]) -> None:
        self._launchers, self._standbys = launchers, standbys
        self._clients: dict[str, Client] = {}
        self._of: dict[BaseLauncher, Client] = {}
        """Also of those that have left their office, while they end what they had begun."""
        self._retired: list[Client] = []
        self._ready: set[str] = set()
        self._exchanges: dict[str, asyncio.Event] = {}

    def note(self, status: ServiceStatus, base_url: str | None) -> None:
        """Keep up with a service."""
        if status.state is not ServiceState.READY or base_url is None:
            self._ready.discard(status.name)
            return
        launcher = self._launchers[status.name]
        client = self._of.get(launcher)
        if client is None or client.base_url != base_url:
            if client is not None:
                self._retired.append(client)
            client = self._of[launcher] = launcher.connect(base_url)
        if isinstance(client, ChatModel):
            client.pid = status.pid
        self._clients[status.name] = client
        self._ready.add(status.name)

    def busy(self, launcher: BaseLauncher) -> Callable[[], bool]:
        """For the supervisor's probes: whether a request of ours is on its way to the engine of this launcher."""
        return lambda: launcher in self._of and self._of[launcher].busy

    async def retire(self, launcher: BaseLauncher) -> None:
        """Its engine has been exchanged for another, and is gone."""
        if client := self._of.pop(launcher, None):
            await client.aclose()

    def another(self, role: str, name: str) -> bool:
        """Whether somebody else than this service can do its work now."""
        return any(n != name and self._launchers[n].role == role for n in self._ready)

    def revive(self, role: str) -> str:
        made = next(
            (one for one in self._launchers.values() if one.role == role and one.name not in self._standbys), None
        )
        return made.revive if made else f"no engine for {role} is enabled in this rig"

    def exchange(self, role: str) -> Awaitable[Any] | None:
        return self._exchanges[role].wait() if role in self._exchanges else None

    @contextmanager
    def exchanging(self, role: str) -> Iterator[None]:
        """Turns that need this engine wait until the end of the block."""
        over = self._exchanges[role] = asyncio.Event()
        try:
            yield
        finally:
            del self._exchanges[role]
            over.set()

    def stt(self) -> WhisperServer | None:
        return next(iter(self._able(WhisperServer)), None)

    def llm(self) -> ChatModel | None:
        return next(iter(self._able(ChatModel)), None)

    def voices(self) -> Sequence[Speech]:
        return self._able(Speech)

    def main_voice(self, voice: object) -> bool:
        return getattr(voice, "name", "") not in self._standbys

    async def aclose(self) -> None:
        for client in (*self._of.values(), *self._retired):
            await client.aclose()

    def _able(self, kind: type[C]) -> list[C]:
        """READY clients of one protocol in the rig's order, stand-bys last."""
        order = sorted(self._launchers, key=lambda name: name in self._standbys)
        clients = (self._clients.get(name) for name in order if name in self._ready)
        return [client for client in clients if isinstance(client, kind)]
