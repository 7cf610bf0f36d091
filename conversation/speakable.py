"""Model text to speakable text, as it streams: no markup, emoji, stage directions or prompt tags."""

import re
import unicodedata

_PAIRS = {"(": ")", "[": "]", "<": ">", "{": "}"}
_LONGEST = 160
"""An opening bracket with no partner within so many characters was just a character."""
_NOT_SPOKEN = {"So", "Cn", "Co", "Cs", "Cf", "Cc", "Sk"}
_MARKUP = str.maketrans(dict.fromkeys("*_`#~|\\^", "") | {"\n": " ", "\r": " ", "\t": " "})
_SPEAKER = re.compile(r"^\s*[A-Z][\w.' ]{0,24}:\s+")
_NEXT_SPEAKER = re.compile(r"(?:^|\n)\s*(?:user|visitor|human|assistant|question|q|system)\s*:", re.IGNORECASE)
_LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
_URL = re.compile(r"\b(?:https?://|www\.)\S+")
_EMPHASIS = re.compile(r"(?<!\*)\*([^*\s]+)\*(?!\*)")
_DIRECTION = re.compile(r"(?<!\*)\*(?!\*)[^*]{1,160}\*(?!\*)")


class SpeakableStream:
    """Feed pieces as they come, get what can be said so far; anything that may still turn out to be
    a stage direction or a tag is held back until its end is seen.
    """

    def __init__(self, name: str = "") -> None:
        self._held = ""
        self._said = ""
        self._label = re.compile(rf"^\s*{re.escape(name)}\s*:\s*", re.IGNORECASE) if name else None
        self.ended = False
        """The model began to play the visitor: nothing after that is ours to say."""

    def feed(self, piece: str) -> str:
        if self.ended:
            return ""
        self._held += piece
        if other := _NEXT_SPEAKER.search(self._held):
            self._held, self.ended = self._held[: other.start()], True
            return self._take(len(self._held))
        return self._take(self._safe_length())

    def flush(self) -> str:
        return self._take(len(self._held))

    def _safe_length(self) -> int:
        """How much of what is held cannot change its meaning any more."""
        text = self._held
        if not self._said and len(text) < 28 and ":" not in text and not re.search(r"\s\S*[a-z,.!?]\s", text):
            return 0  # it may be "Mr. Bones:"
        if (
            "\n" in text
            and not text[text.rindex("\n") :].strip().endswith(tuple(".!?"))
            and len(text) - text.rindex("\n") < 14
        ):
            return text.rindex("\n")  # it may be "User:"
        return _open_at(text)

    def _take(self, length: int) -> str:
        text, self._held = self._held[:length], self._held[length:]
        if not self._said.strip():
            text = self._label.sub("", text) if self._label else text
            text = _SPEAKER.sub("", text)
        text = _clean(text)
        if not self._said or self._said.endswith(" "):
            text = text.lstrip(" ")
        self._said = (self._said + text)[-64:]
        return text


def _open_at(text: str) -> int:
    """Index of the first bracket or star that is still open, or the length when none is."""
    i = 0
    while i < len(text):
        char = text[i]
        if char in _PAIRS and not _is_less_than(text, i):
            close = text.find(_PAIRS[char], i + 1)
            link = text.find(")", close) if text[close + 1 : close + 2] in ("(", "") and char == "[" else close
            if min(close, link) < 0 and len(text) - i <= _LONGEST:
                return i  # of a link [words](address) both halves must be there
            i = max(close, link, i)
        elif char == "*":
            run = len(text) - i - len(text[i:].lstrip("*"))
            close = text.find("*" * run, i + run)
            if close < 0 and len(text) - i <= _LONGEST:
                return i
            i = close + run - 1 if close >= 0 else i + run - 1
        i += 1
    return len(text)


def _is_less_than(text: str, i: int) -> bool:
    return text[i] == "<" and i + 1 < len(text) and text[i + 1] in " 0123456789="


def _clean(text: str) -> str:
    text = _LINK.sub(r"\1", text)
    text = _URL.sub("", text)
    text = re.sub(r"<\|im_start\|>\s*\w*", " ", text)
    text = re.sub(r"<(?![\s\d=])[^<>]{0,160}>", " ", text)
    text = re.sub(r"\[[^\]]{0,160}\]|\([^)]{0,160}\)|\{[^}]{0,160}\}", " ", text)
    text = _EMPHASIS.sub(_keep_emphasis, text)
    text = _DIRECTION.sub(" ", text)
    text = re.sub(r"(\n|^)\s*(?:[-•]|\d+[.)])\s+", r"\1", text)
    text = text.translate(_MARKUP)
    text = "".join(c for c in text if unicodedata.category(c) not in _NOT_SPOKEN and c not in "\ufe0f\u200d")
    text = re.sub(r"[()\[\]{}]", " ", text)
    return re.sub(r" {2,}", " ", text)


def _keep_emphasis(match: re.Match[str]) -> str:
    """`so *very* cold` is a stressed word, `Ha! *cackles* Hello` a stage direction: those stand at a
    sentence's edge or are verbs in the third person.
    """
    before = match.string[: match.start()].rstrip()
    inside = before and before[-1] not in '.!?"”'
    return match[1] if inside and not match[1].endswith("s") else " "
