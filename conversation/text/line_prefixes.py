"""What begins a line of model text and is not for the voice: list marks, headings, speaker labels."""

import re
from enum import Enum

_OWN = frozenset(
    """assistant ai bot model answer a response reply character narrator skull skeleton host output final""".split()
) | {"final answer", "final response", "my answer", "my response"}
_VISITORS = frozenset(
    """user visitor human system instruction input benutzer besucher utilisateur visiteur usuario visitante""".split()
)
_GUESTS = frozenset("guest customer player stranger kid child student".split())
_PEOPLE = _GUESTS | frozenset(
    """boy girl man woman lady gentleman guy dude teen teenager toddler tourist person passerby onlooker spectator
    mother mom mum father dad parent couple crowd audience""".split()
)
"""They speak where a capital letter follows: "Man: Who is it?" is a turn, "Man: that was close!" is not."""
_WHICH = frozenset(
    """the a an another next new other one first second third last little young old small big tall brave curious
    scared""".split()
)
_FIELDS = frozenset(["system", "input", "instruction"])
"""Of these as well, unless in a template a new line follows."""
_QUESTIONS = frozenset(["q", "question"])
_BARE = frozenset("user human visitor system assistant model".split())
"""Alone on a line they begin a turn, where a template has lost its marks."""
_LONGEST_LABEL = 26
_MARK = re.compile(r"(?:[-+•*–]|#{1,6})\s")
_RULE = re.compile(r"[-=]{2,}")
_NAME = re.compile(r"[^\W_][\w'’-]*|[^\W\d_]{1,4}\.")
_COUNT = re.compile(r"\s?(?:#\s?)?\d{0,2}$")
_ASIDE = re.compile(r"[*_`>]+$|(?<=\w) ?[(\[*][^()\[\]*]{0,20}[)\]*]?$")
"""What a label may have behind it: "**User**:", "Visitor (laughing):"."""
_WRAPS = "_`@([{*"
_WRAPPED = re.compile(r"(?i)(?:user|human|visitor|system)(?: ?\d{1,2})?(?:[)\]}*_`]*\s?:|\]\s)")
_MAYBE_WRAPPED = re.compile(r"(?:(?:user|human|visitor|system)(?: ?\d{0,2})?[)\]}*_`]*\s?|[a-z]{0,6})", re.IGNORECASE)
_RIDDLE = re.compile(
    r"""(?i)(?::|\b(?:jokes?|riddles?|puns?|puzzle|(?:here(?:['’]s|\ is)|another|this|good|try|know|have)\ one)\b
    [^.!?…]{0,25}[.!?…]*)$""",
    re.VERBOSE,
)
_NUMBERED = re.compile(r"(\d{1,2})[.)]\s")

_INLINE = frozenset("user visitor human instruction".split())
"""Labels that end the reply within a line too, whatever follows."""


def _beginnings(names: frozenset[str]) -> frozenset[str]:
    return frozenset(name[:end] for name in names for end in range(len(name) + 1))


_MAY_BE_PERSON = _beginnings(_PEOPLE | _VISITORS | _WHICH)
_MAY_BE_WITHIN = _beginnings(_INLINE | _PEOPLE | _WHICH | _QUESTIONS)


class PrefixVerdict(Enum):
    WAIT = "it may still become a mark or a label"
    TEXT = "ordinary text"
    MARK = "a mark to leave out; the line goes on"
    ITEM = "a mark of a list, where the voice should pause"
    VISITOR = "the model begins to play the visitor"
    QUESTION = "the question of a riddle, or of a made-up visitor"


class LineStart:
    """Judges the first characters of a line; ordinary text is let go with its second word, or sooner."""

    def __init__(self, name: str) -> None:
        plain = name.casefold().strip()
        self._own = _OWN | {plain, *re.findall(r"[^\W_]{3,}", plain)} - {""}
        self._known = self._own | _VISITORS | _PEOPLE | _QUESTIONS | {"you"}
        self._may_be_known = _beginnings(self._known)

    def judge(self, line: str, first: bool) -> PrefixVerdict:
        """`line` without leading space, at least one character; `first` = nothing was said yet."""
        head = line[0]
        if head == ">" or line.startswith("**"):
            return PrefixVerdict.MARK
        if head in _WRAPS and (verdict := self._wrapped(line)) is not PrefixVerdict.TEXT:
            return verdict
        if head in "-+•*–#=":
            return self._mark(line)
        if head.isdigit():
            return self._number(line, first)
        if head.isalpha():
            return self._label(line, first)
        return PrefixVerdict.TEXT

    @staticmethod
    def _wrapped(line: str) -> PrefixVerdict:
        """ "*User*:", "[Visitor]:", "@human:" """
        inner = line.lstrip(_WRAPS).replace("：", ":")
        if _WRAPPED.match(inner):
            return PrefixVerdict.VISITOR
        wait = _MAYBE_WRAPPED.fullmatch(inner) and any(_starts(name, inner) for name in _BARE) and len(line) < 20
        return PrefixVerdict.WAIT if wait else PrefixVerdict.TEXT

    def _mark(self, line: str) -> PrefixVerdict:
        if _MARK.match(line):
            return PrefixVerdict.MARK if line[0] == "#" else PrefixVerdict.ITEM
        if _RULE.match(line):
            return (
                PrefixVerdict.WAIT
                if not line.strip("-=")
                else PrefixVerdict.MARK
                if line[-1].isspace()
                else PrefixVerdict.TEXT
            )
        return PrefixVerdict.WAIT if len(line) == 1 or not line.strip("#") and len(line) < 7 else PrefixVerdict.TEXT

    @staticmethod
    def _number(line: str, first: bool) -> PrefixVerdict:
        """ "1. Bones" is a list; "7. I counted them." at the very beginning is an answer."""
        if found := _NUMBERED.match(line):
            return PrefixVerdict.ITEM if not first or int(found[1]) == 1 else PrefixVerdict.TEXT
        return PrefixVerdict.WAIT if re.fullmatch(r"\d{1,2}[.)]?", line) else PrefixVerdict.TEXT

    def _label(self, line: str, first: bool) -> PrefixVerdict:
        label, colon, after = line.replace("：", ":").partition(":")
        label = _ASIDE.sub("", label)
        words = label.split()
        if len(label) > _LONGEST_LABEL or label.endswith("  ") or "\n" in label:
            bare = label.strip("*_# \n").casefold()
            return PrefixVerdict.VISITOR if not first and bare in _BARE and label.endswith("\n") else PrefixVerdict.TEXT
        may_be = self._may_be_label(label, words, first)
        if not colon:
            return PrefixVerdict.WAIT if may_be else PrefixVerdict.TEXT
        if not after:
            return PrefixVerdict.WAIT
        plain = _COUNT.sub("", label.casefold()).strip()
        if plain == "you" and not first:
            return PrefixVerdict.VISITOR
        if after[0].isdigit() or not may_be:
            return PrefixVerdict.TEXT
        if plain in _QUESTIONS:
            return PrefixVerdict.QUESTION
        if plain in _FIELDS and "\n" not in after and not after.strip()[:1].isupper():
            return PrefixVerdict.TEXT if after.strip() else PrefixVerdict.WAIT
        if plain in _VISITORS:
            return PrefixVerdict.VISITOR
        if _is_person(plain):
            return self._person(plain, label, after, first)
        return PrefixVerdict.MARK if plain in self._own or (first and len(words) > 1) else PrefixVerdict.TEXT

    @staticmethod
    def _person(plain: str, label: str, after: str, first: bool) -> PrefixVerdict:
        if not after.strip():
            return PrefixVerdict.VISITOR if "\n" in after and not first else PrefixVerdict.WAIT
        if after.strip()[0].islower() and (first or plain not in _GUESTS):
            return PrefixVerdict.TEXT
        if not first or plain in _GUESTS:
            return PrefixVerdict.VISITOR
        return PrefixVerdict.MARK if " " in plain and label.istitle() else PrefixVerdict.TEXT

    def _may_be_label(self, label: str, words: list[str], first: bool) -> bool:
        """Known labels in any letters; at the very beginning also a name, which is written with capitals."""
        if _COUNT.sub("", label.casefold()) in self._may_be_known:
            return True
        if _may_become_person(label.casefold()):
            return True
        return first and all(_NAME.fullmatch(w) and not w[0].islower() for w in words)


def _starts(name: str, text: str) -> bool:
    return name.startswith(text.casefold()[: len(name)])


def _is_person(plain: str) -> bool:
    *which, noun = plain.split(" ")
    return (noun in _PEOPLE or (noun in _VISITORS and bool(which))) and _WHICH.issuperset(which)


def _may_become_person(label: str) -> bool:
    """Whether `label` may go on as "the little girl" does."""
    *which, noun = _COUNT.sub("", label).split(" ")
    if not _WHICH.issuperset(which) or len(which) > 2:
        return False
    return noun in _MAY_BE_PERSON


def within(held: str) -> PrefixVerdict:
    """What the first characters of a sentence within a line are, which begin with a capital letter: "Visitor 2:" or
    "Man: Who" is somebody else's turn.
    """
    label, colon, after = held.replace("：", ":").partition(":")
    plain = _COUNT.sub("", _ASIDE.sub("", label.casefold()))
    if not colon:
        may_be = plain in _MAY_BE_WITHIN or (_may_become_person(plain) and not plain.startswith(("a ", "an ")))
        return PrefixVerdict.WAIT if may_be and len(label) <= _LONGEST_LABEL else PrefixVerdict.TEXT
    if plain in _INLINE:
        return PrefixVerdict.VISITOR
    if plain == "q":
        return PrefixVerdict.QUESTION
    if not (plain in _QUESTIONS or _is_person(plain)) or (after and not after[0].isspace()):
        return PrefixVerdict.TEXT
    if not after.strip():
        return PrefixVerdict.WAIT if len(after) < 3 else PrefixVerdict.TEXT
    if not after.strip()[0].isupper():
        return PrefixVerdict.TEXT
    return PrefixVerdict.QUESTION if plain in _QUESTIONS else PrefixVerdict.VISITOR


def is_label(words: str) -> bool:
    """Whether they are a visitor's name, as "User" or "Visitor 2"."""
    return _COUNT.sub("", words.rstrip(":").lower()) in _INLINE


def announces_riddle(said: str) -> bool:
    """Whether a "Q:" behind it is the character's own, as in "Here's a riddle! Q: …"."""
    return bool(_RIDDLE.search(said.rstrip()))
