"""What the rig screen shows of the body that does not move by itself; light to import."""

from typing import Literal

from msgspec import Struct

OLD_PICTURE_S = 1.0
"""A picture that is older says that the camera stands still."""
DARK_PERCENT = 8
"""A picture of less brightness says that its cap is on, or that there is no light."""
CLOSE_DB = 10.0
"""A voice less far above the room is too far away, or the room too loud."""


class PreflightRow(Struct, frozen=True, kw_only=True):
    """One thing that a preflight looked at."""

    what: str
    state: Literal["ok", "todo", "missing", "fault"]
    """todo: a visitor would be answered, but somebody has something to do before."""
    detail: str
    mend: str = ""
    """The one command, or the one thing to do."""


class SoundDevice(Struct, frozen=True, kw_only=True):
    """One that could be chosen, or is."""

    name: str
    driver: str = ""
    chosen: bool = False
    simulated: bool = False
    id: str = ""
    """Another name that may be given, where two have the same."""


class BodyStatus(Struct, frozen=True, kw_only=True):
    """Answer of `Body` and `Calibrate`."""

    board: str
    """As shown, for example "Maestro on /dev/ttyACM0"."""
    board_answers: bool = True
    simulated: bool = False
    closed_us: int
    """As in the rig file; what is sent to the servo is this and the trim. So are the next two."""
    open_us: int
    rest_us: int
    """Never 0 here."""
    trim_us: int
    look_ahead_ms: int
    calibrated: bool
    """The rig gives its travel; else it is the narrow default."""
    unsaved: bool = False
    """Calibrate has changed what the rig file says."""
    rig_file: str = ""
    output_latency_ms: float | None = None
    """Measured: from a sample's being handed to the device until it is heard; None where nothing tells."""
    microphones: tuple[SoundDevice, ...] = ()
    speakers: tuple[SoundDevice, ...] = ()
    head: str = ""
    """Pan and tilt; empty when the rig has none."""
    head_answers: bool = True
    cameras: tuple[str, ...] = ()
    camera: str = ""
    """Empty when the rig has none."""
