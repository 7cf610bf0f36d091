"""The schedule of restarts, exact under a clock that we turn."""

import random

import pytest

from supervisors.health.restart_policy import RestartPolicy, RestartRules


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


STEADY = RestartRules(jitter=0.0)


def run(rules: RestartRules, uptime_s: float, ready_s: float, times: int) -> list[float | None]:
    clock = Clock()
    policy = RestartPolicy(rules, clock, random.Random(1))
    delays: list[float | None] = []
    for _ in range(times):
        clock.now += uptime_s
        delays.append(policy.crashed(ready_s))
        clock.now += delays[-1] or 0.0
    return delays


def test_doubles_and_then_holds() -> None:
    assert run(STEADY, 0.3, 0.2, 6) == [0.5, 1.0, 2.0, 4.0, 8.0, None]


def test_never_waits_longer_than_the_cap() -> None:
    assert run(RestartRules(jitter=0.0, most=0), 0.0, 0.0, 9)[5:] == [16.0, 30.0, 30.0, 30.0]


def test_at_once_after_a_good_run_and_for_ever_when_crashes_are_rare() -> None:
    assert run(STEADY, 90.0, 88.0, 50) == [0.0] * 50


@pytest.mark.parametrize(("ready_s", "delay"), [(59.9, 1.0), (60.0, 0.0)])
def test_a_good_run_is_sixty_seconds_ready(ready_s: float, delay: float) -> None:
    clock = Clock()
    policy = RestartPolicy(STEADY, clock, random.Random(1))
    assert policy.crashed(0.0) == 0.5
    clock.now += ready_s
    assert policy.crashed(ready_s) == delay
    clock.now += 1
    assert policy.crashed(1.0) == (0.5 if delay == 0 else 2.0)


def test_the_window_slides() -> None:
    clock = Clock()
    policy = RestartPolicy(STEADY, clock, random.Random(1))
    for _ in range(5):
        assert policy.crashed(0.0) is not None
    clock.now += 300.1
    assert policy.crashed(0.0) == 16.0


def test_the_operator_clears_it() -> None:
    clock = Clock()
    policy = RestartPolicy(STEADY, clock, random.Random(1))
    while policy.crashed(0.0) is not None:
        clock.now += 1
    policy.reset()
    assert policy.crashed(0.0) == 0.5


def test_jitter_is_a_fifth_either_way() -> None:
    delays = [run(RestartRules(), 0.0, 0.0, 1)[0]]
    rng = random.Random(7)
    for _ in range(500):
        policy = RestartPolicy(RestartRules(), Clock(), rng)
        delays.append(policy.crashed(0.0))
    found = [delay for delay in delays if delay is not None]
    assert 0.4 <= min(found) < 0.41 and 0.59 < max(found) <= 0.6
