"""The show as it is now: a fold over its events, and nothing else."""

from msgspec import Struct, structs

from console.api import events as show
from conversation import events as turn
from conversation.events import Event, TurnEnded
from conversation.stages import Stage

_KEPT_TURNS = 50
_KEPT_NOTES = 20
_VISIT_GAP_MS = 60_000.0


class StageStart(Struct, frozen=True):
    """A stage of a turn and when it began, ms since the show's start."""

    stage: Stage
    at: float


class CrashEntry(Struct, frozen=True):
    event: show.ServiceCrashed
    at: float


class TurnView(Struct, frozen=True, kw_only=True):
    """The turn in progress, or the last one. Times are ms since the show's start."""

    number: int
    source: str = ""
    speaker: str = ""
    """Who answers; the character may be another one later."""
    at: float = 0.0
    steps: tuple[StageStart, ...] = ()
    transcript: str = ""
    clauses: tuple[str, ...] = ()
    playing: int = -1
    """Index of the clause that is audible."""
    playing_at: float = 0.0
    playing_s: float | None = None
    """Length of that clause, where it is known."""
    ended: TurnEnded | None = None
    ended_at: float = 0.0


class ShowState(Struct, frozen=True, kw_only=True):
    """Everything a screen needs to draw; sent whole as the snapshot. Times are ms since the show's start."""

    pid: int = 0
    rig: str = ""
    character: str = ""
    character_name: str = ""
    logs: str = ""
    began: float = 0.0
    """Wall-clock time of ms 0, seconds since 1970."""
    ready: bool = False
    ready_at: float = 0.0
    """Since when it is as ready, or as unready, as it is."""
    stopping: bool = False
    halted: str = ""
    """Who halted the show in a panic; "" when nobody has."""
    stage: Stage = Stage.IDLE
    holder: str = ""
    """Who presses the button, "" when nobody does."""
    held_turn: int = 0
    turns: int = 0
    visitors: int = 0
    """Questions that come within a minute of each other are one visitor's."""
    services: dict[str, show.ServiceChanged] = {}
    since: dict[str, float] = {}
    """Of each service: when it entered its state."""
    devices: dict[str, show.DeviceChanged] = {}
    disks: dict[str, show.DiskChanged] = {}
    """Places that cannot be written, by folder."""
    exchange: TurnView | None = None
    history: tuple[TurnView, ...] = ()
    """The last turns that have ended, oldest first; all of them are in turns.jsonl."""
    notes: tuple[show.Note, ...] = ()
    swaps: dict[str, show.SwapPhase] = {}
    """Of each service whose model is being exchanged."""
    crashes: tuple[CrashEntry, ...] = ()
    """The last of them, oldest first; all of them are reports in the log folder."""

    @property
    def idle(self) -> bool:
        """Whether no visitor is being listened or talked to."""
        return self.stage is Stage.IDLE

    @property
    def doing(self) -> str:
        """For a report: "turn 3, SPEAKING"; "" when nobody is served."""
        return f"turn {self.turns}, {self.stage}" if self.stage is not Stage.IDLE else ""


def reduce(state: ShowState, event: Event, at: float) -> ShowState:
    """`state` after `event`, which happened `at` ms. Pure: the same events give the same state on every screen."""
    if isinstance(event, turn.TurnEvent):
        return _in_turn(state, event, at)
    match event:
        case show.ShowStarted():
            fields = {f: getattr(event, f) for f in ("pid", "rig", "character", "character_name", "logs", "began")}
            return structs.replace(state, **fields)
        case show.CharacterChanged():
            return structs.replace(state, character=event.character, character_name=event.character_name)
        case show.ServiceChanged():
            return _with_service(state, event, at)
        case show.SwapPhase():
            swaps = {name: phase for name, phase in state.swaps.items() if name != event.name}
            return structs.replace(state, swaps=swaps | ({event.name: event} if event.phase else {}))
        case show.SwapEnded():
            swaps = {name: phase for name, phase in state.swaps.items() if name != event.name}
            return structs.replace(state, swaps=swaps, notes=(*state.notes, _swap_note(event))[-_KEPT_NOTES:])
        case show.ServiceCrashed():
            return structs.replace(state, crashes=(*state.crashes, CrashEntry(event, at))[-_KEPT_NOTES:])
        case show.DeviceChanged():
            return structs.replace(state, devices={**state.devices, event.role: event})
        case show.DiskChanged():
            others = {folder: lack for folder, lack in state.disks.items() if folder != event.folder}
            return structs.replace(state, disks=others | ({event.folder: event} if event.detail else {}))
        case show.ShowReady():
            return structs.replace(state, ready=True, ready_at=at)
        case show.ShowNotReady():
            return structs.replace(state, ready=False, ready_at=at)
        case show.Note():
            return structs.replace(state, notes=(*state.notes, event)[-_KEPT_NOTES:])
        case show.Held():
            return structs.replace(state, holder=event.holder if event.down else "", held_turn=event.turn)
        case show.ShowHalted():
            return structs.replace(state, halted=event.by)
        case show.ShowResumed():
            return structs.replace(state, halted="")
        case show.ShowStopping():
            return structs.replace(state, stopping=True)
    return state


def _swap_note(event: show.SwapEnded) -> show.Note:
    if not event.swapped:
        why = event.errors[-1] if event.errors else "it did not answer"
        went = "went back to" if event.serving else "is still waiting for"
        return show.Note(text=f"{event.name} {went} {event.model}: {why}", level="warning")
    pause = "without a pause" if not event.gone_ms else f"after {event.gone_ms / 1000:.1f} s without one"
    return show.Note(text=f"{event.name} has {event.model} now instead of {event.before}, {pause}")


def _with_service(state: ShowState, event: show.ServiceChanged, at: float) -> ShowState:
    before = state.services.get(event.name)
    same = before is not None and before.state is event.state
    since = state.since if same else {**state.since, event.name: at}
    return structs.replace(state, services={**state.services, event.name: event}, since=since)


def _in_turn(state: ShowState, event: turn.TurnEvent, at: float) -> ShowState:
    match event:
        case turn.TurnStarted():
            return _begin(state, event, at)
        case turn.StageEntered():
            state = structs.replace(state, stage=event.stage)
        case turn.ModelNoted():
            note = show.Note(text=event.text, level="warning")
            return structs.replace(state, notes=(*state.notes, note)[-_KEPT_NOTES:])
        case turn.TurnEnded():
            return _end(state, event, at)
    now = state.exchange
    if now is None or now.number != event.turn or now.ended is not None:
        return state
    return structs.replace(state, exchange=_grow(now, event, at))


def _begin(state: ShowState, event: turn.TurnStarted, at: float) -> ShowState:
    asked = [past for past in state.history if past.source != "say"]
    new = event.source != "say" and (not asked or at - asked[-1].ended_at > _VISIT_GAP_MS)
    typed = event.text if event.source == "text" else ""
    who = state.character_name
    started = TurnView(number=event.turn, source=event.source, speaker=who, at=at, transcript=typed)
    return structs.replace(state, exchange=started, turns=max(state.turns, event.turn), visitors=state.visitors + new)


def _end(state: ShowState, event: TurnEnded, at: float) -> ShowState:
    now = state.exchange
    if now is None or now.number != event.turn:
        now = TurnView(number=event.turn, at=at)
    now = structs.replace(now, ended=event, ended_at=at)
    holder = "" if event.turn == state.held_turn else state.holder
    return structs.replace(state, exchange=now, history=(*state.history, now)[-_KEPT_TURNS:], holder=holder)


def _grow(now: TurnView, event: turn.TurnEvent, at: float) -> TurnView:
    match event:
        case turn.StageEntered():
            return structs.replace(now, steps=(*now.steps, StageStart(event.stage, at)))
        case turn.TranscriptReady():
            return structs.replace(now, transcript=event.text)
        case turn.ClauseReady():
            playing = now.playing if now.playing < event.index else -1  # what was taken back is not heard any more
            return structs.replace(now, clauses=(*now.clauses[: event.index], event.text), playing=playing)
        case turn.ClausePlaying():
            return structs.replace(now, playing=event.index, playing_at=at, playing_s=event.seconds)
    return now
