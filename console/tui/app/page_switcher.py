"""Which page is seen; each is made when it is first looked at, because the show must be on the screen at once."""

from collections.abc import Iterable
from functools import partial
from importlib import import_module
from typing import Any

from textual.app import SystemCommand
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from console.api.events import Note
from console.tui.app.app_actions import AppActions, system_command
from console.tui.client.screen_state import ScreenState

_FOCUS = {"log": "LogPage", "rig": "RigPage", "models": "ModelsPage", "turns": "DataTable"}


class Pages(AppActions):
    """The App with its pages."""

    _noted: tuple[Note, ...] | None = None
    _noted_of = 0
    """The show that told them."""

    @property
    def page(self) -> Any:
        """The one that is seen, also behind a question."""
        return self.screen_stack[0].query_one(ContentSwitcher).visible_content

    @property
    def enter_taken(self) -> bool:
        """The page has another use for it than to fix: a swap, a step of the calibration."""
        return bool(getattr(self.page, "takes_enter", False))

    def arrow_up(self, key: str) -> None:
        getattr(self.page, "arrow_up", lambda _: None)(key)

    def _on(self, page: str) -> bool:
        """Keys may come before there is any."""
        switcher = self.screen_stack[0].query(ContentSwitcher)
        return bool(switcher) and switcher.first().current == page

    def stops(self, key: str) -> bool:
        return key == "x" and self._on("rig")

    def opens_field(self, key: str) -> bool:
        return len(self.screen_stack) == 1 and (key in ("slash", "a") or (key == "f" and self._on("log")))

    def draw(self) -> None:
        raise NotImplementedError

    def tell_news(self, picture: ScreenState) -> None:
        """What went well passes in a corner, such as a swap; what did not stays among what matters."""
        before, self._noted = self._noted, picture.state.notes
        news = self._noted[-1:] if before is not None and self._noted is not before else ()
        for note in news:
            if note.level == "info" and picture.state.pid == self._noted_of:
                self.notify(f"{note.text}.", markup=False, timeout=6)
        self._noted_of = picture.state.pid

    async def action_see(self, page: str) -> None:
        base = self.screen_stack[0]
        switcher = base.query_one(ContentSwitcher)
        if not switcher.query(f"#{page}"):
            await switcher.mount(_made(page))
        self.talk_button.lose()  # the pad under the mouse has gone
        switcher.current = page
        base.set_focus(base.query(_FOCUS[page]).first() if page in _FOCUS else None)
        self.call_after_refresh(self.draw)

    def possible(self, action: str, picture: ScreenState) -> bool | None:
        if action == "fix" and self.enter_taken:
            return False
        return super().possible(action, picture)

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The keys of the page that is seen are in the palette as well."""
        yield from super().get_system_commands(screen)
        page = self.page
        for act in getattr(page, "acts", tuple)():
            yield system_command(act, partial(self.call_later, page.run_action, act.action))


def _made(name: str) -> Widget:
    """The page of that name. Its code, too, is read only now: that would be 50 ms of the first frame."""
    page: Widget = getattr(import_module(f"console.tui.pages.{name}.page"), f"{name.capitalize()}Page")(id=name)
    return page
