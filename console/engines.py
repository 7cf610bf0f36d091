"""Which engines can be used right now: services that are READY, each with a client."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from clients.chat import ChatModel
from clients.http import Engine as Client
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
        self._retired: list[Client] = []
        self._ready: set[str] = set()

    def note(self, status: ServiceStatus, base_url: str | None) -> None:
        """Keep up with a service."""
        if status.state is not ServiceState.READY or base_url is None:
            self._ready.discard(status.name)
            return
        client = self._clients.get(status.name)
        if client is None or client.base_url != base_url:
            if client is not None:
                self._retired.append(client)
            self._clients[status.name] = self._launchers[status.name].connect(base_url)
        self._ready.add(status.name)

    def busy(self, name: str) -> Callable[[], bool]:
        """For the supervisor's probes: whether a request of ours is on its way to `name`."""
        return lambda: name in self._clients and self._clients[name].busy

    def stt(self) -> WhisperServer | None:
        return next(iter(self._able(WhisperServer)), None)

    def llm(self) -> ChatModel | None:
        return next(iter(self._able(ChatModel)), None)

    def voices(self) -> Sequence[Speech]:
        return self._able(Speech)

    def main_voice(self, voice: object) -> bool:
        return getattr(voice, "name", "") not in self._standbys

    async def aclose(self) -> None:
        for client in (*self._clients.values(), *self._retired):
            await client.aclose()

    def _able(self, kind: type[C]) -> list[C]:
        """READY clients of one protocol in the rig's order, stand-bys last."""
        order = sorted(self._launchers, key=lambda name: name in self._standbys)
        clients = (self._clients.get(name) for name in order if name in self._ready)
        return [client for client in clients if isinstance(client, kind)]
