"""What an operator does by hand to the body: jaw, sound, eyes; each has a desk of its own."""

from typing import TYPE_CHECKING, Any

from console import body_commands as cmd
from console.booth import Booth
from console.jaw_desk import JawDesk

if TYPE_CHECKING:
    from console.show import Show


class BodyDesk:
    """Answers the commands of console/body_commands.py."""

    def __init__(self, show: "Show", booth: Booth) -> None:
        self._jaw = JawDesk(
            booth.limited, booth.board, booth.emergency, show.rig, show.home, show.idle, show.bus.publish
        )

    async def execute(self, command: cmd.AnyBodyCommand, holder: str) -> Any:
        """Raises CommandError."""
        match command:
            case cmd.Body():
                return self._jaw.view()
            case _:
                return await self._jaw.execute(command, holder)

    def forget(self, holder: str) -> None:
        """A client is gone: what it began by hand ends."""
        self._jaw.forget(holder)
