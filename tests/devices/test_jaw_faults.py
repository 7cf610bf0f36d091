"""The whole chain, voice to servo, with every fault of every board: named, safe, and back after a replug."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from console.api.events import DeviceChanged
from console.body.device_set import _jaw_now
from devices import serial_port
from devices.boards.board import module
from devices.emulators.emulate import emulate
from devices.emulators.port import FAULTS
from devices.jaw import jaw_board
from devices.jaw.jaw_board import JawBoard
from devices.jaw.jaw_player import HOP_S, JawPlayer
from devices.limits import LimitedJaw
from devices.serial_port import Port, SerialPort
from profiles.schema import Jaw
from tests.devices.test_boards import BOARDS
from tests.fakes.ports import TappedSpeaker

PATIENCE_S = 20.0


class Chain:
    """A speaker, a track, the limits, and a board that is looked after."""

    def __init__(self, settings: Jaw, speaker: TappedSpeaker) -> None:
        self.jaw, self.speaker, self.said = LimitedJaw(settings), speaker, 0
        self.player = JawPlayer(self.jaw, speaker)
        self.pressed: list[bool] = []
        self.keeper = JawBoard(self.jaw, lambda: self.player.playing, self.pressed.append, lambda: None)

    def speak(self, seconds: float) -> None:
        self.said += 1
        frames = round(seconds / HOP_S)
        self.speaker.begin(self.said)
        self.player.begin(self.said)
        self.player.track(self.said, ([0.2, 0.6, 1.0, 0.5] * frames)[:frames])
        self.speaker.write(self.said, np.full(round(seconds * self.speaker.rate), 500, np.int16))
        self.speaker.finish(self.said)


def until(what: Callable[[], object]) -> None:
    due = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < due, "it did not happen"
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is looked at five times as often as in a show, so that it need not speak for so long."""
    monkeypatch.setattr(jaw_board, "_AGAIN_S", 0.1)
    monkeypatch.setattr(jaw_board, "_PLAYING_S", 0.1)
    monkeypatch.setattr(jaw_board, "_LOOK_S", 0.05)
    for name in ("firmata", "line"):
        monkeypatch.setattr(module(name), "_OPEN_S", 1.0)


UNDER_WAY = [fault for fault in FAULTS if fault != "busy"]


def in_the_gate(kind: int, fault: int) -> bool:
    """Every board and every fault twice; each of the others is tried on the board alone in test_boards.py."""
    return (kind + fault) % len(UNDER_WAY) < 2


@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        pytest.param(kind, fault, marks=() if in_the_gate(i, j) else pytest.mark.soak)
        for i, kind in enumerate(BOARDS)
        for j, fault in enumerate(UNDER_WAY)
    ],
)
def test_a_fault_in_the_midst_of_a_sentence(kind: str, fault: str) -> None:
    with emulate(kind) as emulator, TappedSpeaker() as speaker:
        channel = emulator.board.channels[0]
        chain = Chain(Jaw(board=kind, port=emulator.path, channel=channel, arm_at_start=True), speaker)
        with chain.keeper, chain.player:
            until(lambda: chain.jaw.armed)
            answers = chain.jaw.board is not None and chain.jaw.board.answers
            chain.speak(0.8)
            until(lambda: len(emulator.moves) > 5)
            emulator.fault(fault)
            if answers or fault in ("unplug", "stall"):
                until(lambda: chain.jaw.fault)
                assert not chain.jaw.armed and chain.jaw.open_to(1.0) == 0
                assert chain.jaw.fault.count("\n") == 0 and len(chain.jaw.fault) > 10
            until(lambda: not chain.player.playing)  # the line ends as if nothing had been
            emulator.fault("")
            emulator.replug()
            before = len(emulator.moves)
            until(lambda: goes_on(chain) and len([us for _, _, us in list(emulator.moves)[before:] if us]) > 5)
        assert all(us == 0 or 1390 <= us <= 1610 for _, _, us in emulator.moves), "never outside its travel"
        until(lambda: not any(emulator.servos.values()) if answers else abs(emulator.moves[-1][2] - 1400) < 10)


@pytest.mark.parametrize("at_start", [True, False])
@pytest.mark.parametrize("kind", ["line", "maestro"])
def test_back_after_an_unplug(kind: str, at_start: bool) -> None:
    told: list[DeviceChanged] = []
    with emulate(kind) as emulator, TappedSpeaker() as speaker:
        chain = Chain(Jaw(board=kind, port=emulator.path, arm_at_start=at_start), speaker)
        chain.keeper._on_change = lambda: told.append(_jaw_now(chain.keeper))
        with chain.keeper, chain.player:
            until(lambda: chain.jaw.board is not None)
            if not at_start:
                chain.jaw.arm()
            for _ in range(2):
                chain.speak(0.4)
                emulator.fault("unplug")
                until(lambda: told[-1].state == "fault" and "plug it in again" in told[-1].detail)
                emulator.replug()
                if not at_start:
                    until(lambda: told[-1].detail == "it is back: 3, K, then M")
                    chain.jaw.acknowledge()
                    chain.jaw.arm()
                until(lambda: chain.jaw.armed and told[-1].state == "ready")
                until(lambda: not chain.player.playing)
            emulator.fault("brownout")
            if chain.jaw.board is not None and chain.jaw.board.answers:
                until(lambda: told[-1].state == "fault")
                emulator.fault("")
                emulator.replug()
                until(lambda: "it answers again: 3, then K" in told[-1].detail)
                assert not chain.jaw.armed


def test_back_under_another_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The system gives the next number while the old one is still held."""
    with emulate("maestro") as emulator, TappedSpeaker() as speaker:
        first, second = tmp_path / "ttyACM0", tmp_path / "ttyACM1"
        first.symlink_to(emulator.path)
        here = [Port(str(first), "Maestro", 0x1FFB, 0x0089, "0042")]
        monkeypatch.setattr(serial_port, "ports", lambda: here)
        monkeypatch.setattr(jaw_board, "ports", lambda: here)
        chain = Chain(Jaw(board="maestro", port=str(first), arm_at_start=True), speaker)
        with chain.keeper:
            until(lambda: chain.jaw.armed)
            emulator.fault("unplug")
            until(lambda: chain.jaw.fault)
            first.unlink()
            second.symlink_to(emulator.path)
            here[:] = [Port(str(second), "Maestro", 0x1FFB, 0x0089, "0042")]
            emulator.replug()
            until(lambda: chain.jaw.armed and not chain.jaw.fault)
            assert "ttyACM1" in chain.keeper.name


def test_a_maestro_that_the_rig_calls_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        emulate("mini_ssc") as emulator,
        TappedSpeaker() as speaker,
    ):  # it says nothing, as one does in its shipped mode
        monkeypatch.setattr(jaw_board, "ports", lambda: [Port(emulator.path, "Pololu", 0x1FFB, 0x008A, "0042")])
        chain = Chain(Jaw(board="line", port=emulator.path), speaker)
        with chain.keeper:
            until(lambda: chain.jaw.missing)
            assert "does not answer, and is a Maestro" in chain.jaw.missing
            assert 'board = "maestro"' in chain.jaw.missing and '"USB Dual Port"' in chain.jaw.missing


def goes_on(chain: Chain) -> bool:
    """Somebody acknowledges what he sees, which may be more than one thing, and lets it speak."""
    chain.jaw.acknowledge()
    if chain.jaw.armed and not chain.player.playing:
        chain.speak(0.3)
    return chain.jaw.armed


@pytest.mark.parametrize("kind", BOARDS)
def test_two_programs_on_one_port(kind: str) -> None:
    with emulate(kind) as emulator, TappedSpeaker() as speaker:
        other = SerialPort(emulator.path, 9600)
        chain = Chain(Jaw(board=kind, port=emulator.path, arm_at_start=True), speaker)
        with chain.keeper, chain.player:
            until(lambda: "in use by another program" in chain.jaw.missing)
            chain.speak(0.2)
            other.close()
            until(lambda: chain.jaw.armed)


def test_the_boards_button_is_heard() -> None:
    with emulate("line") as emulator, TappedSpeaker() as speaker:
        chain = Chain(Jaw(board="line", port=emulator.path), speaker)
        with chain.keeper:
            until(lambda: chain.jaw.board is not None)
            emulator.press_button(True)
            until(lambda: chain.pressed == [True])
            emulator.press_button(False)
            until(lambda: chain.pressed == [True, False])


def test_a_board_of_software_comes_and_goes_with_the_show() -> None:
    with TappedSpeaker() as speaker:
        chain = Chain(Jaw(board="maestro", port="emulated"), speaker)
        with chain.keeper, chain.player:
            until(lambda: chain.jaw.armed)
            assert chain.keeper.simulated
            chain.speak(0.3)
            until(lambda: chain.jaw.attached)


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Jaw(board="nosuch"), "there is no such board"),
        (Jaw(board="../evil"), "there is no such board"),
        (Jaw(board="maestro", port="/dev/nosuch"), "is not there"),
        (Jaw(board="maestro", port="usb:dead:beef"), "no such board is plugged in"),
        (Jaw(board="maestro", port="socket://127.0.0.1:1"), "cannot be reached"),
        (Jaw(board="maestro", port="usb:"), ""),
        (Jaw(board="maestro", port="loop://nonsense"), ""),
    ],
)
def test_absurd_values_are_said_and_cost_the_jaw_alone(settings: Jaw, why: str) -> None:
    with TappedSpeaker() as speaker:
        chain = Chain(settings, speaker)
        with chain.keeper, chain.player:
            until(lambda: chain.jaw.missing)
            assert why in chain.jaw.missing and "\n" not in chain.jaw.missing
            chain.speak(0.1)
            until(lambda: not chain.player.playing)
