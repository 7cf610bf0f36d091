"""What the operator wants, as commands to the show. A held button has a connection of its own and ends with it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from console import commands as cmd
from console.body_commands import EStop
from console.client import NoShow, OperatorClient
from console.presence import ShowFile
from console.tui.kept_line import KeptLine


class Steering:
    """`talk` and `send` raise CommandError with one plain sentence; NoShow when the show is gone."""

    def __init__(self, show: Callable[[], ShowFile | None]) -> None:
        self._show = show
        self._button: OperatorClient | None = None
        self._turn = asyncio.Lock()
        """One key press after another: a connection takes one command at a time."""
        self._held = False
        self._kept = KeptLine(self._socket)

    async def talk(self) -> None:
        """The talk key: open the microphone, or let go of it. While our last question is still being answered by itself
        (the visitor had finished, the recording had ended) letting go does nothing, and does no harm.
        """
        async with self._turn:
            held, self._held = self._held, False
            if held and (await self._on_button(cmd.Release()))["released"]:
                return
            await self._press()  # also where somebody else is listened to: a person's press interrupts
            self._held = True

    async def send(self, command: cmd.Command) -> Any:
        async with OperatorClient(self._socket()) as client:
            return await client.call(command)

    async def keep(self, command: cmd.Command) -> Any:
        """As `send`, but what it asks for lasts as long as this screen: a camera that is watched, a wider travel."""
        return await self._kept.send(command)

    async def stop_motors(self) -> None:
        """The emergency stop; not behind any other command."""
        await self.send(EStop())

    async def close(self) -> None:
        """Lets go of the button, if it is held, and of all that was to last as long as this."""
        await self._kept.close()
        if self._button is not None:
            await self._button.__aexit__(None, None, None)
            self._button = None

    async def _press(self) -> None:
        try:
            await self._on_button(cmd.Press())
        except NoShow:
            await self.close()  # the line broke meanwhile: once more with a new one
            await self._on_button(cmd.Press())

    async def _on_button(self, command: cmd.Command) -> Any:
        if self._button is None:
            self._button = await OperatorClient(self._socket()).__aenter__()
        try:
            return await self._button.call(command)
        except NoShow:
            with suppress(OSError):
                await self.close()
            raise

    def _socket(self) -> Path:
        show = self._show()
        if show is None:
            raise NoShow("no show is running")
        return Path(show.socket)
