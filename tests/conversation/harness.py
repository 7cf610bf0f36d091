"""A conversation loop with scripted engines: everything between the button and the ear, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from msgspec import structs

from conversation.audio import Samples
from conversation.events import Event, StageEntered, StageFailed, TurnEnded
from conversation.history import History
from conversation.loop import ConversationLoop
from conversation.ports import Jaw, Microphone
from conversation.speech.speech_player import SpeechPlayer
from conversation.stages import Stage
from conversation.turn_context import Request, TurnDependencies
from profiles.schema import Audio, CannedLines, Character, Deadlines, Example, Thinking
from tests.fakes.ports import (
    ClipMicrophone,
    FakeEngines,
    FakeLlm,
    FakeStt,
    FakeVoice,
    FastSpeaker,
    LoudIsSpeech,
    NoJaw,
    TappedSpeaker,
    speech,
)

E = TypeVar("E", bound=Event)
CHARACTER = Character(
    name="Mr. Bones",
    persona="You are a skull.",
    examples=(Example(visitor="Hi", reply="Ho"),),
    thinking=Thinking(history_turns=3, max_sentences=3),
    lines=CannedLines(
        trouble=("Trouble line.",), no_llm=("Mindless line.",), no_stt=("Earless line.",), unheard=("Unheard line.",)
    ),
)
QUICK = Audio(tail_ms=0, pre_roll_ms=300, max_hold_s=5.0)
PATIENT = Deadlines(transcribing_s=1.0, first_token_s=1.0, next_token_s=1.0, first_pcm_s=1.0, thinking_s=2.0)


class Harness:
    """Ask it, press its button, read its events."""

    def __init__(
        self,
        engines: FakeEngines | None = None,
        speaker: TappedSpeaker | FastSpeaker | None = None,
        microphone: Microphone | None = None,
        jaw: Jaw | None = None,
        **hands: Any,
    ) -> None:
        self.stt, self.llm, self.voice = FakeStt(), FakeLlm(), FakeVoice("main")
        self.engines = engines or FakeEngines(self.stt, self.llm, self.voice)
        self.speaker = speaker or FastSpeaker()
        self.player = SpeechPlayer(self.speaker, jaw or NoJaw())
        self.history = History(CHARACTER.thinking.history_turns)
        self.events: list[Event] = []
        self.hands = TurnDependencies(
            **{
                "engines": self.engines,
                "character": CHARACTER,
                "history": self.history,
                "player": self.player,
                "detector": LoudIsSpeech(),
                "audio": QUICK,
                "deadlines": PATIENT,
                "emit": self.events.append,
                **hands,
            }
        )
        self.microphone = microphone or ClipMicrophone(speech(1.0))
        self.loop = ConversationLoop(lambda: self.hands, self.microphone)

    def change(self, **hands: Any) -> None:
        """From the next turn on."""
        self.hands = structs.replace(self.hands, **hands)

    async def ask(self, text: str = "who are you?", within_s: float = 5.0) -> TurnEnded:
        return (await self.ask_aloud(Request("text", text=text), within_s))[0]

    async def hear(self, pcm: Samples, within_s: float = 5.0) -> TurnEnded:
        return (await self.ask_aloud(Request("wav", microphone=ClipMicrophone(pcm)), within_s))[0]

    async def ask_aloud(self, request: Request, within_s: float = 5.0) -> tuple[TurnEnded, Samples]:
        """The end, and what was heard; the show is IDLE then."""
        self.loop.submit(request)
        return await self.end_of(request, within_s)

    async def end_of(self, request: Request, within_s: float = 5.0) -> tuple[TurnEnded, Samples]:
        async with asyncio.timeout(within_s):
            ended = await request.done
        await asyncio.sleep(0)
        assert self.stages()[-1] is Stage.IDLE
        return ended

    async def until(self, stage: Stage, within_s: float = 3.0) -> None:
        async with asyncio.timeout(within_s):
            while self.stages()[-1:] != [stage]:
                await asyncio.sleep(0.002)

    def stages(self) -> list[Stage]:
        return [e.stage for e in self.of(StageEntered)]

    def failures(self) -> list[StageFailed]:
        return self.of(StageFailed)

    def of(self, kind: type[E]) -> list[E]:
        return [e for e in self.events if isinstance(e, kind)]

    def names(self) -> list[str]:
        """Types of all events in order; stages by name."""
        return [e.stage.value if isinstance(e, StageEntered) else type(e).__name__ for e in self.events]


@asynccontextmanager
async def opened(harness: Harness) -> AsyncIterator[Harness]:
    """The loop runs inside; afterwards no task may be left."""
    before = asyncio.all_tasks()
    try:
        if isinstance(harness.speaker, TappedSpeaker):
            harness.speaker.__enter__()
        harness.player.open()
        async with asyncio.TaskGroup() as group:
            running = group.create_task(harness.loop.run())
            await asyncio.sleep(0)
            yield harness
            running.cancel()
    finally:
        if isinstance(harness.speaker, TappedSpeaker):
            harness.speaker.__exit__(None, None, None)
    assert asyncio.all_tasks() - before == set()
