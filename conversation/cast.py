"""Who speaks: the character of the show, and what it and its visitors said to each other."""

from conversation import prompt
from conversation.history import History
from conversation.ports import Message
from profiles.loader import LoadedProfile
from profiles.schema import Character


class Cast:
    """One character at a time; a change of character forgets what was said to the one before."""

    def __init__(self, character: LoadedProfile[Character]) -> None:
        self.play(character)

    def play(self, character: LoadedProfile[Character]) -> None:
        """`fit` it to the model afterwards."""
        self.character = character
        self.history = History(character.value.thinking.history_turns, 0)

    def fit(self, window: int) -> None:
        """Keep no more of what was said than a model with this window, in tokens, can read."""
        self.history.budget = prompt.history_budget(self.character.value, window)

    def head(self) -> list[Message]:
        """The frozen beginning of every prompt."""
        return prompt.messages(self.character.value, self.history, "")

    def persona(self) -> list[Message]:
        """The same without what has been said so far."""
        return prompt.messages(self.character.value, History(0), "")
