"""JSON that a model wrote in place of an answer: the words in it that are meant for the visitor, if any."""

import ast
import json
import re
from typing import Any

_TALK = """answer final_answer response final_response reply say speech spoken spoken_text dialogue utterance line text
    message content output result choices""".split()
_ANSWERS = "answer final_answer final_response response reply".split()
_EMPTY = frozenset(["none", "null", "no", "n/a", ""])
_MARK = re.compile(r"<[|｜][^<>|｜\n]{1,40}[|｜]>(?:(?:assistant|model|bot)\b)?")
_CALLS = frozenset(
    """function function_call functions tool tool_name tool_call tool_calls arguments parameters args params input
    inputs
    api recipient_name""".split()
)
_THOUGHTS = frozenset("thought thoughts thinking reasoning reason analysis plan explanation rationale notes".split())
_PAIR = re.compile(r"""["']?([\w .-]+?)["']?\s*:\s*(?:"((?:[^"\\]|\\.)*)|'((?:[^'\\]|\\.|'(?=\w))*))""", re.DOTALL)

_NOTES = r"(?:think\w*|thoughts?|reason\w*|scratchpad|reflection)"
_THOUGHT = re.compile(
    rf"(?is)[<\[{{◁]\|?\s*({_NOTES})\b[^>\]}}▷]*[>\]}}▷].*?(?:[<\[{{◁]\|?/\s*\1\s*\|?[>\]}}▷]|\Z)"
    rf"|\A.*[<\[◁]\|?/\s*{_NOTES}\s*\|?[>\]▷]"
)
_ROLES = "role from speaker author sender".split()
_OTHERS = frozenset("user human visitor system developer tool function".split())


class BracketBalance:
    """Tells when the bracket that was fed first is closed; brackets in strings do not count."""

    def __init__(self) -> None:
        self._depth = 0
        self._quote = self._before = ""
        self._escaped = self._closing = False

    def feed(self, char: str) -> bool:
        if self._quote and self._in_string(char):
            return False
        if char in "\"'" and self._before in tuple("{[,:(="):
            self._quote = char
        self._depth += (char in "{[(") - (char in "}])")
        if not char.isspace():
            self._before = char
        return self._depth <= 0

    def _in_string(self, char: str) -> bool:
        """A quote ends a string only before `,:}])`, so that 'I'm dead' is one."""
        if self._escaped:
            self._escaped = False
        elif self._closing and char.isspace():
            return True
        elif self._closing and char in ",:}])":
            self._quote, self._closing = "", False
            return False
        else:
            self._escaped, self._closing = char == "\\", char == self._quote
        return True


def words_in(raw: str) -> str | None:
    """The text in a lone key like "answer" or "response"; None if there is none, as in a call of a function. `raw` may
    be cut off, or a Python dict.
    """
    for decode in (_from_json, ast.literal_eval):
        try:
            return _words(decode(raw))
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
    pairs = {key: _unescaped(double or single) for key, double, single in _PAIR.findall(raw)}
    names = dict.fromkeys(re.findall(r"""([\w-]+)["']?\s*:""", raw))
    return _words(names | pairs)


def is_others(raw: str) -> bool:
    """Whether it is a message in somebody else's name, `{"role": "user", …}` or `{"user": "…"}`."""
    found = re.search(rf"""(?i)["']?\b(?:{"|".join(_ROLES)})["']?\s*:\s*["'](\w+)""", raw)
    alone = re.match(r"""[\[{\s]*["']?(?!tool|function)(\w+)["']?\s*:\s*(?:"[^"]*"|'[^']*')\s*\}""", raw)
    return any(match and match[1].lower() in _OTHERS for match in (found, alone))


def _from_json(raw: str) -> Any:
    return json.loads(raw, strict=False)


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"', strict=False))
    except ValueError:
        return (
            re.sub(r"\\u[0-9a-fA-F]{0,3}$|\\$", "", text).replace('\\"', '"').replace("\\'", "'").replace("\\n", "\n")
        )


def _words(value: Any) -> str | None:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        return _MARK.sub(" ", _THOUGHT.sub("", value)).strip() or None
    if isinstance(value, list):
        return " ".join(words for part in value if (words := _words(part))) or None
    if not isinstance(value, dict):
        return None
    keys = {re.sub(r"[\s-]", "_", str(key).strip().lower()): inner for key, inner in value.items()}
    if "final answer" in str(keys.get("action", "")).replace("_", " ").lower():
        return _words(keys.get("action_input"))
    roles = [keys[role] for role in _ROLES if role in keys] or list(keys)[: len(keys) == 1]
    if any(str(role).lower() in _OTHERS for role in roles):
        return None
    chat = "content" in keys or "choices" in keys
    called = any(
        inner and str(inner).strip().lower() not in _EMPTY for key, inner in keys.items() if key in _CALLS
    )  # many servers add an empty "tool_calls"
    chat = chat or any(isinstance(keys.get(key), str) for key in _ANSWERS)
    if not chat and (called or "action_input" in keys or not keys.keys() - _CALLS):
        return None
    for key in _TALK:
        if key in keys and (words := _words(keys[key])):
            return words
    said = (value for key, value in keys.items() if isinstance(value, str) and key not in _THOUGHTS)
    return " ".join(text for text in said if text.rstrip(" \"'”’").endswith((".", "!", "?", "…"))) or None
