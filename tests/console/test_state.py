"""The fold: the same events, the same picture."""

from console.events import Held, Note, ServiceChanged, ShowNotReady, ShowReady
from console.state import ShowState, reduce
from conversation.events import (
    ClausePlaying,
    ClauseReady,
    Event,
    Marks,
    StageEntered,
    TranscriptReady,
    TurnEnded,
    TurnStarted,
)
from conversation.stages import Outcome, Stage
from supervisors.states import ServiceState


def after(*events: Event) -> ShowState:
    state = ShowState()
    for event in events:
        state = reduce(state, event)
    return state


def ended(turn: int) -> TurnEnded:
    return TurnEnded(turn=turn, outcome=Outcome.COMPLETED, marks=Marks())


def test_an_exchange_grows_word_by_word() -> None:
    state = after(
        TurnStarted(turn=4, source="wav"),
        StageEntered(turn=4, stage=Stage.TRANSCRIBING),
        TranscriptReady(turn=4, text="Who are you?", seconds=1.0),
        ClauseReady(turn=4, index=0, text="I'm Mr. Bones,"),
        ClauseReady(turn=4, index=1, text="at your service."),
        ClausePlaying(turn=4, index=0, text="I'm Mr. Bones,", seconds=0.8),
    )
    assert state.stage is Stage.TRANSCRIBING and state.turns == 4
    assert state.exchange is not None
    assert state.exchange.transcript == "Who are you?"
    assert state.exchange.clauses == ("I'm Mr. Bones,", "at your service.") and state.exchange.playing == 0


def test_a_hold_ends_with_its_own_turn_and_no_other() -> None:
    pressed = Held(holder="client 1", down=True, turn=7)
    assert after(pressed).holder == "client 1"
    assert after(pressed, ended(6)).holder == "client 1"
    assert after(pressed, ended(7)).holder == ""
    assert after(pressed, Held(holder="client 1", down=False)).holder == ""


def test_only_the_last_turns_and_notes_are_kept() -> None:
    state = after(*(ended(n) for n in range(200)), *(Note(text=str(n)) for n in range(100)))
    assert [t.turn for t in state.history][-1] == 199 and len(state.history) == 50
    assert [n.text for n in state.notes][-1] == "99" and len(state.notes) == 20


def test_services_and_readiness() -> None:
    ready = ServiceChanged(name="llm", role="llm", state=ServiceState.READY)
    lost = ServiceChanged(name="llm", role="llm", state=ServiceState.BACKOFF, last_error="llm: killed by SIGKILL")
    assert after(ready, ShowReady(seconds=2.0)).ready
    state = after(ready, ShowReady(seconds=2.0), lost, ShowNotReady(roles=("llm",)))
    assert not state.ready and state.services["llm"].last_error == "llm: killed by SIGKILL"
