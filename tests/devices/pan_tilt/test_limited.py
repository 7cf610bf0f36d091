"""The one door to a head: what passes, what stops it, and that a stop gets through whatever happens."""

import math
import random
import threading
from collections.abc import Callable
from time import monotonic, sleep

import pytest

from devices.errors import DeviceError
from devices.pan_tilt.limited import LimitedHead
from devices.pan_tilt.simulated import SimulatedHead
from devices.pan_tilt.worker import RETRY_S
from profiles.schema import PanTilt

FULL = PanTilt(fastest=1.0)
PATIENCE_S = 30.0


def until(condition: Callable[[], object], what: str = "") -> None:
    due = monotonic() + PATIENCE_S
    while not condition():
        assert monotonic() < due, what or "it never came"
        sleep(0.005)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Trying(SimulatedHead):
    """Hangs or fails where the test says."""

    def __init__(self, answers: bool = True) -> None:
        super().__init__()
        self.answers = answers
        self.hangs_in = self.hanging = ""
        """The call that shall hang, and the one that does."""
        self.released = threading.Event()
        self.fails = 0
        """The next so many calls."""
        self.asked: list[tuple[float, str]] = []
        self.homes = 0

    def drive(self, pan: float, tilt: float) -> None:
        self._try("drive" if pan or tilt else "stop")
        super().drive(pan, tilt)

    def home(self) -> None:
        self._try("home")
        self.homes += 1
        super().home()

    def position(self) -> tuple[float, float]:
        self._try("look")
        return super().position()

    def close(self) -> None:
        self.asked.append((monotonic(), "close"))
        super().close()
        self.released.set()

    def _try(self, what: str) -> None:
        self.asked.append((monotonic(), what))
        if what == self.hangs_in:
            self.hanging = what
            self.released.wait(PATIENCE_S)
            if self.closed:
                raise DeviceError("a head", "was closed")
        if self.fails:
            self.fails -= 1
            raise DeviceError("a head", "fails")

    @property
    def speeds(self) -> list[tuple[float, float]]:
        return [(pan, tilt) for _, pan, tilt in list(self.told)]

    def stops(self) -> int:
        return sum(what == "stop" for _, what in list(self.asked))


@pytest.mark.parametrize(
    ("settings", "asked", "sent"),
    [
        (FULL, (0.5, -0.25), (0.5, -0.25)),
        (FULL, (7.0, -1e300), (1.0, -1.0)),
        (FULL, (math.inf, -math.inf), (1.0, -1.0)),
        (FULL, (math.nan, 0.5), (0.0, 0.5)),
        (PanTilt(), (1.0, 1.0), (0.5, 0.5)),
        (PanTilt(fastest=0.1, invert_pan=True), (1.0, 1.0), (-0.1, 0.1)),
        (PanTilt(fastest=1.0, invert_tilt=True), (1.0, 0.5), (1.0, -0.5)),
    ],
)
def test_what_passes(settings: PanTilt, asked: tuple[float, float], sent: tuple[float, float]) -> None:
    head = Trying()
    with LimitedHead(lambda: head, settings) as limited:
        assert limited.drive(*asked)
        until(lambda: sent in head.speeds)
        assert all(abs(pan) <= settings.fastest and abs(tilt) <= settings.fastest for pan, tilt in head.speeds)


@pytest.mark.parametrize("asked", [(0.0, 0.0), (math.nan, math.nan), (-0.0, math.nan)])
def test_nothing_is_a_stop_and_always_sent(asked: tuple[float, float]) -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        for _ in range(3):
            before = head.stops()
            assert not limited.drive(*asked)
            until(lambda before=before: head.stops() > before)  # type: ignore[misc]
        assert all(speed == (0.0, 0.0) for speed in head.speeds)


def test_the_first_and_the_last_thing_that_a_head_hears_is_a_stop() -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        assert limited.drive(1, 0)
        until(lambda: (1, 0) in head.speeds)
        assert limited.home()
        until(lambda: head.homes)
    assert [head.asked[0][1], *(what for _, what in head.asked[-2:])] == ["stop", "stop", "close"]
    assert not limited.drive(1, 0) and not limited.home() and limited.lost


def test_an_exception_stops_it() -> None:
    head = Trying()
    with pytest.raises(RuntimeError, match="of the test"), LimitedHead(lambda: head, FULL) as limited:
        limited.drive(1, 1)
        until(lambda: (1, 1) in head.speeds)
        raise RuntimeError("of the test")
    assert head.speeds[-1] == (0, 0) and head.closed


def test_a_stop_and_a_drive_come_in_their_order() -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        for share in (0.2, 0.4, 0.6):
            limited.stop()
            limited.drive(share, 0)
            until(lambda share=share: (share, 0) in head.speeds)  # type: ignore[misc]
            assert head.speeds[head.speeds.index((share, 0)) - 1] == (0, 0)
        limited.drive(0.9, 0)
        limited.stop()
        until(lambda: head.speeds[-1] == (0, 0))


def test_the_dead_man_stops_it_after_a_second_and_a_new_drive_gives_it_another() -> None:
    clock, head = Clock(), Trying()
    with LimitedHead(lambda: head, FULL, clock) as limited:
        limited.drive(0.3, 0)
        until(lambda: (0.3, 0) in head.speeds)
        clock.now += 0.99
        limited.drive(0.4, 0)
        until(lambda: (0.4, 0) in head.speeds)
        clock.now += 0.99
        sleep(1.2)  # longer than the guard sleeps
        assert head.speeds[-1] == (0.4, 0) and limited.moving
        clock.now += 0.02
        until(lambda: head.speeds[-1] == (0, 0))
        assert not limited.moving and not limited.fault


def test_the_dead_man_on_the_real_clock() -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        told_at = monotonic()
        limited.drive(0.3, 0)
        until(lambda: (0.3, 0) in head.speeds)
        until(lambda: head.speeds[-1] == (0, 0))
        assert head.told[-1][0] - told_at >= 1.0


def test_the_dead_man_gets_past_a_drive_that_hangs() -> None:
    clock, head = Clock(), Trying()
    with LimitedHead(lambda: head, FULL, clock) as limited:
        until(lambda: head.stops())
        head.hangs_in = "drive"
        limited.drive(0.3, 0)
        until(lambda: head.hanging == "drive")
        before = head.stops()
        clock.now += 1.01
        until(lambda: head.stops() > before)
        assert (0.3, 0) not in head.speeds, "the drive still hangs"
        head.released.set()
        until(lambda: head.speeds[-2:] == [(0.3, 0), (0, 0)])


def test_estop_latches_until_acknowledged() -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        limited.drive(1, 0)
        until(lambda: (1, 0) in head.speeds)
        assert limited.estop() or head.stops() > 1
        until(lambda: head.speeds[-1] == (0, 0))
        assert limited.estopped
        for _ in range(3):
            assert not limited.drive(1, 0) and not limited.home()
        limited.stop()
        limited.acknowledge()
        assert not limited.estopped and limited.drive(0.5, 0)
        until(lambda: (0.5, 0) in head.speeds)
        assert head.speeds.count((1, 0)) == 1


@pytest.mark.parametrize("action", ["drive", "home", "look"])
def test_estop_does_not_wait_behind_a_call_that_hangs(action: str) -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        until(lambda: limited.position())
        head.hangs_in = action
        if action == "drive":
            limited.drive(1, 0)
        elif action == "home":
            limited.home()
        until(lambda: head.hanging == action)
        before, asked_at = head.stops(), monotonic()
        limited.estop()
        assert monotonic() - asked_at < 5, "it takes 0.1 s on a machine that is free"
        until(lambda: head.stops() > before)
        assert not head.released.is_set(), "the stop went past it"
        before = head.stops()
        head.released.set()
        until(lambda: head.stops() > before)
        until(lambda: head.speeds[-1] == (0, 0))


def test_estop_before_there_is_a_head() -> None:
    limited = LimitedHead(Trying, FULL)
    assert not limited.estop()
    limited.open()
    try:
        assert limited.estopped and not limited.drive(1, 0)
    finally:
        limited.close()


def test_close_ends_though_the_head_hangs() -> None:
    head = Trying()
    limited = LimitedHead(lambda: head, FULL)
    limited.open()
    until(lambda: head.stops())
    head.hangs_in = "drive"
    limited.drive(1, 0)
    until(lambda: head.hanging == "drive")
    limited.close()
    assert head.closed and head.speeds == [(0, 0), (0, 0)]


def test_a_stop_that_fails_is_tried_again() -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        limited.drive(1, 0)
        until(lambda: (1, 0) in head.speeds)
        head.fails = 2
        before = len(head.asked)
        limited.stop()
        until(lambda: head.speeds[-1] == (0, 0))
        tries = [(at, what) for at, what in head.asked[before:] if what == "stop"]
        assert len(tries) >= 2
        assert all(later - sooner >= RETRY_S for (sooner, _), (later, _) in zip(tries, tries[1:], strict=False))
        assert limited.fault == "a head: fails" and not limited.lost
        limited.acknowledge()
        assert not limited.fault


def test_a_movement_that_fails_stops_it_and_the_next_one_clears_the_fault() -> None:
    head = Trying()
    with LimitedHead(lambda: head, FULL) as limited:
        until(lambda: head.asked[-1][1] == "look")
        head.fails = 1
        limited.drive(1, 0)
        until(lambda: limited.fault)
        until(lambda: not head.fails and head.speeds[-1] == (0, 0))
        until(lambda: limited.drive(0.5, 0) and (0.5, 0) in head.speeds)
        until(lambda: not limited.fault)


class Plugged:
    """A factory whose head comes and goes."""

    def __init__(self) -> None:
        self.there = True
        self.heads: list[Trying] = []
        self.opened = 0

    def __call__(self) -> Trying:
        self.opened += 1
        if not self.there:
            raise DeviceError("/dev/a-port", "is not there", "plug it in")
        self.heads.append(Trying())
        return self.heads[-1]

    def unplug(self) -> None:
        self.there = False
        self.heads[-1].fails = 1_000_000

    def replug(self) -> None:
        self.there = True


def test_an_unplugged_head_is_taken_up_by_itself_and_stopped_first_thing() -> None:
    plug = Plugged()
    with LimitedHead(plug, FULL) as limited:
        for number in (1, 2):
            assert limited.drive(1, 0)
            until(lambda: (1, 0) in plug.heads[-1].speeds)
            plug.unplug()
            until(lambda: limited.lost, "an idle look or the dead man's stop finds out")
            until(lambda: limited.fault == "/dev/a-port: is not there; plug it in")
            assert not limited.drive(1, 0) and limited.position() is None
            plug.replug()
            until(lambda number=number: len(plug.heads) > number and not limited.lost)  # type: ignore[misc]
            until(lambda: plug.heads[-1].asked)
            assert plug.heads[-1].asked[0][1] == "stop" and plug.heads[-2].closed
            assert limited.fault == "a head: fails", "until it is acknowledged"
            limited.acknowledge()


def test_a_head_that_is_not_there_at_the_start_is_taken_up_when_it_comes() -> None:
    plug = Plugged()
    plug.there = False
    with LimitedHead(plug, FULL) as limited:
        assert limited.lost and limited.fault == "/dev/a-port: is not there; plug it in" and limited.name == ""
        until(lambda: plug.opened > 2)
        plug.replug()
        until(lambda: not limited.lost)
        assert not limited.fault and limited.name == "simulated head"


def test_a_head_of_strange_errors_costs_the_head_and_no_thread() -> None:
    def factory() -> Trying:
        if not heads:
            heads.append(Trying())
            raise ValueError("a bug")
        return heads[0]

    heads: list[Trying] = []
    with LimitedHead(factory, FULL) as limited:
        until(lambda: not limited.lost)
        until(lambda: limited.drive(1, 0) and (1, 0) in heads[0].speeds)


def test_a_stop_is_repeated_to_a_head_that_never_answers() -> None:
    head = Trying(answers=False)
    with LimitedHead(lambda: head, FULL) as limited:
        until(lambda: head.stops() == 3)
        limited.drive(1, 0)
        until(lambda: (1, 0) in head.speeds)
        limited.stop()
        until(lambda: head.stops() == 6)
        assert not limited.answers and not limited.fault


def test_position_follows_and_is_turned_round_as_the_drive_is() -> None:
    head = Trying()
    with LimitedHead(lambda: head, PanTilt(fastest=1.0, invert_pan=True)) as limited:
        until(lambda: limited.position() == (0.0, 0.0))
        limited.drive(1, 0)
        until(lambda: (limited.position() or (0.0, 0.0))[0] > 0.01)
        assert head.position()[0] < 0
        limited.home()
        until(lambda: limited.position() == (0.0, 0.0))


def test_many_threads_at_once_and_it_stands_in_the_end() -> None:
    head = Trying()

    def meddle(seed: int) -> None:
        chance = random.Random(seed)
        for _ in range(100):
            chance.choice((limited.stop, limited.home, limited.acknowledge, limited.estop, lambda: limited.fault))()
            limited.drive(chance.uniform(-2, 2), chance.uniform(-2, 2))
            limited.position()

    with LimitedHead(lambda: head, FULL) as limited:
        threads = [threading.Thread(target=meddle, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE_S)
        limited.estop()
        until(lambda: head.speeds[-1] == (0, 0))
        assert not limited.fault
    assert head.speeds[-1] == (0, 0)
    assert not [t.name for t in threading.enumerate() if t.name in ("head", "head guard")]
