"""The two threads behind `devices.pan_tilt.limited.LimitedHead`, which alone may use this.

The worker talks to the head, and opens it again when it was unplugged. The guard holds the dead-man timer and watches
the worker: a stop that waits behind a call which hangs is written past it. Nobody who asks for something waits for a
wire.
"""

import logging
import threading
from collections.abc import Callable
from time import monotonic

from devices.pan_tilt.head import Head

_LOG = logging.getLogger(__name__)
DEAD_MAN_S = 1.0
"""It stops when nobody has told it to go on for so long."""
RETRY_S = 0.2
"""Between two attempts at a stop that failed."""
HANGS_S = 0.05
"""A stop waits for so long behind another call."""
_TRIES = 3
"""Failures in a row after which the line is opened again: a plugged one may have another name in the system now."""
_LONGEST_BACK_OFF_S = 2.0
_LOOK_MOVING_S, _LOOK_RESTING_S = 0.25, 1.0
"""How often it is asked where it is; this is also how we notice that it has gone."""
_HOMING_S = 10.0
_ECHOES = 2
"""A stop is said so often again to a head that never answers: a lost byte would leave it turning."""


class HeadWorker:
    """Attributes are read and written under `lock`, which is never held while the head is talked to."""

    def __init__(self, factory: Callable[[], Head], clock: Callable[[], float]) -> None:
        """`clock`: of the dead-man timer, seconds."""
        self._factory, self._clock = factory, clock
        self.lock = threading.Condition()
        self.head: Head | None = None
        self.name, self.answers = "", True
        self.position: tuple[float, float] | None = None
        self.absent = ""
        """Why it is not there."""
        self.fault = ""
        """The last thing that went wrong with it, until it takes a movement."""
        self.alive_until: float | None = None
        """By the clock; None: nobody drives it."""
        self.sent = 0
        """The newest stop that was written, by the worker or past it."""
        self.closing = False
        self._asked = self._taken = 0
        """The newest stop that was asked for, and that the head took from the worker: until then it is tried."""
        self._drive: tuple[float, float] | None = None
        self._home = self._tried = False
        self._asked_at = self._open_at = self._retry_at = self._echo_at = self._look_at = self._home_until = 0.0
        self._busy_since: float | None = None
        """The worker is in a call that is no stop."""
        self._passed_by = self._echoes = self._failures = 0
        self._back_off_s = RETRY_S
        self._worker = threading.Thread(target=self._work, name="head", daemon=True)
        self._watch = threading.Thread(target=self._guard, name="head guard", daemon=True)

    def start(self, wait_s: float) -> None:
        """Returns after the first attempt to open, or after `wait_s`."""
        self._worker.start()
        self._watch.start()
        with self.lock:
            self.lock.wait_for(lambda: self._tried, wait_s)

    def end(self) -> None:
        """Stops it first. Within 2 s, even if the head hangs."""
        with self.lock:
            self.ask_stop()
            self.closing = True
        if not self._worker.is_alive() and not self._watch.is_alive():
            return
        self._worker.join(1.0)
        self._let_go()  # only if the worker hangs in it; the guard has written the stop past it
        for thread in (self._worker, self._watch):
            thread.join(0.5)

    # ---- asked under the lock

    def ask_drive(self, pan: float, tilt: float) -> None:
        self._drive, self._home = (pan, tilt), False
        self.alive_until = self._clock() + DEAD_MAN_S
        self.lock.notify_all()

    def ask_home(self) -> None:
        self._drive, self._home, self.alive_until = None, True, None
        self.lock.notify_all()

    def ask_stop(self) -> int:
        """Its number, to compare with `sent`."""
        self._drive, self._home, self.alive_until = None, False, None
        self._home_until = 0.0
        self._asked += 1
        self._asked_at = self._retry_at = monotonic()
        self.lock.notify_all()
        return self._asked

    # ---- the worker

    def _work(self) -> None:
        while True:
            with self.lock:
                action, wait_s = self._next(monotonic())
                if not action:
                    self.lock.wait(wait_s)
                    continue
                if action == "end":
                    break
                call, self._busy_since = self._call(action), None if action in ("open", "stop", "echo") else monotonic()
            try:
                call()
            except Exception as error:  # whatever a head raises, this thread must live: it is the one that stops it
                self._failed(error)
            with self.lock:
                self._tried, self._busy_since = True, None
                self.lock.notify_all()
        self._let_go()

    def _next(self, now: float) -> tuple[str, float]:
        """(what to do now, or "", and how long to wait for something to do, s)."""
        if self.head is None:
            return ("end", 0.0) if self.closing else _due("open", self._open_at, now)
        if self._taken < self._asked:
            return _due("stop", self._retry_at, now)
        if self.closing:
            return "end", 0.0
        if self._home:
            return "home", 0.0
        if self._drive is not None:
            return "drive", 0.0
        if self._echoes:
            return _due("echo", self._echo_at, now)
        return _due("look", self._look_at, now)

    def _call(self, action: str) -> Callable[[], None]:
        """Under the lock; the call itself is not."""
        head, number = self.head, self._asked
        if head is None:
            return self._open
        if action == "home":
            self._home = False
            return lambda: self._move(head.home, _HOMING_S)
        if action == "drive" and self._drive is not None:
            (pan, tilt), self._drive = self._drive, None
            return lambda: self._move(lambda: head.drive(pan, tilt), 0.0)
        if action == "look":
            return lambda: self._look(head)
        return lambda: self._stop(head, number, self._echoes - 1 if action == "echo" else _ECHOES)

    def _open(self) -> None:
        """It may be turning, whatever it did when we lost it: the next thing that it hears is a stop."""
        head = self._factory()
        with self.lock:
            self.head, self.name, self.answers = head, head.name, head.answers
            self.absent, self._failures = "", 0
            self.ask_stop()

    def _move(self, call: Callable[[], None], homing_s: float) -> None:
        call()
        with self.lock:
            self._well()
            self.fault, self._echoes = "", 0
            self._home_until = monotonic() + homing_s
            self._look_at = monotonic() + _LOOK_MOVING_S

    def _stop(self, head: Head, number: int, echoes: int) -> None:
        head.drive(0.0, 0.0)
        with self.lock:
            self._well()
            self._taken, self.sent = max(self._taken, number), max(self.sent, number)
            self._echoes = 0 if head.answers else echoes
            self._echo_at = monotonic() + RETRY_S
            self._look_at = min(self._look_at, monotonic() + _LOOK_MOVING_S)

    def _look(self, head: Head) -> None:
        told = head.position()
        with self.lock:
            self._well()
            self.position, now = told, monotonic()
            watched = self.alive_until is not None or now < self._home_until
            self._look_at = now + (_LOOK_MOVING_S if watched else _LOOK_RESTING_S)

    def _well(self) -> None:
        self._failures, self._back_off_s = 0, RETRY_S

    def _failed(self, error: Exception) -> None:
        """What it does now nobody knows, so it is stopped; after three failures in a row it is opened again."""
        words, head = str(error) or type(error).__name__, None
        with self.lock:
            news = words not in (self.fault, self.absent)
            self.position = None
            self._failures += 1
            if self._taken == self._asked:
                self.ask_stop()
            self._retry_at = monotonic() + RETRY_S
            if self.head is not None and not self.closing:
                self.fault = words
            if self.head is None or self._failures >= _TRIES:
                head, self.head, self.absent = self.head, None, words
                self._open_at = monotonic() + self._back_off_s
                self._back_off_s = min(2 * self._back_off_s, _LONGEST_BACK_OFF_S)
        if news:
            _LOG.warning("the head: %s", words)
        if head is not None:
            head.close()

    def _let_go(self) -> None:
        with self.lock:
            head, self.head = self.head, None
        if head is not None:
            head.close()

    # ---- the guard

    def _guard(self) -> None:
        while True:
            with self.lock:
                if self.alive_until is not None and self._clock() >= self.alive_until:
                    self.ask_stop()
                head, number, wait_s = self.head, self._asked, self._guards_wait()
                if head is None or wait_s > 0:
                    if self.closing and not self._worker.is_alive():
                        break
                    self.lock.wait(wait_s or HANGS_S)
                    continue
                self._passed_by = number
            self._pass_by(head, number)

    def _guards_wait(self) -> float:
        """Seconds; 0 = a stop must be written past a call that hangs."""
        if self.closing:
            wait_s = HANGS_S
        elif self.alive_until is not None:
            wait_s = max(0.01, self.alive_until - self._clock())
        else:
            wait_s = 60.0
        if self._busy_since is None or self._taken >= self._asked or self._passed_by >= self._asked:
            return wait_s
        return min(wait_s, max(0.0, self._asked_at + HANGS_S - monotonic()))

    def _pass_by(self, head: Head, number: int) -> None:
        try:
            head.drive(0.0, 0.0)
        except Exception as error:
            _LOG.warning("the head: a stop past a call that hangs failed: %s", error)
            return
        with self.lock:
            self.sent = max(self.sent, number)
            self.lock.notify_all()


def _due(action: str, at: float, now: float) -> tuple[str, float]:
    return (action, 0.0) if now >= at else ("", at - now)
