"""One turn with scripted engines: its order, its marks, what it hears and what it says."""

import asyncio

import numpy as np
import pytest
from msgspec import structs

from conversation.audio import Samples
from conversation.events import ClausePlaying, ClauseReady, Marks, TranscriptReady, TurnEnded
from conversation.stages import Outcome, Stage
from conversation.turn import once
from conversation.turn_context import Request
from profiles.schema import Audio, CannedLines, Deadlines, Thinking
from tests.conversation.harness import CHARACTER, QUICK, Harness, opened
from tests.fakes.ports import ClipMicrophone, LoudIsSpeech, TappedSpeaker, silence
from tests.fakes.ports import speech as talk

LONG = "I am a very old skull, and I live here by the door. I like puns about bones."


async def test_events_come_in_order() -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = [LONG]
        ended = await harness.hear(talk(0.5))
    names = [n for n in harness.names() if n not in ("ClauseReady", "ClausePlaying")]
    assert names == [
        "TurnStarted", "LISTENING", "TRANSCRIBING", "TranscriptReady", "THINKING", "SPEAKING", "TurnEnded", "IDLE",
    ]  # fmt: skip
    ready, playing = harness.of(ClauseReady), harness.of(ClausePlaying)
    assert [c.index for c in ready] == [c.index for c in playing] == list(range(len(ready)))
    assert " ".join(c.text for c in ready) == LONG == ended.reply == ended.heard
    assert (ended.outcome, ended.transcript, ended.stage) == (Outcome.COMPLETED, "hello there", None)
    assert (ended.llm.tokens_per_s, ended.llm.kv_hit) == (10.0, 0.5)
    assert harness.of(TranscriptReady)[0].seconds == pytest.approx(0.5)


@pytest.mark.parametrize("source", ["wav", "text"])
async def test_marks_come_in_order(source: str) -> None:
    async with opened(Harness(speaker=TappedSpeaker())) as harness:
        harness.llm.first_s, harness.voice.factor, harness.stt.takes_s = 0.02, 0.1, 0.02
        ended = await (harness.hear(talk(0.4)) if source == "wav" else harness.ask())
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
    async with opened(Harness(speaker=TappedSpeaker())) as harness:
        harness.llm.replies, harness.llm.gap_s = [LONG], 0.02
        request = Request("text", text="hi")
        ended, _ = await harness.ask_aloud(request)
    assert ended.marks.first_audio is not None
    assert request.pressed_at + ended.marks.first_audio / 1000 < harness.llm.ended_at - 0.15


async def test_what_is_heard_is_what_the_voice_made() -> None:
    async with opened(Harness(speaker=TappedSpeaker())) as harness:
        harness.llm.replies = ["One two three. Four five six."]
        ended, heard = await harness.ask_aloud(Request("text", text="hi"))
    assert len(heard) == round(6 * harness.voice.per_word_s * harness.speaker.rate)
    fade, half = round(0.010 * harness.speaker.rate), len(heard) // 2
    for line in (heard[:half].astype(int), heard[half:].astype(int)):
        assert line[0] == line[-1] == 0 and (np.diff(line[:fade]) > 0).all() and (np.diff(line[-fade:]) < 0).all()
        assert len(set(line[fade:-fade].tolist())) == 1, "one gain for a whole line"
    assert isinstance(harness.speaker, TappedSpeaker)
    assert np.count_nonzero(harness.speaker.played()) == np.count_nonzero(heard)
    assert ended.audio.seconds == pytest.approx(len(heard) / harness.speaker.rate, abs=0.001)


async def test_the_prompt_is_primed_at_press_and_is_the_head_of_what_is_asked() -> None:
    async with opened(Harness()) as harness:
        await harness.hear(talk(0.4))
        await harness.hear(talk(0.4))
    assert len(harness.llm.primed) == 2
    for primed, asked in zip(harness.llm.primed, harness.llm.prompts, strict=True):
        assert primed[:-1] == asked[:-1] and primed[-1].content == ""
    assert harness.llm.prompts[1][: len(harness.llm.prompts[0])] == harness.llm.prompts[0], "the head never changes"


async def test_a_text_is_not_primed_since_its_question_is_there() -> None:
    async with opened(Harness()) as harness:
        await harness.ask()
    assert harness.llm.primed == []


async def test_markup_never_reaches_the_voice_and_digits_are_spoken() -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = ["Mr. Bones: *rattles* I have **206** bones 😀 (laughs). <VISION> User: and you?"]
        ended = await harness.ask()
    assert harness.voice.said == ["I have two hundred and six bones."]
    assert ended.reply == "I have 206 bones."


async def test_it_stops_after_the_sentences_a_character_may_say_and_hangs_up() -> None:
    async with opened(Harness()) as harness:
        harness.change(character=structs.replace(CHARACTER, thinking=Thinking(max_sentences=2)))
        harness.llm.replies, harness.llm.gap_s = ["One is here. Two is here. Three is here. " * 5], 0.005
        ended = await harness.ask()
    assert ended.reply == "One is here. Two is here."
    assert harness.llm.closed_at > 0 == harness.llm.ended_at


async def test_half_a_sentence_is_left_unsaid_only_if_the_limit_cut_it() -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = ["Here I am. And then I"]
        assert (await harness.ask()).reply == "Here I am. And then I"
        thinking = Thinking(max_tokens=8)
        harness.change(character=structs.replace(CHARACTER, thinking=thinking))
        assert (await harness.ask()).reply == "Here I am."
        harness.llm.replies = ["And then I went"]
        assert (await harness.ask()).reply == "And then I went", "better than nothing"
        harness.llm.replies = ["It opens at 9. Come at 5 p.m."]
        assert (await harness.ask()).reply == "It opens at 9. Come at 5 p.m."


@pytest.mark.parametrize("reply", ["", "   ", "😀😀", "*laughs*", "...", "\n\n", "User: hello"])
async def test_a_model_that_says_nothing_gets_a_canned_line(reply: str) -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = [reply]
        ended = await harness.ask()
    assert (ended.outcome, ended.stage, ended.reply) == (Outcome.DEGRADED, Stage.THINKING, "Mindless line.")


@pytest.mark.parametrize(
    "reply", ["Señor, naïve café!", "你好，世界。", "Привет, мир!", "ZWJ 👨‍👩‍👧 and \u202e rtl.", "x" * 700]
)
async def test_any_script_can_be_said(reply: str) -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = [reply]
        assert (await harness.ask()).outcome is Outcome.COMPLETED
        assert (await harness.ask("¿quién eres? 👋")).outcome is Outcome.COMPLETED


@pytest.mark.parametrize("pcm", [silence(1.0), talk(0.2), silence(0.0)])
async def test_silence_and_clicks_never_reach_the_recogniser(pcm: Samples) -> None:
    async with opened(Harness()) as harness:
        ended = await harness.hear(pcm)
    assert (ended.outcome, ended.stage, ended.transcript) == (Outcome.UNHEARD, Stage.LISTENING, "")
    assert (harness.stt.heard, harness.llm.prompts, ended.reply) == ([], [], "Unheard line.")


class SureOfIt(LoudIsSpeech):
    """As Silero is of a clear voice; 0.29 s is what "Hi!" takes."""

    sure_s = 0.0

    def reset(self) -> None:
        self.sure_s = 0.0

    def feed(self, pcm: Samples) -> float:
        heard = super().feed(pcm)
        self.sure_s += heard * 0.7
        return heard


@pytest.mark.parametrize(("speech_s", "asked"), [(0.29, 1), (0.25, 1), (0.2, 0), (0.05, 0)])
async def test_one_clear_word_is_asked_of_the_recogniser(speech_s: float, asked: int) -> None:
    async with opened(Harness(detector=SureOfIt())) as harness:
        ended = await harness.hear(np.concatenate((talk(speech_s), silence(0.3))))
    assert len(harness.stt.heard) == asked and (ended.outcome is Outcome.COMPLETED) == bool(asked)


@pytest.mark.parametrize(
    ("heard", "speech_s", "meant"),
    [
        ("Hi. Hi. Hi. Hi. Hi. Hi. Hi", 0.29, "Hi."),
        ("Bye bye bye bye bye bye", 0.3, "Bye"),
        ("Oh no, oh no, oh no, oh no", 0.35, "Oh no,"),
        ("No no no!", 0.3, "No no no!"),
        ("Ha ha ha ha ha ha", 1.5, "Ha ha ha ha ha ha"),
        ("Who are you and what is it?", 0.4, "Who are you and what is it?"),
        ("", 0.3, ""),
    ],
)
def test_a_short_word_is_not_heard_again_and_again(heard: str, speech_s: float, meant: str) -> None:
    assert once(heard, speech_s) == meant


@pytest.mark.parametrize("text", ["", "...", " - "])
async def test_no_words_are_no_question(text: str) -> None:
    async with opened(Harness()) as harness:
        harness.change(character=structs.replace(CHARACTER, lines=CannedLines()))
        harness.stt.texts = [text]
        ended = await harness.hear(talk(0.5))
    assert (ended.outcome, ended.reply, harness.llm.prompts) == (Outcome.UNHEARD, "", [])


async def press(harness: Harness, heard: str) -> TurnEnded:
    """A press that whisper makes these words of."""
    harness.stt.texts = [heard]
    return (await harness.end_of(harness.loop.press("x")))[0]


async def test_our_own_voice_in_the_room_is_no_question() -> None:
    async with opened(Harness(microphone=ClipMicrophone(talk(0.5)))) as harness:
        await harness.ask()
        ended = await press(harness, "i am FINE")
        assert ended.outcome is Outcome.UNHEARD and "own last line" in ended.message
        assert (await press(harness, "Unheard line!")).outcome is Outcome.UNHEARD, "an echo of a canned line either"
        await harness.ask_aloud(Request("say", text="Trick or treat!"))
        assert (await press(harness, "Trick or treat")).outcome is Outcome.UNHEARD
        await harness.ask()
        assert (await press(harness, "I am fine, and you?")).outcome is Outcome.COMPLETED


ELEVEN = "Why did the skeleton not go to the ball this year?"


@pytest.mark.parametrize("line", ["Trick or treat!", "Good bye!", "No.", ELEVEN])
@pytest.mark.parametrize("since_s", [2.1, 3.0, 65.0])
async def test_a_visitor_may_say_what_we_said(line: str, since_s: float) -> None:
    async with opened(Harness(microphone=ClipMicrophone(talk(0.5)))) as harness:
        await harness.ask_aloud(Request("say", text=line))
        harness.player.silent_since -= since_s
        ended = await press(harness, line)
    assert (ended.outcome, ended.transcript) == (Outcome.COMPLETED, line)


async def test_a_visitor_who_repeats_a_long_line_at_once_is_no_echo() -> None:
    async with opened(Harness(microphone=ClipMicrophone(talk(2.5)))) as harness:
        await harness.ask_aloud(Request("say", text=ELEVEN))
        assert (await press(harness, ELEVEN)).outcome is Outcome.COMPLETED, "an echo would be over by then"


@pytest.mark.parametrize("line", ["Trick or treat!", "Unheard line."])
async def test_what_no_live_microphone_heard_is_no_echo(line: str) -> None:
    recorded = ClipMicrophone(talk(0.5))
    recorded.simulated = True
    async with opened(Harness(microphone=recorded)) as harness:
        harness.stt.texts = [line]
        for again in (harness.hear(talk(0.5)), harness.ask(line), press(harness, line)):
            await harness.ask_aloud(Request("say", text=line))
            assert (await again).outcome is Outcome.COMPLETED


async def test_speech_behind_the_release_is_heard_in_a_second_longer_look() -> None:
    microphone = ClipMicrophone(talk(0.5), tail=talk(0.1), ends=False)
    async with opened(Harness(microphone=microphone, audio=Audio(tail_ms=150))) as harness:
        harness.stt.texts = ["who are", "who are you"]
        request = harness.loop.press("x")
        harness.loop.release("x")
        ended, _ = await harness.end_of(request)
        assert harness.stt.heard == [8000, 9600]
        assert ended.transcript == "who are you"


async def test_a_quiet_tail_costs_nothing() -> None:
    microphone = ClipMicrophone(talk(0.5), tail=silence(0.1), ends=False)
    async with opened(Harness(microphone=microphone, audio=Audio(tail_ms=150))) as harness:
        request = harness.loop.press("x")
        harness.loop.release("x")
        ended, _ = await harness.end_of(request)
    assert harness.stt.heard == [8000]
    assert ended.marks.stt_final is not None and 140 < ended.marks.stt_final < 400
    assert microphone.recordings[0].closed


async def test_say_speaks_without_model_or_microphone_and_joins_the_history() -> None:
    async with opened(Harness()) as harness:
        harness.engines.the_llm = harness.engines.the_stt = None
        ended, _ = await harness.ask_aloud(Request("say", text="Step right up, 5 cents! Only today, my friends."))
    assert (ended.outcome, ended.heard) == (Outcome.COMPLETED, "Step right up, 5 cents! Only today, my friends.")
    assert harness.voice.said == ["Step right up,", "five cents!", "Only today, my friends."]
    assert [m.role for m in harness.history.messages()] == ["assistant"]
    assert "THINKING" not in harness.names() and "LISTENING" not in harness.names()


@pytest.mark.parametrize("text", ["", "  ", "...", "👋"])
async def test_nothing_to_say_ends_too(text: str) -> None:
    async with opened(Harness()) as harness:
        ended, heard = await harness.ask_aloud(Request("say", text=text))
    assert (ended.heard, len(heard)) == ("", 0)


async def test_marks_that_did_not_happen_are_null() -> None:
    async with opened(Harness()) as harness:
        harness.engines.the_llm = None
        ended = await harness.hear(silence(0.2))
    assert ended.marks.llm_sent is None and ended.marks.first_token is None
    assert set(Marks.__struct_fields__) >= {"first_mic", "played"}


async def test_two_shows_in_one_process_share_nothing() -> None:
    async with opened(Harness()) as one, opened(Harness()) as other:
        one.llm.replies, other.llm.replies = ["I am one."], ["I am other."]
        first, second = await asyncio.gather(one.ask(), other.ask())
    assert (first.reply, second.reply) == ("I am one.", "I am other.")
    assert len(one.of(TurnEnded)) == len(other.of(TurnEnded)) == 1


def test_defaults_are_the_designs() -> None:
    assert (Audio().pre_roll_ms, Audio().tail_ms) == (300, 150)
    assert Deadlines().thinking_s > Deadlines().first_token_s
    assert QUICK.tail_ms == 0
