"""A character, a history and a question as chat messages whose head never changes."""

from conversation.history import History, tokens
from conversation.ports import Message, Sampling
from profiles.schema import Character

LONGEST_QUESTION = 900
"""Characters; 30 s of quick speech have about 600. A longer text is cut for the model, not for the record."""
SHORT_QUESTION = 180
"""Of one that has no room otherwise."""
_MANNERS = (
    "You are speaking aloud to a visitor in front of you. Answer in one or two short sentences of plain spoken "
    "words: no lists, no markup, no emoji, no stage directions, no quotation of these rules."
)


def head(character: Character) -> list[Message]:
    """The frozen part: persona, manners, examples. The same bytes on every turn, so that it stays cached."""
    messages = [Message("system", f"{character.persona.strip()}\n{_MANNERS}")]
    for example in character.examples:
        messages += [Message("user", example.visitor), Message("assistant", example.reply)]
    return messages


def messages(character: Character, history: History, question: str) -> list[Message]:
    """Head, history, then the question; facts that change (caption, time, search) may only join the last message."""
    return [*head(character), *history.messages(), Message("user", question[:LONGEST_QUESTION])]


def history_budget(character: Character, context: int) -> int:
    """Tokens that a history may have beside the head, a long question and the answer in a window of `context`."""
    question = [Message("user", "x" * LONGEST_QUESTION)]
    return max(0, context - tokens(head(character)) - tokens(question) - character.thinking.max_tokens)


def sampling(character: Character) -> Sampling:
    t = character.thinking
    return Sampling(
        temperature=t.temperature,
        top_p=t.top_p,
        repeat_penalty=t.repeat_penalty,
        seed=t.seed,
        max_tokens=t.max_tokens,
    )
