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
from tests.conversation.booth import QUICK, Booth, opened
from tests.devices.jaws import armed, pulses
from tests.fakes.ports import ClipMicrophone, FakeEngines, FakeVoice, LiveMicrophone, TappedSpeaker, silence, speech

LONG = "I am a very old skull, and I live here by the door. I like puns about bones and people with guts. "


def slow_booth(**hands: Any) -> Booth:
    """Real time on the tapped speaker: each reply lasts two seconds."""
    booth = Booth(speaker=TappedSpeaker(), **hands)
    booth.llm.replies, booth.llm.gap_s, booth.llm.first_s = [LONG], 0.003, 0.02
    booth.voice.per_word_s, booth.voice.factor, booth.stt.takes_s = 0.1, 0.05, 0.02
    return booth


async def test_twenty_turns_in_a_row_end_idle() -> None:
    async with opened(Booth()) as booth:
        for count in range(20):
            ended = await (booth.hear(speech(0.4)) if count % 2 else booth.ask(f"question {count}"))
            assert (ended.outcome, ended.turn) == (Outcome.COMPLETED, count + 1)
    assert booth.loop.turns == 20


async def test_asks_wait_in_line_and_the_ninth_is_refused() -> None:
    async with opened(Booth()) as booth:
        booth.llm.first_s = 0.05
        running = Request("text", text="0")
        booth.loop.submit(running)
        await running.started
        waiting = [Request("text", text=str(i + 1)) for i in range(MAX_WAITING)]
        for request in waiting:
            booth.loop.submit(request)
        with pytest.raises(Busy, match="8 questions are waiting"):
            booth.loop.submit(Request("text", text="9"))
        booth.llm.first_s = 0
        ends = [(await booth.end_of(request))[0] for request in (running, *waiting)]
    assert [end.transcript for end in ends] == [str(i) for i in range(9)]
    assert all(end.outcome is Outcome.COMPLETED for end in ends)


async def test_an_ask_never_interrupts_and_a_press_does() -> None:
    async with opened(slow_booth()) as booth:
        first, second = Request("text", text="first"), Request("text", text="second")
        booth.loop.submit(first)
        await booth.until(Stage.SPEAKING)
        booth.loop.submit(second)
        await asyncio.sleep(0.1)
        assert not first.done.done()
        pressed = booth.loop.press("x")
        booth.loop.release("x")
        assert (await booth.end_of(first))[0].outcome is Outcome.INTERRUPTED
        await pressed.started
        assert not second.started.done(), "a person goes first"
        booth.loop.interrupt()
        await booth.end_of(pressed)
        await second.started
        booth.loop.interrupt()
        assert (await booth.end_of(second))[0].outcome is Outcome.INTERRUPTED
    assert [e.source for e in booth.of(TurnStarted)] == ["text", "button", "text"]


async def test_withdraw_from_the_line_and_from_the_stage() -> None:
    async with opened(slow_booth()) as booth:
        first, second, third = (Request("text", text=t) for t in ("first", "second", "third"))
        for request in (first, second, third):
            booth.loop.submit(request)
        await booth.until(Stage.SPEAKING)
        booth.loop.withdraw(second)
        assert second.done.cancelled() and second.started.cancelled()
        booth.loop.withdraw(first)
        assert (await booth.end_of(first))[0].outcome is Outcome.INTERRUPTED
        booth.loop.withdraw(first)
        booth.loop.withdraw(second)
        await third.started
        booth.loop.interrupt()
        ended, _ = await booth.end_of(third)
    assert (ended.turn, ended.outcome) == (2, Outcome.INTERRUPTED)


async def test_a_turn_interrupted_before_its_first_step_ends_too() -> None:
    async with opened(Booth()) as booth:
        request = Request("text", text="hi")
        booth.loop.submit(request)
        interrupted = []
        request.started.add_done_callback(lambda _: interrupted.append(booth.loop.interrupt()))
        ended, _ = await booth.end_of(request, within_s=1.0)
        assert interrupted == [True]
        assert ended.outcome is Outcome.INTERRUPTED
        assert booth.llm.prompts == []
        assert (await booth.ask()).outcome is Outcome.COMPLETED


async def test_the_end_of_the_loop_ends_everything() -> None:
    booth = slow_booth()
    async with opened(booth):
        running, waiting = Request("text", text="a"), Request("text", text="b")
        booth.loop.submit(running)
        booth.loop.submit(waiting)
        await booth.until(Stage.SPEAKING)
    assert running.done.result()[0].outcome is Outcome.INTERRUPTED
    assert waiting.done.cancelled()
    assert booth.stages()[-1] is Stage.IDLE


async def test_a_loop_ended_before_the_turns_first_step_leaves_nobody_waiting() -> None:
    booth = Booth()
    request = Request("text", text="a")
    booth.player.open()
    task = asyncio.get_running_loop().create_task(booth.loop.run())
    await asyncio.sleep(0)
    booth.loop.submit(request)
    request.started.add_done_callback(lambda _: task.cancel())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert request.done.done()


async def test_press_and_release() -> None:
    async with opened(Booth(microphone=ClipMicrophone(speech(0.5), ends=False))) as booth:
        request = booth.loop.press("booth")
        assert await request.started == 1
        await asyncio.sleep(0.05)
        assert booth.stages() == [Stage.LISTENING]
        assert not booth.loop.release("somebody else")
        assert booth.loop.release("booth")
        assert not booth.loop.release("booth")
        ended, _ = await booth.end_of(request)
        assert ended.outcome is Outcome.COMPLETED
        assert ended.marks.release is not None and 45 < ended.marks.release < 500
        assert not booth.loop.release()
        assert booth.of(TurnStarted)[0].holder == "booth"


async def test_a_button_held_for_ever_is_released_by_itself() -> None:
    booth = Booth(microphone=ClipMicrophone(speech(0.5), ends=False), audio=Audio(tail_ms=0, max_hold_s=0.15))
    async with opened(booth):
        request = booth.loop.press("x")
        ended, _ = await booth.end_of(request)
        assert ended.outcome is Outcome.COMPLETED
        assert ended.marks.release is not None and 140 < ended.marks.release < 400
        assert not booth.loop.release("x")


async def test_a_second_press_takes_over_from_a_turn_that_listens() -> None:
    async with opened(Booth(microphone=ClipMicrophone(speech(0.5), ends=False))) as booth:
        first = booth.loop.press("a")
        await booth.until(Stage.LISTENING)
        second = booth.loop.press("b")
        assert (await first.done)[0].outcome is Outcome.INTERRUPTED
        assert not booth.loop.release("a")
        assert booth.loop.release("b")
        assert (await booth.end_of(second))[0].outcome is Outcome.COMPLETED


async def test_presses_in_one_breath_leave_no_button_held_for_ever() -> None:
    async with opened(Booth(microphone=ClipMicrophone(speech(0.5), ends=False))) as booth:
        presses = [booth.loop.press(name) for name in "abc"]
        booth.loop.release("c")
        ends = [(await booth.end_of(p, within_s=1.0))[0] if p is presses[-1] else await p.done for p in presses]
        outcomes = [e.outcome if isinstance(e, TurnEnded) else e[0].outcome for e in ends]
    assert outcomes == [Outcome.INTERRUPTED, Outcome.INTERRUPTED, Outcome.COMPLETED]
    assert [p.started.result() for p in presses] == [1, 2, 3]


async def test_the_pre_roll_does_not_reach_behind_our_own_voice() -> None:
    microphone = LiveMicrophone()
    async with opened(slow_booth(microphone=microphone)) as booth:
        asked = Request("text", text="hi")
        booth.loop.submit(asked)
        await booth.until(Stage.SPEAKING)
        for _ in range(40):
            microphone.push(speech(0.01))
            await asyncio.sleep(0.005)
        pressed = booth.loop.press("x")
        await pressed.started
        await asyncio.sleep(0.01)
        assert microphone.opened[0] <= 0.02
        await asyncio.sleep(0.15)
        again = booth.loop.press("x")
        await again.started
        await asyncio.sleep(0.01)
        assert 0.1 < microphone.opened[1] <= 0.3, "a turn without a sound of ours does not shorten it"
        await asyncio.sleep(0.3)
        booth.loop.press("x")
        await asyncio.sleep(0.02)
        assert microphone.opened[2] == pytest.approx(QUICK.pre_roll_ms / 1000)


async def test_interrupting_shuts_up_within_50_ms_and_keeps_what_was_heard() -> None:
    async with opened(slow_booth()) as booth:
        request = Request("text", text="who are you?")
        booth.loop.submit(request)
        await booth.until(Stage.SPEAKING)
        await asyncio.sleep(0.75)
        moment = asyncio.get_running_loop().time()
        assert booth.loop.interrupt()
        ended, heard = await booth.end_of(request)
        await asyncio.sleep(0.08)
        assert isinstance(booth.speaker, TappedSpeaker)
        assert booth.speaker.heard_after(moment + 0.050) == 0
        assert ended.outcome is Outcome.INTERRUPTED and ended.stage is Stage.SPEAKING
        words = len(ended.heard.split())
        assert 4 <= words <= 9 and LONG.startswith(ended.heard), "0.1 s each"
        assert len(heard) / booth.speaker.rate == pytest.approx(ended.audio.seconds, abs=0.001)
        assert [m.content for m in booth.history.messages()] == ["who are you?", ended.heard]
        assert ended.marks.last_audio is not None and ended.marks.played is None
        assert not booth.loop.interrupt()


async def interruptions(booth: Booth, dice: random.Random, times: int) -> None:
    assert isinstance(booth.speaker, TappedSpeaker)
    speaker = booth.speaker
    for count in range(times):
        wav = count % 3 == 0
        request = Request("wav", microphone=ClipMicrophone(speech(0.4))) if wav else Request("text", text="hi")
        asked = booth.of(StageEntered)
        booth.loop.submit(request)
        await asyncio.sleep(dice.choice([0, 0, 0.001, *(dice.uniform(0, 0.16) for _ in range(9))]))
        speaker.tap.clear()
        moment = asyncio.get_running_loop().time()
        if count % 10 == 9:
            pressed = booth.loop.press("x")
            booth.loop.release("x")
            await pressed.started
            booth.loop.interrupt()
            await pressed.done
        else:
            if not booth.loop.interrupt():
                booth.loop.withdraw(request)
        if not request.done.cancelled():
            ended, heard = await asyncio.wait_for(request.done, 1.0)
            assert ended.outcome is Outcome.INTERRUPTED
            assert ended.heard == "" or LONG.startswith(ended.heard)
            assert abs(len(heard) / speaker.rate - ended.audio.seconds) < 0.001
            kept = [m.content for m in booth.history.messages() if m.role == "assistant"]
            assert not ended.heard or kept[-1] == ended.heard
        await asyncio.sleep(0.035)
        assert speaker.heard_after(moment + 0.050) == 0
        assert speaker.heard_after(moment) <= 0.035, "10 ms of fade behind 20 ms on their way"
        assert len(asked) <= len(booth.of(StageEntered))


@pytest.mark.parametrize("times", [30, pytest.param(100, marks=pytest.mark.soak)])
async def test_interruptions_at_random_moments(times: int) -> None:
    booth = slow_booth(microphone=ClipMicrophone(speech(0.4), ends=False))
    board = SimulatedBoard()
    with JawPlayer(armed(board, Jaw()), booth.speaker) as jaw:
        booth.player._jaw = jaw
        async with opened(booth):
            tasks = len(asyncio.all_tasks())
            await interruptions(booth, random.Random(4), times)
            await asyncio.sleep(0.01)
            assert len(asyncio.all_tasks()) == tasks
            booth.voice.per_word_s = 0.01
            assert (await booth.ask()).outcome is Outcome.COMPLETED
            await asyncio.sleep(0.05)
            assert pulses(board)[-1] == Jaw().closed_us
    starts, ends = booth.of(TurnStarted), booth.of(TurnEnded)
    assert [e.turn for e in starts] == [e.turn for e in ends] == list(range(1, booth.loop.turns + 1))


async def test_no_event_of_a_turn_follows_its_end_but_idle() -> None:
    async with opened(slow_booth()) as booth:
        for wait in (0.0, 0.03, 0.2, 0.4):
            request = Request("text", text="hi")
            booth.loop.submit(request)
            await asyncio.sleep(wait)
            booth.loop.interrupt()
            if wait:
                await booth.end_of(request)
        await asyncio.sleep(0.1)
    over: set[int] = set()
    for event in booth.events:
        turn = getattr(event, "turn", 0)
        assert turn not in over or (isinstance(event, StageEntered) and event.stage is Stage.IDLE)
        if isinstance(event, TurnEnded):
            over.add(turn)


async def test_a_fault_outside_the_turn_costs_that_turn_alone(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Booth()) as booth:
        good = booth.hands
        booth.change(emit=None)
        broken = Request("text", text="a")
        booth.loop.submit(broken)
        with pytest.raises(asyncio.CancelledError):
            await broken.done
        booth.hands = good
        assert (await booth.ask()).outcome is Outcome.COMPLETED
    assert "Traceback" in caplog.text


async def test_a_thousand_turns_do_not_grow() -> None:
    booth = Booth(FakeEngines(None, None, FakeVoice("main", per_word_s=0.01)))
    booth.change(emit=lambda event: None)

    async def turns(count: int) -> None:
        for _ in range(count):
            request = Request("say", text="I am fine, thank you all.")
            booth.loop.submit(request)
            await request.done

    async with opened(booth):
        await turns(100)
        gc.collect()
        before = len(gc.get_objects())
        await turns(900)
        gc.collect()
        assert len(gc.get_objects()) - before < 300
    assert booth.loop.turns == 1000


async def test_silence_does_not_disturb_the_next(caplog: pytest.LogCaptureFixture) -> None:
    async with opened(Booth()) as booth:
        for _ in range(3):
            assert (await booth.hear(silence(0.3))).outcome is Outcome.UNHEARD
            assert (await booth.hear(speech(0.5))).outcome is Outcome.COMPLETED
    assert not caplog.records
    assert np.count_nonzero([e.outcome is Outcome.UNHEARD for e in booth.of(TurnEnded)]) == 3
