"""What must outlive a show that is killed: that it was halted, and that its motors were stopped by hand."""

import logging
from pathlib import Path

from console.api.events import ShowHalted, ShowResumed, ShowStopping
from conversation.events import Event

_LOG = logging.getLogger(__name__)
_HALTED, _STOPPED = "halted", "motors-stopped"


class StopMarks:
    """Two empty files in the state folder of a rig. A disk that takes none costs the memory, never the stop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @property
    def halted(self) -> bool:
        """A panic that was not lifted, in a show that was killed; one that ends in order begins afresh."""
        return (self._folder / _HALTED).exists()

    @property
    def stopped(self) -> bool:
        """An emergency stop that nobody has acknowledged yet, however the show ended."""
        return (self._folder / _STOPPED).exists()

    def note(self, event: Event, line: bytes) -> None:
        """A sink of the bus."""
        match event:
            case ShowHalted():
                self._mark(_HALTED, True)
            case ShowResumed() | ShowStopping():
                self._mark(_HALTED, False)

    def motors(self, *, stopped: bool) -> None:
        self._mark(_STOPPED, stopped)

    def _mark(self, name: str, on: bool) -> None:
        try:
            (self._folder / name).touch() if on else (self._folder / name).unlink(missing_ok=True)
        except OSError as error:
            _LOG.warning("the next show will not know that this one was stopped: %s", error)
