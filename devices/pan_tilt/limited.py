"""The one door to a head: clamps, a share of its speed, the emergency stop; behind it (`worker`) the dead-man timer."""

import math
from collections.abc import Callable
from time import monotonic
from types import TracebackType

from devices.pan_tilt.head import Head
from devices.pan_tilt.worker import HANGS_S, HeadWorker
from profiles.schema import PanTilt


class LimitedHead:
    """Safe from any thread; only open, close and estop may wait. Without another drive within 1 s the head stops."""

    def __init__(self, factory: Callable[[], Head], settings: PanTilt, clock: Callable[[], float] = monotonic) -> None:
        """`factory` opens a head, or raises DeviceError; it is called again after an unplugging, in a thread.
        `clock`: of the dead-man timer, seconds.
        """
        self._settings = settings
        self._worker = HeadWorker(factory, clock)
        self._lock = self._worker.lock
        self._estopped = False

    def __enter__(self) -> "LimitedHead":
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def open(self, wait_s: float = 5.0) -> None:
        """Raises nothing: a head that is not there is `lost`, and taken up when it comes. Returns after the first
        attempt, which blocks as long as the factory, `wait_s` at most. Once only.
        """
        self._worker.start(wait_s)

    def close(self) -> None:
        """Stops it first. Within 2 s, even if the head hangs."""
        self._worker.end()

    # ---- what it is asked

    def drive(self, pan: float, tilt: float) -> bool:
        """Speeds -1 .. 1 of what the rig allows, right and up positive, for a second at most unless told again; (0, 0)
        stops. Whether it will move.
        """
        settings = self._settings
        pan = _speed(pan, settings.fastest, settings.invert_pan)
        tilt = _speed(tilt, settings.fastest, settings.invert_tilt)
        if not pan and not tilt:
            self.stop()
            return False
        with self._lock:
            if not self._may_move():
                return False
            self._worker.ask_drive(pan, tilt)
            return True

    def home(self) -> bool:
        """At the head's own speed; it ends by itself. Whether it will move."""
        with self._lock:
            if not self._may_move():
                return False
            self._worker.ask_home()
            return True

    def stop(self) -> None:
        """Sent always, also to one that seems to stand; tried until the head has taken it."""
        with self._lock:
            self._worker.ask_stop()

    def estop(self) -> bool:
        """Stops it and lets nothing move it until `acknowledge`. Returns within 0.1 s: whether a stop was written."""
        worker = self._worker
        with self._lock:
            self._estopped = True
            number = worker.ask_stop()
            return worker.head is not None and self._lock.wait_for(lambda: worker.sent >= number, 2 * HANGS_S)

    def acknowledge(self) -> None:
        """The operator has seen the fault, or the stop."""
        with self._lock:
            self._estopped = False
            self._worker.fault = ""

    # ---- what it tells

    @property
    def name(self) -> str:
        """Empty until it was open once."""
        return self._worker.name

    @property
    def answers(self) -> bool:
        """Of one that does not, a dead line cannot be seen."""
        return self._worker.answers

    @property
    def lost(self) -> bool:
        """It is not there now; it is looked for."""
        return self._worker.head is None

    @property
    def fault(self) -> str:
        """What is wrong, or was, until `acknowledge` or the next movement that it takes; empty = nothing."""
        with self._lock:
            return self._worker.absent or self._worker.fault

    @property
    def estopped(self) -> bool:
        return self._estopped

    @property
    def moving(self) -> bool:
        """Somebody drives it."""
        return self._worker.alive_until is not None

    def position(self) -> tuple[float, float] | None:
        """(pan, tilt) as it last said, at most a second ago, in the directions of `drive`; None: it cannot tell."""
        told, settings = self._worker.position, self._settings
        if told is None:
            return None
        return (-told[0] if settings.invert_pan else told[0]), (-told[1] if settings.invert_tilt else told[1])

    def _may_move(self) -> bool:
        return not (self._estopped or self._worker.closing) and self._worker.head is not None


def _speed(asked: float, fastest: float, invert: bool) -> float:
    speed = 0.0 if math.isnan(asked) else min(max(asked, -1.0), 1.0) * fastest
    return -speed if invert else speed
