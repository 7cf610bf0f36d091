"""The show at a glance: stages, talk, engines, memory, body."""

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from console.tui.client.screen_state import Picture
from console.tui.drawing.panel import Panel
from console.tui.pages.show.body import Body
from console.tui.pages.show.engines import Engines
from console.tui.pages.show.last_answer import LastAnswer
from console.tui.pages.show.memory import MemoryPanel
from console.tui.pages.show.setup_panel import SetUp
from console.tui.pages.show.skull import Skull
from console.tui.pages.show.stage_lane import StageLane
from console.tui.pages.show.talk import Talk
from console.tui.pages.show.talk_pad import TalkPad


class ShowPage(Container):
    """Two columns where there is room, else the talk with the skull beside it and the rest in two lines.
    The pad is below what was said, or below the skull."""

    def compose(self) -> ComposeResult:
        yield StageLane(classes="box")
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield Talk(classes="box")
                yield SetUp(classes="box")
                yield TalkPad(classes="box")
            with Vertical(id="right"):
                yield Engines(classes="box")
                yield MemoryPanel(classes="box")
                with Horizontal(id="body", classes="box"):
                    yield Skull()
                    yield Body()
                yield LastAnswer(classes="box")
                yield TalkPad()
        with Vertical(id="lines"):
            yield Engines()
            yield Body()

    def on_mount(self) -> None:
        self._panels = list(self.query(Panel))  # once: looking for them cost a twentieth of each frame

    def show(self, picture: Picture) -> None:
        devices = len(picture.memory.devices) if picture.memory else 0
        self.set_class(picture.setting_up, "-setting-up")
        self.set_class(devices == 1, "-gpu")
        self.set_class(devices > 1, "-gpus")
        self.set_class(len(picture.state.services) > 4, "-many")
        for panel in self._panels:
            panel.show(picture)
