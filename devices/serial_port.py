"""A serial line: found by what the board is, not by what the system called it today; opened for us alone."""

import errno
import grp
import io
import os
import select
import socket
import termios
from collections.abc import Callable, Sequence
from contextlib import suppress
from time import monotonic
from typing import TypeVar

import serial
from msgspec import Struct
from serial.tools import list_ports

from devices.errors import DeviceError, Unplugged

T = TypeVar("T")
STUCK_S = 0.05
"""A line that takes no more for so long is stuck: a frame of 8 bytes takes 8 ms at 9600 baud."""
_WRITE_S = 1.0
"""For a line that takes a part of a frame and no more; never seen."""
_MESSAGES = {
    errno.ENOENT: ("is not there", "plug the board in, or set another port in the rig"),
    errno.EPERM: ("is kept from us by the system", "a container must be given the device, as with --device"),
    errno.EBUSY: ("is in use by another program", "close that program"),
    errno.EWOULDBLOCK: ("is in use by another program", "close that program"),
}


_GONE = (serial.SerialException, OSError, termios.error, TypeError, AttributeError)
"""The last two: closed by another thread meanwhile."""


class Port(Struct, frozen=True):
    """A serial port of this machine."""

    path: str
    what: str
    """In the maker's words."""
    vendor: int = 0
    product: int = 0
    serial_number: str = ""


def ports() -> list[Port]:
    """Those with a USB device behind them first."""
    found = [
        Port(p.device, p.description or "", p.vid or 0, p.pid or 0, p.serial_number or "")
        for p in list_ports.comports()
    ]
    return sorted(found, key=lambda port: (not port.vendor, len(port.path), port.path))  # ttyACM9 before ttyACM10


def find(wanted: str, usb_ids: Sequence[tuple[int, int]]) -> str:
    """The path or URL that a rig's `port` means: "auto" by the kind's USB ids, "usb:VVVV:PPPP[:SERIAL]" by those, else
    the words themselves. Raises DeviceError when there is no such one, or when several could be meant.
    """
    if wanted != "auto" and not wanted.startswith("usb:"):
        return wanted
    if wanted == "auto":
        matching = [p for p in ports() if (p.vendor, p.product) in usb_ids]
    else:
        matching = [p for p in ports() if _is(p, wanted)]
    if not matching and wanted == "auto" and not usb_ids:
        raise DeviceError(wanted, "such boards hide behind any USB adapter", "set the port in the rig")
    if not matching:
        raise DeviceError(wanted, "no such board is plugged in", "plug it in, or set the port in the rig")
    if len({p.serial_number or p.path for p in matching}) > 1:
        known = ", ".join(f"usb:{p.vendor:04x}:{p.product:04x}:{p.serial_number or p.path}" for p in matching)
        raise DeviceError(wanted, f"several boards could be meant: {known}", "set one of them as the port in the rig")
    return matching[0].path  # a Maestro shows two ports, the first takes commands


def moved(path: str, known: Port | None) -> str:
    """Where the port that was known at `path` is now: one that comes back is often given the next number."""
    if known is None or not known.vendor or os.path.exists(path):
        return path
    same = (known.vendor, known.product, known.serial_number)
    found = [port.path for port in ports() if (port.vendor, port.product, port.serial_number) == same]
    return found[0] if found and known.serial_number else path  # without one, any adapter of that make looks like it


def look(path: str) -> str:
    """`path`, if it could be opened; an Arduino that is opened starts again, so we only look. Raises DeviceError."""
    if "://" in path or os.access(path, os.R_OK | os.W_OK):
        return path
    raise DeviceError(path, *(_denied(path) if os.path.exists(path) else _MESSAGES[errno.ENOENT]))


def _denied(path: str) -> tuple[str, str]:
    """Which group it is whose members may open it differs from system to system: dialout, uucp, plugdev, tty, lock."""
    what, group, shared = "may not be opened by you", "dialout", True
    with suppress(OSError):
        found = os.stat(path)
        group, shared = _group(found.st_gid), bool(found.st_gid) and found.st_mode & 0o060 == 0o060
        if shared and found.st_gid in (os.getegid(), *os.getgroups()):
            return what, f"its group {group} is yours, so look at its access list (getfacl) or at the container"
    if not shared:
        rule = f'SUBSYSTEM=="tty", KERNEL=="{os.path.basename(os.path.realpath(path))}", GROUP="dialout", MODE="0660"'
        return what, f"no group of yours may have it: write a udev rule ({rule}), then join the group dialout"
    if group.isdecimal():
        join = f"its group has no name here: sudo groupadd -g {group} serial && sudo usermod -aG serial $USER"
    else:
        join = f"add yourself to the group {group}: sudo usermod -aG {group} $USER"
    return what, f"{join}, then log in again"


def _group(number: int) -> str:
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def on_line(url: str, baud: int, greet: "Callable[[SerialPort], T]") -> T:
    """What `greet` makes of an open line, which is closed again if it raises. Raises DeviceError."""
    link = SerialPort(url, baud)
    try:
        return greet(link)
    except BaseException:
        link.close()
        raise


def _is(port: Port, wanted: str) -> bool:
    """By ids and, if given, serial number; or path, for boards that have no number of their own."""
    vendor, _, rest = wanted.removeprefix("usb:").partition(":")
    product, _, number = rest.partition(":")
    same = f"{port.vendor:04x}:{port.product:04x}" == f"{vendor}:{product}".lower()
    return bool(port.vendor) and same and number in ("", port.serial_number, port.path)


class SerialPort:
    """Fits `devices.boards.board.BoardLink`. Blocks, so it belongs to a thread."""

    def __init__(self, url: str, baud: int) -> None:
        """Opens. `url`: a path, or what pyserial knows, such as socket://host:port. Raises DeviceError."""
        self.name = url
        try:
            self._line = serial.serial_for_url(url, baud, timeout=0, write_timeout=_WRITE_S, do_not_open=True)
            if "://" not in url:
                self._line.exclusive = True
        except ValueError as error:  # of the address itself
            raise self._explained(error) from None
        try:
            self._line.open()
        except (serial.SerialException, OSError, termios.error, ValueError) as error:
            self.close()
            raise self._explained(error) from None
        if (peer := getattr(self._line, "_socket", None)) is not None:
            with suppress(OSError):  # each frame at once: else the second waits until the first is confirmed, 40 ms
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def write(self, data: bytes) -> None:
        try:
            if not self._takes():
                raise serial.SerialTimeoutException
            self._line.write(data)
        except serial.SerialTimeoutException:
            raise DeviceError(self.name, "takes nothing any more", "switch the board off and on") from None
        except _GONE as error:
            raise self._gone(error) from None

    def read(self, count: int, timeout_s: float) -> bytes:
        due, got = monotonic() + timeout_s, b""
        try:
            while len(got) < count:
                self._line.timeout = max(0.0, due - monotonic())
                got += (more := self._line.read(count - len(got)))
                if not more and monotonic() >= due:
                    break
        except _GONE as error:
            raise self._gone(error) from None
        return got

    def read_line(self, end: bytes, timeout_s: float, longest: int = 200) -> bytes:
        due, got = monotonic() + timeout_s, b""
        while not got.endswith(end) and len(got) < longest:
            more = self.read(1, max(0.0, due - monotonic()))
            if not more:
                break
            got += more
        return got

    def close(self) -> None:
        peer = getattr(self._line, "_socket", None)
        with suppress(*_GONE):  # it has gone
            self._line.close()
        if peer is not None:
            peer.close()  # pyserial does not, when the other end was the first to

    def _takes(self) -> bool:
        """Asked of the system: pyserial's own time-out also strikes when it was we who did not get the processor."""
        try:
            line = self._line.fileno()
        except io.UnsupportedOperation:
            return True
        return bool(select.select((), (line,), (), STUCK_S)[1])

    def _explained(self, error: Exception) -> DeviceError:
        number = getattr(error, "errno", None)
        if number is None and "://" in self.name:
            return DeviceError(self.name, "cannot be reached", "see whether its other end is running")
        message, hint = _MESSAGES.get(number or 0, ("cannot be opened", f"({error})"))
        if number == errno.EACCES:
            message, hint = _denied(self.name)
        if number is None and "exclusively lock" in str(error):
            message, hint = _MESSAGES[errno.EBUSY]
        return DeviceError(self.name, message, hint)

    def _gone(self, error: Exception) -> DeviceError:
        return Unplugged(self.name, "was unplugged", "plug it in again; it is taken up by itself")
