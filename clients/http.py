"""One HTTP client per engine, and its failures as plain lines of the stage that met them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from msgspec import Struct

from clients import refusals
from conversation.errors import ConversationError, RequestRefused
from conversation.stages import Stage
from supervisors.redact import Secret

_LOG = logging.getLogger(__name__)
_CONNECT_S = 2.0
_LESS = (400, 413, 422)
"""What a server says of a request that it might take if it were shorter."""
_MOVED, _MOVES = (301, 302, 307, 308), 3


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


class RemoteServer(Struct, frozen=True, kw_only=True):
    """A server that somebody else runs, as far as requests to it and words about it differ."""

    url: str
    """Fit to be shown."""
    table: str = ""
    """Of the rig, that says where it is: engines.llm."""
    key: Secret | None = None
    """The Authorization header."""
    given: str = ""
    """Where that was found, in words."""

    @property
    def look(self) -> str:
        """It has no log here."""
        return f"look at the server at {self.url}"

    @property
    def revive(self) -> str:
        return f"start that server again; it is looked for at {self.url}"

    @property
    def locked(self) -> str:
        """What it means when the server says 401 or 403."""
        return f"did not accept {self.given}" if self.key else "wants a key"

    @property
    def unlock(self) -> str:
        """What mends that."""
        return "correct it there" if self.key else f"set api_key_env or api_key_file under [{self.table}]"


class EngineClient:
    """The part all clients share: a name for people, a base URL, and whether a request is on its way."""

    stage: Stage

    def __init__(self, name: str, base_url: str, *, keep_alive: bool = True) -> None:
        self.name, self.base_url = name, base_url
        self.http = new_client(base_url, keep_alive=keep_alive)
        self.theirs: RemoteServer | None = None
        self._in_flight = 0

    def belongs_to(self, theirs: RemoteServer) -> None:
        """It is no engine of ours: it may want a key, and has no log here."""
        self.theirs = theirs
        if theirs.key is not None:
            self.http.headers["Authorization"] = theirs.key.reveal()

    @property
    def look(self) -> str:
        """Where more can be seen of what it did."""
        if self.theirs is not None:
            return self.theirs.look
        return f"see {self.name}'s log"

    @property
    def revive(self) -> str:
        """What to do when it is gone."""
        if self.theirs is not None:
            return self.theirs.revive
        return f"restart {self.name}"

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
            raise ConversationError(self.stage, f"{self.name} {what}", self.revive) from error
        finally:
            self._in_flight -= 1

    async def send(self, path: str, *, method: str = "POST", **content: Any) -> httpx.Response:
        """The body is still to be read, and the response to be closed. Tried twice: a server may close a kept
        connection, or one that it has just used, in the moment in which we write to it. A server that has moved is
        followed.
        """
        answer = await self._sent(method, path, **content)
        for _ in range(_MOVES):
            if answer.status_code not in _MOVED or answer.next_request is None:
                break
            await answer.aclose()
            answer = await self._sent(method, str(answer.next_request.url), **content)
        return answer

    async def _sent(self, method: str, path: str, **content: Any) -> httpx.Response:
        request = self._request(method, path, **content)
        try:
            return await self.http.send(request, stream=True)
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError):
            return await self.http.send(self._request(method, path, **content), stream=True)

    def _request(self, method: str, path: str, **content: Any) -> httpx.Request:
        """The same method wherever it leads: a question that became a GET is none. A key is for one server alone."""
        request = self.http.build_request(method, path, **content)
        base = self.http.base_url
        if (request.url.scheme, request.url.host, request.url.port) != (base.scheme, base.host, base.port):
            request.headers.pop("Authorization", None)
        return request

    async def post(self, path: str, **content: Any) -> bytes:
        """The whole answer. Raises ConversationError unless it is a success."""
        return await self._whole("POST", path, **content)

    async def get(self, path: str) -> bytes:
        """The same of a GET."""
        return await self._whole("GET", path)

    async def _whole(self, method: str, path: str, **content: Any) -> bytes:
        with self.request():
            async with OpenStream(await self.send(path, method=method, **content)) as answer:
                body = await answer.aread()
        self.refuse(answer.status_code, body)
        return body

    def wrong(self, what: str) -> ConversationError:
        """An answer that is none."""
        return ConversationError(self.stage, f"{self.name} {self._shown(what)}", self.look)

    def refuse(self, status: int, body: bytes) -> None:
        """Raises ConversationError unless `status` is a success; Refused where a shorter request might be taken."""
        if status < 300:
            return
        text = self._shown(body.decode("utf-8", "replace"))
        spent = 400 <= status < 500 and refusals.quota(refusals.said(text.encode()))
        if not spent and status in (401, 403) and self.theirs is not None:
            raise ConversationError(self.stage, f"{self.name}: the server {self.theirs.locked}", self.theirs.unlock)
        _LOG.info("%s answered %s: %.2000s", self.name, status, text)
        if status < 400:
            raise ConversationError(self.stage, f"{self.name} has moved and does not say where to", self.look)
        said = refusals.plain(refusals.said(text.encode()))
        why = f"({status}{said and ': '}{said})"
        if spent or status == 402:
            raise ConversationError(self.stage, f"{self.name} does not answer: the quota is used up {why}", self.look)
        if status == 429:
            raise ConversationError(
                self.stage, f"{self.name} has no time for us: it is asked too often {why}", self.look
            )
        what = f"{self.name} refused the request {why}"
        raise (RequestRefused if status in _LESS else ConversationError)(self.stage, what, self.look)

    def _shown(self, text: str) -> str:
        """A server may repeat what it was sent."""
        return self.theirs.key.hide_in(text) if self.theirs is not None and self.theirs.key else text


class OpenStream:
    """A streamed answer that is closed at the end of its block; closing early is what cancels the engine."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aenter__(self) -> httpx.Response:
        return self._response

    async def __aexit__(self, *_: object) -> None:
        await self._response.aclose()
