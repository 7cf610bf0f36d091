"""The body by hand: jaw, sound, eyes, and the preflight of all of it."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Container

from console.api import body_commands as body
from console.tui.client.poller import Poller
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.clickable import TouchPanel
from console.tui.input.keymap import RIG_ACTS, KeyAction
from console.tui.pages.rig.panels.eyes_panel import EyesPanel, PanPad
from console.tui.pages.rig.panels.jaw_panel import JawPanel
from console.tui.pages.rig.panels.key_lines import RigKeys
from console.tui.pages.rig.panels.preflight_panel import PreflightPanel
from console.tui.pages.rig.panels.sound_panel import SoundPanel
from console.tui.pages.rig.panels.tabs import RigTabs
from console.tui.pages.rig.sense_actions import RigActions
from console.tui.pages.rig.view_model import PARTS, Part, possible

_SLIDE_MS = 5
_BY_ARROW = {"rig_jog(1)", "rig_look_ahead(5)", "rig_look", "rig_jog_to(0)", "rig_home"}
"""Their keys do what the part that is chosen is for."""
_ARROWS = {"up": (0, 1), "down": (0, -1), "left": (-1, 0), "right": (1, 0)}
_WIZARD = {"enter": "rig_next", "backspace": "rig_back", "n": "rig_skip", "i": "rig_invert", "escape": "rig_cancel"}


class RigPage(RigActions):
    can_focus = True
    BINDINGS = [
        *(Binding(key, action, show=False) for key, action in _WIZARD.items()),
        *(Binding(act.key, act.action, act.label, show=False) for act in RIG_ACTS if act.action not in _BY_ARROW),
        *(Binding(key, f"rig_arrow('{key}')", show=False) for key in ("up", "down", "left", "right", "home", "end")),
        Binding("J", "rig_step(-1)", show=False),
        Binding("shift+tab", "rig_part(-1)", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        desk = self.desk
        self._jaw, self._sound, self._eyes = JawPanel(desk), SoundPanel(desk), EyesPanel(desk)
        self._preflight, self._tabs, self._keys = PreflightPanel(desk), RigTabs(desk), RigKeys(desk)
        self._asking = Poller(lambda: self._picture, self._seen, self._ask)
        self._shown = self._watching = False

    def compose(self) -> ComposeResult:
        yield self._tabs
        with Container(id="rig-parts"):
            yield self._jaw
            yield self._sound
            yield self._eyes
        yield self._preflight
        yield self._keys

    def on_mount(self) -> None:
        self.see_part("jaw")
        self.run_worker(self._asking.run(), name="rig", exit_on_error=True)
        self.run_worker(self.pan.run(), name="pan", exit_on_error=True)

    # Seen, and not seen

    def on_show(self) -> None:
        self._shown = True
        self.ask()
        self.pause_calibration(False)
        self._mind_camera()

    def on_hide(self) -> None:
        """Nothing moves, and nothing is watched, for a page that nobody sees."""
        self._shown = False
        self.pan.stop()
        self.pause_calibration(True)
        self._mind_camera()

    def on_blur(self) -> None:
        """Also when the whole terminal has lost the focus: then nobody tells that a key was let go."""
        self.pan.stop()

    def on_resize(self) -> None:
        self.redraw()
        self._mind_camera()

    def show(self, picture: ScreenState) -> None:
        before, self._picture = self._picture, picture
        if before.state.devices is not picture.state.devices or before.link != picture.link:
            self.ask()
        if picture.link != "live":
            self.pan.stop()
            self._watching = False  # it has ended with the connection
        self.desk.stood = _stood(picture) or self.desk.stood
        for panel in (self._tabs, self._jaw, self._sound, self._eyes, self._preflight, self._keys):
            panel.show(picture)
        if before.link != picture.link:
            self._mind_camera()

    def _mind_camera(self) -> None:
        """Watched only while its picture is seen: it costs the camera's computer, and everybody's privacy."""
        eyes = self.desk.part == "eyes" or not self.screen.has_class("-compact")
        view = self.desk.view
        live = self._picture.link == "live" and view is not None and bool(view.camera)
        wanted = self._shown and eyes and live
        if wanted != self._watching:
            self._watching = wanted
            if self._picture.link == "live":
                self.send(body.Watch(on=wanted), kept=True)

    # What the show has

    def ask(self) -> None:
        self._asking.wake()

    async def _ask(self) -> None:
        await self.sent(body.Body(), self.take_view)
        self._mind_camera()

    def _seen(self) -> bool:
        return self._shown and self._picture.link == "live"

    # Parts, arrows, mouse

    def acts(self) -> list[KeyAction]:
        """What can be done now, for the palette."""
        return [act for act in RIG_ACTS if possible(act.action, self.desk, self._picture)]

    def see_part(self, part: Part) -> None:
        self.pan.stop()
        self.desk.part = part
        for name in PARTS:
            self.set_class(name == part, f"-{name}")
        self.redraw()
        self._mind_camera()

    def action_rig_part(self, by: int = 1) -> None:
        self.see_part(PARTS[(PARTS.index(self.desk.part) + by) % len(PARTS)])

    def action_rig_part_to(self, number: int) -> None:
        self.see_part(PARTS[number])

    def action_rig_arrow(self, key: str) -> None:
        match self.desk.part, key:
            case "jaw", "up" | "down":
                self._up_and_down(1 if key == "up" else -1)
            case "jaw", "left" | "right":
                self.action_rig_look_ahead(_SLIDE_MS if key == "right" else -_SLIDE_MS)
            case "jaw", "home" | "end":
                self.action_rig_jog_to(float(key == "end"))
            case "eyes", "home":
                self.action_rig_home()
            case "eyes", _ if key in _ARROWS:
                self.action_rig_look(*_ARROWS[key])
            case "preflight", "up" | "down":
                self._preflight.scroll(1 if key == "down" else -1)
                self.redraw()

    def _up_and_down(self, direction: int) -> None:
        if self.desk.wizard is not None and self.desk.wizard.step.name == "trim":
            self.trim(direction)
        else:
            self.action_rig_jog(direction)

    async def on_touch_panel_pressed(self, event: TouchPanel.Pressed) -> None:
        await self.run_action(event.action)

    def arrow_up(self, key: str) -> None:
        """Of the arrow that moves the head now: the next one may be down before the first is up."""
        if _ARROWS[key] == self.pan.heading:
            self.pan.stop()

    def on_pan_pad_held(self, event: PanPad.Held) -> None:
        if self.can("rig_look"):
            self.pan.hold(event.right, event.up)

    def on_pan_pad_let_go(self) -> None:
        self.pan.stop()


def _stood(picture: ScreenState) -> int:
    """Where the servo stands, or stood when it went limp."""
    now = picture.jaw.us if picture.jaw is not None else 0
    return now or next((column.us for column in reversed(picture.course) if column.us), 0)
