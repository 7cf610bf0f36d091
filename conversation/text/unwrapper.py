"""Model text to the answer in it, as it streams: no thoughts, no tool calls, no turns but our own."""

import re
from collections.abc import Callable

from conversation.text.entities import STARTS, Entities
from conversation.text.json_answer import BracketBalance
from conversation.text.unlabelled import ASIDE, Unlabelled
from conversation.text.wrappings import TAG_OPENERS, Maybe, Tag, WrappingKind, is_word, scan

_MUSING = re.compile(
    r"""^analysis[A-Z]
    |\b(?:the|this|our)\ (?:user|visitor|human)\ (?:is\ (?:asking|greeting|saying|just|likely|probably)|wants?
    |wanted|asks?|asked|said|says|just|seems?\ to|wrote|greets|greeted|likely|probably|might|mentioned|sent|needs?)\b
    |\b(?:we|I)\ (?:need\ to|should)\ (?:respond|answer|reply|produce|output|craft|stay\ in\ character)\b
    |\bthe\ (?:persona|system\ prompt)\ (?:says?|is|wants?|tells?)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""How a model talks to itself about its visitor, not to them."""
_OPENING = 100
"""Characters of a reply that are looked at for that."""
_TAIL = 200
_UNMARKED_END = "assistantfinal"
"""What is left of gpt-oss's channels where a server leaves out the tags."""
_OTHERS = frozenset("user system human developer tool visitor".split())


class Unwrapper:
    """Feed characters, get those that belong to the answer. A thought whose beginning was not marked is known by its
    end alone: `taken_back` counts how often all that was given before has turned out to be none of the answer.
    """

    def __init__(
        self, name: str, spoke: Callable[[], bool], handed_on: Callable[[], bool], thinks_first: bool = False
    ) -> None:
        """`spoke`: whether anything was let through to the voice since the last time that all was taken back,
        `handed_on`: whether it may be heard by now; `thinks_first`: this model's replies begin with a thought that is
        not marked.
        """
        self.ended = False
        self.taken_back = 0
        self.thinks_unmarked = False
        """A thought ended that had not been marked at its beginning."""
        self._thought = self._called = False
        self._spoke, self._handed_on = spoke, handed_on
        self._inner = Unlabelled(name)
        self._mode: Callable[[str], str] = self._in_doubt if thinks_first else self._in_text
        self._tag = self._held = self._tail = self._opening = ""
        self._entities = Entities()
        self._depth, self._stray, self._channel = 0, False, False
        self._balance: BracketBalance | None = None
        self._quoted = self._named = self._to_the_end = self._mused_late = False

    @property
    def thought_aloud(self) -> bool:
        return self._thought or self._inner.thought

    @property
    def called_tool(self) -> bool:
        return self._called or self._inner.called

    def feed(self, char: str) -> str:
        if self.ended:
            return ""
        if char not in STARTS and not self._entities.held:
            return self._feed(char)
        return "".join(map(self._feed, self._entities.feed(char)))

    def _feed(self, char: str) -> str:
        if self._tag:
            return self._grow_tag(char)
        quoted = self._tail.endswith("`") and not self._tail.endswith("``")  # a `<user>` that is talked about
        if char in TAG_OPENERS and not self._inner.in_json:
            self._tag, self._quoted = char, quoted
            return ""
        return self._mode(char)

    def flush(self, whole: bool = True) -> str:
        """The rest; `whole` is False when the reply was cut off by its limit, which no thought survives."""
        before = "".join(map(self._feed, self._entities.flush()))
        tag, self._tag = self._tag, ""
        out = before if tag[1:2] in ("|", "｜", "/") else before + "".join(map(self._mode, tag))
        if self._mode == self._in_doubt and whole:
            out += self._release()
        if self._mode == self._after_stray_end:
            self._mode = self._in_text
        return out + self._inner.flush(whole) if self._mode == self._in_text else out

    def _release(self) -> str:
        held, self._held, self._mode = self._held, "", self._in_text
        self._opening, self._mused_late = "x" * _OPENING, False
        return "".join(map(self._feed, held))

    def _in_text(self, char: str) -> str:
        self._tail = (self._tail + char)[-_TAIL:]
        if len(self._opening) < _OPENING:
            self._opening += char
            if not char.isalnum() or self._opening.startswith("analysis"):
                self._muse(char)
            if self._mode == self._in_doubt:
                return ""
        if self._tail.endswith(_UNMARKED_END):
            self._end_thought()
            return ""
        out = self._inner.feed(char)
        if self._inner.other_turn:
            self._inner.other_turn, self.ended = False, self._spoke() or any(map(str.isalnum, out))
        return out

    def _muse(self, char: str) -> None:
        """Perhaps a thought that is not marked: nothing is given until its end, or the reply's. What may be heard by
        now is not held back with it, or it would be heard twice.
        """
        if not _MUSING.search(self._opening):
            return
        if self._handed_on():
            self._held, self._mode, self._mused_late = char, self._in_doubt, True
        else:
            opening, aloud = self._opening, self._thought
            self._take_back()
            self._held, self._mode, self._thought = opening, self._in_doubt, aloud

    def _in_doubt(self, char: str) -> str:
        self._held += char
        if self._held.endswith(_UNMARKED_END):
            self._end_thought()
        return ""

    # Tags

    def _grow_tag(self, char: str) -> str:
        self._tag += char
        found = scan(self._tag)
        if found is Maybe.WAIT:
            return ""
        text, self._tag = self._tag, ""
        if isinstance(found, Tag):
            talk = self._mode == self._in_text
            if not is_word(found, text, self._tail if talk else None, self._quoted and talk):
                return self._take_tag(found)
            if text[1].isalpha():
                text = text[1:-1]  # the word is said, the brackets are not
        return self._mode(text[0]) + "".join(map(self._feed, text[1:]))

    def _take_tag(self, tag: Tag) -> str:
        out, before = self._inner.let_go() if self._mode == self._in_text else "", self.taken_back
        if self._mode == self._in_role:
            self._take_role()
        if tag.kind is WrappingKind.THOUGHT and tag.closing:
            self._end_thought(out)
        elif tag.kind is WrappingKind.THOUGHT:
            out += self._release() if self._mused_late else ""
            self._begin_thought()
        elif self._mode == self._in_thought and not self._channel:
            return ""
        elif tag.kind is WrappingKind.PERHAPS:
            self._held, self._mode, self._depth = "", self._in_doubt, 1
        elif self._mode == self._in_call:
            self._tag_in_call(tag)
        elif tag.kind in (WrappingKind.TOOL, WrappingKind.CODE):
            self._begin_call(tag)
        elif tag.kind is WrappingKind.ANSWER:
            if not tag.closing and not self._asked():
                self._take_back(out)
        elif tag.kind is WrappingKind.CHANNEL:
            self._held, self._mode = "", self._in_header
        elif tag.kind is WrappingKind.MESSAGE:
            self._begin_message()
        elif tag.kind is not WrappingKind.NOTHING:
            out += self._turn(tag, out)
        return "\n" if self.taken_back != before else out + "\n"

    def _asked(self) -> bool:
        """Whether what was said was for the visitor, like the question of a riddle: thoughts end with a full stop."""
        said = self._tail.rstrip('\n "”*_')
        return self._mode == self._in_text and said.endswith(("?", "!")) and not ASIDE.search(said)

    def _turn(self, tag: Tag, before: str) -> str:
        """A message begins or ends; once something has been said, ours is over."""
        out = ""
        if self._mode == self._in_thought:
            self._end_thought()
        elif self._mode == self._in_doubt and tag.kind is WrappingKind.END:
            out = self._release()
        if self._spoke() or any(c.isalnum() for c in before + out):
            self.ended = True
        elif tag.kind is WrappingKind.VISITOR and not tag.closing:
            self._mode = self._in_other_turn
        elif tag.kind is WrappingKind.ROLE:
            self._held, self._mode = "", self._in_role
        elif self._mode != self._in_doubt:
            self._mode = self._in_text
        return out

    def _in_role(self, char: str) -> str:
        if char.isalpha():
            self._held += char
            return ""
        self._take_role()
        return self._feed(char)

    def _take_role(self) -> None:
        role, self._held = self._held.lower(), ""
        self._mode = self._in_other_turn if role in _OTHERS else self._in_text

    def _in_other_turn(self, char: str) -> str:
        return ""

    def _in_header(self, char: str) -> str:
        self._held += char
        return ""

    def _begin_message(self) -> None:
        if self._mode != self._in_header:
            return
        header, self._held = self._held.lower(), ""
        self._mode = self._in_text
        if "to=" in header:
            self._begin_call(Tag(WrappingKind.TOOL, False))
        elif header.strip().startswith("final"):
            self._take_back()
        else:
            self._begin_thought()
            self._channel = True

    # Thoughts

    def _begin_thought(self) -> None:
        if self._mode == self._in_thought and not self._channel:
            self._depth += 1
        elif self._mode in (self._in_text, self._in_doubt):
            self._depth = self._depth + 1 if self._mode == self._in_doubt else 1
            self._mode, self._channel, self._held = self._in_thought, False, ""

    def _in_thought(self, char: str) -> str:
        self._thought = self._thought or char.isalnum()
        self._tail = (self._tail + char)[-_TAIL:]
        if self._tail.endswith(_UNMARKED_END):
            self._end_thought()
        return ""

    def _end_thought(self, before: str = "") -> None:
        """Behind the end of a thought within a thought it is not clear what follows, nor behind one end too many."""
        if self._mode == self._in_thought:
            self._depth -= 1
            self._held = ""
            self._mode, self._stray = self._in_doubt if self._depth else self._in_text, True
        elif self._mode == self._in_doubt:
            self._thought = self._thought or any(c.isalnum() for c in self._held)
            self.thinks_unmarked = self.thinks_unmarked or (not self._depth and bool(self._held.strip()))
            self._held, self._depth = "", max(0, self._depth - 1)
            if not self._depth:
                self._mode, self._stray = self._in_text, True
                if self._mused_late:
                    self._mused_late = False
                    self._take_back(before)
        elif self._inner.thinks:
            self._inner.restart()
        elif self._mode == self._in_text and self._stray:
            self._mode = self._after_stray_end
        elif self._mode == self._in_text and (self._spoke() or before.strip()):
            self.thinks_unmarked = self._stray = True
            self._take_back(before)
        self._opening = "x" * _OPENING

    def _after_stray_end(self, char: str) -> str:
        """Only if more words follow can they be the answer."""
        if not char.isalnum():
            return ""
        self._mode = self._in_text
        self._take_back()
        return self._feed(char)

    def _take_back(self, before: str = "") -> None:
        if self._mode == self._in_doubt:
            self._thought, self._mode = self._thought or bool(self._held.strip()), self._in_text
        self._held = ""
        self._inner.restart()
        if self._spoke() or before.strip():
            self._thought = True
            self.taken_back += 1

    # Calls of functions

    def _begin_call(self, tag: Tag) -> None:
        if not tag.closing and self._mode in (self._in_text, self._in_doubt):
            self._mode, self._depth, self._called, self._held = self._in_call, 1, True, ""
            self._balance, self._named, self._to_the_end = None, tag.square, tag.kind is WrappingKind.CODE

    def _tag_in_call(self, tag: Tag) -> None:
        if tag.kind is WrappingKind.TOOL:
            self._depth += -1 if tag.closing else 1
        if self._depth <= 0 or tag.kind in (
            WrappingKind.END,
            WrappingKind.ROLE,
            WrappingKind.OURS,
            WrappingKind.VISITOR,
        ):
            self._mode = self._in_text
        if tag.kind in (WrappingKind.END, WrappingKind.ROLE, WrappingKind.OURS, WrappingKind.VISITOR):
            self._turn(tag, "")

    def _in_call(self, char: str) -> str:
        """Until its tag is closed, or its JSON where it is nothing else."""
        if self._to_the_end:
            return ""
        if self._balance is None:
            if char in "{[" and (self._named or not self._held.strip()):
                self._balance = BracketBalance()
            self._held = (self._held + char)[-_TAIL:]
        if self._balance is not None and self._balance.feed(char):
            self._balance, self._held = None, "x"
            if self._depth == 1:
                self._mode = self._in_text
                return "\n"
        return ""
