"""Model text to the answer in it where no tag marks the rest: thoughts under a label, calls and answers in JSON."""

import re
from collections.abc import Callable

from conversation.text.json_answer import BracketBalance, is_others, words_in
from conversation.text.wrappings import PLANS, SAID, THINKS, Maybe, answer_label, label

_JSON = re.compile(
    r"""[\[{\s]*["'][\w\ .$-]{1,40}["']\s*:
    |\{\s*(?:answer|role|response|reply|name|tool|function|action|text|message)\s*:""",
    re.VERBOSE,
)
_MAYBE_JSON = re.compile(
    r"""[\[{]\s{0,40}(?:[\[{]\s{0,40}){0,3}(?:["'](?:[\w .$-]{0,40}(?:["']\s{0,4})?)?)?|\{\s{0,40}[a-z]{0,8}\s?"""
)
_STRINGS = re.compile(r"""\[\s*["']""")
_BEFORE_CALL = r"\[?\s{0,9}(?:print\(\s{0,3}|await\s|[a-z]\w{0,20}\s?=\s?)?"
_CALL = re.compile(
    rf"""{_BEFORE_CALL}(?:[a-z][\w.]*_[\w.]*\(|[a-z]\w*(?:\.\w+)*\(\s{{0,3}}(?:["'{{\[)]|\w{{1,30}}\s?=))"""
)
"""A name with an underscore, or what stands in the brackets is written as in code: `skull.exe(has stopped)` is talk."""
_MAYBE_CALL = re.compile(
    rf"{_BEFORE_CALL}(?:[a-z][\w.]{{0,40}}(?:\(\s{{0,3}}(?:\w{{1,30}}\s?)?)?)?|[a-z]\w{{0,20}}\s=?"
)
_CALLED = ("functions.", "functions[", "functools[", "to=functions")
_FENCE = re.compile(r"```(\w{0,12})(\s{0,40})(\S?)")
_NAMES = frozenset(["", "json", "json5", "jsonc", "text", "txt", "plaintext", "plain", "markdown", "md"])
_DATA = frozenset(["", "json", "json5", "jsonc"])
_CODE = frozenset(
    """python py javascript js typescript ts java c cpp csharp go rust lua ruby php perl bash sh shell console html xml
    css sql yaml yml toml ini csv svg mermaid diff json json5 jsonc latex""".split()
)
"""A fence of any other kind around a whole reply has an answer in it."""
ASIDE = re.compile(
    r"\b(?:the (?:user|visitor|human|persona)|(?:I|we) (?:should|need|must|have to|could|will|can(?!['’]t))|let me"
    r"|respond|reply|answer|in character|persona|they (?:want|ask|say))\b",
    re.IGNORECASE,
)
"""Words of a thought; without them a line that begins with "Thinking:" is an answer."""
_OF_VISITORS = re.compile(
    r"\b(?:the (?:user|visitor|human|persona)|in character|they (?:want|ask|say))\b", re.IGNORECASE
)
"""The same of a line that begins with "Plan:", which more often is an answer."""
_LISTED = re.compile(r"\s*(?:[-+•*]\s|\d{1,2}[.)]\s|#)")
_KEPT = 2000
_CALLS = frozenset("tool_code tool_call tool_calls tool function_call action".split())
_NOTES = frozenset("think thinking thought thoughts reasoning reflection scratchpad analysis plan".split())
_TAIL = 60
_ACTION = re.compile(r"(?:^|[\s*])Action(?: Input)?[\d*\s]*:$")
_CODED = re.compile(r"\s*[\w.]+\s?[(\[{]\s?[\"'{\[]")
_TALKS = re.compile(
    r"(?i)[.!?…*”\"]|['’](?:s|m|re|t|ll|ve|d)\b|\b(?:i|you|we|he|she|it|they|me|us|my|your|our|is|are|am|was|were)\b"
)
"""A whole sentence is no function's name."""
_ACTION_INPUT = re.compile(r"(?i)(?:action[ _]input|tool[ _](?:call|input)|function[ _]call)[\d*\s]*:$")
_SAYS = re.compile(
    r"""\W*(?:\w+\.)*(?:say|speak|reply|respond|answer|talk|print)\w?\(\s*(?:\w+\s*=\s*)?([\"'])(.*)\1\s*\)\W*""",
    re.DOTALL,
)
"""A call that says something."""


class Unlabelled:
    """Feed characters, get those of the answer; what may become a label or JSON is held until it is clear."""

    def __init__(self, name: str) -> None:
        self.thought = self.called = self.other_turn = False
        """Whether there was any such thing."""
        self._answer_label = answer_label(name)
        self._mode: Callable[[str], str] = self._in_text
        self._held = self._tail = self._last = self._thought_text = self._label = self._thinks = ""
        self._line_begins = True
        self._thought_before = False
        self._fenced = self._began = False
        self._balance: BracketBalance | None = None

    @property
    def in_json(self) -> bool:
        return self._mode == self._in_json

    @property
    def thinks(self) -> bool:
        return self._mode == self._in_thought

    @property
    def _at_begin(self) -> bool:
        return not self._began and not self._last.strip()

    def restart(self) -> None:
        """What was held, or left out, is over: the answer begins."""
        self.thought = self.thought or self.thinks
        self._held, self._mode, self._line_begins = "", self._in_text, True

    def feed(self, char: str) -> str:
        return self._mode(char)

    def flush(self, whole: bool = True) -> str:
        """The rest; half a call of a function is one too."""
        if self._mode == self._in_json:
            return self._end_json() + self.let_go()
        if self._mode == self._in_action:
            return self._end_action() + self.let_go()
        self.called = self.called or self._mode == self._in_call
        if self._mode == self._in_thought:
            return self._end_unanswered(whole)
        if self._mode == self._in_braces and re.match(r"""[\[{]\s*(?:[\[{]\s*)*["']""", self._held):
            self._held = ""
        return self.let_go()

    def _end_unanswered(self, whole: bool) -> str:
        """A label of a thought, and nothing that says where its answer begins: that is its last paragraph, or all of it
        if it reads like talk.
        """
        self._mode = self._in_text
        text = self._thought_text.rstrip()
        _, parted, last = text.rpartition("\n\n")
        planned = self._thinks in PLANS
        aside = _OF_VISITORS if planned else ASIDE
        talk = self._thinks in SAID and len(text) < _KEPT and not aside.search(text)
        if talk and (planned or (whole and not parted)):
            self.thought = self._thought_before
            return "".join(map(self._plain, self._label + text))
        self.thought = True
        if self._began or not (whole and parted) or ASIDE.search(last) or _LISTED.match(last):
            return ""
        return "".join(map(self._plain, last))

    def let_go(self) -> str:
        """What was held was ordinary text."""
        if self._mode in (self._in_json, self._in_thought, self._in_call, self._in_action):
            return ""
        held, self._held, self._mode = self._held, "", self._in_text
        return "".join(map(self._plain, held))

    def _plain(self, char: str) -> str:
        self._began = self._began or char.isalnum()
        self._last = char
        self._line_begins = char == "\n" or (self._line_begins and (char.isspace() or char in "*#_>-`"))
        return char

    def _in_text(self, char: str) -> str:
        self._held = char
        if char in "{[":
            self._mode = self._in_braces
        elif char == "`":
            self._mode = self._in_ticks
        elif self._line_begins and (char.isalpha() or char in "*#_"):
            self._mode = self._in_label
            return self._judge()
        elif char in "ft" and not (self._last.isalnum() or self._last in tuple("_.")):
            self._mode = self._in_word
        else:
            self._held = ""
            return self._plain(char)
        return ""

    def _not(self, kept: int = 1) -> str:
        """The held text is nothing special, as far as its first `kept` characters go; the rest is judged again."""
        held, self._held, self._mode = self._held, "", self._in_text
        out = "".join(map(self._plain, held[:kept]))
        return out + "".join(map(self.feed, held[kept:]))

    # Labels and calls at the beginning of a line

    def _in_label(self, char: str) -> str:
        self._held += char
        return self._judge()

    def _judge(self) -> str:
        if _CALL.match(self._held) or self._held in _CALLED:
            return self._begin_call()
        if _MAYBE_CALL.fullmatch(self._held) or any(call.startswith(self._held) for call in _CALLED):
            return ""
        found = label(self._held)
        if found is Maybe.WAIT:
            return ""
        if found is Maybe.NO:
            word = re.match(r"\*(?![*\s]).+|[*#_(\s]+|\w+|.", self._held)
            return self._not(word.end() if word else 1)
        if (found in PLANS and self._began) or (found == "input" and not self.called):
            return self._not(len(self._held))
        held, self._held = self._held, ""
        if found in THINKS:
            self._mode, self._tail, self._thought_text = self._in_thought, "\n", ""
            self._thinks, self._label, self._thought_before = found, held, self.thought
            return ""
        self._mode, self._tail, self._balance, self._held, self._label = self._in_action, held, None, "", held
        self.called = self.called or bool(_ACTION_INPUT.search(held))
        return ""

    def _in_thought(self, char: str) -> str:
        self._tail, self._thought_text = (self._tail + char)[-_TAIL:], (self._thought_text + char)[-_KEPT:]
        self.thought = self.thought or (char.isalnum() and self._thinks not in PLANS)
        if char in ":\n" and self._answer_label.search(self._tail):
            self.thought, self._mode, self._line_begins = True, self._in_text, True
            return "\n"
        if char == ":" and _ACTION.search(self._tail):
            self._mode, self._balance, self._held, self._label = self._in_action, None, "", ""
            self.thought = self.called = True
        elif self._tail.endswith("done thinking."):
            self.restart()
        return ""

    def _in_action(self, char: str) -> str:
        """ "Action: …" to the end of the line, and of the JSON that begins on it."""
        self._tail, self._held = (self._tail + char)[-_TAIL:], self._held + char
        if self._balance is not None:
            if self._balance.feed(char):
                self._balance = None
        elif char in "{[":
            self._balance = BracketBalance()
            self._balance.feed(char)
        elif char == "\n" or (char == ":" and self._answer_label.search(self._tail)):
            return self._end_action()
        elif char == ":":
            self.called = self.called or bool(_ACTION_INPUT.search(self._tail))
        return ""

    def _end_action(self) -> str:
        """ "Action: *rattles* Boo!" is an answer, and so is "Action: that's what I like"."""
        line, self._held, self._mode, self._line_begins = self._held, "", self._in_text, True
        self.called = self.called or bool(_CODED.match(line)) or not _TALKS.search(line)
        if self.called:
            return "\n"
        before = "" if line.lstrip().startswith("*") else self._label
        return "\n" + "".join(map(self._plain, before)) + "".join(map(self.feed, line))

    def _in_word(self, char: str) -> str:
        self._held += char
        if self._held in _CALLED:
            return self._begin_call()
        return "" if any(call.startswith(self._held) for call in _CALLED) else self._not(len(self._held) - 1)

    def _begin_call(self) -> str:
        held, self._held, self._balance, self._mode = self._held, "", None, self._in_call
        return "".join(map(self.feed, held))

    def _in_call(self, char: str) -> str:
        """functions.name({…}), to=functions.name … {…}"""
        self._held += char
        if self._balance is None and char in "{[(":
            self._balance = BracketBalance()
        if self._balance is not None and self._balance.feed(char):
            said = _SAYS.fullmatch(self._held)
            self._held, self._balance, self._mode = "", None, self._in_text
            self.called = self.called or not said
            return "".join(map(self._plain, said[2])) if said else ""
        return ""

    # JSON

    def _in_braces(self, char: str) -> str:
        self._held += char
        if _CALL.match(self._held) and self._line_begins:
            return self._begin_call()
        if _JSON.match(self._held) or (not self._began and _STRINGS.fullmatch(self._held)):
            self._mode, self._balance = self._in_json, BracketBalance()
            for held in self._held:
                self._balance.feed(held)
            return ""
        if _MAYBE_JSON.fullmatch(self._held) or (self._line_begins and _MAYBE_CALL.fullmatch(self._held)):
            return ""
        return self._not()

    def _in_json(self, char: str) -> str:
        self._held += char
        return self._end_json() if self._balance is not None and self._balance.feed(char) else ""

    def _end_json(self) -> str:
        raw, self._held, self._mode, self._line_begins = self._held, "", self._in_text, True
        words = words_in(raw)
        if words is None and is_others(raw):
            self.other_turn = True
            return "\n"
        if words is None:
            self.called = True
            return "\n"
        return "\n" + "".join(map(self.feed, words)) + "\n"

    # Fences

    def _in_ticks(self, char: str) -> str:
        """JSON in a fence is looked at; other code is left to those who know what to leave out."""
        self._held += char
        if len(self._held) < 3 and char == "`":
            return ""
        if self._held == "```":
            if self._fenced:
                self._held, self._fenced, self._mode = "", False, self._in_text
            return ""
        found = _FENCE.fullmatch(self._held)
        if found is None:
            return self._not(len(self._held) - 1)
        info, gap, rest = found[1].lower(), found[2], found[3]
        whole = self._at_begin and info not in _CODE | _CALLS | _NOTES  # the whole reply is in this fence
        if rest:
            if not whole and not (rest in "{[" and info in _DATA):
                return self._not(len(self._held) - 1)
            return self._begin_fenced(self._held[3:] if info not in _NAMES and "\n" not in gap else rest)
        if info in _CALLS | _NOTES and gap:
            self.called, self.thought = self.called or info in _CALLS, self.thought or info in _NOTES
            self._mode, self._held = self._in_left_out_fence, ""
        elif gap and not whole and info not in _DATA:
            return self._not(len(self._held))
        return ""

    def _begin_fenced(self, text: str) -> str:
        self._fenced, self._held, self._mode, self._line_begins = True, "", self._in_text, True
        return "".join(map(self.feed, text))

    def _in_left_out_fence(self, char: str) -> str:
        self._held = (self._held + char)[-3:]
        if self._held == "```":
            self._held, self._mode = "", self._in_text
        return ""
