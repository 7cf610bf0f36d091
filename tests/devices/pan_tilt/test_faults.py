"""Both protocols over a pty, and everything that may go wrong there: a named fault, no runaway, and it comes back."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from devices.emulators.pelco_d import PelcoEmulator
from devices.emulators.port import FAULTS, EmulatedPort
from devices.emulators.visca import FULL, NOT_EXECUTABLE, ViscaEmulator
from devices.pan_tilt import head as heads
from devices.pan_tilt import pelco_d, simulated, visca
from devices.pan_tilt.head import Head, HeadModule
from devices.pan_tilt.limited import LimitedHead
from devices.serial_port import SerialPort
from profiles.schema import PanTilt
from tests.devices.pan_tilt.test_limited import until

MODULES: dict[str, HeadModule] = {"visca": visca, "pelco_d": pelco_d, "simulated": simulated}
SETTINGS = PanTilt(fastest=1.0)
NAMED = {
    "timeout": "does not answer",
    "garbage": "nonsense",
    "unplug": "unplugged",
    "stall": "takes nothing",
    "brownout": "lost its power",
}
Emulated = ViscaEmulator | PelcoEmulator


class Recorded(SerialPort):
    """What was said counts: what a listener makes of the last bytes before a hang-up is his affair."""

    def __init__(self, path: str, baud: int, said: list[bytes]) -> None:
        self.said = said  # first: a port that does not open is closed
        super().__init__(path, baud)

    def write(self, data: bytes) -> None:
        super().write(data)
        self.said.append(data)

    def close(self) -> None:
        super().close()
        self.said.append(b"closed")


@contextmanager
def emulated(kind: str, said: list[bytes] | None = None) -> Iterator[tuple[Emulated, EmulatedPort, LimitedHead]]:
    """With TCP beside the pty nobody would notice which of them was unplugged, so there is none."""
    device: Emulated = ViscaEmulator() if kind == "visca" else PelcoEmulator()

    def opened() -> Head:
        link = Recorded(port.path, heads.module(kind).BAUD, [] if said is None else said)
        try:
            return heads.module(kind).open_head(link, 1)
        except BaseException:
            link.close()
            raise

    with EmulatedPort(device) as port:
        yield device, port, LimitedHead(opened, SETTINGS)


def moves(device: Emulated, limited: LimitedHead) -> None:
    """A spurious fault of a machine that is too busy to answer in time costs a stop, so it is driven until it moves."""
    until(lambda: limited.drive(1, 0.5) and device.moving, "it does not move")


def is_stop(message: bytes) -> bool:
    return message[-3:] == b"\x03\x03\xff" or message[2:6] == bytes(4)


@pytest.mark.parametrize("name", ["visca", "pelco_d", "simulated"])
def test_every_file_is_a_head(name: str) -> None:
    module = heads.module(name)
    assert module is MODULES[name]
    assert module.BAUD >= 0 and module.USB_IDS == ()


@pytest.mark.parametrize("name", ["head", "limited", "worker", "__init__", "no_such", "../visca", ""])
def test_what_is_no_head(name: str) -> None:
    with pytest.raises(Exception, match="there is no such head"):
        heads.module(name)


@pytest.mark.parametrize("kind", ["visca", "pelco_d"])
def test_over_a_pty(kind: str) -> None:
    said: list[bytes] = []
    with emulated(kind, said) as (device, _, limited):
        with limited:
            assert kind.split("_")[0] in limited.name.lower() and limited.answers == (kind == "visca")
            moves(device, limited)
            limited.stop()
            until(lambda: not device.moving)
            if limited.answers:
                until(lambda: (limited.position() or (0, 0))[0] > 0)
            assert limited.home()
            moves(device, limited)
        assert is_stop(said[0]) and is_stop(said[-2]) and said[-1] == b"closed"
        if kind == "visca":  # it has acknowledged
            assert not device.moving


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("kind", ["visca", "pelco_d"])
def test_every_fault(kind: str, fault: str) -> None:
    """Of a head that never answers only a broken line can be seen."""
    with emulated(kind) as (device, port, limited), limited:
        moves(device, limited)
        limited.acknowledge()
        if fault == "busy":  # felt by the next who opens
            port.fault("unplug")
            until(lambda: limited.lost)
            port.replug()
        port.fault(fault)
        if fault == "busy":
            words = "in use by another program"
            until(lambda: not limited.lost or words in limited.fault, "taken up again, or named")
        elif limited.answers or fault in ("unplug", "stall"):
            until(lambda: limited.drive(0.5, 0) is None or NAMED[fault] in limited.fault, f"{fault} is not named")
        if fault == "unplug":
            until(lambda: limited.lost)
            assert not limited.drive(1, 0)
        device.heard.clear()
        port.fault("") if fault != "unplug" else port.replug()
        until(lambda: device.heard and not limited.lost and not device.moving, "it is not stopped when it is back")
        limited.acknowledge()
        moves(device, limited)
    assert limited.lost


def test_a_replugged_head_hears_a_stop_first() -> None:
    for kind in ("visca", "pelco_d"):
        with emulated(kind) as (device, port, limited), limited:
            moves(device, limited)
            port.fault("unplug")
            until(lambda limited=limited: limited.lost)  # type: ignore[misc]
            device.heard.clear()
            port.replug()
            until(lambda device=device: device.heard)  # type: ignore[misc]
            assert is_stop(device.heard[0][1])


def test_a_port_that_another_program_has_is_named_and_taken_when_it_is_free() -> None:
    with emulated("visca") as (device, port, limited):
        other = SerialPort(port.path, 9600)
        with limited:
            until(lambda: "in use by another program" in limited.fault)
            assert limited.lost and not limited.drive(1, 0)
            other.close()
            until(lambda: not limited.lost)
            moves(device, limited)


@pytest.mark.parametrize(("code", "words"), [(FULL, "buffer full"), (NOT_EXECUTABLE, "not executable")])
def test_a_head_that_refuses_is_stopped_as_soon_as_it_can_be(code: int, words: str) -> None:
    with emulated("visca") as (device, _, limited), limited:
        moves(device, limited)
        assert isinstance(device, ViscaEmulator)
        device.refuses = code
        limited.stop()
        until(lambda: words in limited.fault)
        assert device.moving, "it refuses to stop"
        device.refuses = 0
        until(lambda: not device.moving)
        until(lambda: not limited.lost)
        moves(device, limited)


def test_full_sockets_do_not_keep_it_from_stopping() -> None:
    with emulated("visca") as (device, port, limited), limited:
        moves(device, limited)
        with port.lock:
            device.boot()
            assert isinstance(device, ViscaEmulator)
            device.fill_sockets()
            device._speed = (100.0, 0.0)
        limited.stop()
        until(lambda: not device.moving)


def test_noise_of_the_line_while_it_moves() -> None:
    with emulated("visca") as (device, port, limited), limited:
        for seed in range(5):
            moves(device, limited)
            with port.lock:
                port.say(bytes((seed * 37 + n * 91) % 256 for n in range(200)))
        limited.stop()
        until(lambda: not device.moving)
        until(lambda: not limited.lost)
