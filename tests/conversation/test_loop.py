"""Turns one after another: who waits, who interrupts, and that nothing is left behind."""

import asyncio
import gc
import random
from typing import Any

import numpy as np
import pytest

from conversation.events import StageEntered, TurnEnded, TurnStarted
from conversation.loop import MAX_WAITING, Busy
from conversation.stages import Outcome, Stage
from conversation.turn_context import Request
from devices.boards.simulated import SimulatedBoard
from devices.jaw.jaw_player import JawPlayer
from profiles.schema import Audio, Jaw
from tests.conversation.harness import QUICK, Harness, opened
from tests.devices.jaws import armed, pulses
from tests.fakes.ports import ClipMicrophone, FakeEngines, FakeVoice, LiveMicrophone, TappedSpeaker, silence, speech

LONG = "I am a very old skull, and I live here by the door. I like puns about bones and people with guts. "


def slow_booth(**hands: Any) -> Harness:
    """Real time on the tapped speaker: each reply lasts two seconds."""
    harness = Harness(speaker=TappedSpeaker(), **hands)
    harness.llm.replies, harness.llm.gap_s, harness.llm.first_s = [LONG], 0.003, 0.02
    harness.voice.per_word_s, harness.voice.factor, harness.stt.takes_s = 0.1, 0.05, 0.02
    return harness


async def test_twenty_turns_in_a_row_end_idle() -> None:
    async with opened(Harness()) as harness:
        for count in range(20):
            ended = await (harness.hear(speech(0.4)) if count % 2 else harness.ask(f"question {count}"))
            assert (ended.outcome, ended.turn) == (Outcome.COMPLETED, count + 1)
    assert harness.loop.turns == 20


async def test_asks_wait_in_line_and_the_ninth_is_refused() -> None:
    async with opened(Harness()) as harness:
        harness.llm.first_s = 0.05
        running = Request("text", text="0")
        harness.loop.submit(running)
        await running.started
        waiting = [Request("text", text=str(i + 1)) for i in range(MAX_WAITING)]
        for request in waiting:
            harness.loop.submit(request)
        with pytest.raises(Busy, match="8 questions are waiting"):
            harness.loop.submit(Request("text", text="9"))
        harness.llm.first_s = 0
        ends = [(await harness.end_of(request))[0] for request in (running, *waiting)]
    assert [end.transcript for end in ends] == [str(i) for i in range(9)]
    assert all(end.outcome is Outcome.COMPLETED for end in ends)


async def test_an_ask_never_interrupts_and_a_press_does() -> None:
    async with opened(slow_booth()) as harness:
        first, second = Request("text", text="first"), Request("text", text="second")
        harness.loop.submit(first)
        await harness.until(Stage.SPEAKING)
        harness.loop.submit(second)
        await asyncio.sleep(0.1)
        assert not first.done.done()
        pressed = harness.loop.press("x")
        harness.loop.release("x")
        assert (await harness.end_of(first))[0].outcome is Outcome.INTERRUPTED
        await pressed.started
        assert not second.started.done(), "a person goes first"
        harness.loop.interrupt()
        await harness.end_of(pressed)
        await second.started
        harness.loop.interrupt()
        assert (await harness.end_of(second))[0].outcome is Outcome.INTERRUPTED
    assert [e.source for e in harness.of(TurnStarted)] == ["text", "button", "text"]


async def test_withdraw_from_the_line_and_from_the_stage() -> None:
    async with opened(slow_booth()) as harness:
        first, second, third = (Request("text", text=t) for t in ("first", "second", "third"))
        for request in (first, second, third):
            harness.loop.submit(request)
        await harness.until(Stage.SPEAKING)
        harness.loop.withdraw(second)
        assert second.done.cancelled() and second.started.cancelled()
        harness.loop.withdraw(first)
        assert (await harness.end_of(first))[0].outcome is Outcome.INTERRUPTED
        harness.loop.withdraw(first)
        harness.loop.withdraw(second)
        await third.started
        harness.loop.interrupt()
        ended, _ = await harness.end_of(third)
    assert (ended.turn, ended.outcome) == (2, Outcome.INTERRUPTED)


async def test_a_turn_interrupted_before_its_first_step_ends_too() -> None:
    async with opened(Harness()) as harness:
        request = Request("text", text="hi")
        harness.loop.submit(request)
        interrupted = []
        request.started.add_done_callback(lambda _: interrupted.append(harness.loop.interrupt()))
        ended, _ = await harness.end_of(request, within_s=1.0)
        assert interrupted == [True]
        assert ended.outcome is Outcome.INTERRUPTED
        assert harness.llm.prompts == []
        assert (await harness.ask()).outcome is Outcome.COMPLETED


async def test_the_end_of_the_loop_ends_everything() -> None:
    harness = slow_booth()
    async with opened(harness):
        running, waiting = Request("text", text="a"), Request("text", text="b")
        harness.loop.submit(running)
        harness.loop.submit(waiting)
        await harness.until(Stage.SPEAKING)
    assert running.done.result()[0].outcome is Outcome.INTERRUPTED
    assert waiting.done.cancelled()
    assert harness.stages()[-1] is Stage.IDLE


async def test_a_loop_ended_before_the_turns_first_step_leaves_nobody_waiting() -> None:
    harness = Harness()
    request = Request("text", text="a")
    harness.player.open()
    task = asyncio.get_running_loop().create_task(harness.loop.run())
    await asyncio.sleep(0)
    harness.loop.submit(request)
    request.started.add_done_callback(lambda _: task.cancel())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert request.done.done()


async def test_press_and_release() -> None:
    async with opened(Harness(microphone=ClipMicrophone(speech(0.5), ends=False))) as harness:
        request = harness.loop.press("harness")
        assert await request.started == 1
        await asyncio.sleep(0.05)
        assert harness.stages() == [Stage.LISTENING]
        assert not harness.loop.release("somebody else")
        assert harness.loop.release("harness")
        assert not harness.loop.release("harness")
        ended, _ = await harness.end_of(request)
        assert ended.outcome is Outcome.COMPLETED
        assert ended.marks.release is not None and 45 < ended.marks.release < 500
        assert not harness.loop.release()
        assert harness.of(TurnStarted)[0].holder == "harness"


async def test_a_button_held_for_ever_is_released_by_itself() -> None:
    harness = Harness(microphone=ClipMicrophone(speech(0.5), ends=False), audio=Audio(tail_ms=0, max_hold_s=0.15))
    async with opened(harness):
        request = harness.loop.press("x")
        ended, _ = await harness.end_of(request)
        assert ended.outcome is Outcome.COMPLETED
        assert ended.marks.release is not None and 140 < ended.marks.release < 400
        assert not harness.loop.release("x")


async def test_a_second_press_takes_over_from_a_turn_that_listens() -> None:
    async with opened(Harness(microphone=ClipMicrophone(speech(0.5), ends=False))) as harness:
        first = harness.loop.press("a")
        await harness.until(Stage.LISTENING)
        second = harness.loop.press("b")
        assert (await first.done)[0].outcome is Outcome.INTERRUPTED
        assert not harness.loop.release("a")
        assert harness.loop.release("b")
        assert (await harness.end_of(second))[0].outcome is Outcome.COMPLETED


async def test_presses_in_one_breath_leave_no_button_held_for_ever() -> None:
    async with opened(Harness(microphone=ClipMicrophone(speech(0.5), ends=False))) as harness:
        presses = [harness.loop.press(name) for name in "abc"]
        harness.loop.release("c")
        ends = [(await harness.end_of(p, within_s=1.0))[0] if p is presses[-1] else await p.done for p in presses]
        outcomes = [e.outcome if isinstance(e, TurnEnded) else e[0].outcome for e in ends]
    assert outcomes == [Outcome.INTERRUPTED, Outcome.INTERRUPTED, Outcome.COMPLETED]
    assert [p.started.result() for p in presses] == [1, 2, 3]


async def test_the_pre_roll_does_not_reach_behind_our_own_voice() -> None:
    microphone = LiveMicrophone()
    async with opened(slow_booth(microphone=microphone)) as harness:
        asked = Request("text", text="hi")
        harness.loop.submit(asked)
        await harness.until(Stage.SPEAKING)
        for _ in range(40):
            microphone.push(speech(0.01))
            await asyncio.sleep(0.005)
        pressed = harness.loop.press("x")
        await pressed.started
        await asyncio.sleep(0.01)
        assert microphone.opened[0] <= 0.02
        await asyncio.sleep(0.15)
        again = harness.loop.press("x")
        await again.started
        await asyncio.sleep(0.01)
        assert 0.1 < microphone.opened[1] <= 0.3, "a turn without a sound of ours does not shorten it"
        await asyncio.sleep(0.3)
        harness.loop.press("x")
        await asyncio.sleep(0.02)
        assert microphone.opened[2] == pytest.approx(QUICK.pre_roll_ms / 1000)


async def test_interrupting_shuts_up_within_50_ms_and_keeps_what_was_heard() -> None:
    async with opened(slow_booth()) as harness:
        request = Request("text", text="who are you?")
        harness.loop.submit(request)
        await harness.until(Stage.SPEAKING)
        await asyncio.sleep(0.75)
        moment = asyncio.get_running_loop().time()
        assert harness.loop.interrupt()
        ended, heard = await harness.end_of(request)
        await asyncio.sleep(0.08)
        assert isinstance(harness.speaker, TappedSpeaker)
        assert harness.speaker.heard_after(moment + 0.050) == 0
        assert ended.outcome is Outcome.INTERRUPTED and ended.stage is Stage.SPEAKING
        words = len(ended.heard.split())
        assert 4 <= words <= 9 and LONG.startswith(ended.heard), "0.1 s each"
        assert len(heard) / harness.speaker.rate == pytest.approx(ended.audio.seconds, abs=0.001)
        assert [m.content for m in harness.history.messages()] == ["who are you?", ended.heard]
        assert ended.marks.last_audio is not None and ended.marks.played is None
        assert not harness.loop.interrupt()


async def interruptions(harness: Harness, dice: random.Random, times: int) -> None:
    assert isinstance(harness.speaker, TappedSpeaker)
    speaker = harness.speaker
    for count in range(times):
        wav = count % 3 == 0
        request = Request("wav", microphone=ClipMicrophone(speech(0.4))) if wav else Request("text", text="hi")
        asked = harness.of(StageEntered)
        harness.loop.submit(request)
        await asyncio.sleep(dice.choice([0, 0, 0.001, *(dice.uniform(0, 0.16) for _ in range(9))]))
        speaker.tap.clear()
        moment = asyncio.get_running_loop().time()
        if count % 10 == 9:
            pressed = harness.loop.press("x")
            harness.loop.release("x")
            await pressed.started
            harness.loop.interrupt()
            await pressed.done
        else:
            if not harness.loop.interrupt():
                harness.loop.withdraw(request)
        if not request.done.cancelled():
            ended, heard = await asyncio.wait_for(request.done, 1.0)
            assert ended.outcome is Outcome.INTERRUPTED
            assert ended.heard == "" or LONG.startswith(ended.heard)
            assert abs(len(heard) / speaker.rate - ended.audio.seconds) < 0.001
            kept = [m.content for m in harness.history.messages() if m.role == "assistant"]
            assert not ended.heard or kept[-1] == ended.heard
        await asyncio.sleep(0.035)
        assert speaker.heard_after(moment + 0.050) == 0
        assert speaker.heard_after(moment) <= 0.035, "10 ms of fade behind 20 ms on their way"
        assert len(asked) <= len(harness.of(StageEntered))


@pytest.mark.parametrize("times", [30, pytest.param(100, marks=pytest.mark.soak)])
async def test_interruptions_at_random_moments(times: int) -> None:
    harness = slow_booth(microphone=ClipMicrophone(speech(0.4), ends=False))
    board = SimulatedBoard()
    with JawPlayer(armed(board, Jaw()), harness.speaker) as jaw:
        harness.player._jaw = jaw
        async with opened(harness):
            tasks = len(asyncio.all_tasks())
            await interruptions(harness, random.Random(4), times)
            await asyncio.sleep(0.01)
            assert len(asyncio.all_tasks()) == tasks
            harness.voice.per_word_s = 0.01
            assert (await harness.ask()).outcome is Outcome.COMPLETED
            await asyncio.sleep(0.05)
            assert pulses(board)[-1] == Jaw().closed_us
    starts, ends = harness.of(TurnStarted), harness.of(TurnEnded)
    assert [e.turn for e in starts] == [e.turn for e in ends] == list(range(1, harness.loop.turns + 1))


async def test_no_event_of_a_turn_follows_its_end_but_idle() -> None:
    async with opened(slow_booth()) as harness:
        for wait in (0.0, 0.03, 0.2, 0.4):
            request = Request("text", text="hi")
            harness.loop.submit(request)
            await asyncio.sleep(wait)
            harness.loop.interrupt()
            if wait:
                await harness.end_of(request)
        await asyncio.sleep(0.1)
    over: set[int] = set()
    for event in harness.events:
        turn = getattr(event, "turn", 0)
        assert turn not in over or (isinstance(event, StageEntered) and event.stage is Stage.IDLE)
        if isinstance(event, TurnEnded):
            over.add(turn)


async def test_a_fault_outside_the_turn_costs_that_turn_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Harness()) as harness:
        good = harness.hands
        harness.change(emit=None)
        broken = Request("text", text="a")
        harness.loop.submit(broken)
        with pytest.raises(asyncio.CancelledError):
            await broken.done
        harness.hands = good
        assert (await harness.ask()).outcome is Outcome.COMPLETED
    assert "Traceback" in caplog.text


async def test_a_thousand_turns_do_not_grow() -> None:
    harness = Harness(FakeEngines(None, None, FakeVoice("main", per_word_s=0.01)))
    harness.change(emit=lambda event: None)

    async def turns(count: int) -> None:
        for _ in range(count):
            request = Request("say", text="I am fine, thank you all.")
            harness.loop.submit(request)
            await request.done

    async with opened(harness):
        await turns(100)
        gc.collect()
        before = len(gc.get_objects())
        await turns(900)
        gc.collect()
        assert len(gc.get_objects()) - before < 300
    assert harness.loop.turns == 1000


async def test_silence_does_not_disturb_the_next(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Harness()) as harness:
        for _ in range(3):
            assert (await harness.hear(silence(0.3))).outcome is Outcome.UNHEARD
            assert (await harness.hear(speech(0.5))).outcome is Outcome.COMPLETED
    assert not caplog.records
    assert np.count_nonzero([e.outcome is Outcome.UNHEARD for e in harness.of(TurnEnded)]) == 3


async def test_a_second_talk_ends_the_question_and_the_next_one_asks_again() -> None:
    """By whichever screen; no third press can come between, for nothing is awaited."""
    async with opened(Harness()) as harness:
        first = harness.loop.talk("one")
        assert first is not None and harness.loop.holder == "one"
        await first.started
        assert harness.loop.talk("two") is None and harness.loop.holder == "" and first.released.is_set()
        again = harness.loop.talk("two")
        assert again is not None and harness.loop.holder == "two"
