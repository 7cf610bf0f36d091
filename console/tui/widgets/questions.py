"""Small questions in front of the show, which goes on behind them."""

from collections.abc import Callable

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Label, OptionList, Static
from textual.widgets.option_list import Option

from console.tui.drawing.styled_text import clean
from console.tui.input.keymap import ACTS, LOG_ACTS, MODEL_ACTS, RIG_ACTS


class ChoiceScreen(ModalScreen[str | None]):
    """Pick one of several; ESC picks none."""

    AUTO_FOCUS = "OptionList"
    BINDINGS = [Binding("escape,q", "dismiss(None)", show=False)]

    def __init__(self, question: str, options: list[tuple[str, str]], now: str = "") -> None:
        super().__init__()
        self._question, self._now = clean(question), now
        self._options = [(key, clean(words)) for key, words in options]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label(self._question, classes="question", markup=False)
            rows = [Option(f"{'●' if key == self._now else ' '} {words}", id=key) for key, words in self._options]
            yield OptionList(*rows, markup=False)
            yield Label("ENTER choose · ESC leave it", classes="hint")

    def on_mount(self) -> None:
        keys = [key for key, _ in self._options]
        if self._now in keys:
            self.query_one(OptionList).highlighted = keys.index(self._now)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(event.option.id)


class RigChoiceScreen(ChoiceScreen):
    """A question beside a jaw that may be moving: X stops it here as well."""

    BINDINGS = [Binding("x", "stop", show=False)]

    def __init__(self, question: str, options: list[tuple[str, str]], now: str, stop: Callable[[], None]) -> None:
        super().__init__(question, options, now)
        self._stop = stop

    def action_stop(self) -> None:
        self._stop()
        self.dismiss(None)


class LeaveScreen(ModalScreen[str | None]):
    """Closing the screen is not closing the show."""

    AUTO_FOCUS = "#leave"
    BINDINGS = [
        Binding("l", "dismiss('leave')", show=False),
        Binding("s", "dismiss('stop')", show=False),
        Binding("escape,c", "dismiss(None)", show=False),
        Binding("left,up", "app.focus_previous", show=False),
        Binding("right,down", "app.focus_next", show=False),
    ]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog"):
            yield Label("Leave the show running, or stop it?", classes="question")
            yield Label(
                "Without a screen it goes on answering visitors; come back with: console.py attach", classes="hint"
            )
            with Horizontal(classes="buttons"):
                yield Button("Leave it running (L)", id="leave", variant="primary")
                yield Button("Stop the show (S)", id="stop")
                yield Button("Cancel (ESC)", id="cancel")

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(None if event.button.id == "cancel" else event.button.id)


class Help(ModalScreen[None]):
    """Every key with a sentence; made from the one list of actions."""

    AUTO_FOCUS = "VerticalScroll"
    BINDINGS = [Binding("escape,q,question_mark,enter", "dismiss", show=False)]

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog wide"):
            yield Label("Keys", classes="question")
            with VerticalScroll():
                for act in ACTS:
                    yield Static(f"[b]{act.shown:>7}[/b]  {act.sentence}")
                yield Static("")
                for page, acts in (("log", LOG_ACTS), ("rig", RIG_ACTS), ("models", MODEL_ACTS)):
                    yield Static(f"On the {page} page:")
                    for act in acts:
                        yield Static(f"[b]{act.shown:>7}[/b]  {act.sentence}")
                    yield Static("")
                yield Static("[b]     ^P[/b]  All of these by name, and the colours of the screen.")
                yield Static("[b]  MOUSE[/b]  Click a key in the last line, a trouble, or a log's name.")
            yield Label("ESC closes this", classes="hint")
