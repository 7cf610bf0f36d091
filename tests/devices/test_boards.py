"""What holds for every board there is: the file's name is enough to be tested here, against its emulator."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from serial.urlhandler import protocol_socket

import devices.boards
from devices.boards.board import Board, Button, module
from devices.emulators.emulate import Emulator, emulate, kinds
from devices.emulators.port import FAULTS
from devices.errors import DeviceError
from devices.serial_port import SerialPort

BOARDS = sorted(
    path.stem
    for path in Path(devices.boards.__file__).parent.glob("*.py")
    if path.stem not in ("__init__", "board", "simulated")
)
PATIENCE_S = 20.0
"""Of the tests, on a machine that is busy: what they wait for takes milliseconds."""
ROUNDS = 10
"""One second, at ten polls a second."""
SAID = {
    "timeout": "does not answer",
    "garbage": "talks nonsense",
    "unplug": "was unplugged",
    "stall": "takes nothing any more",
    "brownout": "was reset, probably its supply dropped",
}

every_board = pytest.mark.parametrize("kind", BOARDS)
every_line = pytest.mark.parametrize("line", ["pty", "tcp"])


@pytest.fixture
def short_greeting(monkeypatch: pytest.MonkeyPatch) -> None:
    """An Arduino that stays silent is waited for 3 s; ours boots in 0.1 s."""
    for name in ("firmata", "line"):
        assert module(name)._OPEN_S <= 3.0  # type: ignore[attr-defined]
        monkeypatch.setattr(module(name), "_OPEN_S", 1.0)


def address(emulator: Emulator, line: str) -> str:
    return emulator.path if line == "pty" else emulator.url


@pytest.fixture(autouse=True)
def quick_farewell(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """pyserial sleeps 0.3 s whenever it closes a socket, for servers that are slow to take the next; ours is not. One
    board keeps it.
    """
    if "maestro" not in request.node.name:
        monkeypatch.setattr(protocol_socket, "time", SimpleNamespace(time=time.time, sleep=lambda seconds: None))


@contextmanager
def opened(emulator: Emulator, kind: str, line: str) -> Iterator[Board]:
    link = SerialPort(address(emulator, line), module(kind).BAUD)
    try:
        yield module(kind).open_board(link)
    finally:
        link.close()


def wait_for(what: Callable[[], bool]) -> None:
    due = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < due, "it did not happen"
        time.sleep(0.005)


def moved(emulator: Emulator) -> list[tuple[int, int]]:
    """(channel, us) of all that was decoded, without the pulses that a board stopped by itself."""
    return [(channel, us) for _, channel, us in list(emulator.moves) if us]


def decoded(emulator: Emulator, told: list[tuple[int, int]]) -> bool:
    """Whether just that was decoded, to the next step that the board can make."""
    got, step = moved(emulator), emulator.board.step_us
    beside = step / 2 + 0.5 if step > 1 else 0.0
    return len(got) == len(told) and all(
        a[0] == b[0] and abs(a[1] - b[1]) <= beside for a, b in zip(got, told, strict=True)
    )


def works(emulator: Emulator, kind: str, line: str, pulse_us: int) -> None:
    """Opened again, it does as it is told. The old line's last bytes may still come while we open; then it is tried
    again, as JawBoard does.
    """
    for _ in range(3):
        try:
            with opened(emulator, kind, line):
                break
        except DeviceError:
            continue
    with opened(emulator, kind, line) as board:
        channel, before = emulator.board.channels[0], len(moved(emulator))
        board.write_us(channel, pulse_us)
        wait_for(lambda: len(moved(emulator)) > before and abs(moved(emulator)[-1][1] - pulse_us) < 3)
        for _ in range(3):
            board.poll()


def test_every_board_is_found_and_has_an_emulator() -> None:
    assert {"maestro", "ssc32", "firmata", "mini_ssc", "line"} <= set(BOARDS) <= set(kinds())
    with pytest.raises(DeviceError, match="there is no such board"):
        module("toaster")
    with pytest.raises(DeviceError, match="cannot be emulated"), emulate("toaster"):
        pass


@every_line
@every_board
def test_it_sends_the_very_pulse_and_detaches(kind: str, line: str) -> None:
    with emulate(kind) as emulator, opened(emulator, kind, line) as board:
        assert address(emulator, line) in board.name and list(emulator.moves) == []
        told = [(c, us) for us in (1500, 1503, 1417, 1100, 1900) for c in emulator.board.channels]
        for channel, us in told:
            board.write_us(channel, us)
        wait_for(lambda: len(moved(emulator)) >= len(told))
        assert decoded(emulator, told)
        channel = emulator.board.channels[0]
        board.detach(channel)
        if emulator.board.detaches:
            wait_for(lambda: emulator.servos.get(channel) == 0)
        board.write_us(channel, 1500)
        wait_for(lambda: decoded(emulator, [*told, (channel, 1500)]))
        if not emulator.board.detaches:
            assert all(us for _, _, us in emulator.moves)
        board.close()


@pytest.mark.parametrize("frames", [25, pytest.param(100, marks=pytest.mark.soak)])
@every_line
@every_board
def test_fifty_frames_a_second_arrive_in_order(
    kind: str, line: str, frames: int, record_property: Callable[..., None]
) -> None:
    with emulate(kind) as emulator, opened(emulator, kind, line) as board:
        channel = emulator.board.channels[0]
        told = [(channel, 1400 + 4 * (i % 50)) for i in range(frames)]
        began, polls = time.monotonic(), 0.0
        for i, (_, us) in enumerate(told):
            board.write_us(channel, us)
            if i % 5 == 0:
                before = time.monotonic()
                assert list(board.poll()) == []
                polls = max(polls, time.monotonic() - before)
            time.sleep(max(0.0, began + 0.02 * (i + 1) - time.monotonic()))
        wait_for(lambda: len(moved(emulator)) >= len(told))
        assert decoded(emulator, told)
        times = [at for at, _, us in emulator.moves if us]
        gaps = sorted(1000 * (b - a) for a, b in zip(times, times[1:], strict=False))
        record_property("spacing_ms", (gaps[0], gaps[len(gaps) // 2], gaps[-1]))
        record_property("longest_poll_ms", 1000 * polls)


@every_line
@every_board
def test_the_button_goes_down_and_up(kind: str, line: str) -> None:
    with emulate(kind) as emulator, opened(emulator, kind, line) as board:
        edges: list[Button] = []

        def told_last(down: bool) -> bool:
            edges.extend(board.poll())
            return bool(edges) and edges[-1] == Button(down)

        assert not any(board.poll() for _ in range(3))
        if emulator.board.has_button:
            emulator.press_button(True)
            wait_for(lambda: told_last(True))
            emulator.press_button(False)
            wait_for(lambda: told_last(False))
        assert edges == ([Button(True), Button(False)] if emulator.board.has_button else [])


def refused_at_opening(fault: str, line: str, answers: bool) -> str:
    """In whose words; empty: it opens, for nothing is wrong yet, or it cannot know."""
    if fault == "unplug":
        return "is not there" if line == "pty" else "cannot be reached"
    if fault == "busy" and line == "pty":
        return "is in use by another program"
    if not answers or fault == "brownout":
        return ""  # brownout: it falls over when it first has to move
    if fault == "busy":
        return "was unplugged"  # the other end hangs up on the second who calls
    if fault == "stall" and line == "tcp":
        return "does not answer"  # the network takes everything
    return SAID[fault]


def noticed_under_way(fault: str, line: str, answers: bool) -> str:
    if fault == "busy":
        return ""  # the line is ours already
    if fault == "unplug" or (fault == "stall" and line == "pty"):
        return SAID[fault]
    if not answers:
        return ""  # says nothing, so a deaf one looks like a good one; `answers` tells the operator
    return SAID["timeout"] if fault == "stall" else SAID[fault]


def locked(path: str) -> bool:
    try:
        SerialPort(path, 9600).close()
    except DeviceError:
        return True
    return False


@pytest.mark.usefixtures("short_greeting")
@pytest.mark.parametrize("fault", FAULTS)
@every_line
@every_board
def test_opening_under_a_fault_says_what_is_wrong(kind: str, line: str, fault: str) -> None:
    with emulate(kind) as emulator:
        answers = kind != "mini_ssc"
        emulator.fault(fault)
        if fault == "busy":
            wait_for(lambda: locked(emulator.path))
        words, began = refused_at_opening(fault, line, answers), time.monotonic()
        if words:
            with pytest.raises(DeviceError, match=words), opened(emulator, kind, line):
                pass
            assert time.monotonic() - began < 4.0 + PATIENCE_S
        else:
            with opened(emulator, kind, line) as board:
                assert board.answers is answers


@pytest.mark.parametrize("fault", FAULTS)
@every_line
@every_board
def test_a_fault_under_way_is_named_and_mended_by_opening_anew(kind: str, line: str, fault: str) -> None:
    with emulate(kind) as emulator:
        with opened(emulator, kind, line) as board:
            channel = emulator.board.channels[0]
            board.write_us(channel, 1480)
            wait_for(lambda: len(moved(emulator)) == 1)
            if kind == "ssc32":
                time.sleep(0.25)  # its pulse counts as taken up by then
            for _ in range(3):
                board.poll()
            emulator.fault(fault)
            words, found = noticed_under_way(fault, line, board.answers), ""
            try:
                for i in range(ROUNDS):
                    board.write_us(channel, 1500 + i)
                    board.poll()
            except DeviceError as error:
                found = str(error)
            assert (words in found and address(emulator, line) in found) if words else found == ""
        if fault == "unplug":
            emulator.replug()
        else:
            emulator.fault("")
        works(emulator, kind, line, 1620)


@every_board
def test_a_reset_is_noticed_when_nothing_is_sent(kind: str) -> None:
    with emulate(kind) as emulator, opened(emulator, kind, "pty") as board:
        board.write_us(emulator.board.channels[0], 1480)
        wait_for(lambda: len(moved(emulator)) == 1)
        if kind == "ssc32":
            time.sleep(0.25)
        emulator.fault("brownout")
        if not board.answers:
            assert not any(board.poll() for _ in range(ROUNDS))
            return
        with pytest.raises(DeviceError, match="was reset"):
            for _ in range(ROUNDS):
                board.poll()
