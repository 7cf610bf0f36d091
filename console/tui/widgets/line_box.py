"""One line of text for the character to say, or to be asked. It never blocks the show behind it."""

from typing import Literal

from textual.binding import Binding
from textual.events import Paste
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input

from console.tui.drawing.styled_text import clean

LONGEST = 500
Purpose = Literal["say", "ask"]


class LineBox(Input):
    BINDINGS = [Binding("escape", "close", "close", show=False)]

    class Sent(Message):
        """ENTER on some words."""

        def __init__(self, purpose: Purpose, text: str) -> None:
            super().__init__()
            self.purpose, self.text = purpose, text

    def __init__(self) -> None:
        super().__init__(max_length=LONGEST, id="line")
        self.purpose: Purpose = "say"
        self.display = False
        self._before: Widget | None = None
        """Whose the keys were."""
        self.cursor_blink = False  # a frame every half second for nothing

    def open(self, purpose: Purpose, name: str) -> None:
        self.purpose = purpose
        name = clean(name)
        self.placeholder = f"{name} says …" if purpose == "say" else f"Ask {name} …"
        self.border_title = "say, in the character's voice" if purpose == "say" else "ask, in the visitor's place"
        self.border_subtitle = "ENTER send · ESC close"
        self.display = True
        self._before = self.screen.focused
        self.focus()

    def validate_value(self, value: str) -> str:
        """What is typed, too."""
        return clean(value)

    def action_close(self) -> None:
        self.display = False
        self.screen.set_focus(self._before if self._before is not self else None)

    def on_input_submitted(self) -> None:
        text = self.value.strip()
        if text:
            self.post_message(self.Sent(self.purpose, text))
            self.value = ""
        self.action_close()

    def _on_paste(self, event: Paste) -> None:
        """A whole book in the clipboard costs no more than a line of it."""
        event.prevent_default()
        event.stop()
        room = LONGEST - len(self.value)
        self.insert_text_at_cursor(" ".join(clean(event.text[: 4 * LONGEST]).split())[: max(0, room)])
