"""VISCA, byte for byte, and what it does when the head says no, nothing or nonsense."""

import random

import pytest

from devices.emulators.visca import FULL, NOT_EXECUTABLE, PAN_END, TILT_LOW, ViscaEmulator
from devices.errors import DeviceError
from devices.pan_tilt.visca import ANSWER_S, PAN_STEPS, ViscaHead, open_head
from tests.devices.pan_tilt.lines import DirectLine, NoisyLine, ScriptedLine, words_of

STOP = bytes.fromhex("81 01 06 01 01 01 03 03 FF")
HOME = bytes.fromhex("81 01 06 04 FF")
WHERE = bytes.fromhex("81 09 06 12 FF")
ADDRESS_SET, CLEAR = bytes.fromhex("88 30 01 FF"), bytes.fromhex("88 01 00 01 FF")
CANCEL_1, CANCEL_2 = bytes.fromhex("81 21 FF"), bytes.fromhex("81 22 FF")


@pytest.fixture
def device() -> ViscaEmulator:
    return ViscaEmulator()


@pytest.fixture
def line(device: ViscaEmulator) -> DirectLine:
    return DirectLine(device)


@pytest.fixture
def head(line: DirectLine) -> ViscaHead:
    head = open_head(line, 1)
    line.written.clear()
    return head


def scripted(*answers: str) -> tuple[ViscaHead, ScriptedLine]:
    """Answers after the greeting."""
    line = ScriptedLine(("", "88 30 02 FF", "88 01 00 01 FF", "90 41 FF 90 51 FF"))
    head = open_head(line, 1)
    line.answers = [bytes.fromhex(answer) for answer in answers]
    line.written.clear()
    return head, line


def test_it_is_stopped_then_numbered_and_cleared(line: DirectLine) -> None:
    open_head(line, 1)
    assert line.written == [STOP, ADDRESS_SET, CLEAR, STOP]


@pytest.mark.parametrize(
    ("pan", "tilt", "message"),
    [
        (1.0, 1.0, "81 01 06 01 18 14 02 01 FF"),
        (-1.0, -1.0, "81 01 06 01 18 14 01 02 FF"),
        (0.5, 0.0, "81 01 06 01 0C 01 02 03 FF"),
        (0.0, 0.5, "81 01 06 01 01 0A 03 01 FF"),
        (-0.001, 0.0, "81 01 06 01 01 01 01 03 FF"),
        (5e-324, -5e-324, "81 01 06 01 01 01 02 02 FF"),
        (1.0, -0.25, "81 01 06 01 18 05 02 02 FF"),
    ],
)
def test_drives(head: ViscaHead, line: DirectLine, pan: float, tilt: float, message: str) -> None:
    head.drive(pan, tilt)
    assert line.written == [bytes.fromhex(message)]


def test_another_address() -> None:
    line = DirectLine(ViscaEmulator(3))
    head = open_head(line, 3)
    head.drive(0.5, 0)
    assert line.written[-1] == bytes.fromhex("83 01 06 01 0C 01 02 03 FF")
    assert head.position() == (0.0, 0.0)


class Renamed(ViscaEmulator):
    """Obeys as one number, and signs as another."""

    def __init__(self, obeys: int, signs: int) -> None:
        super().__init__(obeys)
        self.signs = signs

    def _from(self, *body: int) -> bytes:
        return bytes((0x80 + (self.signs << 4), *body, 0xFF))


@pytest.mark.parametrize(("obeys", "signs"), [(1, 2), (1, 3), (1, 7), (2, 1), (7, 6), (3, 3)])
def test_a_single_head_may_sign_as_it_likes(obeys: int, signs: int) -> None:
    line = DirectLine(Renamed(obeys, signs))
    head = open_head(line, obeys)
    head.drive(0.5, 0)
    assert line.written[-1] == bytes((0x80 | obeys, *bytes.fromhex("01 06 01 0C 01 02 03 FF")))
    line.passes(1.0)
    assert head.position() is not None
    head.home()
    head.drive(0, 0)


def test_one_that_signs_otherwise_and_is_in_standby() -> None:
    line = ScriptedLine(("", "", "", "A0 60 41 FF", "A0 60 41 FF"))
    open_head(line, 1)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (("A0 41 FF B0 41 FF", ""), "is not there, but heads that call themselves 2, 3; set pan_tilt.address"),
        (("A0 41 FF", ""), "does not answer"),  # it did not mean us: ours is off
        (("A0 51 FF", "A0 51 FF"), "does not answer"),  # another head, that has arrived
    ],
)
def test_another_heads_words_are_not_ours(said: tuple[str, ...], words: str) -> None:
    line = ScriptedLine(("", "88 30 02 FF", "88 01 00 01 FF", *said))
    assert words in words_of(lambda: open_head(line, 1))


def test_among_others_ours_is_heard() -> None:
    line = ScriptedLine(("", "88 30 02 FF", "88 01 00 01 FF", "A0 41 FF 90 41 FF 90 51 FF", "90 41 FF"))
    head = open_head(line, 1)
    head.drive(0.5, 0)
    assert head._from == 0x90


@pytest.mark.parametrize("address", [0, 8, 255])
def test_an_address_that_visca_lacks(address: int) -> None:
    assert f"1 to 7, not {address}" in words_of(lambda: open_head(DirectLine(ViscaEmulator()), address))


def test_only_a_changed_drive_is_sent_but_every_stop(head: ViscaHead, line: DirectLine) -> None:
    for speed in (0.5, 0.5, 0.5, 0.501, 0.6, 0.6):
        head.drive(speed, 0)
        line.passes(0.1)
    assert [message[4] for message in line.written] == [0x0C, 0x0E]
    line.written.clear()
    for speed in (0, 0, 0.6):
        head.drive(speed, 0)
        line.passes(0.1)
    assert line.written == [STOP, STOP, bytes.fromhex("81 01 06 01 0E 01 02 03 FF")]


def test_home(head: ViscaHead, line: DirectLine, device: ViscaEmulator) -> None:
    head.drive(1, 0)
    line.passes(0.5)
    assert device.pan > 0 and device.moving
    head.home()
    head.drive(1, 0)
    head.home()
    line.passes(10)
    assert head.position() == (0.0, 0.0) and not device.moving
    assert line.written.count(HOME) == 2


def test_position_is_a_share_of_the_travel(head: ViscaHead, line: DirectLine, device: ViscaEmulator) -> None:
    device.pan, device.tilt = PAN_END, TILT_LOW
    told = head.position()
    assert told is not None and told[0] == 1.0 and told[1] == pytest.approx(-1 / 3)
    assert line.written == [WHERE]
    device.pan = -PAN_END / 2
    told = head.position()
    assert told is not None and told[0] == pytest.approx(-0.5)


def test_a_longer_travel_is_learnt() -> None:
    head, line = scripted("90 50 01 0E 01 0B 00 00 00 00 FF", "90 50 00 09 09 00 00 00 00 00 FF")
    assert head.position() == (1.0, 0.0)
    told = head.position()
    assert told is not None and told[0] == pytest.approx(PAN_STEPS / 0x1E1B)


def test_a_head_that_cannot_tell_is_asked_thrice() -> None:
    head, line = scripted(*["90 60 02 FF"] * 9)
    assert [head.position() for _ in range(6)] == [None] * 6
    assert line.written == [WHERE] * 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("90 60 02 FF", "syntax error"),
        ("90 60 03 FF", "buffer full"),
        ("90 61 04 FF", "cancelled"),
        ("90 61 05 FF", "no socket"),
        ("90 62 41 FF", "not executable"),
        ("90 60 01 FF", "wrong length"),
        ("90 60 77 FF", "77h"),
        ("90 38 FF", "lost its power"),
        ("", "does not answer"),
        ("00 11 22 FF", "nonsense"),
        ("91 41 FF", "nonsense"),
        ("FF FF FF FF", "nonsense"),
        ("33" * 40, "nonsense"),
    ],
)
def test_every_no_is_named_and_the_drive_is_sent_again(answer: str, words: str) -> None:
    head, line = scripted(answer, "90 41 FF 90 51 FF", "90 41 FF 90 51 FF")
    assert words in words_of(lambda: head.drive(1, 0))
    line.passes(1)
    head.drive(0, 0)
    line.written.clear()
    line.answers = [bytes.fromhex("90 41 FF 90 51 FF")]
    head.drive(1, 0)
    assert len(line.written) == 1


def test_the_emulator_refuses_as_a_head_does(head: ViscaHead, device: ViscaEmulator) -> None:
    for code, words in ((FULL, "buffer full"), (NOT_EXECUTABLE, "not executable")):
        device.refuses = code
        assert words in words_of(lambda: head.drive(1, 0))
        assert words in words_of(lambda: head.drive(0, 0))
        assert words in words_of(head.home)
        device.refuses = 0
        head.drive(0, 0)


def test_a_refusal_after_the_acknowledgement_is_told_with_the_next_call() -> None:
    head, _ = scripted("90 41 FF 90 61 41 FF", "90 41 FF", "90 41 FF")
    head.home()
    assert "not executable" in words_of(lambda: head.drive(1, 0))
    head.drive(1, 0)


def test_a_third_command_waits_for_a_socket(head: ViscaHead, line: DirectLine) -> None:
    for speed in (0.1, 0.3, 0.5, 0.7, 0.9):
        head.drive(speed, 0)
    assert len(line.written) == 5
    held, full = scripted("90 41 FF", "90 42 FF", "90 60 03 FF", "90 41 FF")
    held.drive(0.1, 0)
    held.drive(0.3, 0)
    waited = full.now
    assert "buffer full" in words_of(lambda: held.drive(0.5, 0))
    assert full.now > waited, "it did not wait for a completion"
    held.drive(0.5, 0)


def test_a_stop_gets_through_full_sockets(head: ViscaHead, line: DirectLine, device: ViscaEmulator) -> None:
    head.drive(1, 0)
    device.fill_sockets()
    line.written.clear()
    head.drive(0, 0)
    assert line.written == [STOP, CANCEL_1, CANCEL_2, STOP]
    assert not device.moving
    head.drive(1, 0)
    assert device.moving


def test_after_a_loss_of_power_the_stop_numbers_it_again(
    head: ViscaHead, line: DirectLine, device: ViscaEmulator
) -> None:
    device.weak = True
    assert "lost its power" in words_of(lambda: head.drive(1, 0))
    device.weak = False
    line.written.clear()
    head.drive(0, 0)
    assert line.written == [ADDRESS_SET + CLEAR, STOP]
    head.drive(1, 0)
    assert device.moving


def test_other_heads_of_the_chain_are_not_minded() -> None:
    head, _ = scripted("A0 41 FF A0 60 02 FF A0 38 FF 88 30 03 FF 90 41 FF")
    head.drive(1, 0)
    head.drive(1, 0)


def test_an_answer_in_pieces() -> None:
    head, line = scripted("90")
    assert "does not answer" in words_of(lambda: head.drive(1, 0))
    line.answers = [bytes.fromhex("41 FF 90 42 FF")]
    head.drive(0, 0)
    line.answers = [bytes.fromhex("90 41 FF")]
    head.drive(1, 0)


def test_a_stop_from_a_second_thread_is_written_past_a_call_that_waits() -> None:
    class Hanging(ScriptedLine):
        def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
            if self.answers and timeout_s:
                self.answers.clear()
                waiting.drive(0, 0)  # as the guard does while the worker is here
            return super().read_line(end, timeout_s, longest)

    line = Hanging(())
    waiting = ViscaHead(line, 1)
    line.answers = [b"\x90\x41\xff", b"later"]
    waiting.drive(1, 0)
    assert line.written[-1] == STOP and len(line.written) == 2


@pytest.mark.parametrize("action", ["drive", "home"])
def test_what_waited_for_a_socket_is_not_written_after_a_stop(action: str) -> None:
    class Hanging(ScriptedLine):
        def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
            if len(waiting._busy) == 2 and timeout_s and STOP not in self.written:
                waiting.drive(0, 0)
            return super().read_line(end, timeout_s, longest)

    line = Hanging(("90 41 FF", "90 42 FF"))
    waiting = ViscaHead(line, 1)
    waiting.drive(0.1, 0)
    waiting.drive(0.3, 0)
    waiting.drive(0.5, 0) if action == "drive" else waiting.home()
    assert line.written[-1] == STOP and len(line.written) == 3
    line.answers = [bytes.fromhex("90 41 FF")]
    waiting.drive(0.5, 0)
    assert line.written[-1] != STOP, "the next one goes"


def test_a_stop_that_is_quicker_than_a_drive_before_it_holds() -> None:
    """The drive was called first and has not got the line yet."""

    class Late:
        def __enter__(self) -> None:
            waiting._line = lock
            waiting.drive(0, 0)
            lock.acquire()

        def __exit__(self, *_: object) -> None:
            lock.release()

    line = ScriptedLine(("90 41 FF 90 51 FF",))
    waiting = ViscaHead(line, 1)
    lock, waiting._line = waiting._line, Late()  # type: ignore[assignment]
    waiting.drive(0.5, 0)
    assert line.written == [STOP]


def test_fuzz() -> None:
    """Any bytes: a call returns, or says what is wrong."""
    for seed in range(120):
        assert len(words_of_an_evening(NoisyLine(seed))) > 1


def words_of_an_evening(line: NoisyLine) -> set[str]:
    head = ViscaHead(line, 1)
    words = {words_of(head.greet)}
    line.broken = 0.1
    for _ in range(20):
        words.add(words_of(lambda: head.drive(line.random.uniform(-1, 1), line.random.uniform(-1, 1))))
        words |= {words_of(head.home), words_of(lambda: head.drive(0, 0))}
        try:
            told = head.position()
        except DeviceError:
            continue
        assert told is None or (-1 <= told[0] <= 1 and -1 <= told[1] <= 1)
    return words


def test_a_line_that_never_ends_its_noise_takes_its_time_and_no_more() -> None:
    class Endless(ScriptedLine):
        def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
            return b"\x00" * longest

    head = ViscaHead(Endless(()), 1)
    for call in (lambda: head.drive(1, 0), lambda: head.drive(0, 0), head.home, head.position):
        assert "nonsense" in words_of(call)
    assert ANSWER_S < 0.2


def test_fuzzed_emulator() -> None:
    """Noise moves nothing for ever, and a stop is heard after it."""
    noise = random.Random(5)
    device = ViscaEmulator()
    for at in range(2000):
        device.received(noise.randbytes(noise.randrange(12)), at / 10)
        device.tick(at / 10)
    device.received(b"\xff" + STOP, 300.0)
    device.received(b"\xff" + STOP, 301.0)
    assert not device.moving
