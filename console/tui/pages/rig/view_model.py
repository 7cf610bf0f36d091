"""What the rig page knows beside the picture, and what can be done with it now. Knows no widgets."""

from typing import Literal

from console.api.body_status import BodyStatus, PreflightRow
from console.api.telemetry_types import JawReading
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.styled_text import Span
from console.tui.pages.rig.calibration import Calibration
from conversation.stages import Stage

Part = Literal["jaw", "sound", "eyes", "preflight"]
PARTS: tuple[Part, ...] = ("jaw", "sound", "eyes", "preflight")
STEPS: tuple[tuple[int, str], ...] = ((1, "µs"), (5, "µs"), (25, "µs"), (1, "%"), (5, "%"), (25, "%"))
"""Of a jog; percent are of the travel."""
_EARLY, _LATE = ("rig_sweep", "rig_jog_to"), {"proof": ("rig_jog_to",), "save": ("rig_jog_to",)}
"""What goes by the travel, and is not done while that is looked for."""
_UNFINISHED = "Finish the calibration first, or leave it with ESC."


class RigViewModel:
    """Nothing of it is the show's: all of that is in `view`, as the show told it last."""

    def __init__(self) -> None:
        self.view: BodyStatus | None = None
        self.part: Part = "jaw"
        """That the arrows act on; on a small screen it is the one that is seen."""
        self.step = 1
        self.wizard: Calibration | None = None
        self.stood = 0
        """Where the servo stood last, µs; also when it has gone limp since. 0 = nobody knows."""
        self.word: Span = ("", "")
        """What has just happened, or could not."""
        self.testing: Literal["", "hear", "beep"] = ""
        self.heard: Span = ("", "")
        self.beeped: Span = ("", "")
        self.heading = 0, 0
        """Where the head is sent now: right, up."""
        self.shooting = False
        """A snapshot is on its way."""
        self.looking = False
        """A preflight runs."""
        self.rows: list[PreflightRow] = []
        self.looked_at = ""

    @property
    def by_us(self) -> int:
        """A step in µs, at least one."""
        amount, unit = STEPS[self.step]
        if unit == "µs" or self.view is None:
            return amount
        return max(1, round(amount / 100 * abs(self.view.open_us - self.view.closed_us)))

    @property
    def opens(self) -> int:
        """1 where longer pulses open the jaw, else -1."""
        return -1 if self.view is not None and self.view.open_us < self.view.closed_us else 1


def moves(reading: JawReading | None) -> bool:
    """Whether the jaw does what it is told."""
    return reading is not None and reading.armed and not (reading.stopped or reading.fault or reading.lost)


def possible(action: str, desk: RigViewModel, picture: ScreenState) -> bool:
    """What an operator can do on this page now."""
    return not why_not(action, desk, picture)


def why_not(action: str, desk: RigViewModel, picture: ScreenState) -> str:
    """In one plain sentence; "" when it can be done."""
    name, reading, view = action.partition("(")[0], picture.jaw, desk.view
    if name in ("rig_part", "rig_step"):
        return ""
    if picture.link != "live" or picture.state.stopping:
        return "There is no show to do that."
    if name == "rig_estop":
        return ""
    if desk.wizard is not None and name in ("rig_line", "rig_preflight"):
        return _UNFINISHED
    if name in ("rig_line", "rig_hear", "rig_beep", "rig_preflight"):
        return _at_work(name, desk, picture)
    if view is None:
        return "The show has not told yet what it has."
    if name == "rig_snapshot" and desk.shooting:
        return "One snapshot after another: wait for this one."
    if name in ("rig_look", "rig_home", "rig_snapshot"):
        return _without_eyes(name, view)
    if name == "rig_acknowledge":
        seen = reading is not None and (reading.stopped or reading.fault)
        return "" if seen else "There is no fault to acknowledge."
    if name in ("rig_save", "rig_calibrate") and desk.wizard is not None:
        return _UNFINISHED
    if name == "rig_save":
        return "" if view.unsaved else "The rig file says all of it already."
    if name == "rig_arm":
        return "" if reading is not None and reading.armed else _broken(reading)
    if name == "rig_calibrate":
        return _broken(reading)
    if desk.wizard is not None and name in _LATE.get(desk.wizard.step.name, _EARLY):
        return "Not before closed and open are set: it would go by the old travel."
    if name in ("rig_jog", "rig_jog_to", "rig_sweep"):
        return _broken(reading) or ("" if moves(reading) else "The jaw is not armed: M arms it.")
    return ""


def _broken(reading: JawReading | None) -> str:
    if reading is None:
        return "The show has not told of the jaw yet."
    if reading.lost:
        return "The board is gone: plug it in again."
    if reading.stopped or reading.fault:
        return "Acknowledge the stop first: K." if reading.stopped else "Acknowledge the fault first: K."
    return ""


def _at_work(name: str, desk: RigViewModel, picture: ScreenState) -> str:
    if name == "rig_line":
        return "" if picture.state.ready and not picture.state.halted else "Nothing can be said just now."
    if desk.testing or desk.looking:
        return "One test after another: wait for the end of this one."
    return "" if picture.state.stage is Stage.IDLE else "A visitor is being served; wait for the end of the turn."


def _without_eyes(name: str, view: BodyStatus) -> str:
    if name == "rig_snapshot":
        return "" if view.camera else "This rig has no camera: name one in [camera] of the rig file."
    return "" if view.head else "This rig has no pan-tilt head: name one in [pan_tilt] of the rig file."
