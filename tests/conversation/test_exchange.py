"""An engine is exchanged for another while somebody asks: the turn waits for it, and says so."""

import asyncio

import pytest

from conversation.stages import Outcome, Stage
from tests.conversation.harness import Harness, opened
from tests.fakes.ports import speech

FILLER = "One moment, I am changing my mind."


async def later(harness: Harness, role: str, after_s: float = 0.15) -> None:
    await asyncio.sleep(after_s)
    harness.engines.the_llm = harness.llm
    harness.engines.exchanges.pop(role).set()


async def test_a_few_words_cover_the_wait_for_the_model_and_the_answer_follows() -> None:
    async with opened(Harness()) as harness:
        harness.engines.the_llm = None
        harness.engines.exchanges["llm"] = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(later(harness, "llm"))
            ended = await harness.ask()
        answer = ended.reply.removeprefix(FILLER).strip()
        assert ended.outcome is Outcome.COMPLETED and ended.reply.startswith(FILLER) and answer
        marks = ended.marks
        assert marks.first_pcm is not None and marks.llm_sent is not None and marks.first_audio is not None
        assert marks.first_pcm < marks.llm_sent < marks.first_audio, "a filler is no answer"
        assert [m.content for m in harness.history.messages()] == ["who are you?", answer], "nor part of what was said"
        again = await harness.ask()
        assert FILLER not in again.reply


async def test_a_model_that_does_not_come_back_is_as_one_that_is_gone() -> None:
    async with opened(Harness()) as harness:
        harness.engines.the_llm = None
        event = harness.engines.exchanges["llm"] = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(harness.ask())
            await harness.until(Stage.SPEAKING)
            harness.engines.exchanges.clear()
            event.set()
        assert asked.result().outcome is Outcome.DEGRADED
        assert asked.result().reply == f"{FILLER} Mindless line."


@pytest.mark.parametrize("role", ["stt", "tts"])
async def test_ears_and_voices_are_waited_for(role: str) -> None:
    async with opened(Harness()) as harness:
        harness.engines.exchanges[role] = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(later(harness, role))
            ended = await harness.hear(speech(0.5))
        assert ended.outcome is Outcome.COMPLETED and FILLER not in ended.reply


async def test_one_who_waits_can_be_interrupted() -> None:
    async with opened(Harness()) as harness:
        harness.engines.exchanges["llm"] = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(harness.ask())
            await harness.until(Stage.SPEAKING)
            assert harness.loop.interrupt()
        assert asked.result().outcome is Outcome.INTERRUPTED
