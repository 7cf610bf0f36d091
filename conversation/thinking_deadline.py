"""How long a turn waits for its model: silence has a deadline, and a sign of life begins it again, within a limit."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Protocol, runtime_checkable

from conversation.errors import ConversationError
from conversation.stages import Stage
from profiles.schema import Deadlines

_LOOK_S = 2.0
_MORE = 3.0
"""Each pause between two fillers is so many times as long as the one before: nobody wants the same words in a row."""


@runtime_checkable
class SignOfLife(Protocol):
    """A language model that can be asked for a sign of life while it has no words yet."""

    async def lives(self) -> bool:
        """Whether its server is at work or answers. Never raises."""


class ThinkingDeadline:
    """Of one answer. The model's own time alone counts: it also waits for a slow voice to take its clauses."""

    def __init__(self, deadlines: Deadlines) -> None:
        self._deadlines = deadlines
        self._clock = asyncio.get_running_loop().time
        self._alarm: asyncio.Timeout | None = None
        self._model: object = None
        self._asked = asyncio.Event()
        self._began = self._alive_at = 0.0
        self._wrote = self._spoke = self._over = False
        self._signs = 0
        """Of what came from the model, all that held no words."""
        self._spent_s = 0.0
        """Of the model's time in this phase: before its first clause, or since."""

    def ask(self, model: object) -> None:
        """The model has a request from now on."""
        self._model = model
        self._wrote = False
        self._asked.set()

    def spoke(self) -> None:
        """There is a clause to say: from now on only words count."""
        if not self._spoke:
            self._spoke, self._spent_s = True, 0.0

    def over(self) -> None:
        """Nothing is expected of the model any more."""
        self._over = True

    @property
    def waiting(self) -> bool:
        return self._asked.is_set() and not (self._spoke or self._over)

    async def next(self, pieces: AsyncGenerator[str, None]) -> str | None:
        """The next piece of text, "" for a sign of life without words, None at the end. Raises TimeoutError."""
        self._began = self._alive_at = self._clock()
        try:
            async with asyncio.timeout_at(self._due()) as self._alarm:
                piece = await anext(pieces, None)
        finally:
            self._alarm = None
            self._spent_s += self._clock() - self._began
        self._wrote = self._wrote or bool(piece)
        self._signs += piece == ""
        return piece

    async def fillers(self) -> AsyncGenerator[None, None]:
        """One moment after another at which a few words should cover the wait, until there are words of the model."""
        await self._asked.wait()
        pause = self._deadlines.filler_s
        while pause > 0 and self.waiting:
            await asyncio.sleep(pause)
            pause *= _MORE
            if self.waiting:
                yield

    async def look_for_life(self) -> None:
        """While there is no word at all: bytes that flow are a sign, and what the server itself tells or shows."""
        await self._asked.wait()
        while not (self._wrote or self._over):
            await asyncio.sleep(min(_LOOK_S, self._deadlines.first_token_s / 3))
            model = self._model
            if not isinstance(model, SignOfLife) or not await model.lives():
                continue
            alarm = self._alarm
            if alarm is not None and not self._wrote and not alarm.expired():  # nor about to: it cannot be changed then
                self._alive_at = self._clock()
                alarm.reschedule(self._due())

    def _due(self) -> float:
        silence = self._deadlines.next_token_s if self._wrote else self._deadlines.first_token_s
        return min(self._alive_at + silence, self._began + self._most_s - self._spent_s)

    @property
    def _most_s(self) -> float:
        limits = self._deadlines
        return limits.thinking_s if self._spoke else max(limits.waiting_s, limits.first_token_s)

    def late(self, revive: str) -> ConversationError:
        """What a TimeoutError of `next` meant. `revive`: what a person does when the model is of no more use."""
        limits, spent = self._deadlines, self._spent_s >= self._most_s - 0.01
        restart = f"if it happens again: {revive}"
        if spent and self._spoke:
            what, hint = f"it was still writing after {limits.thinking_s:g} s", "choose a smaller model"
        elif self._wrote and not spent:
            what, hint = f"it stopped in the middle of its answer for {limits.next_token_s:g} s", restart
        elif not spent:
            what, hint = f"nothing came for {limits.first_token_s:g} s, and it gave no sign of life", restart
        else:
            hint = "choose a quicker model, or a longer waiting_s under [deadlines] of the rig"
            what = f"it gave signs of life for {self._most_s:g} s, but no word that can be spoken"
            if self._wrote or self._signs > 1:
                hint = f"it seems to reason before it answers: {hint}"
        return ConversationError(Stage.THINKING, f"the model took too long: {what}", hint)
