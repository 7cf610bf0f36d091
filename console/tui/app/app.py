"""The operator's screen: pictures in, commands out; no logic of the show."""

import gc
import logging
from argparse import Namespace
from time import monotonic
from typing import Any

from textual.app import ComposeResult
from textual.driver import Driver
from textual.events import Resize
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import ContentSwitcher, Input

from console.api import commands as cmd
from console.api.client import NoShow
from console.tui.app.page_switcher import Pages
from console.tui.client.screen_state import ScreenState
from console.tui.client.show_connection import ShowConnection
from console.tui.drawing import styles, themes
from console.tui.input.keymap import ACTS, bindings
from console.tui.pages.show.alert_lines import AlertLines
from console.tui.pages.show.page import ShowPage
from console.tui.widgets.header import Header
from console.tui.widgets.key_bar import KeyBar
from console.tui.widgets.line_box import LineBox
from console.tui.widgets.questions import Help

_LOG = logging.getLogger(__name__)
FRAME_S, REMOTE_FRAME_S = 0.05, 0.1
_RUNNING_S, _QUIET_S = 0.1, 1.0
"""How often clocks are drawn while something runs, and while nothing does."""


class ConsoleApp(Pages):
    """Returns "leave" or "stop"."""

    CSS_PATH = "app.tcss"
    TITLE = "Galactus"
    BINDINGS = bindings()
    ENABLE_COMMAND_PALETTE = True
    AUTO_FOCUS = None

    def __init__(
        self,
        link: ShowConnection,
        arguments: Namespace,
        frame_s: float = FRAME_S,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(link, arguments, driver_class)
        link.on_change = self._on_change
        for theme in themes.ALL:
            self.register_theme(theme)
        self.theme = themes.here()
        self._frame_s = frame_s
        self._next: Timer | None = None
        self._next_at = 0.0
        self._drawn_at = 0.0
        self.frames = 0
        self._parts: tuple[object, ...] = ()

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """For themes that are not ours."""
        return themes.DARK.variables

    def _watch_theme(self, theme: str) -> None:
        super()._watch_theme(theme)
        self.inks = styles.styles(self.get_css_variables())

    def compose(self) -> ComposeResult:
        yield Header()
        with ContentSwitcher(initial="show"):
            yield ShowPage(id="show")
        yield AlertLines()
        yield KeyBar()

    def on_mount(self) -> None:
        self.run_worker(self.link.run(), name="link", exit_on_error=True)
        self.draw()
        self.call_after_refresh(_settle)

    def on_resize(self, event: Resize) -> None:
        width, height = event.size
        base = self.screen_stack[0]
        base.set_class(width < 120 or height < 36, "-compact")
        base.set_class(width < 64 or height < 16, "-tiny")
        # A window that was dragged about may end as large as it was, with all that was on it lost on the way.
        self.screen.refresh()

    def _on_change(self) -> None:
        """At most a frame each 50 ms (100 over ssh), however much happens."""
        wait = self._drawn_at + self._frame_s - monotonic()
        if self._next is None or self._next_at > self._drawn_at + self._frame_s:
            self._draw_in(max(0.001, wait))

    def _draw_in(self, seconds: float) -> None:
        if self._next is not None:
            self._next.stop()
        self._next_at = monotonic() + seconds
        self._next = self.set_timer(seconds, self.draw)

    def draw(self) -> None:
        """The whole picture; panels repaint what changed."""
        if not self.screen_stack:
            return  # on the way out
        self._drawn_at = monotonic()
        self.frames += 1
        picture = self.link.picture
        base = self.screen_stack[0]
        self.tell_news(picture)
        self.mind_talk(picture)
        page: Any = self.page
        with self.batch_update():
            base.query_one(Header).show(picture)
            if picture.busy or not self._same(picture, page):
                page.show(picture)
                matters = base.query_one(AlertLines)
                matters.enter = not self.enter_taken
                matters.show(picture)
                self._show_keys(base, picture)
        self._next = None
        self._draw_in(_RUNNING_S if picture.busy else _QUIET_S - (picture.clock % 1.0) % _QUIET_S + 0.01)

    def _same(self, picture: ScreenState, page: Any) -> bool:
        """Whether only the clock has moved since the last frame: on a quiet evening the header is all that is drawn."""
        parts = (
            picture.state,
            picture.levels,
            picture.jaw,
            picture.camera,
            picture.memory,
            picture.history,
            picture.fetching,
            picture.link,
            picture.hangs,
            page,
            self.focused,
            self.talk_button.held,
            self.keys_reported,
            self.enter_taken,
        )
        before, self._parts = self._parts, parts
        return len(before) == len(parts) and all(a is b for a, b in zip(before, parts, strict=True))

    def _show_keys(self, base: Screen[Any], picture: ScreenState) -> None:
        keys = base.query_one(KeyBar)
        typing = isinstance(base.focused, Input)  # then the keys are letters, but for those that come first
        can = {act: self.possible(act.action, picture) for act in ACTS}
        keys.open = {act.action: None if typing and can[act] and not act.first else can[act] for act in ACTS}
        keys.open[f"see('{self.page.id}')"] = False  # one is there already
        keys.show(picture)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action == "hush":  # its place is dim while nobody speaks, but the second ESC of a panic always counts
            return self.link.picture.link == "live"
        if action in ("say", "ask"):  # the box opens at any time, or the letters typed for it would be keys
            return True
        return self.possible(action, self.link.picture)

    def action_help(self) -> None:
        self.push_screen(Help())

    def _fatal_error(self) -> None:
        """Textual's hook, which would print a traceback at the operator."""
        _LOG.exception("the screen failed")
        self._close_messages_no_wait()

    def panic(self, *renderables: object) -> None:
        """The same for its words: they go to the log."""
        _LOG.error("the screen failed: %s", renderables)
        self._close_messages_no_wait()

    def on_line_box_sent(self, line: LineBox.Sent) -> None:
        command: cmd.Command[Any] = cmd.Say(text=line.text) if line.purpose == "say" else cmd.Ask(text=line.text)
        self.do(self._send_line(command, line))

    async def _send_line(self, command: cmd.Command[Any], line: LineBox.Sent) -> None:
        """What is refused stands in the box again: nothing that was typed is lost."""
        try:
            await self.steering.send(command)
        except (cmd.CommandError, NoShow):
            box = self.screen_stack[0].query_one(LineBox)
            if not box.value:
                box.value = line.text
            raise


def _settle() -> None:
    """The widgets stay for good; a collection that looks at all of them would be a stutter of 0.1 s."""
    gc.freeze()
    gc.set_threshold(2_000, 2, 500)  # small and often: strips come with caches, and 50,000 objects at once were 0.15 s
    gc.enable()
