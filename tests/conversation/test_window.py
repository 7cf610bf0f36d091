"""A long talk never outgrows the model's window, and a prompt that is refused all the same heals itself."""

from collections.abc import AsyncGenerator, Callable, Sequence

import pytest

from conversation import prompt, window
from conversation.errors import RequestRefused
from conversation.events import ModelFigures
from conversation.history import History, tokens
from conversation.ports import Message, Sampling
from conversation.stages import Outcome, Stage
from profiles.schema import Character, Thinking
from tests.conversation.harness import Harness, opened

TALKER = Character(name="T", persona="You talk.", thinking=Thinking(history_turns=50, max_tokens=80))


def test_talkative_visitors_fit_into_the_window() -> None:
    history = History(50, prompt.history_budget(TALKER, 2048))
    for number in range(200):
        history.add(f"Question {number}? " + "word " * 100, "answer " * 60)
        messages = prompt.messages(TALKER, history, "word " * 2000)
        assert tokens(messages) + TALKER.thinking.max_tokens <= 2048
    assert len(history) >= 2


def test_a_window_too_small_for_any_history_has_none() -> None:
    history = History(50, prompt.history_budget(TALKER, 256))
    history.add("Who are you?", "Somebody with a very short memory.")
    assert len(history) == 0 and history.last_line


class NarrowModel:
    """Refuses what is longer than it says, as llama.cpp does."""

    def __init__(self, most: int) -> None:
        self.most = most

    async def prime(self, messages: Sequence[Message]) -> None:
        return

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        if len(messages) > self.most:
            raise RequestRefused(Stage.THINKING, "llm refused the request (400: too long)")
        yield "Here I am again."


async def test_a_refused_prompt_is_asked_again_with_less_history() -> None:
    harness = Harness()
    harness.engines.the_llm = NarrowModel(most=len(prompt.head(harness.hands.character)) + 1 + 4)
    async with opened(harness):
        for number in range(8):
            harness.history.add(f"Question {number}?", f"Answer {number}.")
        ended = await harness.ask("Are you there?")
        assert ended.outcome is Outcome.COMPLETED and ended.reply == "Here I am again."
        assert len(harness.history) == 3  # two of the eight, and this one


async def test_a_prompt_that_is_refused_without_any_history_costs_one_turn() -> None:
    harness = Harness()
    harness.engines.the_llm = NarrowModel(most=0)
    async with opened(harness):
        ended = await harness.ask("Are you there?")
        assert ended.outcome is Outcome.DEGRADED and ended.stage is Stage.THINKING and ended.heard


class ShortModel(NarrowModel):
    """Refuses a long question."""

    async def stream(
        self, messages: Sequence[Message], sampling: Sampling, on_figures: Callable[[ModelFigures], None]
    ) -> AsyncGenerator[str, None]:
        if len(messages[-1].content) > self.most:
            raise RequestRefused(Stage.THINKING, "llm refused the request (400: too long)")
        yield "Here I am again."


async def test_a_long_question_is_cut_where_only_a_short_one_has_room() -> None:
    harness = Harness()
    harness.engines.the_llm = ShortModel(prompt.SHORT_QUESTION)
    async with opened(harness):
        ended = await harness.ask("and then we went " * 30)
        assert ended.outcome is Outcome.COMPLETED and ended.transcript.endswith("went")


def playing(persona: str, max_tokens: int = 80) -> Character:
    return Character(name="Bones", persona=persona, thinking=Thinking(max_tokens=max_tokens))


@pytest.mark.parametrize(
    "persona",
    [
        "You are a pirate. " * 3000,
        "You are a pirate who sells maps and tells of the sea. " * 200,
        "Du bist ein Pirat und verkaufst Karten. " * 400,
        "\u4f60\u662f\u4e00\u4e2a\u6d77\u76d7\u3002" * 1500,
        "Ты пират и продаёшь карты. " * 500,
        "a1b2c3d4e5f6a7b8c9d0" * 2000,
    ],
    ids=["pirate", "prose", "german", "chinese", "russian", "hex"],
)
def test_a_persona_longer_than_the_window_is_told_before_the_start(persona: str) -> None:
    said = window.misfit(playing(persona), 2048)
    assert said.startswith("persona is about ") and " tokens, the window 2,048: shorten it or set context = " in said
    enough = int(said.split("context = ")[1].split()[0])
    assert window.misfit(playing(persona), enough) == ""


@pytest.mark.parametrize(
    "persona",
    [
        "You are Bones.",
        "You are a skull. " * 300,
        "It's 5 o'clock -- (well) \"late\"! " * 100,
        "=" * 30_000,
        " \n" * 20_000,
    ],
    ids=["short", "prose", "marks", "a line", "blanks"],
)
def test_an_estimate_never_refuses_what_may_fit(persona: str) -> None:
    assert window.misfit(playing(persona), 2048) == ""


def test_the_engines_own_count_decides_to_the_token() -> None:
    room = 2048 - window.QUESTION - 80
    assert window.misfit(playing("You are Bones."), 2048, room) == ""
    tight = window.misfit(playing("You are Bones."), 2048, room + 1)
    assert tight.startswith(
        "persona is 1,909 tokens, the window 2,048, and a question and its answer want 140 more: short"
    )
    assert window.misfit(playing("You are Bones."), 2048, 15_059).startswith(
        "persona is 15,059 tokens, the window 2,048: shorten it or set context = 16384"
    )
    assert "give that server a window of 4096" in window.misfit(playing("You are Bones."), 2048, 3000, ours=False)
    assert window.misfit(playing("You are Bones.", max_tokens=1024), 1024) != "", "the answer wants room, too"
