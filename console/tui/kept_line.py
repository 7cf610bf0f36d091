"""A connection that stays: what is asked for on it ends with this screen, however that ends."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from console.client import NoShow, OperatorClient
from console.command import Command


class KeptLine:
    """For short commands alone: one after another. Opened with the first, and anew after the show went away."""

    def __init__(self, socket: Callable[[], Path]) -> None:
        self._socket = socket
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
            self._client = await OperatorClient(self._socket()).__aenter__()
            return await self._client.call(command)

    async def close(self) -> None:
        if self._client is not None:
            client, self._client = self._client, None
            await client.__aexit__(None, None, None)
