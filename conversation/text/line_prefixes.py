"""What begins a line of model text and is not for the voice: list marks, headings, speaker labels."""

import re
from enum import Enum

_OWN = frozenset(
    """assistant ai bot model answer a response reply character narrator skull skeleton host output final""".split()
) | {"final answer", "final response", "my answer", "my response"}
VISITORS = frozenset(
    "user visitor human question q system guest customer player stranger instruction input kid child student".split()
)
_BARE = frozenset("user human visitor system".split())
"""Alone on a line they begin a turn, where a template has lost its marks."""
_LONGEST_LABEL = 26
_MARK = re.compile(r"(?:[-+•*–]|#{1,6})\s")
_RULE = re.compile(r"[-=]{2,}")
_NAME = re.compile(r"[^\W_][\w'’-]*|[^\W\d_]{1,4}\.")
_COUNT = re.compile(r" \d?$")
_ASIDE = re.compile(r"[*_]+$|(?<=\w) ?\([^()]{0,20}\)?$")
"""What a label may have behind it: "**User**:", "Visitor (laughing):"."""
_NUMBERED = re.compile(r"(\d{1,2})[.)]\s")


INLINE = ("user", "visitor", "human", "guest", "customer", "instruction", "q")
"""Labels that end the reply within a line too."""


class Verdict(Enum):
    WAIT = "it may still become a mark or a label"
    TEXT = "ordinary text"
    MARK = "a mark to leave out; the line goes on"
    ITEM = "a mark of a list, where the voice should pause"
    VISITOR = "the model begins to play the visitor"


class LineStart:
    """Judges the first characters of a line; ordinary text is let go with its second word, or sooner."""

    def __init__(self, name: str) -> None:
        plain = name.casefold().strip()
        self._own = _OWN | {plain, *re.findall(r"[^\W_]{3,}", plain)} - {""}
        self._known = self._own | VISITORS | {"you"}

    def judge(self, line: str, first: bool) -> Verdict:
        """`line` without leading space, at least one character; `first` = nothing was said yet."""
        head = line[0]
        if head == ">" or line.startswith("**"):
            return Verdict.MARK
        if head in "-+•*–#=":
            return self._mark(line)
        if head.isdigit():
            return self._number(line, first)
        if head.isalpha():
            return self._label(line, first)
        return Verdict.TEXT

    def _mark(self, line: str) -> Verdict:
        if _MARK.match(line):
            return Verdict.MARK if line[0] == "#" else Verdict.ITEM
        if _RULE.match(line):
            return Verdict.WAIT if not line.strip("-=") else Verdict.MARK if line[-1].isspace() else Verdict.TEXT
        return Verdict.WAIT if len(line) == 1 or not line.strip("#") and len(line) < 7 else Verdict.TEXT

    @staticmethod
    def _number(line: str, first: bool) -> Verdict:
        """ "1. Bones" is a list; "7. I counted them." at the very beginning is an answer."""
        if found := _NUMBERED.match(line):
            return Verdict.ITEM if not first or int(found[1]) == 1 else Verdict.TEXT
        return Verdict.WAIT if re.fullmatch(r"\d{1,2}[.)]?", line) else Verdict.TEXT

    def _label(self, line: str, first: bool) -> Verdict:
        label, colon, after = line.replace("：", ":").partition(":")
        label = _ASIDE.sub("", label)
        words = label.split()
        if len(label) > _LONGEST_LABEL or label.endswith("  ") or "\n" in label:
            bare = label.strip("*_# \n").casefold()
            return Verdict.VISITOR if not first and bare in _BARE and label.endswith("\n") else Verdict.TEXT
        if not colon:
            return Verdict.WAIT if self._may_be_label(label, words, first) else Verdict.TEXT
        if not after:
            return Verdict.WAIT
        plain = _COUNT.sub("", label.casefold()).strip()
        if plain == "you" and not first:
            return Verdict.VISITOR
        if after[0].isdigit() or not self._may_be_label(label, words, first):
            return Verdict.TEXT
        if plain in VISITORS and not (first and plain[0] == "q"):  # a joke may begin with "Question:"
            return Verdict.VISITOR
        return Verdict.MARK if plain in self._own or (first and (len(words) > 1 or plain in VISITORS)) else Verdict.TEXT

    def _may_be_label(self, label: str, words: list[str], first: bool) -> bool:
        """Known labels in any letters; at the very beginning also a name, which is written with capitals."""
        if any(known.startswith(_COUNT.sub("", label.casefold())) for known in self._known):
            return True
        return first and all(_NAME.fullmatch(w) and not w[0].islower() for w in words)


def is_label(words: str) -> bool:
    """Whether they are a visitor's label within a line, "User:" or "Visitor 2:"."""
    return words.endswith(":") and _COUNT.sub("", words[:-1].lower()) in INLINE
