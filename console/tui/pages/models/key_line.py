"""The last line of the models page: what can be done with the model under the cursor."""

from msgspec import structs

from console.api.model_card import ModelCard
from console.tui.drawing.styled_text import Line
from console.tui.input.keymap import MODEL_ACTS, KeyAction
from console.tui.pages.models.view_model import possible, stopped
from console.tui.widgets.page_keys import PageKeys


class ModelKeys(PageKeys):
    def __init__(self) -> None:
        super().__init__(id="model-keys")
        self.card: ModelCard | None = None
        self.word, self.word_style = "", "warn"
        """What could not be done, or why what is shown is old."""

    def acts(self) -> list[KeyAction]:
        can = [act for act in MODEL_ACTS if act.rank and possible(act.action, self.card, self._picture)]
        return [structs.replace(act, label=self._label(act)) for act in can]

    def _label(self, act: KeyAction) -> str:
        """The same key undoes it."""
        card = self.card
        assert card is not None
        if act.action == "model_fetch" and card.state == "fetching":
            return "cancel the fetch"
        if act.action == "model_pin" and card.pinned:
            return "unpin"
        if act.action == "model_unload" and stopped(card, self._picture):
            return "load again"
        return act.label

    def said(self) -> Line:
        return ((self.word, self.word_style),) if self.word else ()
