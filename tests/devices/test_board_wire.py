"""What boards say byte by byte, and what they make of anything that comes back: no system, no threads, no clock."""

import random
import tracemalloc
from collections.abc import Callable
from typing import Any, cast

import pytest

from devices.boards import simulated
from devices.boards.board import Board, BoardLink, Button, module
from devices.emulators.emulate import device
from devices.emulators.servo_board import ServoBoard
from devices.errors import DeviceError
from tests.devices.test_boards import BOARDS
from tests.fakes.wire import Clock, Wire

CASES = 200
every_board = pytest.mark.parametrize("kind", BOARDS)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    for kind in BOARDS:
        monkeypatch.setattr(module(kind), "monotonic", clock, raising=False)
    return clock


def board_device(kind: str) -> ServoBoard:
    board = device(kind)
    assert isinstance(board, ServoBoard)
    board.boot()
    return board


def opened(kind: str, clock: Clock) -> tuple[Any, Wire, ServoBoard]:
    """The board, just greeted, its line with nothing sent yet, and what is at the other end."""
    end = board_device(kind)
    wire = Wire(end, clock)
    board = module(kind).open_board(wire)
    assert end.moves.maxlen and not end.moves, "greeting it has moved it"
    wire.sent = b""
    return board, wire, end


@pytest.mark.parametrize(
    ("kind", "greeting", "channel", "us", "moved", "detached"),
    [
        ("maestro", "A1 A1", 0, 1500, "84 00 70 2E", "84 00 00 00"),
        ("maestro", "A1 A1", 5, 1417, "84 05 24 2C", "84 05 00 00"),
        ("mini_ssc", "", 0, 1500, "FF 00 7F", ""),
        ("mini_ssc", "", 3, 1976, "FF 03 FE", ""),
        ("ssc32", b"\rVER\r".hex(), 5, 750, b"#5P750\r".hex(), b"#5P0\r".hex()),
        ("line", b"?\n".hex(), 0, 1500, b"J 1500\n".hex(), b"D\n".hex()),
        (
            "firmata",
            "F9 F0 6D 02 F7 F4 02 0B D0 01",
            9,
            1500,
            "F0 70 09 20 04 44 13 F7 F4 09 04 E9 5C 0B",
            "F4 09 01",
        ),
        (
            "firmata",
            "F9 F0 6D 02 F7 F4 02 0B D0 01",
            17,
            1500,
            "F0 70 11 20 04 44 13 F7 F4 11 04 F0 6F 11 5C 0B F7",
            "F4 11 01",
        ),
    ],
)
def test_the_very_bytes(
    kind: str, greeting: str, channel: int, us: int, moved: str, detached: str, clock: Clock
) -> None:
    end = board_device(kind)
    wire = Wire(end, clock)
    board = module(kind).open_board(wire)
    assert wire.sent == bytes.fromhex(greeting) and not end.moves
    wire.sent = b""
    board.write_us(channel, us)
    assert wire.sent == bytes.fromhex(moved)
    wire.sent = b""
    board.detach(channel)
    assert wire.sent == bytes.fromhex(detached)
    board.close()
    assert wire.closed


@pytest.mark.parametrize(
    ("kind", "before", "after"),
    [
        ("maestro", "A1", "A1 90 01"),
        ("ssc32", b"A\r".hex(), b"QP1\rA\r".hex()),
        ("firmata", "F0 6D 02 F7", "F0 6D 01 F7"),
        ("mini_ssc", "", ""),
    ],
)
def test_what_a_poll_asks(kind: str, before: str, after: str, clock: Clock) -> None:
    """Nothing that could move a servo, and only of servos that we moved."""
    board, wire, end = opened(kind, clock)
    assert list(board.poll()) == [] and wire.sent == bytes.fromhex(before)
    board.write_us(1, 1500)
    wire.sent = b""
    assert list(board.poll()) == [] and wire.sent == bytes.fromhex(after)
    board.detach(1)
    wire.sent = b""
    assert list(board.poll()) == [] and wire.sent == bytes.fromhex(before)
    assert len(end.moves) == (2 if end.detaches else 1)


@pytest.mark.parametrize(
    ("kind", "channel", "us", "words"),
    [
        ("maestro", 24, 1500, "has no channel 24, only 0 to 23"),
        ("maestro", 0, 0, "cannot make pulses of 0 us"),
        ("maestro", 0, 4096, "only 1 to 4095"),
        ("ssc32", 32, 1500, "has no channel 32"),
        ("ssc32", 0, 499, "only 500 to 2500"),
        ("ssc32", 0, 2501, "only 500 to 2500"),
        ("mini_ssc", 255, 1500, "has no channel 255"),
        ("mini_ssc", 0, 1000, "only 1023.75 to 1976.25"),
        ("firmata", 2, 1500, "but 2, which is the button's"),
        ("firmata", 9, 543, "only 544 to 2500"),
        ("line", 1, 1500, "has no channel 1, only 0"),
        ("line", 0, 599, "only 600 to 2400; calibrate the travel inside that"),
    ],
)
def test_what_a_board_cannot_do_is_said_and_not_sent(
    kind: str, channel: int, us: int, words: str, clock: Clock
) -> None:
    board, wire, _ = opened(kind, clock)
    with pytest.raises(DeviceError, match=words):
        board.write_us(channel, us)
    assert wire.sent == b""


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (1 << 1, "coming faster than it could take them"),
        (1 << 4, "a command that it does not know"),
        (1 << 5, "a serial line silent for too long, and has sent its servos home"),
        (1 << 0 | 1 << 8, "framing on its serial line and a program counter error"),
    ],
)
def test_a_maestro_reports_its_errors_in_words(bits: int, words: str, clock: Clock) -> None:
    board, _, end = opened("maestro", clock)
    board.write_us(0, 1500)
    end.fail(bits, 0.0)  # type: ignore[attr-defined]
    with pytest.raises(DeviceError, match=words):
        board.poll()
    assert end.servos[0] == 0


def test_an_error_from_before_we_came_is_read_away(clock: Clock) -> None:
    end = board_device("maestro")
    end.fail(1 << 5, 0.0)  # type: ignore[attr-defined]
    assert list(module("maestro").open_board(Wire(end, clock)).poll()) == []


def test_the_sketch_of_another_version_is_not_spoken_to(clock: Clock) -> None:
    wire = Wire(None, clock)
    wire.waiting = b"BONES 2 600 2400\n"
    with pytest.raises(DeviceError, match="speaks version 2, not 1; load our sketch"):
        module("line").open_board(wire)


def test_another_firmata_is_not_spoken_to(clock: Clock) -> None:
    wire = Wire(None, clock)
    wire.waiting = b"\xf9\x03\x00"
    with pytest.raises(DeviceError, match="speaks Firmata 3, not 2"):
        module("firmata").open_board(wire)


def test_what_the_sketch_refuses_is_passed_on(clock: Clock) -> None:
    board, wire, _ = opened("line", clock)
    wire.waiting = b"ERR 700 is outside the limits of the sketch\r\n"
    with pytest.raises(DeviceError, match="refuses: 700 is outside"):
        board.poll()


@pytest.mark.parametrize("kind", [kind for kind in BOARDS if kind != "mini_ssc"])
def test_a_late_answer_is_taken_by_the_next_poll(kind: str, clock: Clock) -> None:
    """Not asked again at once, and taken though nobody waits for it any more."""
    end, late = board_device(kind), b""

    def keep(said: bytes) -> bytes:
        nonlocal late
        late += said
        return b""

    wire = Wire(end, clock)
    board = module(kind).open_board(wire)
    wire._spoil = keep
    assert list(board.poll()) == [] and late
    for _ in range(2):
        wire.sent = b""
        assert list(board.poll()) == [] and wire.sent in (b"", b"A\r", b"?\n")
    wire.waiting, late = late, b""
    wire._spoil = lambda said: said
    for _ in range(20):
        assert list(board.poll()) == []


@pytest.mark.parametrize("kind", [kind for kind in BOARDS if kind != "mini_ssc"])
def test_silence_is_named_within_a_second_of_polls(kind: str, clock: Clock) -> None:
    board, wire, _ = opened(kind, clock)
    wire._spoil = lambda said: b""
    for _ in range(5):
        before = clock.now
        assert list(board.poll()) == [] and clock.now - before < 0.1
    with pytest.raises(DeviceError, match="does not answer"):
        board.poll()


def test_a_maestro_that_is_silent_may_have_the_wrong_serial_mode() -> None:
    class Silent:
        """As shipped: it waits for a baud rate on its pins."""

        name = "/dev/ttyACM0"

        def write(self, data: bytes) -> None:
            pass

        def read(self, count: int, timeout_s: float) -> bytes:
            return b""

    with pytest.raises(
        DeviceError, match='does not answer; set its serial mode to "USB Dual Port" in its Control Cent'
    ):
        module("maestro").open_board(cast(BoardLink, Silent()))


def test_a_bouncing_report_is_one_edge(clock: Clock) -> None:
    board, wire, _ = opened("line", clock)
    wire.waiting = b"B 1\r\nB 1\r\nB 0\r\n"
    assert list(board.poll()) == [Button(True), Button(False)]


# ---- anything that may come back


def spoiler(rng: random.Random) -> Callable[[bytes], bytes]:
    """Sometimes the truth, mostly not."""
    words = (b"BONES 1 600 2400\r\n", b"BONES 1 -1 x\n", b"BOOT\n", b"B 1\n", b"ERR \xff\n", b"\n" * 40, b"9" * 5000)
    parts = (b"\xf9\x02\x05", b"\xf0\x6e\x09\x04\xf7", b"\xf0", b"\xf7", b"\x90\x04\x00", b"\xe0", b"SSC32\r", b"\0\0")

    def spoil(said: bytes) -> bytes:
        kind = rng.randrange(8)
        if kind < 2:
            return said
        if kind == 2:
            return b""
        if kind == 3:
            return rng.randbytes(rng.randrange(300))
        if kind == 4:
            return said[: rng.randrange(len(said) + 1)]
        if kind == 5 and said:
            at = rng.randrange(len(said))
            return said[:at] + rng.randbytes(1) + said[at + 1 :]
        return said + rng.choice(words + parts) * rng.randrange(1, 4)

    return spoil


@every_board
def test_whatever_comes_back_is_a_board_or_a_named_error(kind: str, clock: Clock) -> None:
    """200 evenings: it opens within 3.2 s or says why not, no poll takes more than 0.1 s, nothing else is raised."""
    opens, refusals = 0, 0
    for case in range(CASES):
        rng = random.Random(1000 + case)
        end = board_device(kind)
        wire = Wire(end, clock, spoiler(rng))
        wire.waiting = rng.randbytes(rng.choice((0, 0, 1, 40, 3000)))
        began = clock.now
        try:
            board = module(kind).open_board(wire)
            opens += 1
            an_evening(board, end, wire, clock, rng)
        except DeviceError as error:
            assert error.message and error.hint and str(error).isprintable()
            refusals += 1
        assert clock.now - began < 3.2 + 40 * 0.1 and wire.calls < 20_000
    assert opens > 20 and (refusals > 20 or kind == "mini_ssc")


def an_evening(board: Board, end: ServoBoard, wire: Wire, clock: Clock, rng: random.Random) -> None:
    for _ in range(40):
        before, calls = clock.now, wire.calls
        what = rng.randrange(4)
        if what == 0:
            board.write_us(rng.choice(end.channels), rng.randrange(1100, 1900))
        elif what == 1 and rng.random() < 0.2:
            board.detach(rng.choice(end.channels))
        else:
            assert all(isinstance(edge, Button) for edge in board.poll())
        assert clock.now - before <= 0.11 and wire.calls - calls < 200


@pytest.mark.parametrize("flood", [b"\xff", b"\0", b"B 1\nB 0\n", b"\x90\x00\x00\x90\x04\x00", b"\xf0", b"1"])
@every_board
def test_a_flood_holds_nobody_up_and_is_not_kept(kind: str, flood: bytes, clock: Clock) -> None:
    board, wire, _ = opened(kind, clock)
    wire.flood = flood

    def polls(count: int) -> None:
        for _ in range(count):
            calls = wire.calls
            try:
                assert len(board.poll()) <= 4096
            except DeviceError:
                continue
            finally:
                assert wire.calls - calls < 200

    polls(50)
    tracemalloc.start()
    try:
        polls(10)
        before = tracemalloc.get_traced_memory()[0]
        polls(60)
        assert tracemalloc.get_traced_memory()[0] - before < 100_000
    finally:
        tracemalloc.stop()


def test_the_simulated_board_keeps_what_it_was_told_and_needs_no_line(clock: Clock) -> None:
    wire = Wire(None, clock)
    board = simulated.open_board(wire)
    board.write_us(3, 1500)
    board.detach(3)
    board.presses.extend((True, False))
    assert [move[1:] for move in board.moves] == [(3, 1500), (3, 0)] and board.answers
    assert list(board.poll()) == [Button(True), Button(False)] and list(board.poll()) == []
    board.close()
    assert wire.closed and wire.calls == 0
    without: Board = simulated.open_board()
    without.close()
