"""Pelco-D heads: surveillance domes and receivers on RS-485 or RS-422, 8N1, 2400 baud, many 4800 or 9600.

After Pelco's protocol manual: `FF address command1 command2 pan-speed tilt-speed sum`, sum of the five bytes between
modulo 256. It need not answer, so a dead line cannot be seen, and it moves until told otherwise.
"""

from collections.abc import Sequence
from time import sleep

from devices.boards.board import BoardLink
from devices.errors import DeviceError

BAUD = 2400
USB_IDS: Sequence[tuple[int, int]] = ()
"""Any adapter may be in between."""

FASTEST = 0x3F
"""A pan of 40h would be turbo, which no skull needs."""
_LEAVING_S = 0.05
"""A stop takes 29 ms at 2400 baud, nobody answers, and some adapters drop what they hold when they are closed."""
_RIGHT, _LEFT, _UP, _DOWN = 0x02, 0x04, 0x08, 0x10
_GO_TO_PRESET, _ZERO_PAN = 0x07, 0x22
"""Pelco's own heads turn to pan zero at preset 34; others go where somebody stored that preset."""


def open_head(link: BoardLink, address: int) -> "PelcoHead":
    """Raises DeviceError."""
    if not 1 <= address <= 255:
        raise DeviceError(link.name, f"Pelco-D knows the addresses 1 to 255, not {address}", "set pan_tilt.address")
    head = PelcoHead(link, address)
    head.drive(0, 0)  # it may be turning since our last life
    return head


class PelcoHead:
    """Fits `devices.pan_tilt.head.Head`."""

    answers = False

    def __init__(self, link: BoardLink, address: int) -> None:
        self.name = f"Pelco-D head on {link.name}"
        self._link, self._address = link, address
        self._drives = b""
        """The drive that it should follow now."""

    def drive(self, pan: float, tilt: float) -> None:
        """Also from a second thread while another call hangs, for (0, 0) alone."""
        bits = (_RIGHT if pan > 0 else _LEFT if pan < 0 else 0) | (_UP if tilt > 0 else _DOWN if tilt < 0 else 0)
        message = self._message(bits, _speed(pan), _speed(tilt))
        if bits and message == self._drives:
            return
        self._drives = b""
        self._link.write(message)
        self._drives = message if bits else b""

    def home(self) -> None:
        self._drives = b""
        self._link.write(self._message(_GO_TO_PRESET, 0, _ZERO_PAN))

    def position(self) -> None:
        """It cannot tell; reading what nobody says shows at least that the line is still plugged in."""
        self._link.read(64, 0.0)

    def close(self) -> None:
        sleep(_LEAVING_S)
        self._link.close()

    def _message(self, command: int, first: int, second: int) -> bytes:
        body = bytes((self._address, 0, command, first, second))
        return b"\xff" + body + bytes((sum(body) % 256,))


def _speed(share: float) -> int:
    return min(max(round(abs(share) * FASTEST), 1), FASTEST) if share else 0
