"""One turn with scripted engines: its order, its marks, its deadlines and its degraded paths."""

import asyncio
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from conversation.audio import Samples
from conversation.events import ClausePlaying, ClauseReady, Marks, TranscriptReady, TurnEnded
from conversation.stages import Outcome, Stage
from conversation.turn import Request
from profiles.schema import Audio, CannedLines, Deadlines, Thinking
from tests.conversation.booth import CHARACTER, PATIENT, QUICK, Booth, opened
from tests.fakes.ports import ClipMicrophone, FakeEngines, FakeLlm, FakeStt, FakeVoice, TappedSpeaker, gone, silence
from tests.fakes.ports import speech as talk

LONG = "I am a very old skull, and I live here by the door. I like puns about bones."


async def test_events_come_in_order() -> None:
    async with opened(Booth()) as booth:
        booth.llm.replies = [LONG]
        ended = await booth.hear(talk(0.5))
    names = [n for n in booth.names() if n not in ("ClauseReady", "ClausePlaying")]
    assert names == [
        "TurnStarted", "LISTENING", "TRANSCRIBING", "TranscriptReady", "THINKING", "SPEAKING", "TurnEnded", "IDLE",
    ]  # fmt: skip
    ready, playing = booth.of(ClauseReady), booth.of(ClausePlaying)
    assert [c.index for c in ready] == [c.index for c in playing] == list(range(len(ready)))
    assert " ".join(c.text for c in ready) == LONG == ended.reply == ended.heard
    assert (ended.outcome, ended.transcript, ended.stage) == (Outcome.COMPLETED, "hello there", None)
    assert (ended.llm.tokens_per_s, ended.llm.kv_hit) == (10.0, 0.5)
    assert booth.of(TranscriptReady)[0].seconds == pytest.approx(0.5)


@pytest.mark.parametrize("source", ["wav", "text"])
async def test_marks_come_in_order(source: str) -> None:
    async with opened(Booth(speaker=TappedSpeaker())) as booth:
        booth.llm.first_s, booth.voice.factor, booth.stt.takes_s = 0.02, 0.1, 0.02
        ended = await (booth.hear(talk(0.4)) if source == "wav" else booth.ask())
    marks = ended.marks
    order = ["release", "llm_sent", "first_token", "first_clause", "first_pcm", "first_audio", "last_audio", "played"]
    if source == "wav":
        order = ["first_mic", "release", "stt_final", *order[1:]]
    else:
        assert (marks.release, marks.first_mic, marks.stt_final) == (0.0, None, None)
    values = [getattr(marks, name) for name in order]
    assert None not in values and values == sorted(values), dict(zip(order, values, strict=True))
    assert (marks.press, marks.snapshot, marks.caption) == (0.0, None, None)
    assert ended.audio.sample_rate == 8000 and ended.audio.rtf is not None
    assert ended.audio.seconds == pytest.approx((values[-2] - values[-3]) / 1000, abs=0.05)


async def test_the_voice_begins_while_the_model_goes_on() -> None:
    async with opened(Booth(speaker=TappedSpeaker())) as booth:
        booth.llm.replies, booth.llm.gap_s = [LONG], 0.02
        request = Request("text", text="hi")
        ended, _ = await booth.ask_aloud(request)
    assert ended.marks.first_audio is not None
    assert request.pressed_at + ended.marks.first_audio / 1000 < booth.llm.ended_at - 0.15


async def test_what_is_heard_is_what_the_voice_made() -> None:
    async with opened(Booth(speaker=TappedSpeaker())) as booth:
        booth.llm.replies = ["One two three. Four five six."]
        ended, heard = await booth.ask_aloud(Request("text", text="hi"))
    assert len(heard) == round(6 * booth.voice.per_word_s * booth.speaker.rate) and (heard == 8000).all()
    assert isinstance(booth.speaker, TappedSpeaker)
    played = booth.speaker.played()
    assert np.count_nonzero(played) == len(heard)
    assert ended.audio.seconds == pytest.approx(len(heard) / booth.speaker.rate, abs=0.001)


async def test_the_prompt_is_primed_at_press_and_is_the_head_of_what_is_asked() -> None:
    async with opened(Booth()) as booth:
        await booth.hear(talk(0.4))
        await booth.hear(talk(0.4))
    assert len(booth.llm.primed) == 2
    for primed, asked in zip(booth.llm.primed, booth.llm.prompts, strict=True):
        assert primed[:-1] == asked[:-1] and primed[-1].content == ""
    assert booth.llm.prompts[1][: len(booth.llm.prompts[0])] == booth.llm.prompts[0], "the head never changes"


async def test_a_text_is_not_primed_since_its_question_is_there() -> None:
    async with opened(Booth()) as booth:
        await booth.ask()
    assert booth.llm.primed == []


async def test_markup_never_reaches_the_voice_and_digits_are_spoken() -> None:
    async with opened(Booth()) as booth:
        booth.llm.replies = ["Mr. Bones: *rattles* I have **206** bones 😀 (laughs). <VISION> User: and you?"]
        ended = await booth.ask()
    assert booth.voice.said == ["I have two hundred and six bones."]
    assert ended.reply == "I have 206 bones."


async def test_it_stops_after_the_sentences_a_character_may_say_and_hangs_up() -> None:
    async with opened(Booth()) as booth:
        booth.change(character=structs.replace(CHARACTER, thinking=Thinking(max_sentences=2)))
        booth.llm.replies, booth.llm.gap_s = ["One is here. Two is here. Three is here. " * 5], 0.005
        ended = await booth.ask()
    assert ended.reply == "One is here. Two is here."
    assert booth.llm.closed_at > 0 == booth.llm.ended_at


async def test_half_a_sentence_is_left_unsaid_only_if_the_limit_cut_it() -> None:
    async with opened(Booth()) as booth:
        booth.llm.replies = ["Here I am. And then I"]
        assert (await booth.ask()).reply == "Here I am. And then I"
        thinking = Thinking(max_tokens=8)
        booth.change(character=structs.replace(CHARACTER, thinking=thinking))
        assert (await booth.ask()).reply == "Here I am."
        booth.llm.replies = ["And then I went"]
        assert (await booth.ask()).reply == "And then I went", "better than nothing"
        booth.llm.replies = ["It opens at 9. Come at 5 p.m."]
        assert (await booth.ask()).reply == "It opens at 9. Come at 5 p.m."


@pytest.mark.parametrize("reply", ["", "   ", "😀😀", "*laughs*", "...", "\n\n", "User: hello"])
async def test_a_model_that_says_nothing_gets_a_canned_line(reply: str) -> None:
    async with opened(Booth()) as booth:
        booth.llm.replies = [reply]
        ended = await booth.ask()
    assert (ended.outcome, ended.stage, ended.reply) == (Outcome.DEGRADED, Stage.THINKING, "Mindless line.")


@pytest.mark.parametrize(
    "reply", ["Señor, naïve café!", "你好，世界。", "Привет, мир!", "ZWJ 👨‍👩‍👧 and \u202e rtl.", "x" * 700]
)
async def test_any_script_can_be_said(reply: str) -> None:
    async with opened(Booth()) as booth:
        booth.llm.replies = [reply]
        assert (await booth.ask()).outcome is Outcome.COMPLETED
        assert (await booth.ask("¿quién eres? 👋")).outcome is Outcome.COMPLETED


async def test_deadlines_name_their_stage_and_speak_a_line() -> None:
    hurry = structs.replace(PATIENT, transcribing_s=0.05, first_token_s=0.05, next_token_s=0.05)
    async with opened(Booth(deadlines=hurry)) as booth:
        booth.stt.takes_s = 9
        ended = await booth.hear(talk(0.4))
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.TRANSCRIBING, "Earless line.")
        booth.llm.first_s = 9
        ended = await booth.ask()
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.THINKING, "Trouble line.")
        booth.llm.first_s, booth.llm.gap_s = 0, 9
        ended = await booth.ask()
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.THINKING, "Trouble line.")
        assert "took too long" in ended.message
    assert booth.llm.closed_at > 0


async def test_a_model_that_dribbles_is_ended_by_the_whole_deadline() -> None:
    async with opened(Booth(deadlines=structs.replace(PATIENT, thinking_s=0.2))) as booth:
        booth.llm.replies, booth.llm.gap_s = ["I am here and " * 50], 0.01
        ended = await booth.ask()
    assert (ended.outcome, ended.stage) == (Outcome.FAILED, Stage.THINKING)
    assert ended.reply.startswith("I am here and") and "Trouble" not in ended.reply


async def test_a_slow_voice_is_not_blamed_on_the_model() -> None:
    async with opened(Booth(deadlines=structs.replace(PATIENT, thinking_s=0.15))) as booth:
        booth.llm.replies = ["Word and word and word and word. " * 12]
        booth.change(character=structs.replace(CHARACTER, thinking=Thinking(max_sentences=10)))
        booth.voice.factor = 0.6
        ended = await booth.ask()
    assert ended.outcome is Outcome.COMPLETED


async def test_a_voice_that_sends_nothing_in_time_is_replaced() -> None:
    main, standby = FakeVoice("main"), FakeVoice("standby")
    main.factor = 100.0
    engines = FakeEngines(FakeStt(), FakeLlm(LONG), main, standby)
    async with opened(Booth(engines, deadlines=structs.replace(PATIENT, first_pcm_s=0.05))) as booth:
        ended = await booth.ask()
    assert (ended.outcome, ended.stage, ended.reply) == (Outcome.DEGRADED, Stage.SPEAKING, LONG)
    assert len(main.said) == 1 and len(standby.said) >= 2, "not tried again in this turn"
    assert "main sent no sound" in ended.message


async def test_recogniser_gone() -> None:
    async with opened(Booth()) as booth:
        booth.engines.the_stt = None
        ended = await booth.hear(talk(0.4))
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.FAILED, Stage.TRANSCRIBING, "Earless line.")
        assert (await booth.ask()).outcome is Outcome.COMPLETED, "typed input goes on"
        booth.engines.the_stt = booth.stt
        booth.stt.error = gone(Stage.TRANSCRIBING, "stt")
        assert (await booth.hear(talk(0.4))).message == "TRANSCRIBING: stt does not answer; restart stt"


async def test_model_gone() -> None:
    async with opened(Booth()) as booth:
        booth.engines.the_llm = None
        ended = await booth.hear(talk(0.4))
        assert (ended.outcome, ended.stage, ended.reply) == (Outcome.DEGRADED, Stage.THINKING, "Mindless line.")
        assert ended.transcript == "hello there"
        booth.engines.the_llm = booth.llm
        booth.llm.error = gone(Stage.THINKING, "llm")
        assert (await booth.ask()).reply == "Mindless line."
        assert len(booth.history) == 0, "a canned line is no part of the conversation"
        assert booth.history.last_line == "Mindless line."


async def test_model_dies_in_mid_stream() -> None:
    async with opened(Booth()) as booth:
        booth.llm.replies, booth.llm.error, booth.llm.good = [LONG], gone(Stage.THINKING, "llm"), 12
        ended = await booth.ask("who?")
    assert (ended.outcome, ended.stage) == (Outcome.DEGRADED, Stage.THINKING)
    assert LONG.startswith(ended.reply) and 0 < len(ended.reply) < len(LONG)
    assert [m.content for m in booth.history.messages()] == ["who?", ended.reply]


async def test_main_voice_gone() -> None:
    async with opened(Booth()) as booth:
        standby = FakeVoice("standby")
        booth.engines.the_voices = [standby]
        ended = await booth.ask()
    assert (ended.outcome, ended.stage, ended.heard) == (Outcome.DEGRADED, Stage.SPEAKING, "I am fine.")
    assert [f.message for f in booth.failures()] == ["the voice is not running, standby speaks instead"]


async def test_the_voice_dies_in_mid_clause_and_the_stand_by_says_it_at_its_own_rate() -> None:
    main, standby = FakeVoice("main"), FakeVoice("standby", rate=16_000)
    main.error, main.good = gone(Stage.SPEAKING, "main"), 1
    engines = FakeEngines(FakeStt(), FakeLlm("One two three four five. Six seven eight."), main, standby)
    async with opened(Booth(engines, TappedSpeaker())) as booth:
        ended = await booth.ask()
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
    async with opened(Booth(engines, TappedSpeaker())) as booth:
        ended = await booth.ask()
        assert (ended.outcome, ended.stage) == (Outcome.FAILED, Stage.SPEAKING)
        assert ended.heard == ("" if at_clause == 0 else "One two three four."), "not cut off by our own failure"
        booth.engines.the_voices = [FakeVoice("main")]
        assert (await booth.ask()).outcome is Outcome.COMPLETED


async def test_no_voice_at_all() -> None:
    async with opened(Booth()) as booth:
        booth.engines.the_voices = []
        ended = await booth.ask()
    assert (ended.outcome, ended.message) == (Outcome.FAILED, "SPEAKING: no voice is running; restart tts")


@pytest.mark.parametrize("part", ["stt", "llm", "voice", "prime", "emit"])
async def test_a_bug_costs_one_turn(part: str, caplog: pytest.LogCaptureFixture) -> None:
    bug = ZeroDivisionError("a bug")
    async with opened(Booth()) as booth:
        if part == "prime":

            async def broken(messages: object) -> None:
                raise bug

            booth.llm.prime = broken  # type: ignore[method-assign]
            booth.llm.gap_s = 0.01
        elif part == "emit":

            def emit(event: object) -> None:
                if isinstance(event, ClauseReady):
                    raise bug
                booth.events.append(event)  # type: ignore[arg-type]

            booth.change(emit=emit)
        else:
            parts: dict[str, Any] = {"stt": booth.stt, "llm": booth.llm, "voice": booth.voice}
            parts[part].error = bug
        ended = await booth.hear(talk(0.4))
        assert (ended.outcome, ended.message.endswith("see show.log")) == (Outcome.FAILED, True)
        assert "a bug" in caplog.text and "Traceback" in caplog.text
        booth.stt.error = booth.llm.error = booth.voice.error = None
        booth.change(emit=booth.events.append)
        assert (await booth.ask()).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("pcm", [silence(1.0), talk(0.2), silence(0.0)])
async def test_silence_and_clicks_never_reach_the_recogniser(pcm: Samples) -> None:
    async with opened(Booth()) as booth:
        ended = await booth.hear(pcm)
    assert (ended.outcome, ended.stage, ended.transcript) == (Outcome.UNHEARD, Stage.LISTENING, "")
    assert (booth.stt.heard, booth.llm.prompts, ended.reply) == ([], [], "Unheard line.")


@pytest.mark.parametrize("text", ["", "...", " - "])
async def test_no_words_are_no_question(text: str) -> None:
    async with opened(Booth()) as booth:
        booth.change(character=structs.replace(CHARACTER, lines=CannedLines()))
        booth.stt.texts = [text]
        ended = await booth.hear(talk(0.5))
    assert (ended.outcome, ended.reply, booth.llm.prompts) == (Outcome.UNHEARD, "", [])


async def test_our_own_last_line_is_no_question() -> None:
    async with opened(Booth()) as booth:
        await booth.ask()
        booth.stt.texts = ["i am FINE"]
        ended = await booth.hear(talk(0.5))
        assert ended.outcome is Outcome.UNHEARD
        booth.stt.texts = ["Unheard line!"]
        assert (await booth.hear(talk(0.5))).outcome is Outcome.UNHEARD, "an echo of a canned line either"
        booth.stt.texts = ["I am fine, and you?"]
        assert (await booth.hear(talk(0.5))).outcome is Outcome.COMPLETED


async def test_speech_behind_the_release_is_heard_in_a_second_longer_look() -> None:
    microphone = ClipMicrophone(talk(0.5), tail=talk(0.1), ends=False)
    async with opened(Booth(microphone=microphone, audio=Audio(tail_ms=150))) as booth:
        booth.stt.texts = ["who are", "who are you"]
        request = booth.loop.press("x")
        booth.loop.release("x")
        ended, _ = await booth.end_of(request)
        assert booth.stt.heard == [8000, 9600]
        assert ended.transcript == "who are you"


async def test_a_quiet_tail_costs_nothing() -> None:
    microphone = ClipMicrophone(talk(0.5), tail=silence(0.1), ends=False)
    async with opened(Booth(microphone=microphone, audio=Audio(tail_ms=150))) as booth:
        request = booth.loop.press("x")
        booth.loop.release("x")
        ended, _ = await booth.end_of(request)
    assert booth.stt.heard == [8000]
    assert ended.marks.stt_final is not None and 140 < ended.marks.stt_final < 400
    assert microphone.recordings[0].closed


async def test_say_speaks_without_model_or_microphone_and_joins_the_history() -> None:
    async with opened(Booth()) as booth:
        booth.engines.the_llm = booth.engines.the_stt = None
        ended, _ = await booth.ask_aloud(Request("say", text="Step right up, 5 cents! Only today, my friends."))
    assert (ended.outcome, ended.heard) == (Outcome.COMPLETED, "Step right up, 5 cents! Only today, my friends.")
    assert booth.voice.said == ["Step right up,", "five cents!", "Only today, my friends."]
    assert [m.role for m in booth.history.messages()] == ["assistant"]
    assert "THINKING" not in booth.names() and "LISTENING" not in booth.names()


@pytest.mark.parametrize("text", ["", "  ", "...", "👋"])
async def test_nothing_to_say_ends_too(text: str) -> None:
    async with opened(Booth()) as booth:
        ended, heard = await booth.ask_aloud(Request("say", text=text))
    assert (ended.heard, len(heard)) == ("", 0)


async def test_a_speaker_that_stands_still_is_named() -> None:
    class Dead(TappedSpeaker):
        def pull(self, count: int, at: float) -> Samples:
            return np.zeros(count, np.int16)

    import conversation.answer as answer

    patch = pytest.MonkeyPatch()
    patch.setattr(answer, "_STALL_S", 0.1)
    try:
        async with opened(Booth(speaker=Dead())) as booth:
            ended = await booth.ask()
    finally:
        patch.undo()
    assert (ended.outcome, ended.stage, ended.heard) == (Outcome.FAILED, Stage.SPEAKING, "")
    assert ended.marks.played is None


async def test_a_microphone_that_breaks_costs_one_turn() -> None:
    class Broken:
        name = "broken"

        def record(self, pre_roll_s: float) -> ClipMicrophone:
            raise OSError("unplugged")

    async with opened(Booth()) as booth:
        ended, _ = await booth.ask_aloud(Request("wav", microphone=Broken()))  # type: ignore[arg-type]
        assert ended.outcome is Outcome.FAILED
        assert (await booth.ask()).outcome is Outcome.COMPLETED


async def test_marks_that_did_not_happen_are_null() -> None:
    async with opened(Booth()) as booth:
        booth.engines.the_llm = None
        ended = await booth.hear(silence(0.2))
    assert ended.marks.llm_sent is None and ended.marks.first_token is None
    assert set(Marks.__struct_fields__) >= {"first_mic", "played"}


async def test_two_shows_in_one_process_share_nothing() -> None:
    async with opened(Booth()) as one, opened(Booth()) as other:
        one.llm.replies, other.llm.replies = ["I am one."], ["I am other."]
        first, second = await asyncio.gather(one.ask(), other.ask())
    assert (first.reply, second.reply) == ("I am one.", "I am other.")
    assert len(one.of(TurnEnded)) == len(other.of(TurnEnded)) == 1


def test_defaults_are_the_designs() -> None:
    assert (Audio().pre_roll_ms, Audio().tail_ms) == (300, 150)
    assert Deadlines().thinking_s > Deadlines().first_token_s
    assert QUICK.tail_ms == 0
