"""The answering half of a turn: tokens to clauses to speech, all at the same time."""

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from typing import TypeVar

from msgspec import structs

from conversation import prompt
from conversation.errors import ConversationError, RequestRefused
from conversation.events import AudioFigures, ClausePlaying, ClauseReady, ModelFigures, ModelNoted, TurnEnded
from conversation.ports import LanguageModel
from conversation.stages import Outcome, Stage
from conversation.text.clauses import Clause, ClauseCutter
from conversation.text.number_words import spoken
from conversation.text.reply import Reply
from conversation.thinking_deadline import ThinkingDeadline
from conversation.turn_context import TurnContext
from conversation.voicing import Voices

T = TypeVar("T")
_WAITING_CLAUSES = 4
"""With so many the voice has enough to do: no filler is wanted."""
_PATIENT_S = 2.0
_READ_ON_S = 0.5
_WATCH_S = 0.025
_STALL_S = 3.0
"""A speaker whose clock stands still for so long has gone."""


class SpokenAnswer:
    """One utterance being made. Ends on its own when the last sample was heard."""

    def __init__(self, turn: TurnContext, question: str) -> None:
        hands = turn.hands
        voices = hands.engines.voices()
        self.turn, self.hands, self.question = turn, hands, question
        self._voice = voices[0].name if voices else ""
        self.utterance = hands.player.begin(self._voice, hands.character.jaw)
        self.model = ModelFigures()
        self.thought = False
        """Whether the model said any of it; canned lines stay out of the history."""
        self.fillers = 0
        """Clauses that were said while the model was waited for: the first ones, and not part of the answer."""
        self._clauses: asyncio.Queue[Clause | None] = asyncio.Queue()
        self._told = self._taken_back = 0
        self._patience = ThinkingDeadline(hands.deadlines)
        self._voices = Voices(turn, lambda utterance: utterance is self.utterance)

    async def run(self) -> None:
        """Think and speak at the same time, then wait for silence."""
        self.turn.enter(Stage.THINKING)
        async with asyncio.TaskGroup() as group:
            helpers = (self._watch(), self._cover_the_wait(), self._patience.look_for_life())
            beside = [group.create_task(helper) for helper in helpers]
            group.create_task(self._think())
            await self._speak()
            for task in beside:
                task.cancel()
        self._tell_playing()

    async def say(self, lines: Sequence[str]) -> None:
        """Speak fixed text. The operator's own lines join the history, canned ones do not."""
        self.thought = self.turn.request.source == "say"
        cutter = ClauseCutter()
        clauses = [c for line in lines for c in (*cutter.feed(line + " "), *cutter.flush())]
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch())
            group.create_task(self._feed(clauses))
            await self._speak()
            watcher.cancel()
        self._tell_playing()

    def describe(self, ended: TurnEnded) -> TurnEnded:
        """`ended` with what was said, heard and measured."""
        heard = self.utterance
        for name, at in (("first_audio", heard.first_at), ("last_audio", heard.last_at)):
            if at is not None and not (self.fillers and name == "first_audio"):
                self.turn.mark(name, at)
        rate = self.hands.player.speaker.rate
        return structs.replace(
            ended,
            reply=heard.text(),
            heard=heard.heard_text(),
            llm=self.model,
            audio=AudioFigures(
                seconds=round(heard.position() / rate, 3),
                sample_rate=rate,
                rtf=self._voices.rtf(),
            ),
            jaw=heard.jaw_figures(),
        )

    def heard(self) -> str:
        """What was heard of the answer itself."""
        return self.utterance.heard_text(self.fillers)

    async def _feed(self, clauses: Sequence[Clause]) -> None:
        for clause in clauses:
            await self._clauses.put(clause)
        await self._clauses.put(None)

    async def _think(self) -> None:
        """Model to clauses. Whatever happens, the queue gets its end, and a silent model a canned line."""
        try:
            await self._await_model()
            llm = self.hands.engines.llm()
            if llm is None:
                raise ConversationError(Stage.THINKING, "the model is not running", "a canned line was spoken")
            await self._clauses_with_room(llm)
        except TimeoutError:
            await self._fall_back(
                self._patience.late(self.hands.engines.revive("llm")),
                Outcome.FAILED,
                self.hands.character.lines.trouble,
            )
        except ConversationError as error:
            await self._fall_back(error, Outcome.DEGRADED, self.hands.character.lines.no_llm)
        await self._clauses.put(None)

    async def _await_model(self) -> None:
        """One that is being exchanged for another is waited for, and a few words cover it."""
        if (exchange := self.hands.engines.exchange("llm")) is None:
            return
        self._fill(pick(self.hands.character.lines.swapping))
        await exchange

    async def _cover_the_wait(self) -> None:
        """A model that loads, reads or reasons for long: the character says that it has heard."""
        lines = list(self.hands.character.lines.waiting)
        random.shuffle(lines)
        async with aclosing(self._patience.fillers()) as moments:
            async for _ in moments:
                self._fill(lines[self.fillers % len(lines) :][:1])

    def _fill(self, lines: Sequence[str]) -> None:
        """Only before the first clause of the answer; what the voice has not taken yet is cover enough."""
        for line in lines:
            if self._clauses.qsize() < _WAITING_CLAUSES:
                self.fillers += 1
                self._clauses.put_nowait(Clause(line, True))

    async def _clauses_with_room(self, llm: LanguageModel) -> None:
        """A prompt that is refused is most likely too long: without this, no later one could ever be shorter."""
        try:
            await self._clauses_of(llm)
        except RequestRefused:
            if self.thought or not self._shorter():
                raise
            await self._clauses_of(llm)

    def _shorter(self) -> bool:
        """Less of what was said before, else of a long question; whether there was anything to leave out."""
        long = len(self.question) > prompt.SHORT_QUESTION and not len(self.hands.history)
        if long:
            self.question = self.question[: prompt.SHORT_QUESTION]
        elif not len(self.hands.history):
            return False
        self.hands.history.forget_older_half()
        return True

    async def _fall_back(self, error: ConversationError, outcome: Outcome, lines: Sequence[str]) -> None:
        self._patience.over()
        self.turn.fail(error, outcome)
        if not self.thought:
            for line in pick(lines):
                await self._clauses.put(Clause(line, True))

    async def _clauses_of(self, llm: LanguageModel) -> None:
        character, patience, habits = self.hands.character, self._patience, self.hands.habits
        messages = prompt.messages(character, self.hands.history, self.question)
        reply = Reply(character, habits.thinks_first(llm))
        self._taken_back = 0
        self.turn.mark("llm_sent")
        patience.ask(llm)
        try:
            async with aclosing(llm.stream(messages, prompt.sampling(character), self._on_figures)) as pieces:
                while not reply.text.ended and (piece := await patience.next(pieces)) is not None:
                    if piece:
                        await self._take(reply, reply.feed(piece))
                    if reply.full:
                        await self._read_on(reply, pieces)
                    if reply.full:
                        break
            await self._take(reply, reply.flush())
        finally:
            for note in habits.learn(llm, reply):
                self.hands.emit(ModelNoted(turn=self.turn.number, text=note))
        if not self.thought:
            raise reply.nothing()

    async def _read_on(self, reply: Reply, pieces: AsyncGenerator[str, None]) -> None:
        """All that may be said is there; but its end may yet tell that it was a thought, best before any is heard."""
        patient = reply.perhaps_thought
        with suppress(TimeoutError, ConversationError):
            async with asyncio.timeout(_PATIENT_S if patient else _READ_ON_S):
                while reply.full and (patient or not self.heard()) and (piece := await anext(pieces, None)) is not None:
                    await self._take(reply, reply.feed(piece))

    async def _take(self, reply: Reply, clauses: Sequence[Clause]) -> None:
        self.turn.mark("first_token")
        if reply.taken_back != self._taken_back:
            self._taken_back = reply.taken_back
            self._take_back()
        for clause in clauses:
            await self._offer(clause)

    def _take_back(self) -> None:
        """All clauses so far were a thought. What of them was not heard yet never will be; fillers are."""
        self.thought = False
        waiting = [self._clauses.get_nowait() for _ in range(self._clauses.qsize())]
        for clause in waiting[: max(0, self.fillers - len(self.utterance.clauses))]:
            self._clauses.put_nowait(clause)
        if len(self.utterance.clauses) > self.fillers:
            self.hands.player.cancel()
            self.utterance = self.hands.player.begin(self._voice, self.hands.character.jaw)
            self._told = self.fillers = 0

    def _on_figures(self, figures: ModelFigures) -> None:
        self.model = figures

    async def _offer(self, clause: Clause) -> None:
        self.thought = True
        self._patience.spoke()
        self.turn.mark("first_clause")
        await self._clauses.put(clause)

    async def _speak(self) -> None:
        """Clauses to samples, in order, until the queue ends; then until the last sample was heard."""
        dumb = False
        while (clause := await self._clauses.get()) is not None:
            if dumb:
                continue
            utterance, index = self.utterance, len(self.utterance.clauses)
            self.hands.emit(ClauseReady(turn=self.turn.number, index=index, text=clause.text))
            utterance.begin_clause(index, clause.text)
            words = spoken(clause.text)
            dumb = bool(words) and not await self._voices.say(words, utterance)
            utterance.end_clause()
        self.utterance.finish()
        if self.utterance.written:
            await self._until_silent()

    async def _until_silent(self) -> None:
        while not self.utterance.drained.is_set():
            before = self.utterance.position()
            try:
                async with asyncio.timeout(_STALL_S):
                    await self.utterance.drained.wait()
            except TimeoutError:
                if self.utterance.position() == before:
                    stuck = ConversationError(Stage.SPEAKING, "the speaker stands still", "look at the sound device")
                    self.turn.fail(stuck, Outcome.FAILED)
                    return
        self.turn.mark("played")

    async def _watch(self) -> None:
        """Tell when each clause becomes audible, for the words on the screen."""
        while True:
            await asyncio.sleep(_WATCH_S)
            self._tell_playing()

    def _tell_playing(self) -> None:
        clauses, position = self.utterance.clauses, self.utterance.position()
        while self._told < len(clauses) and position > clauses[self._told].start:
            clause = clauses[self._told]
            if self.fillers and self._told == self.fillers:
                self.turn.mark("first_audio")  # by 25 ms; a filler is no answer
            length = None if clause.end is None else (clause.end - clause.start) / self.hands.player.speaker.rate
            playing = ClausePlaying(turn=self.turn.number, index=self._told, text=clause.text, seconds=length)
            self.hands.emit(playing)
            self._told += 1


def pick(lines: Sequence[str]) -> list[str]:
    """One of a character's canned lines, or none if it has none."""
    return [random.choice(lines)] if lines else []
