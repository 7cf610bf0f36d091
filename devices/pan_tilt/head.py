"""What every pan-tilt head is, and how the one that a rig names is found."""

import importlib
from collections.abc import Sequence
from typing import Protocol, cast

from devices.boards.board import BoardLink
from devices.errors import DeviceError


class Head(Protocol):
    """An open head. Every call may block 200 ms at most and raises DeviceError, which names what is wrong.

    Not safe from several threads: `devices/pan_tilt/limited.py` sees to that, and to the dead-man timer. One exception:
    drive(0, 0) may come from a second thread while another call hangs; then it writes the stop and waits for nothing.
    """

    @property
    def name(self) -> str: ...

    @property
    def answers(self) -> bool:
        """Whether it says anything at all; of one that does not, a dead link cannot be seen."""

    def drive(self, pan: float, tilt: float) -> None:
        """Speeds -1 .. 1, right and up positive; (0, 0) stops. It moves until told otherwise."""

    def home(self) -> None: ...

    def position(self) -> tuple[float, float] | None:
        """(pan, tilt) in -1 .. 1 of its travel; None of one that cannot tell."""

    def close(self) -> None: ...


class HeadModule(Protocol):
    """What a file in this folder offers."""

    BAUD: int
    USB_IDS: Sequence[tuple[int, int]]

    def open_head(self, link: BoardLink, address: int) -> Head:
        """Greets the head; sends no motion but a stop. Raises DeviceError."""


def module(name: str) -> HeadModule:
    """Raises DeviceError for a head that nobody has written."""
    if not name.isidentifier() or name in ("head", "limited", "worker", "__init__"):
        raise DeviceError(name, "there is no such head", "see the files of devices/pan_tilt")
    try:
        return cast(HeadModule, importlib.import_module(f"devices.pan_tilt.{name}"))
    except ModuleNotFoundError as error:
        if error.name != f"devices.pan_tilt.{name}":
            raise
        raise DeviceError(name, "there is no such head", "see the files of devices/pan_tilt") from None
