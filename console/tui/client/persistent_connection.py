"""A connection that stays: what is asked for on it ends with this screen, however that ends."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from console.api.client import NoShow, OperatorClient
from console.api.command import A, Command
from console.tui.client.show_client import Line


async def no_line(command: Command[A]) -> A:
    """For a screen without another one."""
    raise NoShow("no show is running")


class PersistentConnection:
    """For short commands alone: one after another. Opened with the first, and again after the show went away."""

    def __init__(self, socket: Callable[[], Path], spare: Line = no_line) -> None:
        """`spare`: another line that lasts as long as this screen, for when none can be opened."""
        self._socket, self._spare = socket, spare
        self._client: OperatorClient | None = None
        self._turn = asyncio.Lock()

    async def send(self, command: Command[A]) -> A:
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
