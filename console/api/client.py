"""The other end of the operator API: for the CLI, the screen, and the tests."""

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import msgspec
from msgspec import structs

from console.api import commands as cmd
from console.api.command import A, answer_type

_ANSWER_S = 10.0
"""A show answers within milliseconds, a turn within its own time-out; one that is later than this hangs."""
_LINE_LIMIT = 64 << 20
"""Bytes of one answer: minutes of speech in base64."""


_HANGS = "the show is there but does not answer; end it with: console.py stop"
_OTHER = "the show is of another version; stop it and start it again: console.py stop"
_WENT = "the show went away before it answered"
_ANSWER_KEYS = frozenset(cmd.CommandReply.__struct_fields__)


class NoShow(Exception):
    """Nothing listens on the socket."""


class OperatorClient:
    """One connection; one command at a time. For a stream of events use a connection of its own."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._beside: dict[int, asyncio.Future[cmd.CommandReply]] = {}
        self._numbers = count(1)

    async def __aenter__(self) -> "OperatorClient":
        """Raises NoShow."""
        try:
            self._reader, self._writer = await asyncio.open_unix_connection(self._socket, limit=_LINE_LIMIT)
        except OSError as error:  # also of a folder that was closed, or made a file
            raise NoShow(f"nothing listens on {self._socket} ({error.strerror or error})") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    async def call(self, command: cmd.Command[A]) -> A:
        """The answer. Raises CommandError, or NoShow when the show goes away meanwhile or does not answer."""
        assert self._reader is not None and self._writer is not None
        try:
            async with asyncio.timeout(_patience_s(command)):
                self._writer.write(msgspec.json.encode(command) + b"\n")
                await self._writer.drain()
                line = await self._reader.readline()
        except TimeoutError:
            raise NoShow(_HANGS) from None
        except ConnectionError:
            line = b""
        if not line:
            raise NoShow(_WENT)
        return _answer(command, msgspec.json.decode(line, type=cmd.CommandReply))

    async def call_beside(self, command: cmd.Command[A]) -> A:
        """As `call`, while somebody reads the `events` of this connection: for when no other can be had."""
        assert self._writer is not None
        number = next(self._numbers)
        answer = self._beside[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(_patience_s(command)):
                self._writer.write(msgspec.json.encode(structs.replace(command, id=number)) + b"\n")
                await self._writer.drain()
                return _answer(command, await answer)
        except TimeoutError:
            raise NoShow(_HANGS) from None
        except ConnectionError:
            raise NoShow(_WENT) from None
        finally:
            del self._beside[number]

    async def events(self, telemetry: bool = True) -> AsyncIterator[dict[str, Any]]:
        """The snapshot, then events and telemetry, until the show hangs up."""
        assert self._reader is not None and self._writer is not None
        self._writer.write(msgspec.json.encode(cmd.Subscribe(telemetry=telemetry)) + b"\n")
        try:
            while line := await self._reader.readline():
                row = msgspec.json.decode(line)
                if row.keys() <= _ANSWER_KEYS:
                    self._take_answer(msgspec.convert(row, cmd.CommandReply))
                else:
                    yield row
        finally:
            for answer in self._beside.values():
                if not answer.done():
                    answer.set_exception(NoShow(_WENT))

    def _take_answer(self, answer: cmd.CommandReply) -> None:
        waiting = self._beside.get(answer.id)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)


def _patience_s(command: cmd.Command[Any]) -> float:
    return float(getattr(command, "timeout_s", 0.0)) + _ANSWER_S


def _answer(command: cmd.Command[A], reply: cmd.CommandReply) -> A:
    """Raises CommandError: the show's own, or for an answer that is no `A`."""
    if reply.error is not None:
        raise cmd.CommandError(reply.error.code, reply.error.message)
    try:
        answer: A = msgspec.convert(reply.result, answer_type(type(command)))
    except msgspec.ValidationError:
        raise cmd.CommandError(cmd.USAGE, _OTHER) from None
    return answer
