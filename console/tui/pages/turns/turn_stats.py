"""What a turn's times and marks say, for people; pure."""

from msgspec import Struct

from console.api.state import ShowState, TurnView
from conversation.events import Marks
from conversation.stages import Stage

LANE = (Stage.LISTENING, Stage.TRANSCRIBING, Stage.THINKING, Stage.SPEAKING)
"""Those that every question passes; others join when a turn enters them."""
_S_PER_CHAR = 0.07
"""How long a character takes to be said, where the length of a clause is not known yet."""


class StageTime(Struct, frozen=True):
    stage: Stage
    seconds: float | None
    """None: this turn has not come there."""
    running: bool


def lane(now: TurnView | None, at: float) -> list[StageTime]:
    """The stages of a turn, each with the time it took or has taken so far."""
    steps = now.steps if now else ()
    took: dict[Stage, float] = {}
    end = now.ended_at if now and now.ended else at
    for number, step in enumerate(steps):
        until = steps[number + 1].at if number + 1 < len(steps) else end
        took[step.stage] = took.get(step.stage, 0.0) + max(0.0, until - step.at) / 1000
    running = steps[-1].stage if steps and now and not now.ended else None
    extra = [stage for stage in took if stage not in LANE and stage is not Stage.IDLE]
    order = [*LANE[:2], *extra, *LANE[2:]]
    return [StageTime(stage, took.get(stage), stage is running) for stage in order]


def wait_s(marks: Marks) -> float | None:
    """From the release to the first sample at the DAC."""
    if marks.release is None or marks.first_audio is None:
        return None
    return (marks.first_audio - marks.release) / 1000


def waiting_s(now: TurnView, at: float) -> float | None:
    """The same while it runs: counts up from the release until something is heard."""
    if now.ended is not None:
        return wait_s(now.ended.marks)
    begun = next((step.at for step in now.steps if step.stage in (Stage.TRANSCRIBING, Stage.THINKING)), None)
    if begun is None:
        return None
    heard = now.steps[-1].stage is Stage.SPEAKING
    spoken = next((step.at for step in now.steps if step.stage is Stage.SPEAKING), at)
    return max(0.0, (spoken if heard else at) - begun) / 1000


def waits(state: ShowState) -> list[float]:
    """Of the turns that asked something and were answered."""
    found = [wait_s(past.ended.marks) for past in state.history if past.ended and past.source != "say"]
    return sorted(wait for wait in found if wait is not None)


def percentile(ordered: list[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else None


def slowest_part(marks: Marks) -> tuple[Stage, float] | None:
    """Which stage takes the most of the wait, and its share 0..1."""
    edges = (marks.release, marks.stt_final or marks.release, marks.first_clause, marks.first_audio)
    wait = wait_s(marks)
    if wait is None or wait <= 0 or any(edge is None for edge in edges):
        return None
    known = [edge for edge in edges if edge is not None]
    parts = zip(LANE[1:], (b - a for a, b in zip(known, known[1:], strict=False)), strict=True)
    stage, took = max(parts, key=lambda part: part[1])
    return stage, took / 1000 / wait


def said(now: TurnView, at: float) -> tuple[str, str]:
    """What has been heard of the reply, word by word, and what is still to come (or was never said)."""
    if now.ended is not None:
        heard, reply = now.ended.heard.strip(), now.ended.reply.strip()
        rest = reply[len(heard) :].strip() if reply.startswith(heard) else ""
        return heard, rest
    if now.playing < 0:
        return "", " ".join(now.clauses)
    before, clause = now.clauses[: now.playing], now.clauses[now.playing : now.playing + 1]
    words = clause[0].split() if clause else []
    length = now.playing_s or max(0.3, len(" ".join(words)) * _S_PER_CHAR)
    done = min(len(words), int(len(words) * (at - now.playing_at) / 1000 / length) + 1)
    to_come = [*words[done:], *now.clauses[now.playing + 1 :]]
    return " ".join([*before, *words[:done]]), " ".join(to_come)
