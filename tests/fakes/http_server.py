"""A tiny HTTP server inside the test's own event loop: each test scripts the very bytes that come back."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any


class Asked:
    """One request as it came in."""

    def __init__(self, path: str, headers: dict[str, str], body: bytes) -> None:
        self.path, self.headers, self.body = path, headers, body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Script = Callable[[Asked], AsyncIterator[bytes]]
"""Raw bytes of the answer, status line included; the connection is closed behind the last."""


class TinyServer:
    """`closed_early` is set when a client hangs up before the script's end; `keep` leaves connections open."""

    def __init__(self, script: Script, keep: bool = False) -> None:
        self.script, self.keep = script, keep
        self.asked: list[Asked] = []
        self.connections = 0
        self.closed_early = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.add(writer)
        try:
            while (asked := await self._read(reader)) is not None:
                self.asked.append(asked)
                async for data in self.script(asked):
                    writer.write(data)
                    await writer.drain()
                    if reader.at_eof():
                        raise ConnectionResetError
                if not self.keep:
                    break
        except OSError:
            self.closed_early.set()
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> Asked | None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
        except asyncio.IncompleteReadError:
            return None
        first, *rest = head.splitlines()
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in rest if line)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Asked(first.split()[1], headers, body)

    def hang_up(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()


@asynccontextmanager
async def serving(script: Script, keep: bool = False) -> AsyncIterator[tuple[str, TinyServer]]:
    """(base URL, server)."""
    tiny = TinyServer(script, keep)
    server = await asyncio.start_server(tiny.serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", tiny
    finally:
        server.close()
        tiny.hang_up()
        await server.wait_closed()
        await asyncio.sleep(0)


def head(status: int = 200, kind: str = "text/event-stream", **headers: str) -> bytes:
    """Of an answer that ends with its connection, unless a length is among the headers."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def whole(body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> Script:
    """A script: one answer with a length."""

    async def script(asked: Asked) -> AsyncIterator[bytes]:
        yield head(status, kind, Content_Length=str(len(body)), **headers) + body

    return script


def pieces(first: bytes, *rest: bytes, gap_s: float = 0.0) -> Script:
    async def script(asked: Asked) -> AsyncIterator[bytes]:
        yield first
        for data in rest:
            await asyncio.sleep(gap_s)
            yield data

    return script
