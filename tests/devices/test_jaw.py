"""The jaw: on the clock, within its limits, closed at the end, and behind one door."""

import ast
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from devices.boards.simulated import SimulatedBoard
from devices.errors import DeviceError
from devices.jaw.jaw_player import HOP_S, JawPlayer
from profiles.home import CHECKOUT
from profiles.schema import Jaw
from tests.devices.jaws import armed, pulses
from tests.fakes.ports import TappedSpeaker

OPEN = [0.0, 0.5, 1.0, 0.5] * 10
SETTINGS = Jaw(slew_us_per_s=20_000)


@pytest.fixture
def speaker() -> Iterator[TappedSpeaker]:
    with TappedSpeaker() as speaker:
        yield speaker


def speak(speaker: TappedSpeaker, jaw: JawPlayer, generation: int, frames: int = len(OPEN)) -> None:
    speaker.begin(generation)
    jaw.begin(generation)
    jaw.track(generation, (OPEN * 5)[:frames])
    speaker.write(generation, np.full(round(frames * HOP_S * speaker.rate), 500, np.int16))
    speaker.finish(generation)


def test_frames_are_sent_on_the_speakers_clock(speaker: TappedSpeaker) -> None:
    board = SimulatedBoard()
    with JawPlayer(armed(board, SETTINGS), speaker) as jaw:
        speak(speaker, jaw, 1)
        time.sleep(len(OPEN) * HOP_S + 0.1)
        figures = jaw.figures(1)
    assert figures.frames >= 0.5 * len(OPEN), "on a busy machine its thread comes late, and drops what is over"
    assert figures.sync_p95_ms is not None and figures.sync_p95_ms < 20
    began = speaker.tap[0][0]
    due = [began + i * HOP_S - 0.060 for i in range(len(OPEN))]
    sent = [at for at, _, _ in board.moves][3 : len(OPEN)]  # the first three are due before the first sample
    if figures.frames == len(OPEN):
        assert np.percentile(np.abs(np.array(sent) - due[3:]), 95) < 0.020


def test_frames_that_come_too_late_are_dropped(speaker: TappedSpeaker) -> None:
    board = SimulatedBoard()
    with JawPlayer(armed(board, replace(SETTINGS, look_ahead_ms=0)), speaker) as jaw:
        speaker.begin(1)
        jaw.begin(1)
        speaker.write(1, np.full(8000, 500, np.int16))
        time.sleep(0.4)
        jaw.track(1, OPEN[:15])
        time.sleep(0.05)
        assert jaw.figures(1).frames <= 2
        assert len(board.moves) <= 2, "the last one alone, so that the jaw rests where it should"


def test_a_track_without_sound_is_not_played(speaker: TappedSpeaker) -> None:
    board = SimulatedBoard()
    with JawPlayer(armed(board, SETTINGS), speaker) as jaw:
        speaker.begin(1)
        jaw.begin(1)
        jaw.track(1, OPEN)
        time.sleep(0.08)
        jaw.track(0, OPEN)
        assert not board.moves


def test_cancel_closes_at_once_and_no_frame_follows(speaker: TappedSpeaker) -> None:
    board = SimulatedBoard()
    with JawPlayer(armed(board, SETTINGS), speaker) as jaw:
        for generation in range(1, 13):
            speak(speaker, jaw, generation)
            time.sleep(0.05 + 0.003 * generation)
            speaker.cancel()
            jaw.cancel()
            time.sleep(0.03)
            count = len(board.moves)
            assert pulses(board)[-1] == SETTINGS.closed_us
            time.sleep(0.03)
            assert len(board.moves) == count


def test_a_frame_that_meets_a_cancel_on_its_way_does_not_stand(speaker: TappedSpeaker) -> None:
    class SlowBoard(SimulatedBoard):
        def write_us(self, channel: int, pulse_us: int) -> None:
            super().write_us(channel, pulse_us)
            if pulse_us != SETTINGS.closed_us:
                on_its_way.set()
                time.sleep(0.03)

    on_its_way = threading.Event()
    board = SlowBoard()
    with JawPlayer(armed(board, SETTINGS), speaker) as jaw:
        speak(speaker, jaw, 1)
        assert on_its_way.wait(1.0)
        threading.Thread(target=jaw.cancel).start()
        time.sleep(0.12)
        assert pulses(board)[-1] == SETTINGS.closed_us
        speak(speaker, jaw, 2)
        time.sleep(0.2)
        assert board.moves[-1][0] > time.monotonic() - 0.15, "and the next track begins at its first frame"


def test_it_closes_and_goes_limp_on_exit(speaker: TappedSpeaker) -> None:
    board = SimulatedBoard()
    with JawPlayer(armed(board, SETTINGS), speaker) as jaw:
        speak(speaker, jaw, 1, 40)
        time.sleep(0.2)
        assert jaw.jaw.attached
    assert pulses(board)[-2:] == [SETTINGS.closed_us, 0]


def test_a_board_that_fails_costs_the_jaw_alone_until_it_was_seen(speaker: TappedSpeaker) -> None:
    class Loose(SimulatedBoard):
        broken = True

        def write_us(self, channel: int, pulse_us: int) -> None:
            if self.broken:
                raise DeviceError("jaw", "the cable is loose")
            super().write_us(channel, pulse_us)

    board = Loose()
    with JawPlayer(armed(board, SETTINGS), speaker) as jaw:
        speak(speaker, jaw, 1)
        time.sleep(0.1)
        assert "loose" in jaw.jaw.fault and jaw.jaw.board is None
        board.broken = False
        jaw.jaw.take(board, simulated=True)
        speak(speaker, jaw, 2)
        time.sleep(0.1)
        assert not any(pulses(board)), "a fault stays until somebody has seen it"
        assert "loose" in jaw.jaw.acknowledge()
        speak(speaker, jaw, 3)
        time.sleep(0.1)
        assert jaw.jaw.fault == "" and any(pulses(board)), "armed as it was"


def test_an_unused_jaw_is_never_moved(speaker: TappedSpeaker) -> None:
    board = SimulatedBoard()
    with JawPlayer(armed(board, SETTINGS), speaker):
        time.sleep(0.02)
    assert not board.moves


def calls(path: Path) -> set[tuple[str, str]]:
    """(what it is called on, method) of every call of a board's methods."""
    tree = ast.parse(path.read_text("utf-8"))
    found = [n.func for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]
    return {(ast.unparse(f.value), f.attr) for f in found if f.attr in ("write_us", "detach")}


def test_only_limits_speaks_to_a_board() -> None:
    rooms = ("console", "launchers", "clients", "devices", "conversation", "profiles", "supervisors")
    files = [p for room in rooms for p in (CHECKOUT / room).rglob("*.py")]
    assert len(files) > 50
    offenders = {str(p.relative_to(CHECKOUT)): calls(p) for p in files if calls(p)}
    assert offenders.pop("devices/limits.py") == {("self.board", "write_us"), ("self.board", "detach")}
    assert offenders == {}
