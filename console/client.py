"""The other end of the operator API: for the CLI, the screen, and the tests."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec

from console import commands as cmd

_ANSWER_S = 10.0
"""A show answers within milliseconds, a turn within its own time-out; one that is later than this hangs."""
_LINE_LIMIT = 64 << 20
"""Bytes of one answer: minutes of speech in base64."""


class NoShow(Exception):
    """Nothing listens on the socket."""


class OperatorClient:
    """One connection; one command at a time. For a stream of events use a connection of its own."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> "OperatorClient":
        """Raises NoShow."""
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._socket, limit=_LINE_LIMIT)
        except (FileNotFoundError, ConnectionError):
            raise NoShow(f"nothing listens on {self._socket}") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.close()

    async def call(self, command: cmd.Command) -> Any:
        """The result. Raises CommandError, or NoShow when the show goes away meanwhile or does not answer."""
        assert self._reader is not None and self._writer is not None
        try:
            async with asyncio.timeout(getattr(command, "timeout_s", 0.0) + _ANSWER_S):
                self._writer.write(msgspec.json.encode(command) + b"\n")
                await self._writer.drain()
                line = await self._reader.readline()
        except TimeoutError:
            raise NoShow("the show is there but does not answer; end it with: console.py stop") from None
        except ConnectionError:
            line = b""
        if not line:
            raise NoShow("the show went away before it answered")
        answer = msgspec.json.decode(line, type=cmd.Answer)
        if answer.error is not None:
            raise cmd.CommandError(answer.error.code, answer.error.message)
        return answer.result

    async def events(self, telemetry: bool = True) -> AsyncIterator[dict[str, Any]]:
        """The snapshot, then events and telemetry, until the show hangs up."""
        assert self._reader is not None and self._writer is not None
        self._writer.write(msgspec.json.encode(cmd.Subscribe(telemetry=telemetry)) + b"\n")
        while line := await self._reader.readline():
            yield msgspec.json.decode(line)
