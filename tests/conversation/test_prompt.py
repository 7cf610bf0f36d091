"""The prompt: a frozen head, a history trimmed in blocks, and only the last message changes."""

import msgspec
import pytest

from conversation import prompt
from conversation.history import History
from conversation.ports import Message
from profiles.schema import Character, Example, Thinking

CHARACTER = Character(
    name="Bones", persona="  You are Bones.\n", examples=(Example(visitor="Hi", reply="Ho"),), thinking=Thinking(seed=5)
)


def as_bytes(messages: list[Message]) -> bytes:
    return msgspec.json.encode(messages)


def shared(one: list[Message], other: list[Message]) -> int:
    """Messages that are the same from the beginning."""
    return next((i for i, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


def test_the_head_is_frozen() -> None:
    head = prompt.head(CHARACTER)
    assert as_bytes(head) == as_bytes(prompt.head(CHARACTER))
    assert [m.role for m in head] == ["system", "user", "assistant"]
    assert head[0].content.startswith("You are Bones.\nYou are speaking aloud")
    history = History(3)
    for count in range(20):
        messages = prompt.messages(CHARACTER, history, f"question {count}")
        assert as_bytes(messages[:3]) == as_bytes(head)
        assert messages[-1] == Message("user", f"question {count}")
        history.add(f"question {count}", f"reply {count}")


@pytest.mark.parametrize("keep", [1, 3, 6])
def test_trimming_in_blocks_keeps_the_models_cache_in_most_turns(keep: int) -> None:
    history = History(keep)
    before: list[Message] = []
    kept = 0
    for count in range(40):
        history.add(f"q{count}", f"a{count}")
        assert len(history) <= 2 * keep
        now = history.messages()
        assert now[-1].content == f"a{count}"
        if shared(before, now) == len(before):
            kept += 1
        else:
            assert shared(before, now) == 0 and len(now) == 2 * keep, "a whole block goes at once"
        before = now
    assert kept >= 40 - 40 // keep - 1


def test_nothing_heard_is_no_exchange_and_operators_lines_have_no_question() -> None:
    history = History(3)
    history.add("who?", "")
    assert (len(history), history.last_line) == (0, "")
    history.add("", "Step right up!")
    assert history.messages() == [Message("assistant", "Step right up!")]
    assert history.last_line == "Step right up!"
    history.clear()
    assert (history.messages(), history.last_line) == ([], "")


def test_a_character_without_memory_still_knows_its_own_echo() -> None:
    history = History(0)
    history.add("who?", "A skull.")
    assert (history.messages(), history.last_line) == ([], "A skull.")


def test_sampling_is_the_characters() -> None:
    assert msgspec.structs.asdict(prompt.sampling(CHARACTER)) == {
        "temperature": 0.7,
        "top_p": 0.9,
        "repeat_penalty": 1.1,
        "seed": 5,
        "max_tokens": 80,
    }


HABIT = [
    "I am a skull, and I love to rattle!",
    "I am a skull and I love to rattle.",
    "I'm a skull, and I love to rattle!",
]


def said(history: History) -> list[str]:
    return [m.content for m in history.messages() if m.role == "assistant"]


@pytest.mark.parametrize("between", [[], ["Come in, come in, it is warm inside."]])
def test_answers_that_became_a_habit_are_not_shown_as_a_pattern(between: list[str]) -> None:
    history = History(6)
    first = "Good evening, dear visitor of mine."
    history.add("Hello?", first)
    for answer in (HABIT[0], *between, HABIT[1]):
        history.add("Question?", answer)
    assert said(history) == [first, HABIT[0], *between, HABIT[1]], "two alike are no habit"
    history.add("Once more?", HABIT[2])
    assert said(history) == [first, *between, HABIT[2]]
    assert [m.role for m in history.messages()] == ["user", "assistant"] * (2 + len(between))
    history.add("And now?", "The pier was built by three brothers.")
    assert said(history) == [first, *between, HABIT[2], "The pier was built by three brothers."], "they stay left out"
    assert len(history) == 5 + len(between)


@pytest.mark.parametrize(
    "answers",
    [
        ["Yes."] * 6,
        ["No, not that."] * 4,
        [f"There are {n} bones in the {w} of a man." for n, w in ((27, "hand"), (26, "foot"), (22, "skull"))][:2],
        ["I am a skull by the door.", "I like puns about bones.", "I have no guts at all.", "I never sleep at night."],
    ],
)
def test_answers_that_differ_or_are_short_are_all_shown(answers: list[str]) -> None:
    history = History(6)
    for answer in answers:
        history.add("?", answer)
    assert said(history) == answers


def test_of_a_line_that_the_operator_repeats_the_last_is_shown() -> None:
    history = History(6)
    for _ in range(5):
        history.add("", "Step right up, my friends!")
    assert said(history) == ["Step right up, my friends!"]
