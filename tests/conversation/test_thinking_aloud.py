"""Replies with more in them than an answer, from the model to the ear."""

import pytest
from msgspec import structs

from conversation.events import ClauseReady, ModelNoted
from conversation.stages import Outcome
from conversation.text.clauses import Clause
from conversation.text.reply import Reply
from profiles.schema import Thinking
from tests.conversation.harness import CHARACTER, Harness, opened

ANSWER = "Boo! I am bones."
UNMARKED = "They want a pun. I should be brief. Bones are funny. And so are ribs.\n</think>\n\n" + ANSWER


@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_a_thought_longer_than_an_answer_may_be_is_taken_back_and_the_answer_is_heard(size: int) -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies, harness.llm.size = [UNMARKED], size
        ended = await harness.ask()
        assert (ended.reply, ended.heard, ended.outcome) == (ANSWER, ANSWER, Outcome.COMPLETED)
        await harness.ask()
        harness.voice.said.clear()
        again = await harness.ask()
    assert (again.heard, harness.voice.said) == (ANSWER, ["Boo!", "I am bones."]), "a habit by now, and held back"
    assert len(harness.of(ModelNoted)) == 1


async def test_what_was_not_heard_of_a_thought_never_is_and_the_screen_forgets_it() -> None:
    async with opened(Harness()) as harness:
        harness.change(character=structs.replace(CHARACTER, thinking=Thinking(max_sentences=10, max_tokens=200)))
        harness.voice.per_word_s, harness.voice.factor = 0.4, 1.0  # 1.6 s for the first clause, as slow as it sounds
        harness.llm.replies, harness.llm.size, harness.llm.gap_s = [UNMARKED], 4, 0.01
        ended = await harness.ask(within_s=10)
    assert ended.heard == ANSWER
    assert harness.voice.said == ["They want a pun.", "Boo!", "I am bones."]
    assert [(e.index, e.text) for e in harness.of(ClauseReady)] == [
        (0, "They want a pun."),
        (0, "Boo!"),
        (1, "I am bones."),
    ]


async def test_a_model_that_stops_thinking_aloud_is_heard_at_once_again() -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = [UNMARKED, ANSWER, "One is here. Two is here. Three is here. Four is here."]
        heard = [(await harness.ask()).heard for _ in range(3)]
    assert heard == [ANSWER, ANSWER, "One is here. Two is here. Three is here."]


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("<think>They want a pun.", "thought aloud"),
        ("<|channel|>analysis<|message|>They want a pun.", "thought aloud"),
        ("Thinking Process: they want a pun.", "thought aloud"),
        ('{"name": "set_scene", "arguments": {"scene": "dark"}}', "called a function"),
        ("*waves*", "said nothing"),
    ],
)
async def test_a_reply_without_an_answer_is_a_canned_line_and_says_why(reply: str, why: str) -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = [reply]
        ended = await harness.ask()
        await harness.ask()
    assert (ended.outcome, ended.heard) == (Outcome.DEGRADED, "Mindless line.")
    assert why in ended.message
    assert len(harness.of(ModelNoted)) == (why != "said nothing"), "told once"


async def test_each_model_and_each_habit_is_told_of() -> None:
    async with opened(Harness()) as harness:
        harness.llm.replies = ["<think>A pun.</think>Boo!", '<tool_call>{"name": "x"}</tool_call> Boo!', "Boo!"]
        for _ in range(3):
            assert (await harness.ask()).heard == "Boo!"
    assert [("aloud" in e.text, "function" in e.text) for e in harness.of(ModelNoted)] == [(True, False), (False, True)]


async def test_sentences_with_abbreviations_are_all_heard() -> None:
    text = "Sen. Smith and Rep. Jones opened it on Sat. Oct. 3rd at 5th Ave. near the pier. Come and see!"
    async with opened(Harness()) as harness:
        harness.change(character=structs.replace(CHARACTER, thinking=Thinking(max_sentences=2)))
        harness.llm.replies = [text]
        assert (await harness.ask()).heard == text


@pytest.mark.parametrize("size", [1, 4, 1000])
@pytest.mark.parametrize(
    ("reply", "said"),
    [
        ("Ah! The user wants a pun. I am bones.", "Ah! The user wants a pun. I am bones."),
        ("I am a skull, and the visitor is just late.", "I am a skull, and the visitor is just late."),
        ("Ah! The user wants a pun.</think>Boo!", "Boo!"),
        ("Ah! The user wants a pun. <think>What now?</think> Boo!", "Ah! The user wants a pun. Boo!"),
    ],
)
def test_a_clause_that_was_handed_on_is_not_handed_on_again(reply: str, said: str, size: int) -> None:
    stream, clauses = Reply(CHARACTER), list[Clause]()
    for start in range(0, len(reply), size):
        before = stream.taken_back
        new = stream.feed(reply[start : start + size])
        clauses = new if stream.taken_back != before else clauses + new
    before = stream.taken_back
    clauses = stream.flush() if stream.taken_back != before else clauses + stream.flush()
    assert " ".join(clause.text for clause in clauses) == said
    assert stream.taken_back == ("</think>B" in reply)


@pytest.mark.parametrize("next_word", ["Visitors", "The visitor", "You", "\nVisitors", "Xylophones"])
def test_a_sentence_does_not_wait_for_a_word_that_may_be_a_label(next_word: str) -> None:
    reply = Reply(CHARACTER)
    assert reply.feed("So am I.") == []
    letters = len(next_word) - len(next_word.lstrip()) + 1
    assert [clause.text for clause in reply.feed(" " + next_word[:letters])] == ["So am I."]
    rest = [*reply.feed(next_word[letters:] + " are loud."), *reply.flush()]
    assert [clause.text for clause in rest] == [f"{next_word.strip()} are loud."]
