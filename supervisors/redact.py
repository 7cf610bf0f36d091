"""Takes secrets out of what is written down or handed on."""

import re
from collections.abc import Iterable, Mapping

HIDDEN = "[redacted]"
_NAME = re.compile(
    r"token$|secret|passw|_pass$|_pwd$|credential|_key$|(api|access|private)[-_]?key|cookie", re.IGNORECASE
)
_WORDS = re.compile(
    r"\b(?:hf_|sk-|ghp_|github_pat_|xox[abprs]-)[A-Za-z0-9_-]{8,}"
    r"|(?<=[Bb]earer )[^\s\"']{8,}|(?<=[Bb]asic )[A-Za-z0-9+/=]{8,}"
    r"|(?<=://)[^\s/:@]+:[^\s/@]+(?=@)"
    r"|(?<=AKIA)[A-Z0-9]{16}\b"
)
_PAIR = re.compile(
    r"((?:token|secret|password|passwd|api[_-]?key|access[_-]?key)[\"']?\s*[=:]\s*[\"']?)([^\s\"',;&]{8,})",
    re.IGNORECASE,
)


class Secret:
    """What may be sent and never be shown: no `repr`, and so no log, report or trace, has it."""

    __slots__ = ("_value", "_words")

    def __init__(self, value: str, *words: str) -> None:
        """`words`: the parts of it, of which each alone is a secret."""
        self._value, self._words = value, words or (value,)

    def __repr__(self) -> str:
        return HIDDEN

    def reveal(self) -> str:
        return self._value

    def hide_in(self, text: str) -> str:
        """`text` without it: what a server sends back may hold what it was sent."""
        for word in (word for word in self._words if len(word) > 3):  # else what is left could not be read
            text = text.replace(word, HIDDEN)
        return text


def is_secret(name: str) -> bool:
    """By the name of a variable or a flag. Our own token is none: it is a name."""
    return bool(_NAME.search(name)) and name != "GALACTUS_SERVICE"


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {key: HIDDEN if is_secret(key) else line(value) for key, value in variables.items()}


def arguments(argv: Iterable[str]) -> tuple[str, ...]:
    """`--api-key X` and `--api-key=X` lose the X."""
    out: list[str] = []
    hide = False
    for word in argv:
        flag, equals, _ = word.partition("=")
        if hide and not word.startswith("-"):
            out.append(HIDDEN)
        elif equals and flag.startswith("-") and is_secret(flag):
            out.append(f"{flag}={HIDDEN}")
        else:
            out.append(line(word))
        hide = word.startswith("-") and not equals and is_secret(word)
    return tuple(out)


def line(text: str) -> str:
    """Of a log, where secrets are known by their looks alone."""
    return _PAIR.sub(rf"\1{HIDDEN}", _WORDS.sub(HIDDEN, text))
