"""A serial line: how it is found, who may have it, and what is said when it goes."""

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import serial

from devices import serial_port
from devices.emulators.emulate import emulate
from devices.errors import DeviceError
from devices.serial_port import Port, SerialPort, find, look, moved

MAESTRO = ((0x1FFB, 0x0089),)


def port(path: str, vendor: int | None = None, product: int | None = None, number: str | None = None) -> object:
    return SimpleNamespace(device=path, description="a board", vid=vendor, pid=product, serial_number=number)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def plug(*ports: object) -> None:
        monkeypatch.setattr("devices.serial_port.list_ports.comports", lambda: list(ports))

    return plug


def test_auto_is_the_one_of_its_kind(plugged: Callable[..., None]) -> None:
    plugged(port("/dev/ttyS0"), port("/dev/ttyUSB0", 0x1A86, 0x7523), port("/dev/ttyACM3", 0x1FFB, 0x0089, "00012345"))
    assert find("auto", MAESTRO) == "/dev/ttyACM3"


def test_of_the_two_ports_of_a_maestro_the_first_is_taken(plugged: Callable[..., None]) -> None:
    plugged(port("/dev/ttyACM10", 0x1FFB, 0x0089, "00012345"), port("/dev/ttyACM9", 0x1FFB, 0x0089, "00012345"))
    assert find("auto", MAESTRO) == "/dev/ttyACM9"


def test_none_and_several_are_told_apart(plugged: Callable[..., None]) -> None:
    plugged(port("/dev/ttyS0"))
    with pytest.raises(DeviceError, match="no such board is plugged in; plug it in"):
        find("auto", MAESTRO)
    with pytest.raises(DeviceError, match="hide behind any USB adapter; set the port"):
        find("auto", ())
    plugged(port("/dev/ttyACM0", 0x1FFB, 0x0089, "1"), port("/dev/ttyACM2", 0x1FFB, 0x0089, "2"))
    with pytest.raises(DeviceError, match="several boards could be meant: usb:1ffb:0089:1, usb:1ffb:0089:2; set one"):
        find("auto", MAESTRO)


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("usb:1ffb:0089:2", "/dev/ttyACM2"),
        ("USB:1FFB:0089:2", ""),
        ("usb:1FFB:0089:1", "/dev/ttyACM0"),
        ("usb:1a86:7523:/dev/ttyUSB1", "/dev/ttyUSB1"),
        ("usb:1a86:7523", "several"),
        ("usb:1a86:ffff", "no such board"),
        ("usb:", "no such board"),
        ("usb:zz:::", "no such board"),
        ("/dev/anything", "/dev/anything"),
        ("socket://prop:4000", "socket://prop:4000"),
    ],
)
def test_a_board_is_named_by_its_ids(wanted: str, path: str, plugged: Callable[..., None]) -> None:
    plugged(
        port("/dev/ttyS0"),
        port("/dev/ttyACM0", 0x1FFB, 0x0089, "1"),
        port("/dev/ttyACM2", 0x1FFB, 0x0089, "2"),
        port("/dev/ttyUSB0", 0x1A86, 0x7523),
        port("/dev/ttyUSB1", 0x1A86, 0x7523),
    )
    if path.startswith(("/", "socket")):
        assert find(wanted, ()) == path
    elif path:
        with pytest.raises(DeviceError, match=path):
            find(wanted, ())
    else:
        assert find(wanted, ()) == wanted  # a path, though a strange one


def test_those_with_a_device_behind_them_come_first(plugged: Callable[..., None]) -> None:
    plugged(port("/dev/ttyS0"), port("/dev/ttyUSB0", 0x1A86, 0x7523))
    assert [p.path for p in serial_port.ports()] == ["/dev/ttyUSB0", "/dev/ttyS0"]


def test_a_line_is_ours_alone() -> None:
    with emulate("maestro") as emulator:
        first = SerialPort(emulator.path, 9600)
        with pytest.raises(DeviceError, match="is in use by another program; close that program"):
            SerialPort(emulator.path, 9600)
        first.close()
        SerialPort(emulator.path, 9600).close()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (serial.SerialException(errno.EACCES, "no"), "may not be opened by you; add yourself to the group dialout"),
        (serial.SerialException(errno.EBUSY, "no"), "is in use by another program"),
        (serial.SerialException("Could not exclusively lock port x"), "is in use by another program"),
        (serial.SerialException(errno.EIO, "bad luck"), "cannot be opened; .*bad luck"),
    ],
)
def test_why_it_does_not_open(error: Exception, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: object) -> None:
        raise error

    monkeypatch.setattr(serial.Serial, "open", refuse)
    with pytest.raises(DeviceError, match=words):
        SerialPort("/dev/ttyUSB0", 9600)


@pytest.mark.parametrize(
    ("gid", "name", "mode", "ours", "words"),
    [
        (20, "dialout", 0o660, (), "sudo usermod -aG dialout $USER, then log in again"),
        (14, "uucp", 0o660, (), "add yourself to the group uucp: sudo usermod -aG uucp $USER, then log in again"),
        (46, "plugdev", 0o664, (), "sudo usermod -aG plugdev $USER"),
        (54, "lock", 0o660, (), "sudo usermod -aG lock $USER"),
        (5, "tty", 0o620, (), "udev rule"),  # it may be written to, for `write`, and no more
        (20, "dialout", 0o600, (), "udev rule"),
        (0, "root", 0o660, (), "udev rule"),
        (4711, None, 0o660, (), "sudo groupadd -g 4711 serial && sudo usermod -aG serial $USER"),
        (14, "uucp", 0o660, (14,), "its group uucp is yours"),
    ],
)
@pytest.mark.parametrize("by", ["open", "look"])
def test_whose_group_may_open_it(
    gid: int,
    name: str | None,
    mode: int,
    ours: tuple[int, ...],
    words: str,
    by: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "ttyACM0").touch()
    os.symlink(tmp_path / "ttyACM0", path := tmp_path / "by-id")
    stat = os.stat

    def owned(name: Any, **how: Any) -> os.stat_result:
        real = stat(name, **how)
        return os.stat_result((real.st_mode & ~0o777 | mode, *real[1:5], gid, *real[6:]))

    def named(number: int) -> Any:
        if name is None:
            raise KeyError(number)
        return SimpleNamespace(gr_name=name)

    def refuse(self: object) -> None:
        raise serial.SerialException(errno.EACCES, "no")

    monkeypatch.setattr(serial.Serial, "open", refuse)
    monkeypatch.setattr("os.access", lambda path, mode: False)
    monkeypatch.setattr("os.getegid", lambda: 1000)
    monkeypatch.setattr("os.getgroups", lambda: [1000, *ours])
    monkeypatch.setattr("grp.getgrgid", named)
    monkeypatch.setattr("os.stat", owned)
    with pytest.raises(DeviceError) as error:
        SerialPort(str(path), 9600) if by == "open" else look(str(path))
    assert "may not be opened by you" in str(error.value) and words in str(error.value)
    assert "udev" not in words or 'KERNEL=="ttyACM0"' in str(error.value)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="is not there; plug the board in"):
        SerialPort(str(tmp_path / "tty"), 9600)
    (tmp_path / "file").write_text("no line")
    with pytest.raises(DeviceError, match="cannot be opened"):
        SerialPort(str(tmp_path / "file"), 9600)
    with pytest.raises(DeviceError, match="cannot be reached"):
        SerialPort("nonsense://x", 9600)
    with emulate("maestro") as emulator:
        url = emulator.url
    with pytest.raises(DeviceError, match="cannot be reached; see whether its other end is running"):
        SerialPort(url, 9600)


@pytest.mark.parametrize("line", ["pty", "tcp"])
def test_bytes_and_lines_come_as_far_as_there_are_any(line: str) -> None:
    with emulate("line") as emulator:
        link = SerialPort(emulator.path if line == "pty" else emulator.url, 115_200)
        assert link.read_line(b"\n", 10.0) == b"BOOT\r\n"
        assert link.read_line(b"\n", 10.0, longest=5) == b"BONES"
        assert link.read(2, 10.0) == b" 1"
        assert link.read_line(b"\n", 10.0) == b" 600 2400\r\n"
        began = time.monotonic()
        assert link.read(5, 0.05) == b"" == link.read(100, 0.0)
        assert time.monotonic() - began >= 0.04
        emulator.port.say(b"half")
        assert link.read_line(b"\n", 0.5) == b"half"
        link.close()
        link.close()
        for use in (lambda: link.write(b"?\n"), lambda: link.read(1, 0.0)):
            with pytest.raises(DeviceError, match="was unplugged"):
                use()


@pytest.mark.parametrize("line", ["pty", "tcp"])
def test_an_unplugged_line_says_so_to_who_reads_and_to_who_writes(line: str) -> None:
    with emulate("maestro") as emulator:
        link = SerialPort(emulator.path if line == "pty" else emulator.url, 9600)
        emulator.fault("unplug")
        with pytest.raises(DeviceError, match="was unplugged; plug it in again"):
            link.read(1, 5.0)
        with pytest.raises(DeviceError, match="was unplugged"):
            for _ in range(3):  # the network notices with the second
                link.write(b"x")
        link.close()
        emulator.replug()
        again = SerialPort(emulator.path if line == "pty" else emulator.url, 9600)
        again.write(b"\xa1")
        assert again.read(2, 10.0) == b"\0\0"
        again.close()


def test_who_waits_is_told_when_the_line_goes() -> None:
    """As it happens to the device's thread, in the middle of a read."""
    with emulate("maestro") as emulator:
        link, said = SerialPort(emulator.path, 9600), []

        def wait() -> None:
            try:
                link.read(1, 20.0)
            except DeviceError as error:
                said.append(str(error))

        thread = threading.Thread(target=wait)
        thread.start()
        time.sleep(0.05)
        emulator.fault("unplug")
        thread.join(15.0)
        assert said and "was unplugged" in said[0]
        link.close()


def test_a_stuck_line_is_named_and_works_again() -> None:
    with emulate("maestro") as emulator:
        link = SerialPort(emulator.path, 9600)
        emulator.fault("stall")
        with pytest.raises(DeviceError, match="takes nothing any more; switch the board off and on"):
            link.write(b"\xa1")
        emulator.fault("")
        link.write(b"\xa1")
        assert link.read(2, 10.0) == b"\0\0"
        link.close()


def test_no_descriptor_is_left_behind() -> None:
    def opened_and_closed() -> None:
        with emulate("maestro") as emulator:
            for address in (emulator.path, emulator.url):
                SerialPort(address, 9600).close()

    opened_and_closed()
    before = len(os.listdir("/dev/fd"))
    opened_and_closed()
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize(("number", "found"), [("A1", "/dev/nowhere71"), ("", "/dev/nowhere70")])
def test_only_a_serial_number_tells_that_a_board_has_moved(
    monkeypatch: pytest.MonkeyPatch, number: str, found: str
) -> None:
    """Cheap adapters have none: another one of that make may be the lights, and is never taken for the jaw."""
    other = Port(path="/dev/nowhere71", what="USB", vendor=0x1A86, product=0x7523, serial_number=number)
    monkeypatch.setattr(serial_port, "ports", lambda: [other])
    known = Port(path="/dev/nowhere70", what="USB", vendor=0x1A86, product=0x7523, serial_number=number)
    assert moved("/dev/nowhere70", known) == found
