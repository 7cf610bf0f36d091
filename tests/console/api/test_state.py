"""The fold: the same events, the same picture."""

from console.api.events import (
    CharacterChanged,
    Held,
    Note,
    ServiceChanged,
    ShowHalted,
    ShowNotReady,
    ShowReady,
    ShowResumed,
)
from console.api.state import ShowState, reduce
from conversation.events import (
    ClausePlaying,
    ClauseReady,
    Event,
    Marks,
    ModelNoted,
    StageEntered,
    TranscriptReady,
    TurnEnded,
    TurnStarted,
)
from conversation.stages import Outcome, Stage
from supervisors.states import ServiceState


def after(*events: Event, every_ms: float = 0.0) -> ShowState:
    state = ShowState()
    for number, event in enumerate(events):
        state = reduce(state, event, number * every_ms)
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


def test_clauses_that_were_taken_back_make_room_for_the_answer() -> None:
    thought = [ClauseReady(turn=1, index=n, text=f"Hm {n}.") for n in range(3)]
    playing = ClausePlaying(turn=1, index=2, text="Hm 2.", seconds=0.8)
    answer = [ClauseReady(turn=1, index=0, text="Boo!"), ClausePlaying(turn=1, index=0, text="Boo!", seconds=0.8)]
    state = after(TurnStarted(turn=1, source="wav"), *thought, playing, *answer)
    assert state.exchange is not None
    assert (state.exchange.clauses, state.exchange.playing) == (("Boo!",), 0)
    begun = after(TurnStarted(turn=1, source="wav"), *thought, playing, answer[0]).exchange
    assert begun is not None and (begun.clauses, begun.playing) == (("Boo!",), -1)


def test_what_is_noted_of_a_model_is_a_warning_for_the_operator() -> None:
    assert after(ModelNoted(turn=1, text="The model thinks aloud")).notes == (
        Note(text="The model thinks aloud", level="warning"),
    )


def test_a_hold_ends_with_its_own_turn_and_no_other() -> None:
    pressed = Held(holder="client 1", down=True, turn=7)
    assert after(pressed).holder == "client 1"
    assert after(pressed, ended(6)).holder == "client 1"
    assert after(pressed, ended(7)).holder == ""
    assert after(pressed, Held(holder="client 1", down=False)).holder == ""


def test_only_the_last_turns_and_notes_are_kept() -> None:
    state = after(*(ended(n) for n in range(200)), *(Note(text=str(n)) for n in range(100)))
    assert [t.number for t in state.history][-1] == 199 and len(state.history) == 50
    assert [n.text for n in state.notes][-1] == "99" and len(state.notes) == 20


def test_services_and_readiness() -> None:
    ready = ServiceChanged(name="llm", role="llm", state=ServiceState.READY)
    lost = ServiceChanged(name="llm", role="llm", state=ServiceState.BACKOFF, last_error="llm: killed by SIGKILL")
    assert after(ready, ShowReady(seconds=2.0)).ready
    state = after(ready, ShowReady(seconds=2.0), lost, ShowNotReady(roles=("llm",)))
    assert not state.ready and state.services["llm"].last_error == "llm: killed by SIGKILL"


def test_times_of_stages_and_of_the_clause_that_is_heard() -> None:
    state = after(
        TurnStarted(turn=1, source="button"),
        StageEntered(turn=1, stage=Stage.LISTENING),
        StageEntered(turn=1, stage=Stage.SPEAKING),
        ClausePlaying(turn=1, index=0, text="Ho.", seconds=0.5),
        ended(1),
        StageEntered(turn=1, stage=Stage.IDLE),
        every_ms=10.0,
    )
    now = state.exchange
    assert now is not None and state.stage is Stage.IDLE
    assert [(step.stage, step.at) for step in now.steps] == [(Stage.LISTENING, 10.0), (Stage.SPEAKING, 20.0)]
    assert (now.playing_at, now.playing_s, now.ended_at) == (30.0, 0.5, 40.0) and state.history == (now,)


def test_a_late_event_of_an_ended_turn_changes_nothing() -> None:
    state = after(TurnStarted(turn=1, source="text"), ended(1))
    assert reduce(state, ClauseReady(turn=1, index=0, text="late"), 5.0) == state


def test_questions_close_together_are_one_visitor() -> None:
    state = ShowState()
    moments = [("text", 0.0), ("wav", 30_000.0), ("say", 85_000.0), ("text", 88_000.0), ("text", 160_000.0)]
    for number, (source, at) in enumerate(moments):
        state = reduce(state, TurnStarted(turn=number, source=source), at)
        state = reduce(state, ended(number), at + 1000.0)
    assert state.visitors == 2 and state.turns == 4


def test_a_panic_stands_until_it_is_lifted() -> None:
    assert after(ShowHalted(by="client 2")).halted == "client 2"
    assert after(ShowHalted(by="client 2"), ShowResumed()).halted == ""


def test_since_when_a_service_is_what_it_is() -> None:
    loading = ServiceChanged(name="llm", role="llm", state=ServiceState.LOADING)
    ready = ServiceChanged(name="llm", role="llm", state=ServiceState.READY)
    assert after(loading, loading, every_ms=10.0).since == {"llm": 0.0}
    assert after(loading, ready, ready, every_ms=10.0).since == {"llm": 10.0}


def test_another_character_takes_over() -> None:
    state = after(CharacterChanged(character="captain_brine", character_name="Captain Brine"))
    assert (state.character, state.character_name) == ("captain_brine", "Captain Brine")
