"""What the operator wants, as commands to the show. A held button has a connection of its own and ends with it."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from console.api import commands as cmd
from console.api.body_commands import EStop
from console.api.client import NoShow, OperatorClient
from console.api.command import A
from console.host.emergency_stop import stop_motors
from console.host.run_lock import ShowFile, alive
from console.host.stop_marks import StopMarks
from console.tui.client.persistent_connection import PersistentConnection, no_line
from console.tui.client.show_client import Line
from profiles.home import Home

_FIRST_S, _THEN_S = 0.6, 0.3
_NEXT = "no show runs: if a motor moves, take its power; the next show keeps it off"


class CommandClient:
    """Fits `console.tui.client.show_client.ShowClient`."""

    def __init__(
        self,
        show: Callable[[], ShowFile | None],
        spare: Line = no_line,
        folder: Callable[[], Path | None] = lambda: None,
    ) -> None:
        """`spare`: the line that the screen has anyway, for when no other can be had: the show's sockets are gone.
        `folder`: the state folder of the rig, also while no show of it can be reached.
        """
        self._show, self._spare, self._folder = show, spare, folder
        self._button: OperatorClient | None = None
        self._turn = asyncio.Lock()
        """One key press after another: a connection takes one command at a time."""
        self._ours = False
        """The microphone was opened by us, as far as we know."""
        self._on_spare = False
        """The button was pressed there."""
        self._kept = PersistentConnection(self._socket, self._spare)

    async def press(self) -> int:
        """The talk button goes down. While a question is being recorded, by this screen or another, that ends it: 0.
        Else the microphone opens, also while an answer is spoken.
        """
        async with self._turn:
            self._ours = self._on_spare = False
            turn = (await self._surely(cmd.Talk())).turn
            self._ours = turn > 0
            return turn

    async def let_go(self) -> bool:
        """It comes up after a hold. False, and no harm, where our question was over: the visitor had finished by
        himself, or somebody else ended it, or the show has gone.
        """
        async with self._turn:
            ours, self._ours = self._ours, False
            try:
                return ours and (await self._on_button(cmd.Release())).released
            except NoShow:
                return False

    async def send(self, command: cmd.Command[A]) -> A:
        try:
            client = await OperatorClient(self._socket()).__aenter__()
        except NoShow:
            return await self._spare(command)
        try:
            return await client.call(command)
        finally:
            await client.close()

    async def keep(self, command: cmd.Command[A]) -> A:
        """As `send`, but what it asks for lasts as long as this screen: a camera that is watched, a wider travel."""
        return await self._kept.send(command)

    async def stop_motors(self) -> None:
        """The emergency stop, on a way of its own: the show's loop may hang, its sockets may be gone, or it may be
        coming up in place of one that crashed. Within a second. Raises CommandError, and NoShow where a show runs but
        does not say that it has stopped them.
        """
        show, folder = self._show(), self._folder()
        if folder is None and show is not None:
            folder = Home.from_environment().state(show.rig)
        if folder is not None and await asyncio.to_thread(stop_motors, folder, _FIRST_S):
            return
        try:
            async with asyncio.timeout(_THEN_S):
                await self.send(EStop())
            return
        except TimeoutError:
            raise NoShow("it does not answer") from None
        except NoShow as error:
            gone = error  # perhaps it has just died, and the next one comes up
        if folder is None:
            raise gone
        marks = StopMarks(folder)
        await asyncio.to_thread(marks.motors, stopped=True)
        if await asyncio.to_thread(stop_motors, folder, _THEN_S):  # it may have come up in this very moment
            return
        up = await asyncio.to_thread(alive, folder)
        if up is not None or not marks.stopped:
            raise gone
        raise cmd.CommandError(cmd.NO_SHOW, _NEXT)

    async def close(self) -> None:
        """Lets go of the button, if it is held, and of all that was to last as long as this."""
        await self._kept.close()
        if self._button is not None:
            await self._button.__aexit__(None, None, None)
            self._button = None

    async def _surely(self, command: cmd.Command[A]) -> A:
        try:
            return await self._on_button(command)
        except NoShow:
            await self.close()  # the line broke meanwhile: once more with a new one
            return await self._on_button(command)

    async def _on_button(self, command: cmd.Command[A]) -> A:
        if self._button is None and not self._on_spare:
            try:
                self._button = await OperatorClient(self._socket()).__aenter__()
            except NoShow:
                self._on_spare = True
        if self._button is None:
            return await self._spare(command)
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
