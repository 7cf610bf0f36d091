"""The door to every motor: travel, speed, arming, faults that stay, the watchdog, the emergency stop."""

import threading
import time

import pytest
from msgspec.structs import replace

from devices.boards.simulated import SimulatedBoard
from devices.errors import DeviceError, Unplugged
from devices.limits import HAND_S, LET_S, SLOW_US_PER_S, WATCHDOG_S, LimitedJaw
from profiles.schema import Jaw
from tests.devices.jaws import Clock, armed, pulses

FAST = Jaw(slew_us_per_s=20_000)


@pytest.mark.parametrize(("closed", "opened"), [(1400, 1600), (1700, 1300)])
def test_no_pulse_outside_the_travel_whatever_is_asked(closed: int, opened: int) -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, Jaw(closed_us=closed, open_us=opened, slew_us_per_s=20_000), clock)
    for wish in (5.0, -3.0, float("inf"), float("-inf"), float("nan"), 1e300, 0.5, 1.0, 0.0):
        for _ in range(5):
            clock.now += 0.02
            jaw.open_to(wish)
    low, high = sorted((closed, opened))
    assert {low, high} == {min(pulses(board)), max(pulses(board))}
    assert jaw.opening >= 0


def test_speed_is_limited_and_the_first_move_is_slow() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = LimitedJaw(Jaw(closed_us=1000, open_us=2000, slew_us_per_s=1000), clock)
    jaw.take(board, simulated=True)
    for _ in range(100):
        clock.now += 0.02
        jaw.open_to(1.0)
    sent = pulses(board)[1:]
    steps = [b - a for a, b in zip(sent, sent[1:], strict=False)]
    assert sent[0] <= 1000 + SLOW_US_PER_S * 0.1
    assert max(steps[:20]) <= SLOW_US_PER_S * 0.02 + 1 and max(steps) <= 1000 * 0.02 + 1
    assert sent[-1] == 2000
    jaw.close()
    assert pulses(board)[-1] == 1000


def test_nothing_moves_before_it_is_armed_and_nothing_is_sent_at_start() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = LimitedJaw(FAST, clock)
    with pytest.raises(DeviceError, match="no board yet"):
        jaw.arm()
    jaw.take(board, simulated=False)
    assert jaw.open_to(1.0) == jaw.jog(1500) == 0 and not any(pulses(board))
    jaw.arm()
    assert jaw.open_to(1.0) and any(pulses(board))
    jaw.disarm()
    assert pulses(board)[-1] == 1400 and jaw.open_to(1.0) == 0
    jaw.poll()
    assert pulses(board)[-1] == 1400, "it has the time to close"
    clock.now += LET_S
    jaw.poll()
    assert pulses(board)[-1] == 0


def test_what_a_person_made_limp_only_a_person_arms() -> None:
    board, settings = SimulatedBoard(), replace(FAST, arm_at_start=True)
    jaw = armed(board, settings)
    jaw.disarm()
    jaw.lose(DeviceError("jaw", "was unplugged"))
    jaw.acknowledge()
    jaw.take(board, simulated=True)
    assert not jaw.armed
    jaw.arm()
    assert jaw.armed


def test_a_board_that_comes_back_is_let_go_of_first() -> None:
    board = SimulatedBoard()
    jaw = armed(board, FAST)
    jaw.open_to(1.0)
    jaw.stop()
    jaw.lose(DeviceError("jaw", "was unplugged"))
    board.moves.clear()
    jaw.take(board, simulated=False)
    assert pulses(board) == [0]


def test_a_stop_that_the_board_did_not_hear_is_said_again() -> None:
    class Deaf(SimulatedBoard):
        deaf = False

        def detach(self, channel: int) -> None:
            if self.deaf:
                self.deaf = False
                raise DeviceError("board", "busy")
            super().detach(channel)

    board = Deaf()
    jaw = armed(board, FAST)
    jaw.open_to(1.0)
    board.deaf = True
    jaw.stop()
    assert pulses(board)[-1] != 0
    jaw.poll()
    assert pulses(board)[-1] == 0


def test_a_stop_in_the_midst_of_an_acknowledgement_counts() -> None:
    class Stopping(SimulatedBoard):
        """Somebody stops it while the other one acknowledges."""

    jaw = armed(Stopping(), FAST)
    jaw.lose(DeviceError("jaw", "was unplugged"))
    jaw.take(Stopping(), simulated=False)
    arm = jaw._arm

    def stopped_meanwhile() -> None:
        jaw.stop()
        arm()

    jaw._arm = stopped_meanwhile  # type: ignore[method-assign]
    jaw.acknowledge()
    assert jaw.stopped and not jaw.armed and jaw.open_to(1.0) == 0


def test_a_rig_may_say_that_it_is_armed_at_start() -> None:
    jaw = LimitedJaw(replace(FAST, arm_at_start=True))
    jaw.take(SimulatedBoard(), simulated=False)
    assert jaw.armed


def test_the_watchdog_closes_a_mouth_that_nobody_moves_any_more() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, FAST, clock)
    jaw.open_to(1.0)
    clock.now += WATCHDOG_S - 0.01
    jaw.poll()
    assert jaw.attached and pulses(board)[-1] > 1400
    clock.now += 0.02
    jaw.poll()
    assert pulses(board)[-1] == 1400
    clock.now += LET_S
    jaw.poll()
    assert pulses(board)[-1] == 0 and not jaw.attached
    assert jaw.open_to(1.0), "the next frame moves it again"


def test_idle_it_rests_and_goes_limp() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, replace(FAST, rest_us=1420, idle_detach_s=5.0), clock)
    jaw.open_to(0.0)
    clock.now += 1.1
    jaw.poll()
    assert pulses(board)[-1] == 1420
    clock.now += 5.1
    jaw.poll()
    assert pulses(board)[-1] == 0 and not jaw.attached and jaw.us == 0


def test_a_hand_may_hold_it_open_but_not_for_ever() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, FAST, clock)
    while jaw.jog(1500) != 1500:
        clock.now += 0.02
    steps = [b - a for a, b in zip(pulses(board), pulses(board)[1:], strict=False)]
    assert max(steps) <= SLOW_US_PER_S * 0.02
    clock.now += HAND_S - 1
    jaw.poll()
    assert pulses(board)[-1] == 1500
    clock.now += 2
    jaw.poll()
    clock.now += LET_S
    jaw.poll()
    assert pulses(board)[-2:] == [1400, 0]


def test_a_hand_leaves_the_travel_only_while_it_is_calibrated() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, FAST, clock)

    def jog(target: float) -> int:
        for _ in range(400):
            clock.now += 0.02
            last = jaw.jog(target)
        return last

    assert jog(1900) == 1600
    jaw.calibrate(FAST, beyond=True)
    assert jog(1900) == 1900 and jog(9000) == 2400 and jog(0) == 600
    clock.now += 0.02
    for _ in range(50):
        clock.now += 0.02
        jaw.open_to(0.0)
    assert pulses(board)[-1] == 1400, "a voice never leaves it"
    jog(1900)
    jaw.calibrate(replace(FAST, open_us=1700), beyond=False)
    assert pulses(board)[-1] == 0, "limp: from there it would leap"
    clock.now += 0.02
    assert 1400 <= jaw.open_to(0.0) <= 1700


def test_trim_moves_the_whole_travel() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, replace(FAST, trim_us=-50), clock)
    for wish in (1.0, 0.0):
        for _ in range(20):
            clock.now += 0.02
            jaw.open_to(wish)
    assert (min(pulses(board)), max(pulses(board))) == (1350, 1550)


def test_a_lost_board_is_a_fault_that_stays_also_when_it_is_back() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, FAST, clock)
    jaw.lose(DeviceError("jaw", "was unplugged"))
    assert jaw.open_to(1.0) == 0 and not jaw.armed
    jaw.take(board, simulated=False)
    assert jaw.open_to(1.0) == 0 and "unplugged" in jaw.fault
    with pytest.raises(DeviceError, match="acknowledge"):
        jaw.arm()
    assert "unplugged" in jaw.acknowledge() and jaw.armed and jaw.open_to(1.0)


def unplugged(jaw: LimitedJaw, board: SimulatedBoard, times: int = 1) -> None:
    for _ in range(times):
        jaw.lose(Unplugged("jaw", "was unplugged", "plug it in again"))
        jaw.lose(DeviceError("jaw", "is not there"))  # it is looked for
        assert not jaw.armed and jaw.open_to(1.0) == 0 and "was unplugged" in jaw.fault
        board.moves.clear()
        jaw.take(board, simulated=False)
        assert not any(pulses(board)), "limp until it is told to move"


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_was_only_unplugged_is_armed_by_itself_where_the_rig_arms_at_start(times: int) -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = LimitedJaw(replace(FAST, arm_at_start=True), clock)
    jaw.take(board, simulated=False)
    unplugged(jaw, board, times)
    assert jaw.armed and not jaw.fault
    for _ in range(5):
        clock.now += 0.02
        jaw.open_to(1.0)
    assert 1400 < pulses(board)[-1] <= 1400 + 0.2 * SLOW_US_PER_S, "slowly at first"


def test_one_that_comes_and_goes_is_looked_at_by_a_person() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = LimitedJaw(replace(FAST, arm_at_start=True), clock)
    jaw.take(board, simulated=False)
    unplugged(jaw, board, 4)
    assert not jaw.armed and "cable" in jaw.fault
    jaw.acknowledge()
    assert jaw.armed
    clock.now += 100
    unplugged(jaw, board)
    assert jaw.armed


def test_without_arming_at_start_a_hand_arms_what_was_unplugged() -> None:
    board = SimulatedBoard()
    jaw = LimitedJaw(FAST)
    jaw.take(board, simulated=False)
    jaw.arm()
    unplugged(jaw, board, 2)
    assert not jaw.armed and jaw.fault == "it is back: 3, K, then M"
    jaw.acknowledge()
    assert not jaw.armed and not jaw.fault
    jaw.arm()
    jaw.lose(Unplugged("jaw", "was unplugged"))
    jaw.acknowledge()  # before it is back
    jaw.take(board, simulated=False)
    assert not jaw.armed and not jaw.fault


def test_a_board_that_is_first_found_in_a_panic_stays_limp_until_the_panic_is_over() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = LimitedJaw(replace(FAST, arm_at_start=True), clock)
    jaw.halted = True
    jaw.take(board, simulated=False)
    assert not jaw.armed and jaw.open_to(1.0) == jaw.jog(1500) == 0 and not any(pulses(board))
    jaw.resume()
    assert jaw.armed and jaw.open_to(1.0)


@pytest.mark.parametrize("before", ["limp", "armed", "disarmed", "stopped", "stopped then"])
@pytest.mark.parametrize("fault", ["nonsense", "unplugged"])
@pytest.mark.parametrize("acknowledged", ["while it is gone", "when it is back"])
@pytest.mark.parametrize("arm_at_start", [True, False])
def test_what_acknowledging_will_do_is_known_before(
    before: str, fault: str, acknowledged: str, arm_at_start: bool
) -> None:
    """`rearms` is what the rig page tells; and with the board back, armed or not, it was told the truth."""
    board, clock = SimulatedBoard(), Clock()
    jaw = LimitedJaw(replace(FAST, arm_at_start=arm_at_start), clock)
    jaw.take(board, simulated=False)
    if before != "limp":
        jaw.arm()
    if before == "disarmed":
        jaw.disarm()
    if before == "stopped":
        jaw.stop()
    jaw.lose(Unplugged("jaw", "gone", "plug it in") if fault == "unplugged" else DeviceError("jaw", "nonsense", "look"))
    if before == "stopped then":
        jaw.stop()
    if acknowledged == "while it is gone":
        told = jaw.rearms
        jaw.acknowledge()
        jaw.take(board, simulated=False)
    else:
        jaw.take(board, simulated=False)
        told = jaw.armed or jaw.rearms
        jaw.acknowledge()
    assert jaw.armed == told
    assert not (jaw.armed and before in ("disarmed", "stopped", "stopped then"))


@pytest.mark.parametrize("by_hand", ["disarmed", "stopped", "never armed"])
def test_the_end_of_a_panic_arms_nothing_that_a_person_left_limp(by_hand: str) -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = LimitedJaw(replace(FAST, arm_at_start=by_hand != "never armed"), clock)
    jaw.take(board, simulated=False)
    jaw.halted = True
    if by_hand == "disarmed":
        jaw.disarm()
    if by_hand == "stopped":
        jaw.stop()
    jaw.resume()
    assert not jaw.armed and jaw.open_to(1.0) == 0


@pytest.mark.parametrize("why", ["stop", "stop while it is gone", "panic", "disarmed", "another fault"])
def test_what_a_person_must_see_is_never_armed_by_itself(why: str) -> None:
    board = SimulatedBoard()
    jaw = LimitedJaw(replace(FAST, arm_at_start=True))
    jaw.take(board, simulated=False)
    if why == "stop":
        jaw.stop()
    elif why == "disarmed":
        jaw.disarm()
    elif why == "another fault":
        jaw.lose(DeviceError("jaw", "it was reset"))
        jaw.take(board, simulated=False)
    jaw.halted = why == "panic"
    jaw.lose(Unplugged("jaw", "was unplugged"))
    if why == "stop while it is gone":
        jaw.stop()
    jaw.take(board, simulated=False)
    assert not jaw.armed and jaw.open_to(1.0) == 0 and (jaw.fault or jaw.stopped)
    assert why != "another fault" or "reset" in jaw.fault


def test_seen_before_it_is_back() -> None:
    board = SimulatedBoard()
    jaw = armed(board, FAST)
    jaw.lose(DeviceError("jaw", "was unplugged"))
    jaw.acknowledge()
    assert not jaw.armed
    jaw.take(board, simulated=False)
    assert jaw.armed


def test_a_stop_is_limp_at_once_and_stays_so() -> None:
    board, clock = SimulatedBoard(), Clock()
    jaw = armed(board, FAST, clock)
    jaw.open_to(1.0)
    jaw.stop()
    assert pulses(board)[-1] == 0
    jaw.close()
    assert jaw.open_to(1.0) == jaw.jog(1500) == 0 and pulses(board)[-1] == 0
    with pytest.raises(DeviceError, match="stopped"):
        jaw.arm()
    jaw.take(board, simulated=True)
    assert not jaw.armed
    assert jaw.acknowledge() == "it was stopped" and not jaw.armed
    jaw.arm()
    assert jaw.open_to(1.0)


def test_a_stop_does_not_wait_for_a_write_that_hangs_and_what_hung_does_not_stand() -> None:
    class Hanging(SimulatedBoard):
        def write_us(self, channel: int, pulse_us: int) -> None:
            writing.set()
            assert go_on.wait(10)
            super().write_us(channel, pulse_us)

    writing, go_on = threading.Event(), threading.Event()
    board = Hanging()
    jaw = armed(board, FAST)
    frame = threading.Thread(target=jaw.open_to, args=(1.0,))
    frame.start()
    assert writing.wait(10)
    began = time.monotonic()
    jaw.stop()
    took = time.monotonic() - began
    assert pulses(board) == [0] and took < 5, f"{took:.3f} s, while the write goes on hanging"
    go_on.set()
    frame.join(10)
    assert pulses(board)[-1] == 0 and not jaw.attached


@pytest.mark.parametrize("method", ["write_us", "detach", "poll"])
def test_whatever_a_board_raises_becomes_a_fault(method: str) -> None:
    class Bad(SimulatedBoard):
        def __getattribute__(self, name: str) -> object:
            if name == method and raises.is_set():
                raise RuntimeError("a bug")
            return super().__getattribute__(name)

    raises, clock = threading.Event(), Clock()
    jaw = armed(Bad(), FAST, clock)
    jaw.open_to(1.0)
    raises.set()
    clock.now += WATCHDOG_S + 0.1
    jaw.poll()
    jaw.open_to(1.0)
    jaw.release()
    clock.now += LET_S
    jaw.poll()
    assert jaw.fault == "a bug" and jaw.board is None and not jaw.armed


def test_closed_and_open_at_one_place_do_not_divide_by_zero() -> None:
    jaw = armed(SimulatedBoard(), Jaw(closed_us=1500, open_us=1500))
    assert jaw.opening == 0.0 and jaw.open_to(1.0) == 1500
