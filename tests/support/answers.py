"""Answers of a show that is played by a test, in the types of the operator API."""

from typing import Any

import msgspec

from console.api import commands as cmd
from console.api.command import answer_type


def typed(command: cmd.Command[Any], answer: Any) -> Any:
    """What a client makes of it. {} stands for an answer that the page does not look at."""
    if answer == {}:
        return answer
    try:
        return msgspec.convert(answer, answer_type(type(command)))
    except msgspec.ValidationError:
        raise cmd.CommandError(cmd.USAGE, "the show is of another version") from None
