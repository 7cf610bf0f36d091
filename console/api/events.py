"""What happens in a show outside of its turns."""

from typing import Literal

from conversation import events as turn_events
from conversation.events import Event
from supervisors.states import ServiceState

DeviceRole = Literal["microphone", "speaker", "jaw", "camera", "head", "button"]
DeviceState = Literal["ready", "simulated", "fault"]


class ShowStarted(Event, frozen=True, kw_only=True):
    pid: int
    rig: str
    character: str
    character_name: str
    logs: str
    began: float
    """Wall-clock time at which the events' t_mono_ms was 0, seconds since 1970."""


class CharacterChanged(Event, frozen=True, kw_only=True):
    """Somebody else speaks from the next turn on."""

    character: str
    character_name: str


class DeviceChanged(Event, frozen=True, kw_only=True):
    name: str
    role: DeviceRole
    state: DeviceState
    detail: str = ""


class DiskChanged(Event, frozen=True, kw_only=True):
    """A place in which the show writes cannot be written, or hardly; without `detail` it can again."""

    folder: str
    detail: str = ""
    mend: str = ""
    low: bool = False


class ServiceChanged(Event, frozen=True, kw_only=True):
    name: str
    role: str
    state: ServiceState
    model: str = ""
    device: str = ""
    pid: int | None = None
    shim_pid: int | None = None
    port: int | None = None
    restarts: int = 0
    adopted: bool = False
    last_error: str | None = None


class ServiceCrashed(Event, frozen=True, kw_only=True):
    """A service ended against our will, or had to be ended. The whole story is in the report."""

    name: str
    end: str
    """In words: "killed by SIGSEGV"."""
    during: str
    """What it hit: "turn 3, SPEAKING", or nothing."""
    first_error: str = ""
    report: str = ""
    """Path of the crash report; empty when it could not be written."""
    auditioned: bool = False
    """It was to take over from the one that serves, and did not."""


class SwapPhase(Event, frozen=True, kw_only=True):
    """A model is on its way to a service that has another one; `phase` "" says that nothing came of it."""

    name: str
    model: str
    phase: str


class SwapEnded(Event, frozen=True, kw_only=True):
    """Somebody is in office: the newcomer, or the one that was."""

    name: str
    before: str
    model: str
    """The model that answers now."""
    swapped: bool
    beside: bool
    """The newcomer was there before the old one went."""
    seconds: float
    gone_ms: int
    """How long there was none."""
    serving: bool = True
    """Somebody answers now; else the one that was is still being started again."""
    overhead_ms: int
    """Without the engine's own load, canary and prime."""
    phases: dict[str, int]
    """ms"""
    errors: tuple[str, ...] = ()
    """Of those that were tried and failed."""


class ShowReady(Event, frozen=True, kw_only=True):
    """Every role of the rig has an engine that answers; visitors may come."""

    seconds: float
    """Since the show started."""


class ShowNotReady(Event, frozen=True, kw_only=True):
    """A role lost its last engine; turns go on degraded."""

    roles: tuple[str, ...]


class Note(Event, frozen=True, kw_only=True):
    """One plain sentence for the operator."""

    text: str
    level: Literal["info", "warning", "error"] = "info"


class Held(Event, frozen=True, kw_only=True):
    """Somebody presses, or lets go, the talk button."""

    holder: str
    down: bool
    turn: int = 0
    """The turn that the press began; its end is the end of the hold too."""


class ShowHalted(Event, frozen=True, kw_only=True):
    """Panic: silence, jaw closed and limp, nobody waits, and no turn begins until the show is resumed."""

    by: str


class ShowResumed(Event, frozen=True, kw_only=True):
    """Visitors may come again."""


class ShowStopping(Event, frozen=True, kw_only=True):
    reason: str


AnyEvent = (
    ShowStarted
    | CharacterChanged
    | DeviceChanged
    | DiskChanged
    | ServiceChanged
    | ServiceCrashed
    | SwapPhase
    | SwapEnded
    | ShowReady
    | ShowNotReady
    | Note
    | Held
    | ShowHalted
    | ShowResumed
    | ShowStopping
    | turn_events.TurnStarted
    | turn_events.StageEntered
    | turn_events.TranscriptReady
    | turn_events.ClauseReady
    | turn_events.ClausePlaying
    | turn_events.StageFailed
    | turn_events.ModelNoted
    | turn_events.TurnEnded
)
