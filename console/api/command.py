"""The base of all that an operator may ask of a show."""

from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any, Generic, TypeVar, get_args

from msgspec import Struct

A = TypeVar("A")
"""What a command is answered with."""


class Command(
    Struct, Generic[A], frozen=True, kw_only=True, tag_field="cmd", tag=str.lower, forbid_unknown_fields=True
):
    """`cmd` on the wire is the class's name in lower case, `id` comes back with the answer, which is an `A`."""

    id: int = 0


Handler = Callable[[Any, str], Awaitable[Any]]
"""Takes a command and the name of the client that sent it; answers with the command's `A`. Raises CommandError."""
Handlers = dict[type[Command[Any]], Handler]
"""Who does what: one entry for each command."""


@cache
def answer_type(command: type[Command[Any]]) -> Any:
    """The `A` of `class Press(Command[A])`."""
    return get_args(command.__dict__["__orig_bases__"][0])[0]
