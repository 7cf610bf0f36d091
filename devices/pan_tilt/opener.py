"""Opens the head that a rig names, as often as it has to be taken up again."""

from contextlib import ExitStack
from types import TracebackType
from typing import Self

from devices.emulators.launch import emulated
from devices.pan_tilt import simulated
from devices.pan_tilt.head import Head, module
from devices.serial_port import find, on_line
from profiles.schema import PanTilt


class HeadOpener:
    """Call it for an open head; it blocks, and raises DeviceError. While entered, a head of software stays there."""

    def __init__(self, settings: PanTilt) -> None:
        self._settings, self._stack = settings, ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._stack.close()

    def __call__(self) -> Head:
        settings = self._settings
        if settings.driver == "simulated":
            return simulated.open_head(None, settings.address)
        made, port = module(settings.driver), settings.port
        if port == "emulated":
            self._stack.close()  # of the last time
            port = self._stack.enter_context(emulated(settings.driver))
        url, baud = find(port, made.USB_IDS), settings.baud or made.BAUD
        return on_line(url, baud, lambda link: made.open_head(link, settings.address))
