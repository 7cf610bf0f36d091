"""The show as it is now: a fold over its events, and nothing else."""

from msgspec import Struct, structs

from console import events as show
from conversation import events as turn
from conversation.events import Event, TurnEnded
from conversation.stages import Stage

_KEPT_TURNS = 50
_KEPT_NOTES = 20


class Exchange(Struct, frozen=True, kw_only=True):
    """The turn in progress, or the last one."""

    number: int
    source: str = ""
    transcript: str = ""
    clauses: tuple[str, ...] = ()
    playing: int = -1
    """Index of the clause that is audible."""
    failures: tuple[turn.StageFailed, ...] = ()


class ShowState(Struct, frozen=True, kw_only=True):
    """Everything a screen needs to draw; sent whole as the snapshot."""

    pid: int = 0
    rig: str = ""
    character: str = ""
    character_name: str = ""
    logs: str = ""
    ready: bool = False
    stopping: bool = False
    stage: Stage = Stage.IDLE
    holder: str = ""
    """Who presses the button, "" when nobody does."""
    held_turn: int = 0
    turns: int = 0
    services: dict[str, show.ServiceChanged] = {}
    devices: dict[str, show.DeviceChanged] = {}
    exchange: Exchange | None = None
    history: tuple[TurnEnded, ...] = ()
    """The last turns, oldest first; all of them are in turns.jsonl."""
    notes: tuple[show.Note, ...] = ()


def reduce(state: ShowState, event: Event) -> ShowState:
    """`state` after `event`. Pure: the same events give the same state on every screen."""
    now = state.exchange
    match event:
        case show.ShowStarted():
            fields = {f: getattr(event, f) for f in ("pid", "rig", "character", "character_name", "logs")}
            return structs.replace(state, **fields)
        case show.ServiceChanged():
            return structs.replace(state, services={**state.services, event.name: event})
        case show.DeviceChanged():
            return structs.replace(state, devices={**state.devices, event.role: event})
        case show.ShowReady():
            return structs.replace(state, ready=True)
        case show.ShowNotReady():
            return structs.replace(state, ready=False)
        case show.Note():
            return structs.replace(state, notes=(*state.notes, event)[-_KEPT_NOTES:])
        case show.Held():
            return structs.replace(state, holder=event.holder if event.down else "", held_turn=event.turn)
        case show.ShowStopping():
            return structs.replace(state, stopping=True)
        case turn.TurnStarted():
            started = Exchange(number=event.turn, source=event.source)
            return structs.replace(state, exchange=started, turns=max(state.turns, event.turn))
        case turn.StageEntered():
            return structs.replace(state, stage=event.stage)
        case turn.TurnEnded():
            kept = (*state.history, event)[-_KEPT_TURNS:]
            holder = "" if event.turn == state.held_turn else state.holder
            return structs.replace(state, history=kept, holder=holder)
        case _ if now is not None:
            return structs.replace(state, exchange=_in_turn(now, event))
    return state


def _in_turn(now: Exchange, event: Event) -> Exchange:
    match event:
        case turn.TranscriptReady():
            return structs.replace(now, transcript=event.text)
        case turn.ClauseReady():
            return structs.replace(now, clauses=(*now.clauses, event.text))
        case turn.ClausePlaying():
            return structs.replace(now, playing=event.index)
        case turn.StageFailed():
            return structs.replace(now, failures=(*now.failures, event))
    return now
