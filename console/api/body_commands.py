"""What an operator may ask of the body: jaw, head, camera, sound. Part of the operator API, as `commands.py` is."""

from typing import Literal

from console.api.command import Command


class Body(Command, frozen=True, kw_only=True):
    """Answered with console.api.body_status.BodyStatus's fields: all that does not move by itself."""


class Arm(Command, frozen=True, kw_only=True):
    """An armed jaw may move; the first move is slow. Answered with {"armed"}."""

    on: bool = True


class EStop(Command, frozen=True, kw_only=True):
    """Motors off, now, and until Acknowledge. A client that cannot wait for the show sends one datagram instead
    (devices/estop.py). Answered with {"stopped": true}.
    """


class Acknowledge(Command, frozen=True, kw_only=True):
    """The operator has seen the fault, or the stop; the jaw is still to be armed. Answered with {"fault"}."""


class Jog(Command, frozen=True, kw_only=True):
    """Move the jaw by hand, slowly, inside its limits. Answered with {"us", "opening"}."""

    by_us: int = 0
    to: float | None = None
    """0 closed .. 1 open; None: by `by_us`."""


class Sweep(Command, frozen=True, kw_only=True):
    """Closed, open, closed, in 4 s. Answered when it has ended, with {"us"}."""


class Calibrate(Command, frozen=True, kw_only=True):
    """Another travel, at once; None leaves a value as it is. `beyond`: while the wizard asks, Jog may leave the old
    travel; it ends with the next Calibrate that does not say so, and with the connection. Answered with BodyView's
    fields.
    """

    closed_us: int | None = None
    open_us: int | None = None
    rest_us: int | None = None
    trim_us: int | None = None
    look_ahead_ms: int | None = None
    beyond: bool = False


class SaveCalibration(Command, frozen=True, kw_only=True):
    """Write what Calibrate set into the rig file, whose comments stay. Answered with {"file"}."""


class PickDevice(Command, frozen=True, kw_only=True):
    """Another microphone or speaker, between two turns; `save` writes it into the rig file. Answered with {"name"}."""

    role: Literal["microphone", "speaker"]
    name: str
    save: bool = False


class HearYourself(Command, frozen=True, kw_only=True):
    """Record with the open microphone, then play it on the open speaker. Answered with {"peak_db", "floor_db",
    "snr_db", "clipped"}.
    """

    seconds: float = 3.0


class Beep(Command, frozen=True, kw_only=True):
    """A tone on the speaker; does the microphone hear it? Answered with {"heard", "snr_db"}; heard is null when no
    live microphone is there.
    """


class Move(Command, frozen=True, kw_only=True):
    """Pan and tilt, -1 .. 1, right and up positive; ends after 1 s unless it comes again. (0, 0) stops. Answered with
    {"moving"}.
    """

    pan: float = 0.0
    tilt: float = 0.0
    home: bool = False


class Watch(Command, frozen=True, kw_only=True):
    """While a screen watches, `camera` telemetry flows to it. Ends with its connection. Answered with {"watching"}."""

    on: bool = True


class Snapshot(Command, frozen=True, kw_only=True):
    """The newest picture. Answered with {"jpeg" (base64), "mime", "age_s", "brightness", "width", "height"}, and if it
    was asked for with {"caption", "blind"}: what the model that thinks sees in it, else why it does not.
    """

    caption: bool = False
    png: bool = False
    """Without loss, for a terminal that draws pictures."""
    timeout_s: float = 30.0


class Preflight(Command, frozen=True, kw_only=True):
    """Everything once, on the live path. Answered with a list of console.api.body_status.PreflightRow's fields."""

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
