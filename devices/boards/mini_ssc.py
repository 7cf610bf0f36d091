"""Mini SSC II and the many boards that speak its protocol: FF, channel, position 0..254. It never answers.

Source: the maker's instruction sheet. Position 127 is 1500 us; a step is 3.75 us, as the Maestro as shipped has it and
as the 90-degree range of the Mini SSC nearly has; the calibration takes up what is left. The protocol cannot stop the
pulses: after `detach` the servo holds where it is. Some boards centre all their servos at the first command.
"""

from collections.abc import Sequence

from devices.boards.board import BoardLink, Button, no_channel, no_pulse

BAUD = 9600
USB_IDS: Sequence[tuple[int, int]] = ()
CENTRE_US, STEP_US = 1500.0, 3.75
LOWEST_US, HIGHEST_US = CENTRE_US - 127 * STEP_US, CENTRE_US + 127 * STEP_US


class MiniSsc:
    answers = False

    def __init__(self, link: BoardLink) -> None:
        self.name = f"Mini SSC on {link.name}"
        self._link = link

    def write_us(self, channel: int, pulse_us: int) -> None:
        """The next position to it: 1.9 us beside at most."""
        if not 0 <= channel <= 254:
            raise no_channel(self.name, channel, "0 to 254")
        if not LOWEST_US <= pulse_us <= HIGHEST_US:
            raise no_pulse(self.name, pulse_us, LOWEST_US, HIGHEST_US)
        self._link.write(bytes((0xFF, channel, 127 + round((pulse_us - CENTRE_US) / STEP_US))))

    def detach(self, channel: int) -> None:
        """It cannot; nothing is sent."""

    def poll(self) -> Sequence[Button]:
        """Only whether the line is still plugged in; what comes is not for us."""
        self._link.read(512, 0.0)
        return ()

    def close(self) -> None:
        self._link.close()


def open_board(link: BoardLink) -> MiniSsc:
    return MiniSsc(link)
