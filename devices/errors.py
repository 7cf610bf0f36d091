"""The one error of devices."""


class DeviceError(Exception):
    """A device that cannot be opened or has gone; `str()` of it is one plain line with what to do."""

    def __init__(self, device: str, message: str, hint: str = "") -> None:
        self.device, self.message, self.hint = device, message, hint
        super().__init__(f"{device}: {message}" + (f"; {hint}" if hint else ""))


class Unplugged(DeviceError):
    """It was there and has gone, and nothing else was wrong with it."""
