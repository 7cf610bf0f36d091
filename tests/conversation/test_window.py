"""A long talk never outgrows the model's window, and a prompt that is refused all the same heals itself."""

from collections.abc import AsyncGenerator, Callable, Sequence

from conversation import prompt
from conversation.errors import Refused
from conversation.events import ModelFigures
from conversation.history import History, tokens
from conversation.ports import Message, Sampling
from conversation.stages import Outcome, Stage
from profiles.schema import Character, Thinking
from tests.conversation.booth import Booth, opened

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
            raise Refused(Stage.THINKING, "llm refused the request (400: too long)")
        yield "Here I am again."


async def test_a_refused_prompt_is_asked_again_with_less_history() -> None:
    booth = Booth()
    booth.engines.the_llm = NarrowModel(most=len(prompt.head(booth.hands.character)) + 1 + 4)
    async with opened(booth):
        for number in range(8):
            booth.history.add(f"Question {number}?", f"Answer {number}.")
        ended = await booth.ask("Are you there?")
        assert ended.outcome is Outcome.COMPLETED and ended.reply == "Here I am again."
        assert len(booth.history) == 3  # two of the eight, and this one


async def test_a_prompt_that_is_refused_without_any_history_costs_one_turn() -> None:
    booth = Booth()
    booth.engines.the_llm = NarrowModel(most=0)
    async with opened(booth):
        ended = await booth.ask("Are you there?")
        assert ended.outcome is Outcome.DEGRADED and ended.stage is Stage.THINKING and ended.heard
