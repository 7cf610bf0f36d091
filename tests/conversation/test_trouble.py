"""One turn with engines that fail: the stage is named, a line is spoken, the next turn works."""

from typing import Any

import numpy as np
import pytest
from msgspec import structs

from conversation.audio import Samples
from conversation.events import ClauseReady
from conversation.stages import Outcome, Stage
from conversation.turn_context import Request
from profiles.schema import Thinking
from tests.conversation.harness import CHARACTER, PATIENT, Harness, opened
from tests.fakes.ports import ClipMicrophone, FakeEngines, FakeLlm, FakeStt, FakeVoice, TappedSpeaker, gone
from tests.fakes.ports import speech as talk

LONG = "I am a very old skull, and I live here by the door. I like puns about bones."


async def test_deadlines_name_their_stage_and_speak_a_line() -> None:
    hurry = structs.replace(PATIENT, transcribing_s=0.05, first_token_s=0.05, next_token_s=0.05)
    async with opened(Harness(deadlines=hurry)) as harness:
        harness.stt.takes_s = 9
        ended = await harness.hear(talk(0.4))
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.TRANSCRIBING, "Earless line.")
        harness.llm.first_s = 9
        ended = await harness.ask()
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.THINKING, "Trouble line.")
        harness.llm.first_s, harness.llm.gap_s = 0, 9
        ended = await harness.ask()
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.THINKING, "Trouble line.")
        assert "took too long" in ended.message
    assert harness.llm.closed_at > 0


async def test_a_model_that_dribbles_is_ended_by_the_whole_deadline() -> None:
    dribble = "I am here and " * 200
    async with opened(Harness(deadlines=structs.replace(PATIENT, thinking_s=0.8))) as harness:
        harness.llm.replies, harness.llm.gap_s = [dribble], 0.01
        ended = await harness.ask()
    assert (ended.outcome, ended.stage) == (Outcome.FAILED, Stage.THINKING)
    assert ended.reply.startswith("I am here") and dribble.startswith(ended.reply), "what came is spoken, not a line"


async def test_a_slow_voice_is_not_blamed_on_the_model() -> None:
    async with opened(Harness(deadlines=structs.replace(PATIENT, thinking_s=0.15))) as harness:
        harness.llm.replies = ["Word and word and word and word. " * 12]
        harness.change(character=structs.replace(CHARACTER, thinking=Thinking(max_sentences=10)))
        harness.voice.factor = 0.6
        ended = await harness.ask()
    assert ended.outcome is Outcome.COMPLETED


async def test_a_voice_that_sends_nothing_in_time_is_replaced() -> None:
    main, standby = FakeVoice("main"), FakeVoice("standby")
    main.factor = 100.0
    engines = FakeEngines(FakeStt(), FakeLlm(LONG), main, standby)
    async with opened(Harness(engines, deadlines=structs.replace(PATIENT, first_pcm_s=0.05))) as harness:
        ended = await harness.ask()
    assert (ended.outcome, ended.stage, ended.reply) == (Outcome.DEGRADED, Stage.SPEAKING, LONG)
    assert len(main.said) == 1 and len(standby.said) >= 2, "not tried again in this turn"
    assert "main sent no sound" in ended.message


async def test_recogniser_gone() -> None:
    async with opened(Harness()) as harness:
        harness.engines.the_stt = None
        ended = await harness.hear(talk(0.4))
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.TRANSCRIBING, "Earless line.")
        assert (await harness.ask()).outcome is Outcome.COMPLETED, "typed input goes on"
        harness.engines.the_stt = harness.stt
        harness.stt.error = gone(Stage.TRANSCRIBING, "stt")
        assert (await harness.hear(talk(0.4))).message == "TRANSCRIBING: stt does not answer; restart stt"


async def test_model_gone() -> None:
    async with opened(Harness()) as harness:
        harness.engines.the_llm = None
        ended = await harness.hear(talk(0.4))
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.DEGRADED, Stage.THINKING, "Mindless line.")
        assert ended.transcript == "hello there"
        harness.engines.the_llm = harness.llm
        harness.llm.error = gone(Stage.THINKING, "llm")
        assert (await harness.ask()).reply == "Mindless line."
        assert len(harness.history) == 0, "a canned line is no part of the conversation"
        assert harness.history.last_line == "Mindless line."


async def test_model_dies_in_mid_stream() -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies, harness.llm.error, harness.llm.good = [LONG], gone(Stage.THINKING, "llm"), 12
        ended = await harness.ask("who?")
    assert (ended.outcome, ended.stage) == (Outcome.DEGRADED, Stage.THINKING)
    assert LONG.startswith(ended.reply) and 0 < len(ended.reply) < len(LONG)
    assert [m.content for m in harness.history.messages()] == ["who?", ended.reply]


async def test_main_voice_gone() -> None:
    async with opened(Harness()) as harness:
        standby = FakeVoice("standby")
        harness.engines.the_voices = [standby]
        ended = await harness.ask()
    assert (ended.outcome, ended.stage, ended.heard) == (Outcome.DEGRADED, Stage.SPEAKING, "I am fine.")
    assert [f.message for f in harness.failures()] == ["the voice is not running, standby speaks instead"]


async def test_the_voice_dies_in_mid_clause_and_the_stand_by_says_it_at_its_own_rate() -> None:
    main, standby = FakeVoice("main"), FakeVoice("standby", rate=16_000)
    main.error, main.good = gone(Stage.SPEAKING, "main"), 1
    engines = FakeEngines(FakeStt(), FakeLlm("One two three four five. Six seven eight."), main, standby)
    async with opened(Harness(engines, TappedSpeaker())) as harness:
        ended = await harness.ask()
    assert standby.said == ["One two three four five.", "Six seven eight."]
    assert (ended.outcome, ended.message) == (
        Outcome.DEGRADED,
        "SPEAKING: main does not answer; restart main",
    )
    assert ended.audio.seconds == pytest.approx(0.05 + 8 * 0.02, abs=0.01), "what main had made, then all of it"


@pytest.mark.parametrize("at_clause", [0, 1])
async def test_all_voices_gone(at_clause: int) -> None:
    class Dying(FakeVoice):
        async def speak(self, text: str, speed: float):  # type: ignore[no-untyped-def]
            if len(self.said) >= at_clause:
                self.error = gone(Stage.SPEAKING, self.name)
            async for chunk in super().speak(text, speed):
                yield chunk

    engines = FakeEngines(FakeStt(), FakeLlm("One two three four. Five six seven. Eight."), Dying("main"))
    async with opened(Harness(engines, TappedSpeaker())) as harness:
        ended = await harness.ask()
        assert (ended.outcome, ended.stage) == (Outcome.FAILED, Stage.SPEAKING)
        assert ended.heard == ("" if at_clause == 0 else "One two three four."), "not cut off by our own failure"
        harness.engines.the_voices = [FakeVoice("main")]
        assert (await harness.ask()).outcome is Outcome.COMPLETED


async def test_no_voice_at_all() -> None:
    async with opened(Harness()) as harness:
        harness.engines.the_voices = []
        ended = await harness.ask()
    assert (ended.outcome, ended.message) == (Outcome.FAILED, "SPEAKING: no voice is running; restart tts")


@pytest.mark.parametrize("part", ["stt", "llm", "voice", "prime", "emit"])
async def test_a_bug_costs_one_turn(part: str, caplog: pytest.LogCaptureFixture) -> None:
    bug = ZeroDivisionError("a bug")
    async with opened(Harness()) as harness:
        if part == "prime":

            async def broken(messages: object) -> None:
                raise bug

            harness.llm.prime = broken  # type: ignore[method-assign]
            harness.llm.gap_s = 0.01
        elif part == "emit":

            def emit(event: object) -> None:
                if isinstance(event, ClauseReady):
                    raise bug
                harness.events.append(event)  # type: ignore[arg-type]

            harness.change(emit=emit)
        else:
            parts: dict[str, Any] = {"stt": harness.stt, "llm": harness.llm, "voice": harness.voice}
            parts[part].error = bug
        ended = await harness.hear(talk(0.4))
        assert (ended.outcome, ended.message.endswith("see show.log")) == (Outcome.FAILED, True)
        assert "a bug" in caplog.text and "Traceback" in caplog.text
        harness.stt.error = harness.llm.error = harness.voice.error = None
        harness.change(emit=harness.events.append)
        assert (await harness.ask()).outcome is Outcome.COMPLETED


async def test_a_speaker_that_stands_still_is_named() -> None:
    class Dead(TappedSpeaker):
        def pull(self, count: int, at: float) -> Samples:
            return np.zeros(count, np.int16)

    import conversation.answer as answer

    patch = pytest.MonkeyPatch()
    patch.setattr(answer, "_STALL_S", 0.1)
    try:
        async with opened(Harness(speaker=Dead())) as harness:
            ended = await harness.ask()
    finally:
        patch.undo()
    assert (ended.outcome, ended.stage, ended.heard) == (Outcome.FAILED, Stage.SPEAKING, "")
    assert ended.marks.played is None


async def test_a_microphone_that_breaks_costs_one_turn() -> None:
    class Broken:
        name = "broken"

        def record(self, pre_roll_s: float) -> ClipMicrophone:
            raise OSError("unplugged")

    async with opened(Harness()) as harness:
        ended, _ = await harness.ask_aloud(Request("wav", microphone=Broken()))  # type: ignore[arg-type]
        assert ended.outcome is Outcome.FAILED
        assert (await harness.ask()).outcome is Outcome.COMPLETED
