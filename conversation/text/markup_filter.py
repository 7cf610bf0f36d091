"""Model text to speakable text, as it streams: the answer in it without markup, emoji, stage directions or labels."""

import re
import unicodedata
from collections.abc import Callable

from conversation.text.line_prefixes import INLINE, LineStart, Verdict, is_label
from conversation.text.markup_characters import is_emphasis, sayable
from conversation.text.spoken_text_buffer import PAUSES, Said
from conversation.text.unwrapper import Unwrapper

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_LONGEST = 80
"""An opening bracket or star with no partner within so many characters was just a character: half a second of text."""
_LONGEST_TAG = 40
_ADDRESS = re.compile(r"(?:https?:|www\.)$", re.IGNORECASE)
_ADDRESSES = ("http:", "https:", "www.")
_OURS = "assistant"


class SpeakableStream:
    """Feed pieces as they come, get what can be said so far. Whatever may still turn out to be a stage direction,
    a tag or a label is held back until its end is seen, ordinary words not at all. Works character by character,
    so that the slicing of the stream cannot change the result. When `taken_back` has grown, all that came before
    what `feed` returns was a thought, and is not to be said any more.
    """

    def __init__(self, name: str = "", thinks_first: bool = False) -> None:
        """`thinks_first`: replies of this model begin with a thought that only its end marks."""
        self.ended = False
        """The model began to play the visitor: nothing after that is ours to say."""
        self.taken_back = 0
        self._line_start = LineStart(name)
        self._unwrapper = Unwrapper(name, self._spoke, lambda: self.handed_on, thinks_first)
        self._begin()

    def _begin(self) -> None:
        self._mode: Callable[[str], None] = self._at_line
        self._held = ""
        self._said = Said()
        self.handed_on = False  # set from outside: some of it may be heard by now

    @property
    def thought_aloud(self) -> bool:
        """Whether the model wrote down its thoughts."""
        return self._unwrapper.thought_aloud

    @property
    def thinks_unmarked(self) -> bool:
        """Whether that could only be seen when a thought ended: the next reply is better held back until then."""
        return self._unwrapper.thinks_unmarked

    @property
    def called_tool(self) -> bool:
        """Whether the model called a function; there is none."""
        return self._unwrapper.called_tool

    def feed(self, piece: str) -> str:
        for char in piece:
            if self.ended:
                break
            self._take(self._unwrapper.feed(char))
        return self._said.take()

    def flush(self, whole: bool = True) -> str:
        """The rest; `whole` is False when the reply was cut off by its limit."""
        if not self.ended:
            self._take(self._unwrapper.flush(whole))
        self._flush_held()
        return self._said.take()

    def _take(self, text: str) -> None:
        if self._unwrapper.taken_back != self.taken_back:
            self.taken_back = self._unwrapper.taken_back
            self._begin()
        for char in text:
            if not self.ended:
                self._mode(char)
        if self._unwrapper.ended and not self.ended:
            self._flush_held()
            self.ended = True

    def _spoke(self) -> bool:
        return bool(self._said.last) or (self._mode != self._in_bracket and any(map(str.isalnum, self._held)))

    def _flush_held(self) -> None:
        """A bracket or star left open at the end is half a stage direction if it is short."""
        while self._held and not self.ended:
            held, mode, self._held, self._mode = self._held, self._mode, "", self._in_text
            if mode == self._at_line:
                verdict = self._line_start.judge(held + " ", not self._said.last)
                self._replay("" if verdict in (Verdict.MARK, Verdict.VISITOR) else held)
            elif mode in (self._in_address, self._in_hash, self._after_words, self._in_link):
                self._replay(held[-1] if mode == self._in_address and held[-1] in PAUSES else "")
            elif mode == self._in_word:
                self._replay(held.rstrip(), plain=True)
            elif mode == self._in_code:
                self._replay("" if self._said.last else held.partition("\n")[2])
            elif not self._said.last or len(held.split()) > 3:
                self._replay(held[1:])

    def _replay(self, text: str, plain: bool = False) -> None:
        """`text` again, as if its first character had been an ordinary one."""
        self._mode = self._in_text
        if plain:
            self._said.say(text)
            return
        for char in text:
            if not self.ended:
                self._mode(char)

    def _at_line(self, char: str) -> None:
        if not self._held and char.isspace():
            return self._line_end(char)
        self._held += char
        verdict = self._line_start.judge(self._held, not self._said.last)
        if verdict is Verdict.WAIT:
            return
        held, self._held = self._held, ""
        if verdict is Verdict.TEXT:
            self._said.pause(".")
            self._replay(held)
        elif verdict is Verdict.VISITOR:
            self.ended = bool(self._said.last)
            self._mode = self._in_skipped_line
        else:
            if verdict is Verdict.ITEM:
                self._said.lines = 2
                self._said.pause(",")
            rest = "" if held.startswith((">", "**")) else re.sub(r"^(?:[^:]*:|\S+\s)", "", held, count=1)
            for again in rest:
                self._mode(again)

    def _line_end(self, char: str) -> None:
        self._said.gap = True
        self._said.lines += char == "\n"
        if char == "\n":
            self._mode = self._at_line

    def _in_skipped_line(self, char: str) -> None:
        if char == "\n":
            self._mode = self._at_line

    def _in_text(self, char: str) -> None:
        if char.isspace():
            self._line_end(char)
        elif char == "(" and self._said.last in (":", ";") and not self._said.gap:
            self._said.leave_out()  # a face
        elif char in "([{<*#`":
            self._held = char
            self._mode = {"*": self._in_star, "#": self._in_hash, "`": self._in_ticks}.get(char, self._in_bracket)
        elif char == ">" and self._said.last.isdigit():
            self._said.gap = True
            self._said.say("more than")
            self._said.gap = True
        elif char.isalpha() and (self._said.gap or not self._said.last.isalnum()) and self._may_matter(char):
            self._held, self._mode = char, self._in_word
        elif sayable(char):
            self._said.say(char)
        elif char == "\\":
            self._mode = self._in_escape
        elif unicodedata.category(char) != "Cf":
            self._said.leave_out()

    def _in_escape(self, char: str) -> None:
        """\\* is a star that opens nothing."""
        self._mode = self._in_text
        if sayable(char) or char.isspace():
            self._mode(char)

    def _may_matter(self, word: str) -> bool:
        """Whether `word` may be the beginning of an address, or of a visitor's label within a line."""
        plain = word.lower()
        if any(a.startswith(plain) for a in _ADDRESSES):
            return True
        new = word[0].isupper() and (not self._said.last or self._said.last in '.!?…"”')
        label = plain.rstrip(":")
        return new and (is_label(label + ":") or any(v.startswith(label) for v in (*INLINE, _OURS)))

    def _in_word(self, char: str) -> None:
        self._held += char
        if _ADDRESS.search(self._held):
            self._mode = self._in_address
        elif self._held[-1] == ":" and is_label(self._held):
            self._end_turn()
        elif self._held.lower() == _OURS + ":":
            self._held, self.ended, self._mode = "", bool(self._said.last), self._at_line
        elif not self._may_matter(self._held):
            word, self._held = self._held[:-1], ""
            self._replay(word.rstrip(), plain=True)
            self._said.gap = self._said.gap or word[-1:].isspace()
            self._mode(char)

    def _end_turn(self) -> None:
        self._held, self.ended, self._mode = "", bool(self._said.last), self._in_skipped_line

    def _in_address(self, char: str) -> None:
        if not char.isspace() and char not in "\"'<>()[]{}*|":
            self._held += char
            return
        last, self._held, self._mode = self._held[-1], "", self._in_text
        self._said.leave_out()
        if last in PAUSES:
            self._said.say(last)
        self._mode(char)

    def _in_hash(self, char: str) -> None:
        self._held = ""
        self._mode = self._in_text
        if char.isdigit():
            self._said.say("number")
            self._said.gap = True
        self._mode(char)

    def _in_bracket(self, char: str) -> None:
        opener = self._held[0]
        if opener == "<" and len(self._held) == 1 and (char.isspace() or char.isdigit() or char in "=-<>"):
            self._not_a_tag(char)
            return
        self._held += char
        longest = _LONGEST_TAG if opener == "<" else _LONGEST
        if char == _PAIRS[opener] and (opener == "<" or self._held.count(opener) <= self._held.count(char)):
            self._close_bracket()
        elif char == "\n" or len(self._held) > longest or (opener == "<" and char == "<"):
            self._replay_held(1)

    def _replay_held(self, start: int) -> None:
        held, self._held = self._held[start:], ""
        self._said.leave_out()
        self._replay(held)

    def _not_a_tag(self, char: str) -> None:
        self._held, self._mode = "", self._in_text
        if char in "-<>":
            self._said.leave_out()
        else:
            self._said.gap = True
            self._said.say("less than")
            self._said.gap = True
        if char != "=":
            self._mode(char)

    def _close_bracket(self) -> None:
        if self._held[0] == "[":
            self._mode = self._after_words
            return
        self._held, self._mode = "", self._in_text
        self._said.leave_out()

    def _after_words(self, char: str) -> None:
        """After [words]: only with an (address) behind them are they said."""
        if char == "(":
            self._held += char
            self._mode = self._in_link
            return
        if char == ":" and is_label(self._held[1:-1] + ":"):
            self._end_turn()
            return
        self._held, self._mode = "", self._in_text
        self._said.leave_out()
        self._mode(char)

    def _in_link(self, char: str) -> None:
        self._held += char
        words, _, address = self._held[1:].partition("](")
        if char == ")":
            self._held = ""
            self._replay(words if re.search(r"[./#]", address) else "")
        elif char.isspace() or len(address) > 300:
            self._held, self._mode = "(" + address, self._in_bracket

    def _in_star(self, char: str) -> None:
        opens = (char.isalnum() or char in "\"'“‘(") and not (char.isdigit() and self._said.last.isdigit())
        if self._held == "*" and not opens:
            self._lone_star(char)
            return
        self._held += char
        if char == "*":
            words, self._held, self._mode = self._held[1:-1], "", self._in_text
            if is_label(words) and self._said.last in tuple('.!?…"”'):
                self._end_turn()
                return
            if is_emphasis(words, self._said.tail):
                self._replay(words)
            else:
                self._said.leave_out()
        elif char == "\n" or len(self._held) > _LONGEST:
            self._replay_held(1)

    def _lone_star(self, char: str) -> None:
        """Of bold only the stars are left out; between numbers it means times."""
        self._held, self._mode = "", self._in_text
        if self._said.last.isdigit() and (char.isdigit() or (char.isspace() and self._said.gap)):
            self._said.gap = True
            self._said.say("times")
        if self._said.last.isdigit() or self._said.tail.endswith("times"):
            self._said.gap = True
        if char != "*":
            self._mode(char)
        else:
            self._mode = self._in_bold

    def _in_bold(self, char: str) -> None:
        if char != "*":
            self._mode = self._in_text
            self._mode(char)

    def _in_ticks(self, char: str) -> None:
        self._held += char
        if self._held == "```":
            self._held, self._mode = "", self._in_code
        elif char != "`":
            self._held, self._mode = "", self._in_text
            self._mode(char)

    def _in_code(self, char: str) -> None:
        self._held += char
        if self._held.endswith("```"):
            self._held, self._mode = "", self._in_text
            self._said.leave_out()
