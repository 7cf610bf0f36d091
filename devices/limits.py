"""The one door to every motor: travel, speed, arming, watchdog, emergency stop. Nothing else may write to a board.

A jaw is here; a head that pans and tilts has its rules (`LimitedHead`) beside its drivers.
"""

import logging
import math
import threading
from collections.abc import Callable, Sequence
from time import monotonic, sleep

from devices.boards.board import Board, Button
from devices.errors import DeviceError, Unplugged
from devices.pan_tilt.limited import LimitedHead as LimitedHead
from devices.travel import Travel
from profiles.schema import CALIBRATION_US
from profiles.schema import Jaw as JawSettings

_LOG = logging.getLogger(__name__)
WATCHDOG_S = 0.5
"""No frame for so long while the mouth is open: their sender is gone."""
HAND_S = 60.0
"""Where a hand has put it, it stays so long: somebody is looking; a servo that holds for ever gets hot."""
SLOW_US_PER_S = 400
"""Of a first move, and of those by hand: fast enough to see, slow enough to pull a finger out."""
_SLOW_FOR_S = 0.5
_REST_AFTER_S = 1.0
LET_S = 0.3
"""A servo has so long to close before its pulses end: 60 degrees take 0.1 to 0.2 s."""
BACK, BACK_ARMED = "it is back: 3, K, then M", "it is back: look at its cable and its power, then 3 and K"
_BACK_TIMES, _BACK_S = 3, 60.0
"""So often within that time it is taken up by itself; then its cable is bad, or moving takes its power."""
_STOP_WAIT_S = 0.03
"""An emergency stop waits so long for a frame that is being written, then writes beside it."""


class LimitedJaw:
    """One servo behind its limits; safe from any thread. What a board does wrong becomes `fault`, never an exception.

    Limp until armed. A fault or a stop makes it limp and stays until `acknowledge`.
    """

    def __init__(self, settings: JawSettings, clock: Callable[[], float] = monotonic) -> None:
        self.settings = settings
        self.board: Board | None = None
        self.armed = self.stopped = self.attached = self.halted = False
        """`halted`: in a panic nothing is armed by itself, until `resume`."""
        self.fault = self.missing = ""
        """`missing`: why there is no board now; `fault`: what an operator must have seen."""
        self._clock = clock
        self._lock = threading.RLock()
        self._beyond = False
        self._us = float(self._travel.closed)
        self._moved_at = self._armed_at = float("-inf")
        self._by_hand = self._was_armed = self._kept_limp = False
        """`_kept_limp`: a person made it so; then only a person arms it."""
        self._simulated = self._only_unplugged = False
        self._returns: list[float] = []
        self._limp_at: float | None = None
        self._stops = 0

    @property
    def opening(self) -> float:
        """Where it was last sent, 0 closed .. 1 open."""
        return self._travel.opening(self._us)

    @property
    def us(self) -> int:
        """The last pulse, microseconds; 0 = limp."""
        return round(self._us) if self.attached else 0

    @property
    def rearms(self) -> bool:
        """Whether `acknowledge` arms it, now or once its board is back: it was armed, or is by itself; not stopped."""
        return not self.stopped and (self._was_armed or (self.board is None and self._by_itself))

    @property
    def position_us(self) -> float:
        return self._us

    @property
    def _travel(self) -> Travel:
        return Travel.of(self.settings)

    def take(self, board: Board, simulated: bool) -> None:
        """A board has been found, or found again; it gets no pulse before it is armed."""
        with self._lock:
            self.board, self.missing, self.attached = board, "", False
            self._us = float(self._travel.closed)
            try:
                self.board.detach(self.settings.channel)  # it may still hold what it was told by its last user
            except Exception as error:
                self.lose(error)
                return
            self._simulated = simulated
            if self._only_unplugged:
                self.fault = "" if self._may_return() else BACK_ARMED if self._was_armed else BACK
                self._only_unplugged = bool(self.fault)
            self._take_up()

    def resume(self) -> None:
        """The panic is over: a board that was found during it is armed now, if it would have been then."""
        with self._lock:
            self.halted = False
            if self.board is not None and not self.armed:
                self._take_up()

    def _take_up(self) -> None:
        if (self._was_armed or self._by_itself) and not (self.fault or self.stopped or self.halted):
            self._arm()

    @property
    def _by_itself(self) -> bool:
        return not self._kept_limp and (self._simulated or self.settings.arm_at_start)

    def _may_return(self) -> bool:
        """What was only unplugged is no fault any more where nothing needs a person before it moves."""
        self._returns = [*(at for at in self._returns if self._clock() - at < _BACK_S), self._clock()]
        return self._by_itself and not (self.halted or self.stopped) and len(self._returns) <= _BACK_TIMES

    def lose(self, error: Exception) -> None:
        """The board is not there, or not to be trusted, until `take`."""
        with self._lock:
            lost, self.board = self.board, None
            self.attached = False
            self.missing = str(error) or type(error).__name__
            if lost is not None:
                _LOG.warning("the jaw is lost: %s", error)
                gone = isinstance(error, Unplugged)
                self._only_unplugged = gone and (not self.fault or self._only_unplugged)
                self.fault = self.fault if gone and not self._only_unplugged else self.missing
                self._was_armed = (self._was_armed or self.armed) and (not self._only_unplugged or self._by_itself)
                self.armed = False
                closing = threading.Thread(target=lost.close, name="close jaw", daemon=True)
                closing.start()  # a line that is stuck may take half a minute to close
                closing.join(0.2)

    def poll(self) -> Sequence[Button]:
        """What the board's button did; its health is looked at on the way. Also the watchdog's tick."""
        with self._lock:
            self._watch()
            try:
                return self.board.poll() if self.board is not None else ()
            except Exception as error:
                self._careful_detach()
                self.lose(error)
                return ()

    def arm(self) -> None:
        """Raises DeviceError when a fault or a stop has not been acknowledged, or no board is there."""
        with self._lock:
            if self.stopped or self.fault:
                raise DeviceError("jaw", self.fault or "it was stopped", "acknowledge that first")
            if self.board is None:
                raise DeviceError("jaw", self.missing or "there is no board yet", "wait until it is found")
            self._kept_limp = False
            self._arm()

    def _arm(self) -> None:
        self.armed, self._was_armed, self._armed_at = True, False, self._clock()
        if self.stopped:  # meanwhile
            self.armed = False

    def disarm(self) -> None:
        """Closed, then limp."""
        with self._lock:
            self._was_armed, self._kept_limp = False, True
            self.release()
            self.armed = False

    def stop(self) -> None:
        """The emergency stop: limp within 100 ms, even beside a write that hangs; nothing moves until `acknowledge`."""
        self._stops += 1
        self.stopped, self._kept_limp = True, True  # a thread about to move it sees that at once
        self.armed = self._was_armed = False
        mine = self._lock.acquire(timeout=_STOP_WAIT_S)
        try:
            if self.board is not None:
                self.board.detach(self.settings.channel)
            self.attached = False
        except Exception as error:
            _LOG.error("the board did not hear the stop: %s", error)
        finally:
            if mine:
                self._lock.release()  # else the thread that is writing finds `stopped` afterwards, and detaches again

    def _limp(self) -> None:
        try:
            if self.board is not None:
                self.board.detach(self.settings.channel)
            self.attached, self._limp_at = False, None
        except Exception as error:
            self.lose(error)

    def acknowledge(self) -> str:
        """Somebody has seen it: what it was. After a fault it is armed as before, after a stop it is not."""
        with self._lock:
            stops, again = self._stops, self.rearms
            seen = "it was stopped" if self.stopped else self.fault
            self.fault, self.stopped, self._only_unplugged, self._returns = "", False, False, []
            if again and self.board is not None:
                self._arm()
            if self._stops != stops:  # another stop, while we acknowledged the one before
                self.stopped, self.armed = True, False
            return seen

    def open_to(self, opening: float) -> int:
        """Towards `opening` (0..1, anything else is clamped) no faster than the slew limit; the pulse sent, us, 0 when
        it may not move.
        """
        opening = min(1.0, max(0.0, opening)) if math.isfinite(opening) else 0.0
        return self._go(self._travel.at(opening))

    def jog(self, target_us: float) -> int:
        """By hand, slowly; one call is one step of at most 20 ms, so call again until it is there."""
        with self._lock:
            self._by_hand = True
            return self._go(target_us, SLOW_US_PER_S)

    def close(self) -> None:
        """Closed at once: ending safely matters more than the slew limit of a travel that is known. From where a hand
        had left the travel it would be a leap, so there it goes limp.
        """
        with self._lock:
            if self.attached and self._outside():
                self._limp()
            elif self.attached:
                self._by_hand = False
                self._write(self._bounded(self._travel.closed))

    def release(self, wait: bool = False) -> None:
        """Closed, and limp when it has had the time to close; `wait` for that where no `poll` follows."""
        with self._lock:
            self.close()
            if not self.attached:
                return
            self._limp_at = self._clock() + LET_S
        if wait:
            sleep(LET_S)
            with self._lock:
                self._limp()

    def calibrate(self, settings: JawSettings, beyond: bool) -> None:
        """Another travel. `beyond`: by hand it may be left, slowly, to find a new one. What is outside of it then goes
        limp: it would leap back.
        """
        with self._lock:
            self.settings, self._beyond = settings, beyond
            if self._outside():
                if self.attached:
                    self._limp()
                self._us = self._bounded(self._us)

    def _outside(self) -> bool:
        return not self._travel.low <= self._us <= self._travel.high and not (self._beyond and self._by_hand)

    def _go(self, target: float, speed: float | None = None) -> int:
        with self._lock:
            now = self._clock()
            if not self.armed or self.stopped or self.board is None:
                return 0
            if speed is None:
                self._by_hand = False
                speed = self.settings.slew_us_per_s
            if now - self._armed_at < _SLOW_FOR_S:
                speed = min(speed, SLOW_US_PER_S)
            step = speed * min(max(now - self._moved_at, 0.0), 0.02 if self._by_hand else 0.1)
            self._limp_at = None
            return self._write(min(max(self._bounded(target), self._us - step), self._us + step))

    def _bounded(self, us: float) -> float:
        low, high = CALIBRATION_US if self._beyond and self._by_hand else (self._travel.low, self._travel.high)
        return min(max(us, low, 500), high, 2500)

    def _write(self, us: float) -> int:
        self._us, self._moved_at = us, self._clock()
        if self.board is None or self.stopped:
            return 0
        try:
            self.board.write_us(self.settings.channel, round(us))
        except Exception as error:
            self._careful_detach()
            self.lose(error)
            return 0
        if self.stopped:  # while we wrote
            self._limp()
            return 0
        self.attached = True
        return round(us)

    def _careful_detach(self) -> None:
        """A board that is not well may still hear us."""
        if self.board is not None and self.attached:
            try:
                self.board.detach(self.settings.channel)
            except Exception as error:
                _LOG.info("not even limp: %s", error)

    def _watch(self) -> None:
        """The watchdog closes a mouth that nobody moves any more; an idle servo goes to rest, and limp."""
        if not self.attached:
            return
        if self._limp_at is not None:
            if self._clock() >= self._limp_at:
                self._limp()
            return
        if self.stopped or not self.armed:  # what made it so did not reach the board
            self._limp()
            return
        quiet = self._clock() - self._moved_at
        if self._by_hand:
            if quiet > HAND_S:
                self.release()
        elif self.opening > 0 and self._us != self._travel.rest and quiet > WATCHDOG_S:
            self.release()
        elif self._us != self._travel.rest and quiet > _REST_AFTER_S:
            self._write(self._bounded(self._travel.rest))
        elif self.settings.idle_detach_s and quiet > self.settings.idle_detach_s:
            self._limp()
