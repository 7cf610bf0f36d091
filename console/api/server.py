"""The show's end of the operator API: newline-delimited JSON on a unix socket, any number of clients."""

import asyncio
import logging
import os
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import msgspec

from console.api import commands as cmd
from console.api.bus import Bus
from supervisors.shim.named_socket import NamedSocket

LINE_LIMIT = 4 << 20
"""Bytes of one command: 30 s of sound in base64 are 1.3 MB."""
_BACKLOG = 512
"""Clients that may knock at the same moment."""
_LOOK_S = 0.5
"""How often the name of the socket is looked at."""
_LOG = logging.getLogger(__name__)


class CommandExecutor(Protocol):
    """What the server needs from a show."""

    bus: Bus

    async def execute(self, command: cmd.Command[Any], holder: str) -> Any:
        """The answer to any command but Subscribe. Raises CommandError. Cancelled when its client goes."""

    def forget(self, holder: str) -> None:
        """A client is gone: what it held is let go."""


class OperatorServer:
    """Listens while its block lasts. The folder keeps others out (0700); the socket itself is 0600."""

    def __init__(self, path: Path, show: CommandExecutor, reopen_at: Callable[[], Path] | None = None) -> None:
        """`reopen_at`: where to listen when the name has been taken away; may raise OSError."""
        self._show = show
        self.path = path
        """Where it listens now."""
        self._reopen_at = reopen_at or (lambda: path)
        self._numbers = count(1)
        self._writers: set[asyncio.StreamWriter] = set()
        self._decoder: msgspec.json.Decoder[cmd.AnyCommand] = msgspec.json.Decoder(cmd.AnyCommand)

    async def serve(self, started: asyncio.Event) -> None:
        """Until cancelled. The caller holds the show's lock, so a socket that is already there is a dead one. One whose
        name is taken away is made again; those who are connected stay so.
        """
        door, server = await self._open(self.path)
        try:
            started.set()
            missed = False
            while True:
                await asyncio.sleep(_LOOK_S)
                if door.stands:
                    continue
                try:
                    new_door, new_server = await self._open(self._reopen_at())
                except OSError as error:
                    if not missed:
                        _LOG.warning("the operators' socket is gone and cannot be made again: %s", error)
                    missed = True
                    continue
                server.close()
                door, server, missed = new_door, new_server, False
                _LOG.warning("the operators' socket was gone; it is at %s now", self.path)
        finally:
            door.forget()
            server.close()
            await server.wait_closed()

    async def _open(self, path: Path) -> tuple[NamedSocket, asyncio.Server]:
        door = NamedSocket(os.fspath(path), backlog=_BACKLOG)
        server = await asyncio.start_unix_server(self._client, sock=door.socket, limit=LINE_LIMIT, backlog=_BACKLOG)
        self.path = path
        return door, server

    def hang_up(self) -> None:
        """Before the end of `serve`: from Python 3.12 on it waits for every connection."""
        for writer in self._writers:
            unread = writer.transport.get_write_buffer_size()
            writer.transport.abort() if unread else writer.close()  # who does not read must not keep us

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        holder = f"client {next(self._numbers)}"
        self._writers.add(writer)
        try:
            async with asyncio.TaskGroup() as group:
                try:
                    async for line in _lines(reader, writer):
                        group.create_task(self._answer(line, holder, writer))
                finally:
                    group.create_task(_raise_gone())
        except* (_Gone, ConnectionError, ValueError):
            pass
        except* asyncio.CancelledError:
            pass
        finally:
            self._show.forget(holder)
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, line: bytes, holder: str, writer: asyncio.StreamWriter) -> None:
        number = 0
        try:
            command = self._decoder.decode(line)
            number = command.id
            if isinstance(command, cmd.Subscribe):
                await self._stream(command, writer)
                return
            result = await self._show.execute(command, holder)
            answer = cmd.CommandReply(id=number, result=result)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            answer = cmd.CommandReply(id=number, error=cmd.Failure(code=cmd.USAGE, message=f"not a command ({error})"))
        except cmd.CommandError as error:
            answer = cmd.CommandReply(id=number, error=cmd.Failure(code=error.code, message=str(error)))
        writer.write(msgspec.json.encode(answer) + b"\n")
        await writer.drain()

    async def _stream(self, command: cmd.Subscribe, writer: asyncio.StreamWriter) -> None:
        hang_up = writer.transport.abort  # it does not read, so a polite close would wait for ever
        with self._show.bus.subscribe(command.telemetry, hang_up) as subscription:
            async for line in subscription.lines():
                writer.write(line)
                await writer.drain()
        writer.close()  # it lagged: it may come back and start from a snapshot


class _Gone(Exception):
    """The client hung up; raising it ends what was being done for it."""


async def _raise_gone() -> None:
    raise _Gone


async def _lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Any:
    try:
        while line := await reader.readline():
            yield line
    except ConnectionError:
        return
    except ValueError:  # where the next command begins cannot be known: the connection ends
        failure = cmd.Failure(code=cmd.USAGE, message=f"a command may have {LINE_LIMIT >> 20} MiB at most")
        writer.write(msgspec.json.encode(cmd.CommandReply(error=failure)) + b"\n")
