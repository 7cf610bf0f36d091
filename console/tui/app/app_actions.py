"""The operator's actions, as the App knows them: each asks what it must and sends one command."""

import logging
from argparse import Namespace
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, cast

from textual.app import SystemCommand
from textual.driver import Driver
from textual.screen import Screen

from console.api import commands as cmd
from console.api.client import NoShow
from console.host import show_finder
from console.host.last_show import recall
from console.tui.app.talk_control import Talking
from console.tui.client.command_client import CommandClient
from console.tui.client.screen_state import ScreenState
from console.tui.client.show_client import ShowClient
from console.tui.client.show_connection import ShowConnection
from console.tui.drawing import themes
from console.tui.drawing.styled_text import clean
from console.tui.input.keymap import ACTS, KeyAction
from console.tui.pages.show.alerts import troubles
from console.tui.widgets.line_box import LineBox, Purpose
from console.tui.widgets.questions import ChoiceScreen, LeaveScreen
from conversation.stages import Stage
from profiles.errors import ProfileError
from profiles.home import Home
from profiles.loader import known, load_character, load_rig

_LOG = logging.getLogger(__name__)
_PANIC_S = 1.0
"""Two ESC within so long are a panic."""


class AppActions(Talking):
    """The half of the App that acts; holds no state of the show."""

    def __init__(self, link: ShowConnection, arguments: Namespace, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class)
        self.link, self.arguments = link, arguments
        self.steering: ShowClient = CommandClient(lambda: self.link.show, self.link.call, lambda: self.link.folder)
        link.revive = self._revive
        self._hushed_at = float("-inf")

    def do(self, work: Coroutine[Any, Any, Any]) -> None:
        """Send something; a refusal is one line in a corner, never a crash."""

        async def guarded() -> None:
            try:
                await work
            except cmd.CommandError as error:
                self._say_so(str(error))
            except NoShow:
                self._say_so("the show did not take that; look at what matters")
            except Exception:
                _LOG.exception("an action failed")
                self._say_so("that went wrong on this screen; the show is not touched")

        self.run_worker(guarded(), group="actions")

    def notify(self, message: str, **more: Any) -> None:
        super().notify("\n".join(map(clean, message.split("\n"))), **more)

    def _say_so(self, text: str) -> None:
        self.notify(f"{text[:1].upper()}{text[1:]}.", severity="warning", markup=False, timeout=6)

    def possible(self, action: str, picture: ScreenState) -> bool | None:
        """True: now. None: not now, but its place is kept. False: not here."""
        state, live = picture.state, picture.link == "live" and not picture.state.stopping
        name = action.partition("(")[0]
        if name in ("talk", "talk_key", "say", "ask"):
            open_ = state.ready or state.exchange is not None  # a show that has lost an engine still answers
            return True if live and open_ and not state.halted else None
        if name == "hush":
            again = monotonic() - self._hushed_at < _PANIC_S
            return True if live and (state.stage is not Stage.IDLE or again) else None
        if name == "panic":
            return True if live and not state.halted else None
        if name == "resume":
            return live and bool(state.halted)
        if name == "fix":
            return any(trouble.action for trouble in troubles(picture))
        if name == "start_show":
            return picture.link in ("reviving", "lost", "failed", "stopped")
        if name == "end_show":
            return picture.hangs
        if name in ("choose_character", "choose_service", "restart_service"):
            return live
        return True

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: every action, by name and with its sentence."""
        for act in ACTS:
            if self.possible(act.action, self.link.picture):
                yield system_command(act, partial(self.run_action_soon, act.action))

    def run_action_soon(self, action: str) -> None:
        self.call_later(self.run_action, f"app.{action}")

    async def action_say(self) -> None:
        await self._open_line("say")

    async def action_ask(self) -> None:
        await self._open_line("ask")

    async def _open_line(self, purpose: Purpose) -> None:
        base = self.screen_stack[0]
        if not base.query(LineBox):
            await base.mount(LineBox())
        base.query_one(LineBox).open(purpose, self.link.picture.state.character_name)

    def action_hush(self) -> None:
        """The second ESC in a row means more than the first."""
        if monotonic() - self._hushed_at < _PANIC_S:
            self.action_panic()
            return
        self._hushed_at = monotonic()
        self.do(self.steering.send(cmd.Interrupt()))

    def action_panic(self) -> None:
        self._hushed_at = float("-inf")
        self.do(self.steering.send(cmd.Panic()))

    def action_resume(self) -> None:
        self.do(self.steering.send(cmd.Resume()))

    async def action_fix(self) -> None:
        first = next((trouble for trouble in troubles(self.link.picture) if trouble.action), None)
        if first is not None:
            await self.run_action(f"app.{first.action}")

    async def action_crash_report(self, name: str) -> None:
        await self.run_action("app.see('log')")
        cast(Any, self.screen_stack[0].query_one("#log")).read_newest(name)

    def action_restart_service(self, name: str) -> None:
        self.do(self.steering.send(cmd.Restart(service=name)))

    def action_choose_service(self) -> None:
        rows = [(name, f"{name:<10} {s.model:<18} {s.state}") for name, s in self.link.picture.state.services.items()]
        self.push_screen(ChoiceScreen("Which engine shall be restarted?", rows), self._restart)

    def _restart(self, name: str | None) -> None:
        if name:
            self.action_restart_service(name)

    def action_choose_character(self) -> None:
        home = Home.from_environment()
        rows = [(name, _described(name, home)) for name in known("characters", home)]
        now = self.link.picture.state.character
        self.push_screen(ChoiceScreen("Who shall speak?", rows, now), self._play)

    def _play(self, name: str | None) -> None:
        if name and name != self.link.picture.state.character:
            self.do(self.steering.send(cmd.Play(character=name)))

    def action_choose_rig(self) -> None:
        home = Home.from_environment()
        rows = [(name, f"{name:<14} {_title(name, home)}") for name in known("rigs", home)]
        now = self.link.picture.state.rig
        self.push_screen(ChoiceScreen("Which rig? The show stops and starts again with it.", rows, now), self._move)

    def _move(self, name: str | None) -> None:
        if name and (name != self.link.picture.state.rig or self.link.picture.link != "live"):
            self.do(self._start(Namespace(rig=name, character=self._character())))

    def action_start_show(self) -> None:
        self.do(self._start(self._as_before()))

    def action_end_show(self) -> None:
        """For one that hangs; what follows is as after any crash."""
        if self.link.show is not None:
            show_finder.kill(self.link.show, Home.from_environment())

    def _as_before(self) -> Namespace:
        """The rig and the character that were."""
        show = self.link.show or self.link.before
        rig = self.arguments.rig if show is None else show.rig
        if show is not None and Path(show.rig_file).stem != show.rig:  # one that was given as a file
            rig = show.rig_file
        return Namespace(rig=rig, character=self._character())

    def _revive(self) -> show_finder.PendingShow:
        return show_finder.spawn(self._as_before(), Home.from_environment())

    def _character(self) -> str | None:
        """Who speaks now goes on speaking, also in another show."""
        now, home = self.link.picture.state.character, Home.from_environment()
        if now in known("characters", home):
            return now
        last = recall(home)
        return (
            last.character if last is not None and now in ("", Path(last.character).stem) else self.arguments.character
        )

    async def _start(self, arguments: Namespace) -> None:
        """Stop what runs, wait until all of it is gone, and start again; its setting up is on the screen."""
        home, show = Home.from_environment(), self.link.show
        if show is not None and self.link.picture.link == "live":
            await show_finder.stop(show, home)
        await self.steering.close()
        try:
            newborn = show_finder.spawn(arguments, home)
        except ProfileError as error:
            raise cmd.CommandError(cmd.USAGE, str(error)) from None
        self.link.take_over(newborn.folder, newborn)

    def action_change_theme(self) -> None:
        """Only those that were looked at: in every one of them the colours can be told apart."""
        rows = [(theme.name, theme.name) for theme in themes.ALL]
        self.push_screen(ChoiceScreen("Which colours?", rows, self.theme), self._colour)

    def _colour(self, name: str | None) -> None:
        if name:
            self.theme = name

    def action_leave(self) -> None:
        if self.link.picture.link not in ("live", "starting"):
            self.exit("leave")
        elif not isinstance(self.screen, LeaveScreen):
            self.push_screen(LeaveScreen(), self._left)

    def _left(self, answer: str | None) -> None:
        if answer is not None:
            self.exit(answer)


def system_command(act: KeyAction, work: Callable[[], Any]) -> SystemCommand:
    return SystemCommand(f"{act.label[:1].upper()}{act.label[1:]} ({act.shown})", act.sentence, work)


def _described(name: str, home: Home) -> str:
    try:
        return f"{name:<16} {load_character(name, home).value.name}"
    except ProfileError as error:
        return f"{name:<16} ✖ {error}"


def _title(name: str, home: Home) -> str:
    try:
        return load_rig(name, home).value.title
    except ProfileError as error:
        return f"✖ {error}"
