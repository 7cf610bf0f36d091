"""The show at a glance: stages, talk, engines, memory, body."""

from textual.app import ComposeResult
from textual.containers import Container, Horizontal, Vertical

from console.tui.client.screen_state import ScreenState
from console.tui.drawing.panel import Panel
from console.tui.pages.show.body import BodyPanel
from console.tui.pages.show.engines import EnginesPanel
from console.tui.pages.show.last_answer import LastAnswer
from console.tui.pages.show.memory import MemoryPanel
from console.tui.pages.show.setup_panel import SetupPanel
from console.tui.pages.show.skull import SkullPanel
from console.tui.pages.show.stage_lane import StageLane
from console.tui.pages.show.talk import TalkPanel
from console.tui.pages.show.talk_pad import TalkPad


class ShowPage(Container):
    """Two columns where there is room, else the talk with the skull beside it and the rest in two lines.
    The pad is below what was said, or below the skull."""

    def compose(self) -> ComposeResult:
        yield StageLane(classes="box")
        with Horizontal(id="columns"):
            with Vertical(id="left"):
                yield TalkPanel(classes="box")
                yield SetupPanel(classes="box")
                yield TalkPad(classes="box")
            with Vertical(id="right"):
                yield EnginesPanel(classes="box")
                yield MemoryPanel(classes="box")
                with Horizontal(id="body", classes="box"):
                    yield SkullPanel()
                    yield BodyPanel()
                yield LastAnswer(classes="box")
                yield TalkPad()
        with Vertical(id="lines"):
            yield EnginesPanel()
            yield BodyPanel()

    def on_mount(self) -> None:
        self._panels = list(self.query(Panel))  # once: looking for them cost a twentieth of each frame

    def show(self, picture: ScreenState) -> None:
        devices = len(picture.memory.devices) if picture.memory else 0
        self.set_class(picture.setting_up, "-setting-up")
        self.set_class(devices == 1, "-gpu")
        self.set_class(devices > 1, "-gpus")
        self.set_class(len(picture.state.services) > 4, "-many")
        for panel in self._panels:
            panel.show(picture)
