"""All that the screen may ask of a show: a test or another front end brings its own."""

from typing import Protocol

from console.api.command import A, Command


class Line(Protocol):
    """A way to send one command. Raises CommandError with one plain sentence; NoShow when the show is gone."""

    async def __call__(self, command: Command[A], /) -> A: ...


class ShowClient(Protocol):
    """Every method raises CommandError and NoShow as a `Line` does."""

    async def press(self) -> int:
        """The talk button goes down: the turn's number, or 0 where that ended a question."""

    async def let_go(self) -> bool:
        """It comes up after a hold. False, and no harm, where the question of this screen was over."""

    async def send(self, command: Command[A]) -> A:
        """Send a command, and take its answer."""

    async def keep(self, command: Command[A]) -> A:
        """As `send`; what is asked for lasts as long as this screen."""

    async def stop_motors(self) -> None:
        """The emergency stop, within a second, whatever became of the show."""

    async def close(self) -> None:
        """Let go of all that was to last as long as this screen."""
