"""Keeps one microphone or speaker for the whole show: watches it, looks for it when it has gone, takes another."""

import logging
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from time import monotonic
from typing import Generic, TypeVar

from msgspec import Struct

from devices.audio.sound_device import OnChange, RetryPace, SoundDevice, State
from devices.errors import DeviceError

_LOG = logging.getLogger(__name__)
_FLOWS_S = 0.05
"""A device that still moves samples so long after it was opened does so by its clock, and not to fill its buffer."""
_ANSWER_S = 10.0
D = TypeVar("D", bound=SoundDevice)


class _PickRequest(Struct):
    name: str
    saved: bool
    granted: Future[str]


class DeviceSupervisor(Generic[D]):
    """`make(name)` gives the devices that answer to `name` ("auto": the default), the best first, none of them open.
    `take` is told which one is used from now on, or None while there is none. `stand_in` serves a rig that says
    "auto" on a machine without any, until one comes.
    """

    def __init__(
        self,
        role: str,
        wanted: str,
        make: Callable[[str], Sequence[D]],
        take: Callable[[D | None], None],
        stand_in: Callable[[], D],
        on_change: OnChange | None = None,
        pace: RetryPace | None = None,
    ) -> None:
        self.role, self.chosen = role, wanted
        self.fault = ""
        """Plain words while there is no device, or only a stand-in where there should be a real one."""
        self.label = wanted
        """Name of the device, or of the one that is missed."""
        self.device: D | None = None
        self.on_change = on_change
        self._may_default = wanted == "auto"
        self._make, self._take, self._stand_in = make, take, stand_in
        self._pace = pace or RetryPace()
        self._lock = threading.Condition()
        self._wish: _PickRequest | None = None
        self._stop = False
        self._driver = ""
        self._opened_at = self._lost_at = self._next_look = 0.0
        self._default_look, self._other_default = 0.0, ""
        self._looks = 0
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> bool:
        """Whether a stand-in serves until a device comes."""
        return self.chosen == "auto" and self.device is not None and self.device.simulated

    @property
    def note(self) -> str:
        """Plain words on what stands in, where nothing is wrong; else ""."""
        if not self.waiting or self.fault:
            return ""
        return f"there is no {self.role}; plug one in"

    def start(self) -> None:
        """Returns when the device is open, or is known not to open; a sound server that hangs costs 10 s."""
        began = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(began,), name=f"{self.role}-keeper", daemon=True)
        self._thread.start()
        if not began.wait(_ANSWER_S):
            self.fault = f"the {self.role} does not answer; look at the sound server"

    def stop(self) -> None:
        with self._lock:
            self._stop = True
            self._lock.notify_all()
        if self._thread is not None:
            self._thread.join(2.0)
        device, self.device = self.device, None
        self._put_away(device)

    def pick(self, name: str, saved: bool = False) -> str:
        """Another device from now on; its name in full. Blocks until it plays, 10 s at most: call it in a thread.
        `saved`: the rig file says so, too, and the default may only take its place if that is what it says. Raises
        DeviceError, and all stays as it was.
        """
        wish = _PickRequest(name, saved, Future())
        with self._lock:
            if self._stop or self._thread is None:
                raise DeviceError(name, f"the {self.role} is not open", "start the show first")
            if self._wish is not None:
                raise DeviceError(name, f"another {self.role} is being opened", "wait for it")
            self._wish = wish
            self._lock.notify_all()
        try:
            return wish.granted.result(_ANSWER_S)
        except TimeoutError:
            raise DeviceError(name, "it does not answer", "look at the sound server") from None

    def _run(self, began: threading.Event) -> None:
        try:
            self._begin()
        except Exception as error:  # whatever a driver throws at us: it is looked for again
            self._miss(str(error))
        began.set()
        while self._pause():
            try:
                self._act()
            except Exception as error:
                _LOG.exception("%s", self.role)
                self._look_later(str(error))

    def _pause(self) -> bool:
        """Until something is to be done; False at the end."""
        device = self.device
        watching = device is not None and not device.simulated
        looking = self.fault or self.waiting
        pause = self._pace.tick_s if watching else max(0.0, self._next_look - monotonic()) if looking else None
        with self._lock:
            self._lock.wait_for(lambda: self._stop or self._wish is not None, pause)
            return not self._stop

    def _act(self) -> None:
        wish = self._wish
        if wish is not None:
            self._grant(wish)
        elif self.device is not None and not self.device.simulated:
            self._watch(self.device)
            self._follow_default()
        elif (self.fault or self.waiting) and monotonic() >= self._next_look:
            self._look()

    def _begin(self) -> None:
        candidates = self._make(self.chosen)
        if not candidates and self._may_default:
            candidates = [self._stand_in()]
        try:
            device = self._open_one(self.chosen, candidates)
        except DeviceError as error:
            self._miss(str(error))
            if not self._may_default:
                return
            device = self._open_one("", [self._stand_in()])
        self._use(device)
        self._look_soon()

    def _look_soon(self) -> None:
        """A first look after a pause, then ever longer ones."""
        self._looks, self._next_look = 0, monotonic() + self._pace.retry_s

    def _miss(self, why: str) -> None:
        self.fault, self._lost_at, self._looks = why, monotonic(), 0
        self._look_later(why)

    def _look_later(self, why: str) -> None:
        self.fault = self.fault or why
        self._pause_look()

    def _pause_look(self) -> None:
        longest = self._pace.longest_s * (1 if self.fault else 2)  # nothing is missed where a stand-in serves
        self._next_look = monotonic() + min(longest, self._pace.retry_s * 2 ** min(self._looks, 10))

    def _open_one(self, name: str, candidates: Sequence[D]) -> D:
        """The first that opens. Raises DeviceError: there is none, or what the best one said."""
        first: DeviceError | None = None
        for device in candidates:
            try:
                device.open()
            except DeviceError as error:
                first = first or error
            else:
                self._opened_at = monotonic()
                return device
        raise first or DeviceError(name, f"there is no such {self.role}", f'plug it in, or set {self.role} = "auto"')

    def _use(self, device: D) -> None:
        if self._stop:
            self._put_away(device)
            return
        before, self.device, self.label = self.device, device, device.name
        self._default_look = monotonic() + self._pace.default_s
        self._driver = device.driver if not device.simulated else self._driver
        self._take(device)
        if before is not None:
            self._put_away(before)

    def _flows(self, device: D) -> bool:
        """Whether samples move by themselves; one that opens and stands still is none."""
        until = self._opened_at + self._pace.first_s
        while not device.simulated and device.moved_at < self._opened_at + _FLOWS_S:
            with self._lock:
                if self._lock.wait_for(lambda: self._stop, 0.02) or device.gone or monotonic() > until:
                    return False
        return True

    def _watch(self, device: D) -> None:
        if not self._stands_still(device):
            return
        with self._lock:  # a machine that was asleep, or a program that was stopped: the device gets its chance first
            self._lock.wait_for(lambda: self._stop, self._pace.tick_s / 2)
        if self._stop or not self._stands_still(device):
            return
        why = f"the {self.role} stands still; it is looked for"
        self._miss(why)  # first: who sees that it is gone must find the reason as well
        self.device = None
        self._take(None)
        self._tell(device.name, "fault", why)
        self._put_away(device)

    def _stands_still(self, device: D) -> bool:
        first = device.moved_at < self._opened_at + _FLOWS_S
        return device.gone or monotonic() - device.moved_at > (self._pace.first_s if first else self._pace.stall_s)

    def _look(self) -> None:
        """For the chosen one; when it has been away for long and the rig does not care, for the default."""
        self._looks += 1
        patient = monotonic() - self._lost_at < self._pace.default_after_s
        found = self._make(self.chosen)
        if self.chosen == "auto" and patient and self._driver:
            found = [device for device in found if device.driver == self._driver]
        if self._bring(found, "it was plugged in" if self.waiting else "it is back"):
            return
        if self.waiting and not self.fault:
            return self._pause_look()
        if self.chosen != "auto" and self._may_default and not patient:
            lost = self.chosen
            if self._bring(self._make("auto"), f"{lost} has gone; the default {self.role} takes its place"):
                self.chosen = "auto"
                return
        self._look_later(self.fault)

    def _follow_default(self) -> None:
        """Another device may have become the default: a headset was plugged in, the sound server has come at last."""
        device, now = self.device, monotonic()
        if self.chosen != "auto" or device is None or device.simulated or now < self._default_look:
            return
        found = self._make("auto")
        other = found[0].identity if found else device.identity
        agreed, self._other_default = other == self._other_default, other
        self._default_look = now + self._pace.default_s * (1.0 if agreed or other == device.identity else 0.2)
        if agreed and other != device.identity and not self._bring(found, f"it is the default {self.role} now"):
            self._default_look = now + 12 * self._pace.default_s  # one that does not open is not tried all the time

    def _bring(self, candidates: Sequence[D], why: str) -> bool:
        if not candidates:
            return False
        try:
            device = self._open_one(self.chosen, candidates)
        except DeviceError:
            return False
        if not self._flows(device):
            self._put_away(device)
            return False
        self._use(device)
        self.fault = ""
        self._tell(device.name, "ready", why)
        return True

    def _grant(self, wish: _PickRequest) -> None:
        try:
            granted = self._granted(wish.name)
            self.chosen, self.fault = wish.name, ""
            self._look_soon()
            self._may_default = wish.name == "auto" if wish.saved else self._may_default
            wish.granted.set_result(granted)
        except DeviceError as error:
            wish.granted.set_exception(error)
        except Exception as error:  # whatever a driver throws at us
            wish.granted.set_exception(DeviceError(wish.name, str(error) or type(error).__name__))
        finally:
            self._wish = None

    def _granted(self, name: str) -> str:
        candidates, before = self._make(name), self.device
        if candidates and before is not None and before.identity == candidates[0].identity:
            return before.name  # some devices cannot be opened twice
        if not candidates and name == "auto":
            candidates = [self._stand_in()]
        device = self._open_one(name, candidates)
        if not self._flows(device):
            self._put_away(device)
            raise DeviceError(device.name, "it opens, but no sound passes", "choose another, or look at its plug")
        self._use(device)
        self._tell(device.name, "simulated" if device.simulated else "ready", "")
        return device.name

    def _tell(self, name: str, state: State, detail: str) -> None:
        if self.on_change is not None:
            self.on_change(name, state, detail)

    @staticmethod
    def _put_away(device: D | None) -> None:
        """In a thread of its own: a driver whose server hangs may never come back from closing."""
        if device is not None:
            closing = threading.Thread(target=device.close, name=f"close {device.name}", daemon=True)
            closing.start()
            closing.join(1.0)
