"""The models: what is here, what would fit, and what a swap would mean."""

import asyncio
from contextlib import suppress
from typing import cast

import msgspec
from textual.app import ComposeResult

from console import commands as cmd
from console.client import NoShow
from console.tui.model_cards import cards
from console.tui.model_deeds import Acting, ModelDeeds
from console.tui.picture import Picture
from conversation.stages import Stage

ASK_S, REST_S = 5.0, 0.5
"""How often the show is asked while somebody looks; and how often at most, however much happens."""


class ModelsPage(ModelDeeds):
    def compose(self) -> ComposeResult:
        yield self._table
        yield self._outlook
        yield self._keys

    def on_mount(self) -> None:
        self._woken = asyncio.Event()
        self.run_worker(self._keep_asking(), name="models", exit_on_error=True)

    def on_show(self) -> None:
        self.ask()

    def on_resize(self) -> None:
        self.show(self._picture)

    def ask(self) -> None:
        if self.is_mounted:
            self._woken.set()

    def show(self, picture: Picture) -> None:
        before, self._picture = self._picture, picture
        if _happened(before, picture):
            self.ask()
        devices = picture.memory.devices if picture.memory else ()
        self.set_class(any(not device.unified for device in devices), "-vram")
        self._outlook.card = self._keys.card = self.card
        for panel in (self._table, self._outlook, self._keys):
            panel.show(picture)

    async def _keep_asking(self) -> None:
        """Never while nobody looks; the clock also not while a visitor is served, whose answer comes first."""
        while True:
            idle = self._picture.state.stage is Stage.IDLE
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_S if self._seen() and idle else None):
                    await self._woken.wait()
            self._woken.clear()
            if self._seen():
                await self._ask()
                await asyncio.sleep(REST_S)

    def _seen(self) -> bool:
        return self.is_on_screen and self._picture.link == "live"

    async def _ask(self) -> None:
        """What was told before stays until the answer is here."""
        try:
            found = cards(await cast(Acting, self.app).steering.send(cmd.Models()))
        except (cmd.CommandError, NoShow) as error:
            words = str(error) if isinstance(error, cmd.CommandError) else "it does not answer"
            self._say(f"The models are not up to date: {words}.")
        except msgspec.ValidationError:
            self._say("The models are not up to date: the show is of another version.")
        else:
            if self._keys.word.startswith("The models are not up to date"):
                self._say("")
            self._table.asked = True
            self._take(found)


def _happened(before: Picture, now: Picture) -> bool:
    """Something after which the models, or what fits, may be others: engines, swaps, the end of a fetch."""
    one, other = before.state, now.state
    turned = one.stage is not Stage.IDLE and other.stage is Stage.IDLE
    same = one.services is other.services and one.swaps is other.swaps and one.notes is other.notes
    return turned or not same or before.link != now.link
