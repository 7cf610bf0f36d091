"""Panic stops everything until it is lifted, and a rig may let go of the button when the visitor has finished."""

import asyncio

import pytest
from msgspec import structs

from conversation.loop import Busy
from conversation.stages import Outcome, Stage
from conversation.turn_context import Request
from tests.conversation.harness import QUICK, Harness, opened
from tests.fakes.ports import LiveMicrophone, TappedSpeaker, silence, speech

LONG = "I am a very old skull, and I live here by the door. I like puns about bones and people with guts. "


async def test_panic_silences_empties_the_line_and_refuses_until_resumed() -> None:
    harness = Harness(speaker=TappedSpeaker())
    harness.llm.replies, harness.voice.per_word_s = [LONG], 0.1
    async with opened(harness):
        running, waiting = Request("text", text="first"), Request("text", text="second")
        harness.loop.submit(running)
        harness.loop.submit(waiting)
        await harness.until(Stage.SPEAKING)
        harness.loop.halt()
        ended, _ = await harness.end_of(running)
        assert ended.outcome is Outcome.INTERRUPTED and waiting.done.cancelled()
        for refused in (lambda: harness.loop.press("x"), lambda: harness.loop.submit(Request("text", text="third"))):
            with pytest.raises(Busy, match="halted"):
                refused()
        harness.loop.resume()
        assert (await harness.ask("fourth")).outcome is Outcome.COMPLETED
    assert harness.loop.turns == 2


async def test_panic_while_nobody_speaks_only_holds() -> None:
    async with opened(Harness()) as harness:
        harness.loop.halt()
        with pytest.raises(Busy):
            harness.loop.press("x")
        harness.loop.resume()
        assert (await harness.ask()).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_button_lets_go_by_itself_after_a_pause(wanted: bool) -> None:
    microphone = LiveMicrophone()
    audio = structs.replace(QUICK, end_of_speech=wanted, end_of_speech_ms=300)
    async with opened(Harness(microphone=microphone, audio=audio)) as harness:
        request = harness.loop.press("x")
        await harness.until(Stage.LISTENING)
        for pcm in (silence(0.5), speech(0.2), silence(0.2), speech(0.4), silence(0.2)):
            microphone.push(pcm)
            await asyncio.sleep(0.06)
        assert harness.stages()[-1] is Stage.LISTENING, "a short pause is not the end"
        microphone.push(silence(0.2))
        await asyncio.sleep(0.1)
        assert (Stage.TRANSCRIBING in harness.stages()) is wanted
        harness.loop.release("x")
        ended, _ = await harness.end_of(request)
        assert ended.outcome is Outcome.COMPLETED


async def test_after_a_visitor_who_finished_by_himself_a_hand_ends_nothing_and_a_press_is_a_new_question() -> None:
    microphone = LiveMicrophone()
    audio = structs.replace(QUICK, end_of_speech=True, end_of_speech_ms=300)
    harness = Harness(microphone=microphone, audio=audio, speaker=TappedSpeaker())
    harness.llm.replies, harness.voice.per_word_s = [LONG], 0.1
    async with opened(harness):
        first = harness.loop.press("x")
        await harness.until(Stage.LISTENING)
        assert harness.loop.holder == "x"
        microphone.push(speech(0.5))
        while Stage.TRANSCRIBING not in harness.stages():  # each piece may be heard together with the one before
            await asyncio.sleep(0.02)
            microphone.push(silence(0.1))
        await harness.until(Stage.SPEAKING)
        assert not harness.loop.release("x"), "he had let go already"
        assert harness.loop.holder == "" and not harness.loop.release("x")
        second = harness.loop.press("x")
        await second.started
        assert (await first.done)[0].outcome is Outcome.INTERRUPTED
        assert harness.loop.release("x")
        await harness.end_of(second)
