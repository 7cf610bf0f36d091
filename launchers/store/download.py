"""One file over HTTP into a `.part`: resumed where it broke off, verified before anybody may use it."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import BinaryIO

import httpx
from msgspec import Struct

from launchers.store.fetch_meter import FetchMeter
from launchers.store.file_transfer import CHUNK, plain_disk_errors, sha256_of
from launchers.store.network import ByEnvironment, proxy_for

ANSWER_S = 5.0
"""A source that has not answered by then is skipped."""
STALL_S = 15.0
"""Silence in the middle; then we ask for the rest again."""
RESUMES = 5
"""In a row without a megabyte of progress."""


class SourceFailed(Exception):
    """This source cannot give the file; `str()` of it is a few plain words for the list of what was tried."""


class SourceDead(SourceFailed):
    """It did not even answer: not worth another five seconds soon."""


class Download(Struct, frozen=True, kw_only=True):
    """What to get, where to, and how to know that it is right."""

    url: str
    part: Path
    sha256: str
    bytes: int | None = None
    """None when the index does not say; the hash decides anyway."""
    headers: Mapping[str, str] = {}


def new_client() -> httpx.AsyncClient:
    """A client with our idea of patience; proxies and certificates come from the environment. Raises FetchError."""
    timeout = httpx.Timeout(STALL_S, connect=ANSWER_S, pool=None)
    return httpx.AsyncClient(timeout=timeout, follow_redirects=True, trust_env=False, transport=ByEnvironment())


async def download(client: httpx.AsyncClient, wanted: Download, meter: FetchMeter) -> Path:
    """The verified `.part`. Raises SourceFailed; a `.part` with the wrong bytes is gone by then."""
    if wanted.bytes is None and wanted.part.exists() and await sha256_of(wanted.part) == wanted.sha256:
        return wanted.part  # whole, and the index's silence about its size must not cost a second download
    found = ""
    for _ in range(2):
        resumed = wanted.part.exists()
        await _all_bytes(client, wanted, meter)
        found = await sha256_of(wanted.part)
        if found == wanted.sha256:
            return wanted.part
        wanted.part.unlink()
        if not resumed:
            break
        # The old piece may come from another version of the file: once more, from the start.
    raise SourceFailed(f"it gave a wrong file (SHA-256 {found[:12]}..., not {wanted.sha256[:12]}...)")


async def _all_bytes(client: httpx.AsyncClient, wanted: Download, meter: FetchMeter) -> None:
    began, failures = False, 0
    while True:
        before = _size(wanted.part)
        try:
            await _some_bytes(client, wanted, meter)
            return
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.ProxyError) as error:
            raise SourceFailed(_refused(error, wanted.url)) from error  # asking again changes nothing
        except (httpx.TransportError, TimeoutError) as error:
            came = _size(wanted.part) - before
            began = began or came != 0
            failures = 0 if came >= CHUNK else failures + 1
            if not began and isinstance(error, httpx.ConnectError | httpx.TimeoutException | TimeoutError):
                raise SourceDead(_silence(error, wanted.url)) from error
            if failures > RESUMES:
                raise SourceFailed(f"the connection broke {failures} times ({_words(error)})") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise SourceFailed(_words(error)) from error
        meter.say(f"the connection broke; asking for the rest of {wanted.part.stem}")
        await asyncio.sleep(min(5.0, 0.05 * 2**failures))


async def _some_bytes(client: httpx.AsyncClient, wanted: Download, meter: FetchMeter) -> None:
    """One request, from where the `.part` ends to as far as it goes."""
    have = _size(wanted.part)
    meter.expect(wanted.url, wanted.bytes, have)
    if wanted.bytes is not None and have == wanted.bytes:
        return
    async with asyncio.timeout(ANSWER_S) as patience, _answer(client, wanted, have) as response:
        have = _start(response, wanted, have)
        meter.expect(wanted.url, wanted.bytes or _total(response, have), have)
        with plain_disk_errors(wanted.part.parent), wanted.part.open("r+b" if have else "wb") as file:
            file.seek(have)
            file.truncate()
            await _write(response, file, wanted, meter, patience)
    if wanted.bytes is not None and _size(wanted.part) < wanted.bytes:
        raise httpx.RemoteProtocolError("it ended too early")


async def _write(
    response: httpx.Response, file: BinaryIO, wanted: Download, meter: FetchMeter, patience: asyncio.Timeout
) -> None:
    """The body, a megabyte a write; what came before a break is kept."""
    pending, room = bytearray(), None if wanted.bytes is None else wanted.bytes - file.tell()
    try:
        async for data in response.aiter_raw():
            patience.reschedule(None)
            pending += data
            meter.add(wanted.url, len(data))
            if room is not None and (room := room - len(data)) < 0:
                pending.clear()
                file.truncate(0)
                raise SourceFailed(f"it gave more than the {wanted.bytes} bytes that are due")
            if len(pending) >= CHUNK:
                full, pending = pending, bytearray()
                await asyncio.to_thread(file.write, full)
    finally:
        file.write(pending)


@asynccontextmanager
async def _answer(client: httpx.AsyncClient, wanted: Download, have: int) -> AsyncIterator[httpx.Response]:
    ranged = {"Range": f"bytes={have}-"} if have else {}
    headers = {**wanted.headers, "Accept-Encoding": "identity", **ranged}
    async with client.stream("GET", wanted.url, headers=headers) as response:
        if response.status_code not in (200, 206, 416):
            raise SourceFailed(f"it answered HTTP {response.status_code}")
        yield response


def _start(response: httpx.Response, wanted: Download, have: int) -> int:
    """Where this answer begins: a server may ignore the range, or know that there is nothing after it."""
    if response.status_code == 416:
        wanted.part.unlink(missing_ok=True)
        raise httpx.RemoteProtocolError("it has no such range")
    begins = response.headers.get("Content-Range", "").removeprefix("bytes ").split("-")[0]
    return have if response.status_code == 206 and begins == str(have) else 0


def _total(response: httpx.Response, have: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return have + int(length) if length.isdigit() else None


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _refused(error: Exception, url: str) -> str:
    proxy = proxy_for(url) if isinstance(error, httpx.ProxyError) else None
    return f"the proxy {proxy} refuses ({_words(error)}); see {proxy.variable}" if proxy else _words(error).rstrip(".")


def _silence(error: Exception, url: str) -> str:
    refused = isinstance(error, httpx.ConnectError)
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its certificate is not trusted; SSL_CERT_FILE can name the one that your network uses"
    if (proxy := proxy_for(url)) is not None:
        return f"the proxy {proxy} does not answer; see {proxy.variable}"
    return f"no connection ({_words(error)})" if refused else f"no answer within {ANSWER_S:g} s"


def _words(error: Exception) -> str:
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
