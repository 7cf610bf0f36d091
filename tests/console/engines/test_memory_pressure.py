"""When memory runs low: warned early, acted late, never for a moment's peak and never while a visitor is served."""

import pytest

from console.engines.memory_pressure import ROOM_S, Advice, MemoryPool, Pressure, neediest
from console.engines.swapper import place
from profiles.schema import Device, Engine, LadderStep, MemoryRules

PLENTY = 4_000_000_000
RULES = MemoryRules(step_up=True)


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def felt(pressure: Pressure, clock: Clock, *used: float, free: int = PLENTY, idle: bool = True) -> list[Advice]:
    """A reading every half second."""
    advice = []
    for share in used:
        clock.now += 0.5
        advice.append(pressure.feel(MemoryPool(share, free), idle=idle))
    return advice


def test_it_warns_at_ninety_and_acts_at_the_third_reading_of_ninety_five(clock: Clock) -> None:
    pressure = Pressure(RULES, clock)
    assert felt(pressure, clock, 0.5, 0.89, 0.90, 0.94) == [Advice.CALM, Advice.CALM, Advice.WARN, Advice.WARN]
    assert felt(pressure, clock, 0.95, 0.96, 0.95) == [Advice.WARN, Advice.WARN, Advice.DOWN]


def test_a_peak_that_passes_changes_nothing(clock: Clock) -> None:
    pressure = Pressure(RULES, clock)
    assert Advice.DOWN not in felt(pressure, clock, *(0.97, 0.97, 0.5) * 20)


def test_a_warning_ends_only_well_below(clock: Clock) -> None:
    pressure = Pressure(RULES, clock)
    assert felt(pressure, clock, 0.91, 0.86, 0.81, 0.79, 0.86) == [*[Advice.WARN] * 3, Advice.CALM, Advice.CALM]


def test_little_left_is_too_much_used_whatever_the_share(clock: Clock) -> None:
    pressure = Pressure(RULES, clock)
    assert felt(pressure, clock, 0.6, 0.6, 0.6, free=200_000_000)[-1] is Advice.DOWN


def test_nothing_is_changed_while_a_visitor_is_served(clock: Clock) -> None:
    pressure = Pressure(RULES, clock)
    assert set(felt(pressure, clock, *[0.99] * 10, idle=False)) == {Advice.WARN}
    assert felt(pressure, clock, 0.99) == [Advice.DOWN], "at the first moment in which nobody is"


def test_an_engine_that_has_no_memory_does_not_wait(clock: Clock) -> None:
    pressure = Pressure(RULES, clock)
    assert pressure.feel(MemoryPool(0.5, PLENTY), idle=False, out_of_memory=True) is Advice.DOWN


def test_a_model_stays_for_a_while(clock: Clock) -> None:
    pressure = Pressure(RULES, clock)
    assert felt(pressure, clock, *[0.99] * 3)[-1] is Advice.DOWN
    pressure.changed()
    assert Advice.DOWN not in felt(pressure, clock, *[0.99] * 59)
    assert felt(pressure, clock, 0.99, 0.99)[-1] is Advice.DOWN


def test_it_goes_up_again_after_a_minute_of_room_if_wished(clock: Clock) -> None:
    pressure, never = Pressure(RULES, clock), Pressure(MemoryRules(), clock)
    pressure.changed()
    readings = int(ROOM_S / 0.5)
    assert set(felt(pressure, clock, *[0.5] * readings)) == {Advice.CALM}
    assert felt(pressure, clock, 0.5, 0.5)[-1] is Advice.UP
    assert felt(pressure, clock, 0.85, 0.5) == [Advice.CALM, Advice.CALM], "room must last"
    assert set(felt(never, clock, *[0.5] * 2 * readings)) == {Advice.CALM}


def test_the_engine_that_gives_back_the_most_goes_first() -> None:
    assert neediest({"stt": 70, "llm": 900, "tts": 0}) == "llm"
    assert neediest({"tts": 0}) is None and neediest({}) is None


@pytest.mark.parametrize(
    ("model", "device", "at"), [("base", "gpu", 0), ("base", "cpu", 1), ("base", "auto", 0), ("tiny", "cpu", 2)]
)
def test_the_same_model_may_be_on_a_ladder_with_two_devices(model: str, device: Device, at: int) -> None:
    ladder = (LadderStep(model="base", device="gpu"), LadderStep(model="base", device="cpu"), LadderStep(model="tiny"))
    assert place(Engine(engine="whisper_cpp", model=model, device=device, ladder=ladder)) == at
    assert place(Engine(engine="whisper_cpp", model="large", device=device, ladder=ladder)) is None
