"""What the camera sees, and a pad to hold for the head below it."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.events import MouseDown, MouseUp
from textual.message import Message

from console.api.telemetry_types import CameraReading
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.clickable import Piece, TouchPanel, button, touched
from console.tui.drawing.styled_text import cut
from console.tui.pages.rig.panels.camera_view import CameraView
from console.tui.pages.rig.view_model import RigViewModel, possible

_ARROWS = {(0, 1): "↑", (-1, 0): "←", (1, 0): "→", (0, -1): "↓"}


class EyesPanel(Vertical):
    def __init__(self, desk: RigViewModel) -> None:
        super().__init__(id="eyes", classes="box")
        self._desk = desk
        self._camera, self._pad = CameraView(id="camera"), PanPad(desk)
        self._drawn: tuple[object, object] = None, None

    def compose(self) -> ComposeResult:
        yield self._camera
        yield self._pad

    def show(self, picture: ScreenState) -> None:
        view = self._desk.view
        title = f"{'› ' if self._desk.part == 'eyes' else ''}eyes"
        if self.border_title != title:
            self.border_title = title
        if self._drawn != (picture.camera, view):  # it costs 2 ms, and the jaw moves more often than the picture
            self._drawn = picture.camera, view
            self._camera.visible = view is not None
            there = view is not None and bool(view.camera)
            self._camera.name_shown = view.camera if view is not None else ""
            self._camera.camera = (picture.camera or CameraReading()) if there else None
            self._camera.show(picture)
        self._pad.show(picture)


class PanPad(TouchPanel):
    """Four arrows to hold with the mouse, and a button for a snapshot."""

    class Held(Message):
        def __init__(self, right: int, up: int) -> None:
            super().__init__()
            self.right, self.up = right, up

    class LetGo(Message):
        """Wherever the mouse is by then."""

    def __init__(self, desk: RigViewModel) -> None:
        super().__init__(id="pan-pad")
        self._desk = desk
        self._held = False

    def pieces(self, picture: ScreenState, width: int, height: int) -> list[Sequence[Piece]]:
        desk, view = self._desk, self._desk.view
        shot = button("N snapshot", "rig_snapshot", possible("rig_snapshot", desk, picture))
        if view is None:
            return []
        if not view.head:
            return [(), (("this rig has no pan-tilt head", "dim"),), (), (shot,)]
        ready = possible("rig_look", desk, picture)
        name = view.head if view.head_answers else f"{view.head} (never answers)"
        indent: Piece = (" " * 5, "")
        return [
            (indent, self._arrow(0, 1, ready), ("      ", ""), (cut(name, max(0, width - 14)), "")),
            (self._arrow(-1, 0, ready), ("  hold  ", "dim"), self._arrow(1, 0, ready), ("  ", ""), *_home(ready)),
            (indent, self._arrow(0, -1, ready), ("      ", ""), shot),
        ]

    def _arrow(self, right: int, up: int, ready: bool) -> Piece:
        label, action = f"[{_ARROWS[right, up]}]", f"look {right} {up}"
        held = self._desk.heading == (right, up)
        return (label, "active" if held else "key", action) if ready else (label, "faint")

    def on_mouse_down(self, event: MouseDown) -> None:
        action = touched(self._touched, event.get_content_offset(self))
        if action.startswith("look "):
            _, right, up = action.split()
            self._held = True
            self.capture_mouse()
            self.post_message(self.Held(int(right), int(up)))

    def on_mouse_up(self, event: MouseUp) -> None:
        self._let_go()

    def on_mouse_release(self) -> None:
        """Another has taken the mouse."""
        self._let_go()

    def on_hide(self) -> None:
        self._let_go()

    def _let_go(self) -> None:
        if self._held:
            self._held = False
            self.release_mouse()
            self.post_message(self.LetGo())


def _home(ready: bool) -> list[Piece]:
    return [button("HOME centre", "rig_home", ready)]
