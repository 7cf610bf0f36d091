"""One HTTP client per engine, and its failures as plain lines of the stage that met them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from conversation.errors import ConversationError, Refused
from conversation.stages import Stage

_CONNECT_S = 2.0


def new_client(base_url: str, *, keep_alive: bool) -> httpx.AsyncClient:
    """No read time-out: the turn's deadlines are the only clock. `trust_env` off: a proxy must never see loopback."""
    return httpx.AsyncClient(
        base_url=base_url,
        timeout=httpx.Timeout(None, connect=_CONNECT_S),
        limits=httpx.Limits(max_keepalive_connections=4 if keep_alive else 0, keepalive_expiry=600.0),
        headers={"Accept-Encoding": "identity"},  # sound and single tokens gain nothing from being packed
        trust_env=False,
        verify=base_url.startswith("https"),  # certificates take 40 ms to load, and loopback has none
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
        except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
            gone = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            what = "does not answer" if gone else "broke off in the middle"
            if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL):
                what = f"has an address that cannot be used ({self.base_url})"
            raise ConversationError(self.stage, f"{self.name} {what}", f"restart {self.name}") from error
        finally:
            self._in_flight -= 1

    async def send(self, path: str, *, method: str = "POST", **content: Any) -> httpx.Response:
        """The body is still to be read, and the response to be closed. Tried twice: a server may close a kept
        connection, or one that it has just used, in the moment in which we write to it.
        """
        request = self.http.build_request(method, path, **content)
        try:
            return await self.http.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self.http.send(self.http.build_request(method, path, **content), stream=True)

    async def post(self, path: str, **content: Any) -> bytes:
        """The whole answer. Raises ConversationError unless it is a success."""
        return await self._whole("POST", path, **content)

    async def get(self, path: str) -> bytes:
        """The same of a GET."""
        return await self._whole("GET", path)

    async def _whole(self, method: str, path: str, **content: Any) -> bytes:
        with self.request():
            async with Opened(await self.send(path, method=method, **content)) as answer:
                body = await answer.aread()
        self.refuse(answer.status_code, body)
        return body

    def wrong(self, what: str) -> ConversationError:
        """An answer that is none."""
        return ConversationError(self.stage, f"{self.name} {what}", f"see {self.name}'s log")

    def refuse(self, status: int, body: bytes) -> None:
        """Raises ConversationError unless `status` is a success."""
        if status < 400:
            return
        said = " ".join(body.decode("utf-8", "replace").split())[:120]
        what, hint = f"{self.name} refused the request ({status}: {said})", f"see {self.name}'s log"
        raise (Refused if status < 500 else ConversationError)(self.stage, what, hint)


class Opened:
    """A streamed answer that is closed at the end of its block; closing early is what cancels the engine."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aenter__(self) -> httpx.Response:
        return self._response

    async def __aexit__(self, *_: object) -> None:
        await self._response.aclose()
