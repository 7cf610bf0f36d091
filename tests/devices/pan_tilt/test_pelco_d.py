"""Pelco-D, byte for byte."""

import random

import pytest

from devices.emulators.pelco_d import PelcoEmulator
from devices.pan_tilt.pelco_d import PelcoHead, open_head
from tests.devices.pan_tilt.lines import DirectLine, words_of

STOP = bytes.fromhex("FF 01 00 00 00 00 01")


@pytest.fixture
def device() -> PelcoEmulator:
    return PelcoEmulator()


@pytest.fixture
def line(device: PelcoEmulator) -> DirectLine:
    return DirectLine(device)


@pytest.fixture
def head(line: DirectLine) -> PelcoHead:
    head = open_head(line, 1)
    assert line.written == [STOP]
    line.written.clear()
    return head


@pytest.mark.parametrize(
    ("pan", "tilt", "message"),
    [
        (0.5, 0, "FF 01 00 02 20 00 23"),
        (-0.5, 0, "FF 01 00 04 20 00 25"),
        (0, 1, "FF 01 00 08 00 3F 48"),
        (0, -1, "FF 01 00 10 00 3F 50"),
        (1, 1, "FF 01 00 0A 3F 3F 89"),
        (-1, -1, "FF 01 00 14 3F 3F 93"),
        (1e-9, 0, "FF 01 00 02 01 00 04"),
    ],
)
def test_drives(head: PelcoHead, line: DirectLine, pan: float, tilt: float, message: str) -> None:
    head.drive(pan, tilt)
    assert line.written == [bytes.fromhex(message)]


def test_the_sum_is_modulo_256() -> None:
    line = DirectLine(PelcoEmulator(255))
    open_head(line, 255).drive(1, 1)
    assert line.written[-1] == bytes.fromhex("FF FF 00 0A 3F 3F 87")
    assert isinstance(line.device, PelcoEmulator) and line.device.moving


@pytest.mark.parametrize("address", [0, 256, -1])
def test_an_address_that_pelco_lacks(address: int) -> None:
    assert f"1 to 255, not {address}" in words_of(lambda: open_head(DirectLine(PelcoEmulator()), address))


def test_only_a_changed_drive_is_sent_but_every_stop(head: PelcoHead, line: DirectLine) -> None:
    for speed in (0.5, 0.5, 0.501, 0.6, 0.6):
        head.drive(speed, 0)
    assert [message[4] for message in line.written] == [0x20, 0x26]
    line.written.clear()
    head.drive(0, 0)
    head.drive(0, 0)
    head.drive(0.6, 0)
    assert [message[4] for message in line.written] == [0, 0, 0x26]


def test_it_moves_stops_and_goes_home(head: PelcoHead, line: DirectLine, device: PelcoEmulator) -> None:
    head.drive(1, -1)
    line.passes(1.0)
    head.drive(0, 0)
    line.passes(1.0)
    assert (device.pan, device.tilt) == (0.5, -0.5)
    head.home()
    assert line.written[-1] == bytes.fromhex("FF 01 00 07 00 22 2A")
    assert (device.pan, device.tilt) == (0.0, 0.0)
    head.position()
    assert not head.answers


def test_fuzzed_emulator() -> None:
    """Noise may swallow the next message, so a stop that is said three times is heard."""
    for seed in range(200):
        noise = random.Random(seed)
        device = PelcoEmulator()
        device.received(bytes.fromhex("FF 01 00 02 20 00 23"), 1.0)
        assert device.moving
        device.received(bytes(noise.choice((0xFF, 1, 0, 2, noise.randrange(256))) for _ in range(50)), 1.0)
        for at in (2.0, 3.0, 4.0):
            device.received(STOP, at)
        assert not device.moving
