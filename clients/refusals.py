"""What a server says when it refuses, as plain words: the text that it meant for people, without its wrapping."""

import re
from typing import Any

import msgspec

_KEYS = ("message", "msg", "detail", "error", "reason", "title")
_CODE = re.compile(r"\{[{%#]|[%#]\}|Traceback|\bat row \d|<[a-z!/][^>]*>|^\s*[\[{]")
"""Templates, stack traces, pages: nothing to read out."""
_WRAPPING = re.compile(
    r"^((jinja|template|value|runtime|internal server|bad ?request)\w*[ _]?(exception|error)?:\s*)+", re.I
)
_MOST = 120
_QUOTA = re.compile(r"\bquota\b|insufficient[ _](credit|balance|fund)|\bout of credits?\b|payment required", re.I)


def said(body: bytes) -> str:
    """All that it says, on one line, for what it speaks of to be found in it."""
    try:
        found = _texts(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError):
        found = [body.decode("utf-8", "replace")]
    return " ".join(" ".join(found).split())[:4000]


def quota(text: str) -> bool:
    """Whether it speaks of what has been paid for, and is used up."""
    return _QUOTA.search(text) is not None


def plain(text: str) -> str:
    """For people, "" when there is nothing that they could read."""
    text = _WRAPPING.sub("", text.strip())
    return "" if _CODE.search(text) else text[:_MOST].rstrip(" .")


def _texts(value: Any) -> list[str]:
    """The messages in an error of any of the shapes in use; of a list of errors where and what each is."""
    match value:
        case str():
            return [value]
        case list():
            return [text for item in value for text in _texts(item)]
        case {"loc": list(where), "msg": str(what)}:
            return [f"{'.'.join(str(w) for w in where if w != 'body')}: {what}"]
        case dict():
            return next((found for key in _KEYS if (found := _texts(value.get(key)))), [])
    return []
