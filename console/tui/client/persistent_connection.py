"""A connection that stays: what is asked for on it ends with this screen, however that ends."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from console.api.client import NoShow, OperatorClient
from console.api.command import Command


async def no_line(command: Command) -> Any:
    """For a screen without another one."""
    raise NoShow("no show is running")


class PersistentConnection:
    """For short commands alone: one after another. Opened with the first, and again after the show went away."""

    def __init__(self, socket: Callable[[], Path], spare: Callable[[Command], Awaitable[Any]] = no_line) -> None:
        """`spare`: another line that lasts as long as this screen, for when none can be opened."""
        self._socket, self._spare = socket, spare
        self._client: OperatorClient | None = None
        self._turn = asyncio.Lock()

    async def send(self, command: Command) -> Any:
        """Raises CommandError, NoShow."""
        async with self._turn:
            if self._client is not None:
                try:
                    return await self._client.call(command)
                except NoShow:
                    await self.close()  # the line broke meanwhile: once more with a new one
            try:
                self._client = await OperatorClient(self._socket()).__aenter__()
            except NoShow:
                return await self._spare(command)
            return await self._client.call(command)

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.__aexit__(None, None, None)
