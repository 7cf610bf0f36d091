"""What matters now, worst first: one plain sentence each, and the action that mends it. Pure."""

from time import localtime, strftime
from typing import Literal

from msgspec import Struct

from console.api.events import ServiceChanged
from console.api.state import CrashEntry, ShowState
from console.api.telemetry_types import Memory
from console.tui.client.screen_state import ScreenState
from console.tui.drawing.styled_text import size
from conversation.stages import Outcome
from profiles.wording import capital
from supervisors.meters.readings import CPU_MODE
from supervisors.states import ServiceState

Level = Literal["bad", "warn", "info"]
_TOLD_S = 180.0
WITHOUT = {
    "stt": "nobody is understood; type a question with A",
    "llm": "canned lines are spoken",
    "tts": "nothing can be said",
}


class Alert(Struct, frozen=True):
    level: Level
    text: str
    action: str = ""
    """Of the App, done by ENTER when this is the topmost that has one; "" when it mends itself."""
    label: str = ""


def troubles(picture: ScreenState) -> list[Alert]:
    state = picture.state
    if picture.hangs:
        return [Alert("bad", "The show hangs: it has said nothing for a while.", "end_show", "end it, start again")]
    if picture.link == "failed":
        return [Alert("bad", f"The show did not start: {picture.trouble}.", "start_show", "try again")]
    if picture.link == "lost":
        return [Alert("bad", "The show crashed too often and stays down.", "start_show", "start it again")]
    if picture.link == "reviving":
        return [Alert("bad", "The show crashed; it is being started again, and its engines wait for it.")]
    if picture.link == "stopped":
        return [Alert("info", "The show was stopped.", "start_show", "start it again")]
    if picture.link == "starting":
        return [Alert("info", "The show is coming up.")]
    found = [
        *_crash(picture),
        *_back_again(picture),
        *_halted(state),
        *_services(state),
        *_missing(state),
        *_devices(state),
        *_disks(state),
        *_last_turn(state),
    ]
    found += [*_memory(picture), *_notes(state)]
    order: dict[Level, int] = {"bad": 0, "warn": 1, "info": 2}
    return sorted(found, key=lambda trouble: order[trouble.level])


def _crash(picture: ScreenState) -> list[Alert]:
    """Told for a while: an operator who looked away shall know why the turns count from 1 again."""
    if not picture.crashed or picture.clock - picture.crashed > _TOLD_S:
        return []
    at = strftime("%H:%M:%S", localtime(picture.crashed))
    kept = sum(service.adopted for service in picture.state.services.values())
    engines = f"; {kept} engines kept their models" if kept else ""
    return [Alert("warn", f"The show crashed at {at} and was started again{engines}.")]


def _halted(state: ShowState) -> list[Alert]:
    if not state.halted:
        return []
    return [Alert("bad", "Panic: the show is halted, nobody is answered.", "resume", "go on")]


def _services(state: ShowState) -> list[Alert]:
    return [trouble for service in state.services.values() if (trouble := _service(service, state)) is not None]


def _service(service: ServiceChanged, state: ShowState) -> Alert | None:
    why = (service.last_error or "").removeprefix(f"{service.name}: ") or "no reason was given"
    crash = next(
        (c.event for c in reversed(state.crashes) if c.event.name == service.name and not c.event.auditioned), None
    )
    if crash is not None and crash.during and why.startswith(crash.end):
        why = f"{why} (in {crash.during})"
    match service.state:
        case ServiceState.FAILED:
            return Alert(
                "bad",
                f"{service.name} has failed: {why}.",
                f"restart_service('{service.name}')",
                f"restart {service.name}",
            )
        case ServiceState.BACKOFF:
            report = f"crash_report('{service.name}')" if crash is not None and crash.report else ""
            return Alert("warn", f"{service.name} stopped: {why}; it starts again by itself.", report, "report")
        case ServiceState.DEGRADED:
            return Alert("warn", f"{service.name} is in trouble: {why}.")
        case ServiceState.FETCHING | ServiceState.STARTING | ServiceState.LOADING if service.last_error:
            if not service.restarts:  # somebody else's server: it has not stopped, it is waited for
                return Alert("warn", f"{service.name} is not ready yet: {why}.")
            return Alert("warn", f"{service.name} stopped: {why}; it is coming back.")
    return None


def _crashes(state: ShowState) -> list[CrashEntry]:
    """Of engines that served; one that only wanted to take over is told of by its swap."""
    return [crash for crash in state.crashes if not crash.event.auditioned]


def _back_again(picture: ScreenState) -> list[Alert]:
    """A crash is worth a word also when all is well again: an operator may want to know why the voice was another."""
    recent = {
        c.event.name: c for c in picture.state.crashes if not c.event.auditioned and picture.now - c.at < _TOLD_S * 1000
    }
    rows = []
    for name, crash in recent.items():
        service = picture.state.services.get(name)
        if service is not None and service.state is ServiceState.READY:
            at = strftime("%H:%M:%S", localtime(picture.state.began + crash.at / 1000))
            hit = f" in {crash.event.during}" if crash.event.during else ""
            text = f"{name} stopped at {at}{hit}: {crash.event.end}; it is back."
            rows.append(Alert("info", text, f"crash_report('{name}')" if crash.event.report else "", "report"))
    return rows


def _missing(state: ShowState) -> list[Alert]:
    if state.ready or not state.exchange:
        return []
    have = {s.role for s in state.services.values() if s.state is ServiceState.READY}
    lost = sorted({s.role for s in state.services.values()} - have)
    return [Alert("bad", f"No engine for {role}: {WITHOUT[role]}.") for role in lost if role in WITHOUT]


def _devices(state: ShowState) -> list[Alert]:
    return [
        Alert("warn", f"{device.role}: {device.detail}.")
        for device in state.devices.values()
        if device.state == "fault" and device.detail
    ]


def _disks(state: ShowState) -> list[Alert]:
    return [
        Alert("warn" if lack.low else "bad", f"{capital(lack.detail)}: {lack.mend}.") for lack in state.disks.values()
    ]


def _last_turn(state: ShowState) -> list[Alert]:
    ended = state.exchange.ended if state.exchange else None
    if ended is None or not ended.message:
        return []
    if ended.outcome is Outcome.UNHEARD:
        return [Alert("info", f"Turn {ended.turn}: {ended.message}.")]
    level: Level = "bad" if ended.outcome is Outcome.FAILED else "warn"
    return [Alert(level, f"Turn {ended.turn} {ended.outcome}: {ended.message}.")]


def _memory(picture: ScreenState) -> list[Alert]:
    """What will run out, of RAM and of each GPU's own memory; and what is wrong with a GPU."""
    memory = picture.memory
    if memory is None:
        return []
    if memory.stale:
        return [Alert("info", "The meters do not answer: what is said of the memory is old.")]
    pools = [("RAM", memory.available, memory.total, "close other programs or take a smaller model")]
    for device in memory.devices:
        if not device.unified and not device.stale:
            pools.append((f"The memory of {device.name}", device.free, device.total, "take a smaller model"))
    found = [_nearly_full(memory, *pool) for pool in pools if memory.runs_low(pool[1], pool[2])]
    if memory.note and memory.note != CPU_MODE:
        found.append(Alert("info", memory.note))
    return found


def _nearly_full(memory: Memory, name: str, free: int, total: int, remedy: str) -> Alert:
    share = 1 - free / total
    level: Level = "bad" if memory.runs_low(free, total) == "bad" else "warn"
    text = f"{name} is {share:.0%} full ({size(free)} left): {remedy}."
    return Alert(level, text, "see('models')", "models")


def _notes(state: ShowState) -> list[Alert]:
    """What passed a while ago is in the log."""
    levels: dict[str, Level] = {"error": "bad", "warning": "warn"}
    recent = [note for note in state.notes[-2:] if note.level in levels]
    return [Alert(levels[note.level], f"{note.text}.") for note in recent]
