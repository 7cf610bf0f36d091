"""What one engine of the OpenAI protocol takes: found out by asking more and more plainly, and remembered."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import monotonic
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from clients.chat import UNTHINKING, orderly
from conversation.ports import Message

PATHS = ("/v1/chat/completions", "/chat/completions")
_EXTRAS = ("cache_prompt", "id_slot", "timings_per_token", "repeat_penalty", "seed")
"""Of llama.cpp, or with a meaning of its own there."""
_TASTE = ("top_p", "temperature")
_OFF = {"enable_thinking": False, "thinking": False}
QUIET: tuple[Mapping[str, Any], ...] = (
    {},
    {"chat_template_kwargs": _OFF, "think": False},
    {"chat_template_kwargs": _OFF, "reasoning_effort": "none"},
    {"chat_template_kwargs": _OFF | {"reasoning_effort": "low"}, "reasoning_effort": "low"},
    {"chat_template_kwargs": _OFF},
)
"""Ways to ask for an answer without thoughts, of which servers and templates know one each."""
_ASKED_IN_WORDS = len(QUIET) - 1
_IN_WORDS = " /no_think"
_IN_VAIN_S = 30.0
"""Where no way of asking helped, none is tried again for so long, as long as the server says the same."""
_VARIES = re.compile(r"\S*\d\S*")
"""What differs from one refusal to the next: numbers of requests, times."""
ROOM = 1024
"""Tokens more, for the thoughts of a model that cannot be kept from them."""
_SYSTEM = re.compile(r"\bsystem\b|\broles?\b|\balternat", re.IGNORECASE)
_MODEL = re.compile(r"\bmodels?\b(?!['’]s)", re.IGNORECASE)
_PARTS = re.compile(r"content\b.*\b(list|array|sequence|parts)\b", re.IGNORECASE)
_STREAM = re.compile(r"\bstream(ing|ed)?\b", re.IGNORECASE)
_LENGTH = "max_completion_tokens"
NO_PATH = re.compile(
    r"unexpected endpoint|no such (route|path|endpoint)|unknown (route|path|endpoint|url)", re.IGNORECASE
)


class Manners(Struct, frozen=True):
    """How an engine is asked. The first is all that we would like; each other one does without something."""

    path: str = PATHS[0]
    left_out: frozenset[str] = frozenset()
    """Fields of the request that it refuses."""
    model: str = ""
    """The name that it wants to hear, where the rig gives none."""
    system: bool = True
    """Whether it takes a system message; else the persona goes into the first question."""
    streamed: bool = True
    parts: bool = False
    """Whether a message is a list of parts."""
    length: str = "max_tokens"
    quiet: int = 0
    """How it is asked not to think; an index of QUIET."""
    patient: bool = False
    """It thinks all the same, and is given the room for it."""

    def body(self, messages: Sequence[Message], asked: Mapping[str, Any]) -> dict[str, Any]:
        rows: list[dict[str, Any]] = [{"role": m.role, "content": m.content} for m in self.shaped(messages)]
        if self.parts:
            rows = [r | {"content": [{"type": "text", "text": r["content"]}]} for r in rows]
        body = {"messages": rows, **asked, **QUIET[self.quiet]} | ({"model": self.model} if self.model else {})
        if "max_tokens" in body:
            body[self.length] = body.pop("max_tokens") + (ROOM if self.patient else 0)
        if not self.streamed:
            body.pop("stream", None)
        return {key: value for key, value in body.items() if key not in self.left_out}

    def shaped(self, messages: Sequence[Message]) -> list[Message]:
        rows = orderly(messages if self.system else folded(messages))
        if self.quiet == _ASKED_IN_WORDS and rows and rows[-1].role == "user":
            rows[-1] = Message("user", rows[-1].content + _IN_WORDS)
        return rows

    def words(self) -> list[str]:
        """What it does not take, and what is done instead, each in a sentence without its subject."""
        out = []
        if not self.system:
            out.append("takes no system message: the persona goes into the first question")
        if left := sorted(self.left_out & {*_EXTRAS, *_TASTE, "max_tokens"} - {"id_slot", "timings_per_token"}):
            out.append(f"does not take {', '.join(left)}: it is asked without")
        if self.model:
            out.append(f'is asked for its model "{self.model}", as the rig names none')
        if not self.streamed:
            out.append("sends whole answers only: the first word comes late")
        if self.patient:
            out.append(f"thinks before it speaks and cannot be kept from it: visitors wait; {UNTHINKING}")
        elif self.quiet:
            out.append("thinks before it speaks: it is asked not to")
        return out


class UnsupportedRequest(Exception):
    """An answer that shows that the engine was asked in a way it does not take; before any word of it was given on."""

    def __init__(self, why: str, status: int = 0, said: str = "", body: bytes = b"", pause_s: float = 0.0) -> None:
        super().__init__(why, status, said)
        self.why, self.status, self.said, self.body, self.pause_s = why, status, said, body, pause_s
        """`why`: "refused"; "thinks", of one whose thoughts come first or take all the room; "elsewhere", where no chat
        is; "later", as it has no time now.
        """

    @property
    def kind(self) -> tuple[str, int, str]:
        """The same for two that say the same."""
        return self.why, self.status, " ".join(_VARIES.sub("", self.said).split())


class KnownManners:
    """What was found out about one engine, shared by all clients of it."""

    def __init__(
        self, tell: Callable[[str], None] = lambda words: None, clock: Callable[[], float] = monotonic
    ) -> None:
        self.tell, self._clock = tell, clock
        self.manners = Manners()
        self.marks_end: bool | None = None
        """Whether it says that an answer is at its end; None until that was of interest."""
        self._told: set[str] = set()
        self._proven = False
        self._perhaps: Manners | None = None
        """What a guess found in the midst of a show. A server that was not well for a second looks like that, too."""
        self._in_vain: frozenset[tuple[str, int, str]] = frozenset()
        self._in_vain_at = float("-inf")

    def learn(self, manners: Manners, *, guessed: bool = False) -> None:
        """It has answered. What was only `guessed` of a server that did well before counts at the second time."""
        self._in_vain = frozenset()
        if guessed and self._proven and manners != self._perhaps:
            self._perhaps = manners
            return
        self.manners, self._proven, self._perhaps = manners, True, None
        for words in manners.words():
            if words not in self._told:
                self._told.add(words)
                self.tell(words)

    def nothing_helps(self, met: frozenset[tuple[str, int, str]]) -> None:
        """Every way of asking was tried, and this is all that it said."""
        self._in_vain, self._in_vain_at = met, self._clock()

    def in_vain(self, unfit: UnsupportedRequest) -> bool:
        """Whether that was found out a moment ago, so that a visitor need not wait for it again."""
        return unfit.kind in self._in_vain and self._clock() - self._in_vain_at < _IN_VAIN_S


class PlainerRequests:
    """From the manners that are known to plainer ones, each once; in the end from the first again: what is known may
    be of a server that has been exchanged for another.
    """

    def __init__(self, known: Manners) -> None:
        self.now = known
        self.models: list[str] | None = None
        """What the server has; None until that was asked."""
        self.guessed = False
        """Whether `now` has a part of which no refusal spoke."""
        self.met: frozenset[tuple[str, int, str]] = frozenset()
        self._tried = {known}
        self._once_more = True

    def again(self, unfit: UnsupportedRequest, asked: Mapping[str, Any]) -> bool:
        """Whether to ask the very same first, once: a refusal that names nothing may be a slip, and no manners."""
        names = next(_named(self.now, unfit.said, asked, "any"), None) is not None
        again = self._once_more and unfit.why == "refused" and not names
        self._once_more = self._once_more and not again
        return again

    def plainer(self, unfit: UnsupportedRequest, asked: Mapping[str, Any], model: str) -> bool:
        """Whether there is another way to ask; then `now` is that. `model`: what the server has, if none was named."""
        self.met |= {unfit.kind}
        told = set(_named(self.now, unfit.said, asked, model)) if unfit.why == "refused" else None
        for manners in (*_plainer(self.now, unfit, asked, model), Manners()):
            if manners not in self._tried:
                self._tried.add(manners)
                self.guessed = self.guessed or (told is not None and manners not in told)
                self.now = manners
                return True
        return False


def _plainer(now: Manners, unfit: UnsupportedRequest, asked: Mapping[str, Any], model: str) -> Iterator[Manners]:
    match unfit.why:
        case "thinks":
            yield from _quieter(now)
        case "elsewhere":
            yield from (replace(now, path=path) for path in PATHS)
        case _:
            yield from _named(now, unfit.said, asked, model)
            yield from _by_and_by(now, model)


def _quieter(now: Manners) -> Iterator[Manners]:
    if not now.patient:
        yield from (replace(now, quiet=level) for level in range(now.quiet + 1, len(QUIET)))
        yield replace(now, quiet=3, patient=True)


def _named(now: Manners, said: str, asked: Mapping[str, Any], model: str) -> Iterator[Manners]:
    """What the refusal itself speaks of."""
    quiet = QUIET[now.quiet]
    if now.quiet == 2 and "reasoning_effort" in said:
        yield replace(now, quiet=3)
    if _LENGTH in said and now.length != _LENGTH:
        yield replace(now, length=_LENGTH)
    fields = frozenset(k for k in (*asked, *quiet) if k not in ("messages", "model", "stream") and _speaks_of(k, said))
    if fields - now.left_out:
        yield replace(now, left_out=now.left_out | fields)
    if _SYSTEM.search(said) and now.system:
        yield replace(now, system=False)
    if speaks_of_model(said) and model and not now.model:
        yield replace(now, model=model)
    if _PARTS.search(said) and not now.parts:
        yield replace(now, parts=True)
    if _STREAM.search(said) and now.streamed:
        yield replace(now, streamed=False, left_out=now.left_out | {"timings_per_token"})


def speaks_of_model(said: str) -> bool:
    return _MODEL.search(said) is not None


def _speaks_of(field: str, said: str) -> bool:
    return re.search(rf"(?<![a-z_]){field.replace('_', '[ _]?')}(?![a-z_])", said, re.IGNORECASE) is not None


def _by_and_by(now: Manners, model: str) -> Iterator[Manners]:
    """One thing less each time, what costs a visitor least first; for servers that do not say what they dislike."""
    if now.quiet:  # without that, it had been taken
        yield from (replace(now, quiet=level) for level in range(now.quiet + 1, len(QUIET)))
        yield (now := replace(now, left_out=now.left_out | {key for ways in QUIET for key in ways}))
    yield (now := replace(now, left_out=now.left_out | {*_EXTRAS}))
    if model and not now.model:
        yield (now := replace(now, model=model))
    yield (now := replace(now, system=False))
    yield (now := replace(now, left_out=now.left_out | {*_TASTE}))
    yield (now := replace(now, streamed=False))
    yield (now := replace(now, left_out=now.left_out | {"max_tokens"}))
    yield replace(now, parts=True)


def folded(messages: Sequence[Message]) -> list[Message]:
    """Without a role for the persona: it stands before the first words of a visitor."""
    persona = "\n".join(m.content for m in messages if m.role == "system")
    rest = orderly([m for m in messages if m.role != "system"]) or [Message("user", "")]
    first = "\n\n".join(text for text in (persona, rest[0].content) if text)
    return [Message("user", first), *rest[1:]]
