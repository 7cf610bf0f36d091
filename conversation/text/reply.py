"""A model's reply on its way to the voice: pieces of text in, clauses out, no more sentences than wanted."""

import re
from weakref import WeakKeyDictionary

from conversation.errors import ConversationError
from conversation.stages import Stage
from conversation.text.clauses import Clause, ClauseCutter
from conversation.text.markup_filter import SpeakableStream
from profiles.schema import Character

_ENDED_BY_ITSELF = 4
"""A model that stops so many tokens short of the limit had no more to say."""
_HABIT = 2
"""So many replies in a row."""


_PERHAPS = re.compile(
    r"""\bthey\ (?:want|ask|asked|probably)\b
    |\b(?:I|we)\ (?:should|need\ to|could|might)\ (?:just\ )?(?:be|keep|give|make
    |use|mention|respond|reply|answer|greet|think|stay|go\ with|tell\ them|try|say|add|end|start|write|play)\b
    |\blet(?:\ me|['’]s)\ (?:think|see|craft|respond|write|try|start|keep)\b
    |\bthe\ (?:user|visitor|persona)\b|\bmaybe\ (?:I|something|a)\b|^(?:okay|ok|alright|hmm|so)\b|\bin\ character\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words of a model that thinks. People say them too, so they alone hold nothing back."""


class Reply:
    """Feed pieces, get the clauses to say. When `taken_back` has grown, none of those before is to be said."""

    def __init__(self, character: Character, thinks_first: bool = False) -> None:
        self._limits = character.thinking
        self._pieces = self._sentences = 0
        self._cutter = ClauseCutter()
        self._said = ""
        self.text = SpeakableStream(character.name, thinks_first)
        self.taken_back = 0
        self.ended = False
        self.thinks_first = thinks_first

    @property
    def full(self) -> bool:
        return self._sentences >= self._limits.max_sentences

    @property
    def perhaps_thought(self) -> bool:
        """Whether what it says may be a thought of which the end is still to come."""
        return not self.text.thought_aloud and bool(_PERHAPS.search(self._said))

    @property
    def whole(self) -> bool:
        """Whether the model ended it, not the limit."""
        return self._pieces <= self._limits.max_tokens - _ENDED_BY_ITSELF

    def feed(self, piece: str) -> list[Clause]:
        self._pieces += 1
        clauses: list[Clause] = []
        for char in piece:
            taken_back = self.taken_back
            text = self._new(self.text.feed(char))
            if self.taken_back != taken_back:
                clauses.clear()
            if text:
                clauses += self._sayable(self._cutter.feed(text))
            if self.text.next_word:
                clauses += self._sayable(self._cutter.expect(self.text.next_word))
        return clauses

    def flush(self) -> list[Clause]:
        """The rest; a half sentence after a whole one is left unsaid."""
        self.ended = True
        text = self._new(self.text.flush(self.whole))
        rest = [*self._cutter.feed(text), *self._cutter.flush()]
        if not self.whole:
            while rest and not rest[-1].ends_sentence and (self._sentences or any(c.ends_sentence for c in rest)):
                rest.pop()
        return self._sayable(rest)

    def _new(self, text: str) -> str:
        if self.text.taken_back != self.taken_back:
            self.taken_back = self.text.taken_back
            self._cutter, self._sentences, self._said = ClauseCutter(), 0, ""
        return text

    def _sayable(self, clauses: list[Clause]) -> list[Clause]:
        said = []
        for clause in clauses:
            if not self.full:
                said.append(clause)
                self.text.handed_on = True
                self._sentences += clause.ends_sentence
                self._said += clause.text + " "
        return said

    def nothing(self) -> ConversationError:
        """Why there was nothing to say."""
        if self.text.thought_aloud:
            hint = "turn its thinking off, or raise max_tokens under [thinking] of the character"
            return ConversationError(Stage.THINKING, "the model thought aloud and came to no answer", hint)
        if self.text.called_tool:
            what = "the model called a function, which the show does not have, instead of answering"
            return ConversationError(Stage.THINKING, what, "ask again")
        return ConversationError(Stage.THINKING, "the model said nothing that can be spoken", "ask again")


class ModelHabits:
    """How each model answers, remembered as long as the show lasts."""

    def __init__(self) -> None:
        self._unmarked: WeakKeyDictionary[object, int] = WeakKeyDictionary()
        self._told: WeakKeyDictionary[object, set[str]] = WeakKeyDictionary()

    def thinks_first(self, model: object) -> bool:
        """Whether its last replies began with a thought that only its end marked: the next is held back until then. One
        alone may be a slip, and a reply without an end of a thought ends the habit.
        """
        return self._unmarked.get(model, 0) >= _HABIT

    def learn(self, model: object, reply: Reply) -> list[str]:
        """What the operator should know of this model, once each. An interrupted reply tells nothing of its end."""
        if reply.text.thinks_unmarked:
            self._unmarked[model] = self._unmarked.get(model, 0) + 1
        elif reply.ended and not reply.text.thought_aloud:
            self._unmarked.pop(model, None)
        notes = []
        if reply.text.thought_aloud:
            how = "turn its thinking off or choose another model"
            notes.append(f"The model thinks aloud, which is not spoken but takes time: {how}")
        if reply.text.called_tool:
            notes.append("The model tried to call a function, which the show does not have; that is not spoken")
        told = self._told.setdefault(model, set())
        new = [note for note in notes if note not in told]
        told.update(new)
        return new
