"""What all launchers of language models share: the prompt that will be asked for first, and whether it has room."""

import asyncio
from collections.abc import Sequence

from clients.chat import ChatModel, rehearsal
from clients.manners import KnownManners
from conversation import prompt, window
from conversation.errors import TooLong
from conversation.ports import Message, Sampling
from launchers.base import BaseLauncher
from profiles.schema import Character
from supervisors.errors import NeedsRepair

_COUNT_S = 5.0


class ModelLauncher(BaseLauncher):
    _head: Sequence[Message] = (Message("user", "Hello."),)
    _character: Character | None = None
    _counted: Character | None = None
    """The last one that the engine has counted, and found to fit."""

    _known: KnownManners | None = None

    def known(self) -> KnownManners:
        """What was found out about the engine, for all who ask it."""
        if self._known is None:
            self._known = KnownManners(lambda words: self.tell(f"{self.name} {words}"))
        return self._known

    def warm_with(self, messages: Sequence[Message], character: Character | None = None) -> None:
        self._head, self._character = list(messages), character

    def misfit(self, character: Character) -> str:
        """Nothing is known of the window of somebody else's server before it is asked."""
        if self.settings.launch == "attach" and self.catalogued:
            return ""
        return window.misfit(character, self.settings.context)

    async def counted_misfit(self, client: ChatModel, character: Character) -> str:
        """The same by the engine's own count, where it counts."""
        try:
            async with asyncio.timeout(_COUNT_S):
                counted = await client.counted(window.head(character))
        except TimeoutError:
            return ""
        if counted is None:
            return ""
        ours = self.settings.launch == "process"
        return window.misfit(character, counted.window, counted.tokens, ours=ours)

    def refuse_misfit(self) -> None:
        """Before anything is fetched or started. Raises Unfit."""
        if self._character is not None and (why := self.misfit(self._character)):
            raise NeedsRepair(self.name, why)

    async def walk(self, client: ChatModel) -> None:
        """The canary's part: the path of a turn to its first word. What was said so far is left out rather than
        refused. Raises Unfit for a persona that has no room.
        """
        character = self._character
        if character is not None and character is not self._counted:
            if why := await self.counted_misfit(client, character):
                raise NeedsRepair(self.name, why)
            self._counted = character
        sampling = Sampling() if character is None else prompt.sampling(character)
        try:
            await client.word(rehearsal(self._head), sampling)
        except TooLong as error:
            if character is None:
                raise
            try:
                await client.word(rehearsal(window.head(character)), sampling)
            except TooLong:
                raise NeedsRepair(self.name, f"persona is longer than the window: {error.hint}") from None
