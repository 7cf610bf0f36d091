"""What the readers of TOML and of tables say, in the words of people who write rigs."""

import difflib
import math
import re
from collections.abc import Sequence
from typing import Any

from msgspec import NODEFAULT, inspect

_PLACE = re.compile(r" \((?:at line (?P<line>\d+), column (?P<column>\d+)|at end of document)\)$")
_SWITCHES = {"true": "true", "yes": "true", "on": "true", "false": "false", "no": "false", "off": "false"}
_CURLY = "“”„‘’‚«»"
_LONGEST = 40
NOT_BLANK, ONE_LINE = r"\S", r"^[^\x00-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*$"
_PATTERNS = {NOT_BLANK: "that is not empty", ONE_LINE: "of one line that is not empty"}
"""What regular expressions of the schema mean."""


def expected(kinds: Sequence[Any], default: Any = NODEFAULT) -> str:
    """What a key may hold: "a whole number from 256 to 1048576, such as 2048"."""
    known = [words for kind in kinds if (words := _kind(kind))]
    wanted = " or ".join(dict.fromkeys(known)) or "something else"
    if type(default) in (int, float) or (isinstance(default, str) and default and "one of" not in wanted):
        wanted += f", such as {shown(default)}"
    return wanted


def has_words(kinds: Sequence[Any]) -> bool:
    """Whether what its regular expressions mean can be said here."""
    return not any(
        kind.pattern and kind.pattern not in _PATTERNS for kind in kinds if isinstance(kind, inspect.StrType)
    )


def _kind(kind: Any) -> str:
    match kind:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number" + _range(kind)
        case inspect.FloatType():
            return "a number" + _range(kind)
        case inspect.StrType():
            more = _PATTERNS.get(kind.pattern or "", "that is not empty" if kind.min_length else "")
            most = f"of {kind.max_length} letters at most" if kind.max_length else ""
            return " ".join(filter(None, ("text in quotes", more, most)))
        case inspect.LiteralType():
            return "one of " + ", ".join(map(shown, kind.values))
        case inspect.StructType() | inspect.DictType():
            return "a table with keys of its own"
        case inspect.ListType() | inspect.VarTupleType():
            return "a list in [ ]" + (" with at least one entry" if kind.min_length else "")
    return ""


def _range(kind: inspect.IntType | inspect.FloatType) -> str:
    low = kind.ge if kind.ge is not None else kind.gt
    high = kind.le if kind.le is not None else kind.lt
    if low is not None and high is not None and kind.gt is None:
        return f" from {low:g} to {high:g}" if isinstance(low, float) else f" from {low} to {high}"
    above = (
        f" above {low:g}" if kind.gt is not None and low is not None else "" if low is None else f" of {low:g} or more"
    )
    return above + ("" if high is None else f"{' and' if above else ' of'} {high:g} at most")


def shown(value: Any) -> str:
    """As it stands in the file, shortened."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            text = " ".join(value.split())
            return f'"{text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."}"'
        case list():
            return "a list"
        case dict():
            return "a table"
        case float() if math.isfinite(value):
            return f"{value:.12g}" if value != int(value) or abs(value) > 1e12 else f"{value:.1f}"
    return str(value)


def complaint(value: Any, kinds: Sequence[Any], default: Any = NODEFAULT) -> tuple[str, str]:
    """What is wrong with a value, and what to do."""
    return f"it must be {expected(kinds, default)}", _hint(value, kinds)


def _hint(value: Any, kinds: Sequence[Any]) -> str:
    is_now = f"it is {'the text ' if isinstance(value, str) else ''}{shown(value)}"
    choices = [str(v) for kind in kinds if isinstance(kind, inspect.LiteralType) for v in kind.values]
    if isinstance(value, str):
        near = difflib.get_close_matches(value.strip().lower(), choices, 1)
        if near:
            return f'{is_now}; did you mean "{near[0]}"?'
        if any(isinstance(kind, inspect.BoolType) for kind in kinds) and value.strip().lower() in _SWITCHES:
            return f"{is_now}; write {_SWITCHES[value.strip().lower()]} without quotes"
        if any(isinstance(kind, inspect.IntType | inspect.FloatType) for kind in kinds) and _numeric(value):
            return f"{is_now}; write the number without quotes"
        if any(isinstance(kind, inspect.ListType | inspect.VarTupleType) for kind in kinds):
            return f"{is_now}; write it as [{shown(value)}]"
    elif type(value) in (int, float) and any(isinstance(kind, inspect.StrType) for kind in kinds):
        return f"{is_now}; put it in quotes"
    return is_now


def _numeric(text: str) -> bool:
    return bool(re.fullmatch(r"[+-]?[0-9][0-9_]*([.,][0-9]+)?", text.strip()))


def toml_trouble(text: str, said: str) -> tuple[str, str, str]:
    """Where a file is no TOML, what is wrong there, and what to do; `said` is what tomllib says."""
    place = _PLACE.search(said)
    lines = text.splitlines() or [""]
    last = max((n for n, line in enumerate(lines, 1) if line.strip()), default=1)
    number = int(place["line"]) if place and place["line"] else last
    line = lines[min(number, len(lines)) - 1].strip()
    where = f"line {number}" + (f", column {place['column']}" if place and place["column"] else "")
    what, hint = _toml_words(said[: place.start()] if place else said, line)
    return where, what, hint


def _toml_words(said: str, line: str) -> tuple[str, str]:
    key, _, value = line.partition("=")
    key, value = key.strip(), value.strip()
    if any(letter in line for letter in _CURLY) and ("statement" in said or "value" in said):
        return "a typographic quote stands where a plain one is due", 'write " instead'
    if "Cannot overwrite" in said or "twice" in said or "Cannot declare" in said:
        return f"{line if line.startswith('[') else key or line} is there twice", "keep one of them"
    if "Illegal character" in said or 'Expected "\'"' in said or "Unterminated" in said:
        return "a text is not closed, or holds a letter that cannot be there", "end it with the quote that begins it"
    if "Unescaped" in said or "hex value" in said:
        return "a backslash begins a special letter", "write it twice, or put the text in single quotes"
    if "invalid character" in said:
        return "there is a letter that cannot be shown", "write that line again"
    if "Invalid value" in said or "initial character" in said:
        return _value_words(key, value)
    if "after a key" in said:
        return "there is no = between a name and its value", "write a line as name = value"
    if "after a statement" in said:
        hint = (
            "a number has a point, not a comma" if re.search(r"\d,\d", value) else "text needs quotes around all of it"
        )
        return "something stands behind the value", f"{hint}, and each line holds one"
    if "table declaration" in said:
        return "a heading is not closed", "write it as [name]"
    if "Unclosed" in said:
        return "a list or table is not closed", "end it with ] or }"
    if line.startswith(("<<<<", "====", ">>>>")):
        return "it holds the marks of two versions", "keep one of them and remove the marks"
    return "this is neither a heading nor a value", "write a line as name = value, or [name]"


def _value_words(key: str, value: str) -> tuple[str, str]:
    first = value.split("#")[0].strip()
    if not first:
        return (
            f"there is no value behind {key} =" if key else "a value is missing",
            f'write {key or "name"} = "something"',
        )
    if first.lower() in _SWITCHES:
        return f"{first} is no value here", f"write {_SWITCHES[first.lower()]} in small letters, without quotes"
    return f"{shown(first)[1:-1]} is neither a number nor text", f'text needs quotes: {key} = "{first.strip(chr(34))}"'
