"""The base of all that an operator may ask of a show."""

from msgspec import Struct


class Command(Struct, frozen=True, kw_only=True, tag_field="cmd", tag=str.lower, forbid_unknown_fields=True):
    """`cmd` on the wire is the class's name in lower case, `id` comes back with the answer."""

    id: int = 0
