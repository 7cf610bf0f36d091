"""What an operator can do with the models: each key is a command to the show, asked for first where visitors notice."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol, cast

from textual.binding import Binding
from textual.containers import Container

from console.api import commands as cmd
from console.api.model_card import ModelCard
from console.tui.client.screen_state import ScreenState
from console.tui.client.show_client import ShowClient
from console.tui.drawing.styled_text import size
from console.tui.input.keymap import MODEL_ACTS, KeyAction
from console.tui.pages.models.forecast_panel import ModelForecast
from console.tui.pages.models.key_line import ModelKeys
from console.tui.pages.models.model_table import ModelTable
from console.tui.pages.models.view_model import possible, stopped
from console.tui.pages.show.alerts import WITHOUT
from console.tui.widgets.questions import ChoiceScreen
from supervisors.states import ServiceState


class Acting(Protocol):
    """What the page needs of its App."""

    steering: ShowClient

    def do(self, work: Awaitable[Any]) -> None: ...


class ModelsController(Container):
    """The half of the models page that acts."""

    can_focus = True
    takes_enter = True
    """ENTER swaps here, and mends nothing."""
    BINDINGS = [
        *(Binding(act.key, act.action, act.label, show=False) for act in MODEL_ACTS),
        Binding("up", "model_move(-1)", show=False),
        Binding("pageup", "model_page(-1)", show=False),
        Binding("pagedown", "model_page(1)", show=False),
        Binding("home", "model_to(0)", show=False),
        Binding("end", "model_to(-1)", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture = ScreenState()
        self._found: list[ModelCard] = []
        self._model = ""
        """Of the model under the cursor: the cursor stays with it, wherever it goes."""
        self._table, self._outlook, self._keys = ModelTable(), ModelForecast(), ModelKeys()

    @property
    def card(self) -> ModelCard | None:
        """The one under the cursor."""
        return self._found[self._table.chosen] if self._found else None

    def ask(self) -> None:
        """The show, for the models as they are now."""
        raise NotImplementedError

    def show(self, picture: ScreenState) -> None:
        raise NotImplementedError

    def acts(self) -> list[KeyAction]:
        """What can be done now, for the palette."""
        return [act for act in MODEL_ACTS if possible(act.action, self.card, self._picture)]

    def _take(self, cards: list[ModelCard]) -> None:
        """The cursor stays with its model; where that one is gone, with its place."""
        self._found = self._table.cards = cards
        ids = [card.id for card in cards]
        if not self._model:  # at first with the engine that thinks: it is the one that is most often exchanged
            self._model = next((card.id for card in cards if card.state == "loaded" and card.role == "llm"), "")
        self.action_model_to(ids.index(self._model) if self._model in ids else min(self._table.chosen, len(cards) - 1))

    # The cursor

    def action_model_move(self, by: int) -> None:
        self.action_model_to(max(0, min(len(self._found) - 1, self._table.chosen + by)))

    def action_model_page(self, by: int) -> None:
        self.action_model_move(by * max(1, self._table.content_size.height - 2))

    def action_model_to(self, number: int) -> None:
        if self._found:
            self._table.chosen = number % len(self._found)
            self._model = self._found[self._table.chosen].id
        self._table.chosen = self._table.chosen if self._found else 0
        self.show(self._picture)

    def on_model_table_pointed(self, event: ModelTable.Pointed) -> None:
        self.action_model_to(event.number)

    def on_mouse_scroll_up(self) -> None:
        self.action_model_move(-1)

    def on_mouse_scroll_down(self) -> None:
        self.action_model_move(1)

    # What the keys do

    def action_model_swap(self) -> None:
        card = self._can("model_swap")
        if card is None:
            return
        fetched = card.state == "stored"
        if card.beside and fetched:
            return self._swap(card, "swap")
        first = "" if fetched else f"{size(card.bytes)} are fetched first, while the show goes on. "
        question = f"{first}{card.sentence} Give {card.service} {card.id}?"
        rows = [("swap", f"Swap to {card.id}"), ("no", "Leave it as it is")]
        self.app.push_screen(ChoiceScreen(question, rows, "swap"), partial(self._swap, card))

    def _swap(self, card: ModelCard, answer: str | None) -> None:
        if answer == "swap":
            self._send(cmd.Swap(service=card.service, model=card.id))

    def action_model_fetch(self) -> None:
        if (card := self._can("model_fetch")) is not None:
            self._send(cmd.Fetch(model=card.id, cancel=card.state == "fetching"))

    def action_model_pin(self) -> None:
        if (card := self._can("model_pin")) is not None:
            self._send(cmd.Pin(service=card.service, on=not card.pinned))

    def action_model_unload(self) -> None:
        card = self._can("model_unload")
        if card is None:
            return
        if stopped(card, self._picture):
            return self._send(cmd.Restart(service=card.service))
        question = f"Unload {card.service}? {self._loss(card)}"
        rows = [("unload", f"Stop {card.service} and free its memory"), ("no", "Leave it as it is")]
        self.app.push_screen(ChoiceScreen(question, rows, "no"), partial(self._unload, card))

    def _loss(self, card: ModelCard) -> str:
        """What visitors would notice: nothing, where another engine of its role stands by."""
        services = self._picture.state.services.values()
        others = [s.name for s in services if s.role == card.role and s.name != card.service]
        if any(s.name in others and s.state is ServiceState.READY for s in services):
            return f"{others[0]} goes on in its place."
        return f"Until it is loaded again, {WITHOUT.get(card.role, 'its work is not done')}."

    def _unload(self, card: ModelCard, answer: str | None) -> None:
        if answer == "unload":
            self._send(cmd.Unload(service=card.service))

    def _can(self, action: str) -> ModelCard | None:
        """The card, if that can be done with it; else a word why not."""
        card = self.card
        if possible(action, card, self._picture):
            self._say("")
            return card
        self._say(_why_not(action, card, self._picture))
        return None

    def _say(self, word: str) -> None:
        self._keys.word, self._keys.word_style = word, "warn"
        self._keys.show(self._picture)

    def _send(self, command: cmd.Command[Any]) -> None:
        app = cast(Acting, self.app)
        app.do(self._sent(app.steering.send, command))

    async def _sent(self, send: Callable[[cmd.Command[Any]], Awaitable[Any]], command: cmd.Command[Any]) -> None:
        try:
            await send(command)
        finally:
            self.ask()


def _why_not(action: str, card: ModelCard | None, picture: ScreenState) -> str:
    if picture.link != "live":
        return "There is no show to do that."
    if card is None:
        return "There is no model here."
    if card.service in picture.state.swaps and action in ("model_swap", "model_unload"):
        return f"{card.service} is being swapped; wait for its end."
    if action == "model_swap":
        return card.sentence
    if action == "model_fetch":
        return f"{card.id} is here already."
    return f"No engine has {card.id}; ENTER swaps to it."
