"""What a show answers to each command. The keys are those on the wire and of `--json`."""

from msgspec import UNSET, Struct, UnsetType

from conversation.events import AudioFigures, JawFigures, Marks, ModelFigures
from conversation.stages import Outcome, Stage


class Pressed(Struct, frozen=True, kw_only=True):
    """The microphone is open for this turn."""

    turn: int


class Released(Struct, frozen=True, kw_only=True):
    """False: nobody held the button, or the visitor had finished already."""

    released: bool


class Talked(Struct, frozen=True, kw_only=True):
    """The microphone is open for this turn; 0: a question was being recorded, and that is over now."""

    turn: int


class Interrupted(Struct, frozen=True, kw_only=True):
    """False: nothing was being said."""

    interrupted: bool


class Exchanged(Struct, frozen=True, kw_only=True):
    """How one turn ended, as `ask --json` prints it."""

    turn: int
    outcome: Outcome
    transcript: str
    caption: str | None
    reply: str
    """All that the character meant to say."""
    heard: str
    """What the visitor heard of it."""
    marks: Marks
    llm: ModelFigures
    audio: AudioFigures
    jaw: JawFigures
    stage: Stage | None | UnsetType = UNSET
    """Of a turn that was not completed: the stage that failed or was interrupted,"""
    message: str | UnsetType = UNSET
    """and why, in one plain sentence."""
    pcm: bytes | UnsetType = UNSET
    """What was heard, where it was asked for: s16le mono at `audio.sample_rate` (base64 in JSON)."""


class Halted(Struct, frozen=True, kw_only=True):
    halted: bool


class Resumed(Struct, frozen=True, kw_only=True):
    """False: the show was not halted."""

    resumed: bool


class Restarting(Struct, frozen=True, kw_only=True):
    restarting: str
    """The service's name."""


class Playing(Struct, frozen=True, kw_only=True):
    """The character that speaks from now on."""

    character: str
    character_name: str


class Fetching(Struct, frozen=True, kw_only=True):
    """Whether the model is being fetched now."""

    fetching: bool


class Pinned(Struct, frozen=True, kw_only=True):
    pinned: bool


class Unloading(Struct, frozen=True, kw_only=True):
    unloading: str
    """The service's name."""


class Stopping(Struct, frozen=True, kw_only=True):
    """False: other questions are being answered; the show stops after the last of them."""

    stopping: bool


class ShowRow(Struct, frozen=True, kw_only=True):
    pid: int
    uptime_s: float
    rig: str
    character: str
    stage: str
    """HALTED after a panic, STOPPING at the end, else the stage of the turn in progress."""
    on_air: bool
    """A visitor would be answered: every role of the rig is filled, and the show is not halted."""


class ServiceRow(Struct, frozen=True, kw_only=True):
    name: str
    role: str
    state: str
    pid: int | None
    shim_pid: int | None
    port: int | None
    model: str
    device: str
    rss_bytes: int | None
    vram_bytes: int | None
    restarts: int
    adopted: bool
    last_error: str | None


class DeviceRow(Struct, frozen=True, kw_only=True):
    name: str
    role: str
    state: str
    detail: str


class StatusReport(Struct, frozen=True, kw_only=True):
    """The show, its services and its devices at this moment, as `status --json` prints it."""

    show: ShowRow
    services: list[ServiceRow]
    devices: list[DeviceRow]
    turns: int
