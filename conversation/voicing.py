"""Clauses to samples, with the character's voice, or the next one that works."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import TypeVar

from conversation.errors import ConversationError
from conversation.ports import TextToSpeech
from conversation.speech.speech_player import Utterance
from conversation.stages import Outcome, Stage
from conversation.turn_context import TurnContext

T = TypeVar("T")


class Voices:
    """Of one turn: a voice that failed in it is not asked again."""

    def __init__(self, turn: TurnContext, wanted: Callable[[Utterance], bool]) -> None:
        """`wanted`: whether an utterance is still to be heard."""
        self._turn, self._hands, self._wanted = turn, turn.hands, wanted
        self._lost: set[str] = set()
        self._render_s = 0.0
        self._rendered_s = 0.0

    def rtf(self) -> float | None:
        """Time to render / time it lasts."""
        return round(self._render_s / self._rendered_s, 3) if self._rendered_s else None

    async def say(self, text: str, utterance: Utterance) -> bool:
        """The character's voice, else the next one that works; False when all are gone."""
        if (exchange := self._hands.engines.exchange("tts")) is not None:
            await exchange
        for voice in self._hands.engines.voices():
            if voice.name in self._lost:
                continue
            if not self._hands.engines.main_voice(voice) and not self._lost:
                self._lost.add("")
                gone = ConversationError(Stage.SPEAKING, f"the voice is not running, {voice.name} speaks instead")
                self._turn.fail(gone, Outcome.DEGRADED)
            try:
                await self._render(voice, text, utterance)
                return True
            except ConversationError as error:
                self._lost.add(voice.name)
                self._turn.fail(error, Outcome.DEGRADED)
        hint = self._hands.engines.revive("tts")
        self._turn.fail(ConversationError(Stage.SPEAKING, "no voice is running", hint), Outcome.FAILED)
        return False

    async def _render(self, voice: TextToSpeech, text: str, utterance: Utterance) -> None:
        clock = asyncio.get_running_loop().time
        began, wait = clock(), self._hands.deadlines.first_pcm_s
        async with aclosing(voice.speak(text, self._hands.character.voice.speed)) as chunks:
            try:
                while self._wanted(utterance) and (chunk := await _next(chunks, wait)) is not None:
                    rate, pcm = chunk
                    if len(pcm) == 0:
                        continue
                    if self._turn.stage is not Stage.SPEAKING:
                        self._turn.enter(Stage.SPEAKING)
                    self._turn.mark("first_pcm")
                    utterance.write(rate, pcm)
                    self._rendered_s += len(pcm) / rate
            except TimeoutError:
                raise ConversationError(Stage.SPEAKING, f"{voice.name} sent no sound for {wait:g} s") from None
        self._render_s += clock() - began


async def _next(source: AsyncGenerator[T, None], wait_s: float) -> T | None:
    """The next item, or None at the end. Raises TimeoutError after `wait_s`."""
    async with asyncio.timeout(wait_s):
        return await anext(source, None)
