"""Panic stops everything until it is lifted, and a rig may let go of the button when the visitor has finished."""

import asyncio

import pytest
from msgspec import structs

from conversation.loop import Busy
from conversation.stages import Outcome, Stage
from conversation.turn_context import Request
from tests.conversation.booth import QUICK, Booth, opened
from tests.fakes.ports import LiveMicrophone, TappedSpeaker, silence, speech

LONG = "I am a very old skull, and I live here by the door. I like puns about bones and people with guts. "


async def test_panic_silences_empties_the_line_and_refuses_until_resumed() -> None:
    booth = Booth(speaker=TappedSpeaker())
    booth.llm.replies, booth.voice.per_word_s = [LONG], 0.1
    async with opened(booth):
        running, waiting = Request("text", text="first"), Request("text", text="second")
        booth.loop.submit(running)
        booth.loop.submit(waiting)
        await booth.until(Stage.SPEAKING)
        booth.loop.halt()
        ended, _ = await booth.end_of(running)
        assert ended.outcome is Outcome.INTERRUPTED and waiting.done.cancelled()
        for refused in (lambda: booth.loop.press("x"), lambda: booth.loop.submit(Request("text", text="third"))):
            with pytest.raises(Busy, match="halted"):
                refused()
        booth.loop.resume()
        assert (await booth.ask("fourth")).outcome is Outcome.COMPLETED
    assert booth.loop.turns == 2


async def test_panic_while_nobody_speaks_only_holds() -> None:
    async with opened(Booth()) as booth:
        booth.loop.halt()
        with pytest.raises(Busy):
            booth.loop.press("x")
        booth.loop.resume()
        assert (await booth.ask()).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("wanted", [True, False])
async def test_the_button_lets_go_by_itself_after_a_pause(wanted: bool) -> None:
    microphone = LiveMicrophone()
    audio = structs.replace(QUICK, end_of_speech=wanted, end_of_speech_ms=300)
    async with opened(Booth(microphone=microphone, audio=audio)) as booth:
        request = booth.loop.press("x")
        await booth.until(Stage.LISTENING)
        for pcm in (silence(0.5), speech(0.2), silence(0.2), speech(0.4), silence(0.2)):
            microphone.push(pcm)
            await asyncio.sleep(0.06)
        assert booth.stages()[-1] is Stage.LISTENING, "a short pause is not the end"
        microphone.push(silence(0.2))
        await asyncio.sleep(0.1)
        assert (Stage.TRANSCRIBING in booth.stages()) is wanted
        booth.loop.release("x")
        ended, _ = await booth.end_of(request)
        assert ended.outcome is Outcome.COMPLETED


async def test_after_a_visitor_who_finished_by_himself_a_hand_ends_nothing_and_a_press_is_a_new_question() -> None:
    microphone = LiveMicrophone()
    audio = structs.replace(QUICK, end_of_speech=True, end_of_speech_ms=300)
    booth = Booth(microphone=microphone, audio=audio, speaker=TappedSpeaker())
    booth.llm.replies, booth.voice.per_word_s = [LONG], 0.1
    async with opened(booth):
        first = booth.loop.press("x")
        await booth.until(Stage.LISTENING)
        assert booth.loop.holder == "x"
        microphone.push(speech(0.5))
        while Stage.TRANSCRIBING not in booth.stages():  # each piece may be heard together with the one before
            await asyncio.sleep(0.02)
            microphone.push(silence(0.1))
        await booth.until(Stage.SPEAKING)
        assert not booth.loop.release("x"), "he had let go already"
        assert booth.loop.holder == "" and not booth.loop.release("x")
        second = booth.loop.press("x")
        await second.started
        assert (await first.done)[0].outcome is Outcome.INTERRUPTED
        assert booth.loop.release("x")
        await booth.end_of(second)
