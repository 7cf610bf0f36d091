"""The conversation: one turn after another, for ever. Only a person's press interrupts; asks wait in line."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from conversation.ports import Microphone
from conversation.turn import Turn
from conversation.turn_context import Request, TurnDependencies

_LOG = logging.getLogger(__name__)
MAX_WAITING = 8


HALTED = "the show is halted; resume it first: console.py resume"


class Busy(Exception):
    """No turn can be had now: too many are waiting, or the show is halted; `str()` of it says so in a plain line."""


class _Running(Struct):
    turn: Turn
    task: asyncio.Task[None]


class ConversationLoop:
    """Owns the order of turns. `hands` is called again for each turn, so that a character can change between two."""

    def __init__(self, hands: Callable[[], TurnDependencies], microphone: Microphone) -> None:
        self._hands, self._microphone = hands, microphone
        self._waiting: deque[Request] = deque()
        self._wake = asyncio.Event()
        self._now: _Running | None = None
        self._held: Request | None = None
        self.turns = 0
        self.halted = False

    async def run(self) -> None:
        """Until cancelled; a turn in progress is interrupted then."""
        try:
            while True:
                await self._wake.wait()
                while self._waiting:
                    await self._run_one(self._waiting.popleft())
                self._wake.clear()
        finally:
            for request in self._waiting:
                _forget(request)

    def press(self, holder: str) -> Request:
        """A person holds the button: whatever is said stops now, and the microphone opens. The last press counts:
        an earlier one that is still held is over, since its release could not be told from the new one's. Raises Busy.
        """
        if self.halted:
            raise Busy(HALTED)
        request = Request("button", holder=holder, microphone=self._microphone)
        held = self._held
        if held is not None and held in self._waiting:
            held.abandoned = True  # it has its turn first, which ends at once
            self._waiting.insert(self._waiting.index(held) + 1, request)
        else:
            self._waiting.appendleft(request)
        self._held = request
        self.interrupt()
        self._wake.set()
        return request

    def release(self, holder: str = "") -> bool:
        """The button is let go. False if nobody (or somebody else than `holder`) held it, and if the question was over
        already: the visitor had finished, or the longest hold has passed.
        """
        held = self._held
        if held is None or (holder and held.holder != holder):
            return False
        self._held = None
        if held.released.is_set():
            return False
        held.released.set()
        return True

    def talk(self, holder: str) -> Request | None:
        """The talk button of a screen, in one step: None where a question was being recorded, which is over now; else
        the request of a new press. Raises Busy.
        """
        return None if self.release() else self.press(holder)

    @property
    def holder(self) -> str:
        """Who holds the button; "" when nobody does."""
        return self._held.holder if self._held is not None else ""

    def submit(self, request: Request) -> None:
        """Put a wav, text or say request in line. Raises Busy."""
        if self.halted:
            raise Busy(HALTED)
        if len(self._waiting) >= MAX_WAITING + (self._now is None):  # the next one up is not waiting for anybody
            raise Busy(f"{MAX_WAITING} questions are waiting already; ask again in a moment")
        self._waiting.append(request)
        self._wake.set()

    def withdraw(self, request: Request) -> None:
        """The client has gone: leave the line, or stop if its turn runs."""
        if request in self._waiting:
            self._waiting.remove(request)
            _forget(request)
        elif self._now is not None and self._now.turn.request is request:
            self.interrupt()

    def halt(self) -> None:
        """Panic: silence now, nobody waits any more, and no turn begins until `resume`."""
        self.halted = True
        self._held = None
        while self._waiting:
            _forget(self._waiting.popleft())
        self.interrupt()

    def resume(self) -> None:
        self.halted = False

    def interrupt(self) -> bool:
        """Silence at once; the turn in progress ends as interrupted. False if there was none."""
        if self._now is None:
            return False
        turn = self._now.turn
        turn.request.abandoned = True
        turn.hands.player.cancel()  # before the task is even scheduled: this is what the ear notices
        if turn.began:  # else cancelling would keep it from beginning, and nobody would be told of its end
            self._now.task.cancel()
        return True

    async def _run_one(self, request: Request) -> None:
        """A fault of ours that even the turn could not catch costs that turn, never the loop."""
        self.turns += 1
        try:
            turn = Turn(self.turns, request, self._hands())
            if not request.started.done():
                request.started.set_result(turn.context.number)
            async with asyncio.TaskGroup() as group:
                self._now = _Running(turn, group.create_task(self._finish(turn)))
        except Exception:
            _LOG.exception("turn %d", self.turns)
        finally:
            self._now = None
            self._let_go(request)
            _forget(request)

    async def _finish(self, turn: Turn) -> None:
        ended = await turn.run()
        self._let_go(turn.request)
        if not turn.request.done.done():
            turn.request.done.set_result(ended)

    def _let_go(self, request: Request) -> None:
        if self._held is request:
            self._held = None


def _forget(request: Request) -> None:
    """Nothing waits for it any longer."""
    request.started.cancel()
    request.done.cancel()
