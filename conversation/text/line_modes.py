"""What is left out within a line of model text: stage directions, markup, addresses, other people's turns."""

import re
import unicodedata
from collections.abc import Callable

from conversation.text.line_prefixes import PrefixVerdict, announces_riddle, is_label, within
from conversation.text.markup_characters import is_emphasis, sayable
from conversation.text.spoken_text_buffer import PAUSES, SpokenTextBuffer

_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_LONGEST = 80
"""An opening bracket or star with no partner within so many characters was just a character: half a second of text."""
_LONGEST_TAG = 40
_ADDRESS = re.compile(r"(?:https?:|www\.)$", re.IGNORECASE)
_ADDRESSES = ("http:", "https:", "www.")
_OURS = "assistant:"
_ANSWERS = ("a:", "answer:")
_FIRST_WORD = re.compile(r"[^\W_]+")


class LineModes:
    """One method for each thing that a character may stand in; `_mode` is the one that gets the next."""

    def __init__(self) -> None:
        self.ended = False
        """The model began to play the visitor: nothing after that is ours to say."""
        self._begin()

    def _begin(self) -> None:
        self._mode: Callable[[str], None] = self._at_line
        self._held = ""
        self._riddle = False
        """Its "Q:" was said; "A:" may follow."""
        self._said = SpokenTextBuffer()

    @property
    def next_word(self) -> str:
        """The first letter of a word that is held back, while it is the only one: it may be somebody's label."""
        held = self._held
        fresh = len(held) == 1 and held.isalpha() and self._said.gap and self._said.last in tuple(PAUSES)
        return held if fresh and self._mode in (self._in_word, self._at_line) else ""

    def _at_line(self, char: str) -> None:
        """At the beginning of a line."""
        raise NotImplementedError

    def _in_skipped_line(self, char: str) -> None:
        if char == "\n":
            self._mode = self._at_line

    def _line_end(self, char: str) -> None:
        self._said.gap = True
        self._said.lines += char == "\n"
        if char == "\n":
            self._mode = self._at_line

    def _replay(self, text: str, plain: bool = False) -> None:
        """`text` again, as if its first character had been an ordinary one."""
        self._mode = self._in_text
        if plain:
            self._said.say(text)
            return
        for char in text:
            if not self.ended:
                self._mode(char)

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
        elif char.isalpha() and self._may_matter(char):
            self._held, self._mode = "", self._in_word
            self._mode(char)
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

    def _may_matter(self, char: str) -> bool:
        fresh = self._said.gap or not self._said.last.isalnum()
        return fresh and self._judge_word(char) is PrefixVerdict.WAIT

    def _judge_word(self, held: str) -> PrefixVerdict:
        """Whether `held` may be the beginning of an address, or of a label within a line."""
        plain = held.lower().replace("：", ":")
        if any(address.startswith(plain) for address in _ADDRESSES):
            return PrefixVerdict.WAIT
        if not held[0].isupper() or (self._said.last and self._said.last not in '.!?…"”:'):
            return PrefixVerdict.TEXT
        if any(label.startswith(plain) for label in ((_OURS, *_ANSWERS) if self._riddle else (_OURS,))):
            return PrefixVerdict.MARK if plain.endswith(":") else PrefixVerdict.WAIT
        return within(held) if self._said.last else PrefixVerdict.TEXT

    def _in_word(self, char: str) -> None:
        self._held += char
        if _ADDRESS.search(self._held):
            self._mode = self._in_address
            return
        verdict = self._judge_word(self._held)
        if verdict is PrefixVerdict.MARK:
            ours, self._held, self._mode = self._held.lower().startswith(_OURS[:-1]), "", self._at_line
            self._riddle, self.ended = False, ours and bool(self._said.last)
        elif verdict is PrefixVerdict.QUESTION:
            self._question()
        elif verdict is PrefixVerdict.VISITOR:
            self._end_turn()
        elif verdict is PrefixVerdict.TEXT:
            held, self._held = self._held, ""
            self._no_label(held)

    def _no_label(self, held: str) -> None:
        """Its first word is one; the rest is judged again."""
        word = _FIRST_WORD.match(held)
        end = word.end() if word else 1
        self._replay(held[:end], plain=True)
        for again in held[end:]:
            self._take_again(again)

    def _question(self) -> None:
        """ "Q:" begins a riddle, or the question of a visitor who is not there."""
        held, self._held = self._held, ""
        if self._said.last and not announces_riddle(self._said.tail):
            self._end_turn()
            return
        self._riddle, self._mode = True, self._in_text
        for again in re.sub(r"^[^:：]*[:：]", "", held):
            self._take_again(again)

    def _take_again(self, char: str) -> None:
        if not self.ended:
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
        if char == ":" and is_label(self._held[1:-1]):
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
            if words.endswith(":") and is_label(words) and self._said.last in tuple('.!?…"”'):
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
