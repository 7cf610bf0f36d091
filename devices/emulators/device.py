"""What sits behind an emulated port, and what may go wrong there."""

from typing import Protocol

FAULTS = ("timeout", "garbage", "unplug", "stall", "busy", "brownout")
"""timeout: hears all, does and says nothing. garbage: every answer is noise. unplug: gone until `replug`. stall: takes
no more bytes. busy: another program has the line (felt by the next who opens it). brownout: it resets at once, and
again at every motion, as a servo's inrush pulls a weak supply down.
"""


class EmulatedDevice(Protocol):
    """What sits behind the port. Called under the port's lock, from its thread or a caller's; never blocks."""

    baud: int
    boot_s: float
    """After a reset it is deaf for so long, then it says `boot()`."""
    resets_on_open: bool
    """As an Arduino, whose reset hangs on DTR."""
    weak: bool
    """Set by the fault brownout: at the next motion `received` must call `boot` itself and answer what it says."""

    def boot(self) -> bytes:
        """It forgets everything; what it says unasked when it starts."""

    def received(self, data: bytes, at: float) -> bytes:
        """Any part of a message, or several; `at`: monotonic s. What it answers."""

    def tick(self, at: float) -> tuple[bytes, float]:
        """Called when the time that it gave has come, and after every `received`: what it says by itself, and when it
        wants to be called again (monotonic s; math.inf = never).
        """
