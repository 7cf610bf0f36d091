"""The one error of a turn."""

from conversation.stages import Stage


class ConversationError(Exception):
    """A stage of a turn that could not be done; `str()` of it is one plain line with what to do."""

    def __init__(self, stage: Stage, message: str, hint: str = "") -> None:
        self.stage, self.message, self.hint = stage, message, hint
        super().__init__(f"{stage}: {message}" + (f"; {hint}" if hint else ""))


class RequestRefused(ConversationError):
    """The engine is well but will not take this request: a prompt too long for its window, a word it cannot say."""


class TooLong(RequestRefused):
    """The prompt is longer than the model's window."""
