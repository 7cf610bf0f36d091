"""The line in which a search is typed; every letter in it is a letter."""

from textual.binding import Binding
from textual.message import Message
from textual.widgets import Input

from console.logbook.search import LONGEST


class FindBox(Input):
    BINDINGS = [Binding("escape", "give_up", show=False)]

    class Done(Message):
        """Typed to the end, or given up."""

        def __init__(self, kept: bool) -> None:
            super().__init__()
            self.kept = kept

    def __init__(self) -> None:
        super().__init__(max_length=LONGEST, id="find", compact=True)
        self.placeholder = "find: words, or a regular expression · ENTER keeps it · ESC forgets it"
        self.display = False
        self.cursor_blink = False

    def open(self) -> None:
        self.display = True
        self.focus()

    def action_give_up(self) -> None:
        self.value = ""
        self._close(kept=False)

    def on_input_submitted(self) -> None:
        self._close(kept=bool(self.value))

    def _close(self, *, kept: bool) -> None:
        self.display = False
        self.post_message(self.Done(kept))
