"""One HTTP client per engine, and its failures as plain lines of the stage that met them."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from conversation.errors import ConversationError
from conversation.stages import Stage

_CONNECT_S = 2.0


def new_client(base_url: str, *, keep_alive: bool) -> httpx.AsyncClient:
    """No read time-out: the turn's deadlines are the only clock. `trust_env` off: a proxy must never see loopback."""
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(None, connect=_CONNECT_S),
        limits=httpx.Limits(max_keepalive_connections=4 if keep_alive else 0, keepalive_expiry=600.0),
        trust_env=False,
    )


class Engine:
    """The part all clients share: a name for people, a base URL, and whether a request is on its way."""

    stage: Stage

    def __init__(self, name: str, base_url: str, *, keep_alive: bool = True) -> None:
        self.name, self.base_url = name, base_url
        self.http = new_client(base_url, keep_alive=keep_alive)
        self._in_flight = 0

    @property
    def busy(self) -> bool:
        """A server that works for us may miss a health probe."""
        return self._in_flight > 0

    async def aclose(self) -> None:
        await self.http.aclose()

    @contextmanager
    def request(self) -> Iterator[None]:
        """Counts the request, and turns what HTTP says into what people understand."""
        self._in_flight += 1
        try:
            yield
        except httpx.TransportError as error:
            gone = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            what = "does not answer" if gone else "broke off in the middle"
            raise ConversationError(self.stage, f"{self.name} {what}", f"restart {self.name}") from error
        finally:
            self._in_flight -= 1

    def refuse(self, status: int, body: bytes) -> None:
        """Raises ConversationError unless `status` is a success."""
        if status < 400:
            return
        said = " ".join(body.decode("utf-8", "replace").split())[:160]
        raise ConversationError(
            self.stage, f"{self.name} refused the request ({status}: {said})", f"see {self.name}'s log"
        )
