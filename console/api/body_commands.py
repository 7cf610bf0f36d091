"""What an operator may ask of the body: jaw, head, camera, sound. Part of the operator API, as `commands.py` is."""

from typing import Literal

from console.api.body_answers import (
    Acknowledged,
    Armed,
    Jogged,
    MotorsOff,
    Moving,
    Photograph,
    Picked,
    Saved,
    Swept,
    ToneHeard,
    VoiceHeard,
    Watching,
)
from console.api.body_status import BodyStatus, PreflightRow
from console.api.command import Command


class Body(Command[BodyStatus], frozen=True, kw_only=True):
    """All of the body that does not move by itself."""


class Arm(Command[Armed], frozen=True, kw_only=True):
    """An armed jaw may move; the first move is slow."""

    on: bool = True


class EStop(Command[MotorsOff], frozen=True, kw_only=True):
    """Motors off, now, and until Acknowledge. A client that cannot wait for the show sends one datagram instead
    (devices/estop.py).
    """


class Acknowledge(Command[Acknowledged], frozen=True, kw_only=True):
    """The operator has seen the fault, or the stop; the jaw is still to be armed."""


class Jog(Command[Jogged], frozen=True, kw_only=True):
    """Move the jaw by hand, slowly, inside its limits."""

    by_us: int = 0
    to: float | None = None
    """0 closed .. 1 open; None: by `by_us`."""


class Sweep(Command[Swept], frozen=True, kw_only=True):
    """Closed, open, closed, in 4 s. Answered when it has ended."""


class Calibrate(Command[BodyStatus], frozen=True, kw_only=True):
    """Another travel, at once; None leaves a value as it is. `beyond`: while the wizard asks, Jog may leave the old
    travel; it ends with the next Calibrate that does not say so, and with the connection.
    """

    closed_us: int | None = None
    open_us: int | None = None
    rest_us: int | None = None
    trim_us: int | None = None
    look_ahead_ms: int | None = None
    beyond: bool = False


class SaveCalibration(Command[Saved], frozen=True, kw_only=True):
    """Write what Calibrate set into the rig file, whose comments stay."""


class PickDevice(Command[Picked], frozen=True, kw_only=True):
    """Another microphone or speaker, between two turns; `save` writes it into the rig file."""

    role: Literal["microphone", "speaker"]
    name: str
    save: bool = False


class HearYourself(Command[VoiceHeard], frozen=True, kw_only=True):
    """Record with the open microphone, then play it on the open speaker."""

    seconds: float = 3.0


class Beep(Command[ToneHeard], frozen=True, kw_only=True):
    """A tone on the speaker; does the microphone hear it?"""


class Move(Command[Moving], frozen=True, kw_only=True):
    """Pan and tilt, -1 .. 1, right and up positive; ends after 1 s unless it comes again. (0, 0) stops."""

    pan: float = 0.0
    tilt: float = 0.0
    home: bool = False


class Watch(Command[Watching], frozen=True, kw_only=True):
    """While a screen watches, `camera` telemetry flows to it. Ends with its connection."""

    on: bool = True


class Snapshot(Command[Photograph], frozen=True, kw_only=True):
    """The newest picture; `caption`: also what the model that thinks sees in it."""

    caption: bool = False
    png: bool = False
    """Without loss, for a terminal that draws pictures."""
    timeout_s: float = 30.0


class Preflight(Command[list[PreflightRow]], frozen=True, kw_only=True):
    """Everything once, on the live path."""

    sweep: bool = False
    beep: bool = False
    timeout_s: float = 60.0
    """How long the client waits: every engine is asked something."""


AnyBodyCommand = (
    Body
    | Arm
    | EStop
    | Acknowledge
    | Jog
    | Sweep
    | Calibrate
    | SaveCalibration
    | PickDevice
    | HearYourself
    | Beep
    | Move
    | Watch
    | Snapshot
    | Preflight
)
