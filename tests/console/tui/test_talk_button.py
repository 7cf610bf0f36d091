"""Holds and taps, and what becomes of a hold when nobody can see the hand any more."""

import pytest

from console.tui.input.talk_button import TAP_S, TalkButton


class Hand:
    def __init__(self) -> None:
        self.done: list[str] = []
        self.button = TalkButton(lambda: self.done.append("press"), lambda: self.done.append("let go"))


@pytest.fixture
def hand() -> Hand:
    return Hand()


def test_a_hold_is_talking(hand: Hand) -> None:
    hand.button.down("key")
    assert hand.button.held and hand.done == ["press"]
    hand.button.up("key", TAP_S)
    assert not hand.button.held and hand.done == ["press", "let go"]


def test_a_tap_only_presses(hand: Hand) -> None:
    for _ in range(2):
        hand.button.down("key")
        hand.button.up("key", TAP_S - 0.01)
    assert hand.done == ["press", "press"]


def test_a_key_that_repeats_itself_and_a_second_finger_do_nothing(hand: Hand) -> None:
    hand.button.down("key")
    hand.button.down("key")
    hand.button.down("pad")
    hand.button.up("pad", 5.0)
    assert hand.button.held and hand.done == ["press"]
    hand.button.up("key", 6.0)
    assert hand.done == ["press", "let go"]


def test_a_hand_that_nobody_sees_any_more_has_let_go_once(hand: Hand) -> None:
    hand.button.down("key")
    hand.button.lose()
    assert not hand.button.held and hand.done == ["press", "let go"]
    hand.button.up("key", 40.0)
    hand.button.lose()
    assert hand.done == ["press", "let go"]


def test_the_mouse_loses_only_its_own_hold(hand: Hand) -> None:
    hand.button.down("key")
    hand.button.lose("pad")
    assert hand.button.held
    hand.button.lose("key")
    assert hand.done == ["press", "let go"]


def test_an_end_without_a_beginning_is_nothing(hand: Hand) -> None:
    hand.button.up("key", 3.0)
    hand.button.lose()
    assert hand.done == []
