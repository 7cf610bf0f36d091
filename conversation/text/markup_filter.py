"""Model text to speakable text, as it streams: the answer in it without markup, emoji, stage directions or labels."""

import re

from conversation.text.line_modes import LineModes
from conversation.text.line_prefixes import LineStart, PrefixVerdict
from conversation.text.spoken_text_buffer import PAUSES
from conversation.text.unwrapper import Unwrapper


class SpeakableStream(LineModes):
    """Feed pieces as they come, get what can be said so far. Whatever may still turn out to be a stage direction,
    a tag or a label is held back until its end is seen, ordinary words not at all. Works character by character,
    so that the slicing of the stream cannot change the result. When `taken_back` has grown, all that came before
    what `feed` returns was a thought, and is not to be said any more.
    """

    def __init__(self, name: str = "", thinks_first: bool = False) -> None:
        """`thinks_first`: replies of this model begin with a thought that only its end marks."""
        self.taken_back = 0
        self._line_start = LineStart(name)
        self._unwrapper = Unwrapper(name, self._spoke, lambda: self.handed_on, thinks_first)
        super().__init__()

    def _begin(self) -> None:
        super()._begin()
        self.handed_on = False
        """Set from outside: some of it may be heard by now."""

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
                verdict = self._line_start.judge(held + " \n", not self._said.last)
                self._replay(
                    "" if verdict in (PrefixVerdict.MARK, PrefixVerdict.VISITOR, PrefixVerdict.QUESTION) else held
                )
            elif mode in (self._in_address, self._in_hash, self._after_words, self._in_link):
                self._replay(held[-1] if mode == self._in_address and held[-1] in PAUSES else "")
            elif mode == self._in_word:
                self._no_label(held)
            elif mode == self._in_code:
                self._replay("" if self._said.last else held.partition("\n")[2])
            elif not self._said.last or len(held.split()) > 3:
                self._replay(held[1:])

    def _at_line(self, char: str) -> None:
        if not self._held and char.isspace():
            return self._line_end(char)
        self._held += char
        verdict = self._line_start.judge(self._held, not self._said.last)
        if verdict is PrefixVerdict.WAIT:
            return
        held, self._held = self._held, ""
        if verdict is PrefixVerdict.TEXT:
            self._said.pause(".")
            self._replay(held)
        elif verdict is PrefixVerdict.VISITOR:
            self.ended = bool(self._said.last)
            self._mode = self._in_skipped_line
        elif verdict is PrefixVerdict.QUESTION:
            self._held = held
            self._question()
        else:
            if verdict is PrefixVerdict.ITEM:
                self._said.lines = 2
                self._said.pause(",")
            rest = "" if held.startswith((">", "**")) else re.sub(r"^(?:[^:：]*[:：]|\S+\s)", "", held, count=1)
            for again in rest:
                self._mode(again)
