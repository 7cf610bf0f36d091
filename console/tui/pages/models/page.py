"""The models: what is here, what would fit, and what a swap would mean."""

from typing import cast

from textual.app import ComposeResult

from console.api import commands as cmd
from console.api.client import NoShow
from console.tui.client.poller import Poller
from console.tui.client.screen_state import ScreenState
from console.tui.pages.models.controller import Acting, ModelsController
from console.tui.pages.models.view_model import by_role
from conversation.stages import Stage


class ModelsPage(ModelsController):
    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._asking = Poller(lambda: self._picture, self._seen, self._ask)

    def compose(self) -> ComposeResult:
        yield self._table
        yield self._outlook
        yield self._keys

    def on_mount(self) -> None:
        self.run_worker(self._asking.run(), name="models", exit_on_error=True)

    def on_show(self) -> None:
        self.ask()

    def on_resize(self) -> None:
        self.show(self._picture)

    def ask(self) -> None:
        self._asking.wake()

    def show(self, picture: ScreenState) -> None:
        before, self._picture = self._picture, picture
        if _happened(before, picture):
            self.ask()
        devices = picture.memory.devices if picture.memory else ()
        self.set_class(any(not device.unified for device in devices), "-vram")
        self._outlook.card = self._keys.card = self.card
        for panel in (self._table, self._outlook, self._keys):
            panel.show(picture)

    def _seen(self) -> bool:
        return self.is_on_screen and self._picture.link == "live"

    async def _ask(self) -> None:
        """What was told before stays until the answer is here."""
        try:
            found = by_role(await cast(Acting, self.app).steering.send(cmd.Models()))
        except (cmd.CommandError, NoShow) as error:
            words = str(error) if isinstance(error, cmd.CommandError) else "it does not answer"
            self._say(f"The models are not up to date: {words}.")
        else:
            if self._keys.word.startswith("The models are not up to date"):
                self._say("")
            self._table.asked = True
            self._take(found)


def _happened(before: ScreenState, now: ScreenState) -> bool:
    """Something after which the models, or what fits, may be others: engines, swaps, the end of a fetch."""
    one, other = before.state, now.state
    turned = one.stage is not Stage.IDLE and other.stage is Stage.IDLE
    same = one.services is other.services and one.swaps is other.swaps and one.notes is other.notes
    return turned or not same or before.link != now.link
