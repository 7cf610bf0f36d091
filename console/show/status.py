"""What `status --json` prints: the show, its services and its devices at this moment."""

from time import monotonic
from typing import TYPE_CHECKING

from console.api.answers import DeviceRow, ServiceRow, ShowRow, StatusReport

if TYPE_CHECKING:  # a command has no engines, and would load a web client and arrays for half a second
    from console.engines.engine_set import EngineSet
    from supervisors.service.group import ServiceGroup


def status(engines: "EngineSet", group: "ServiceGroup", turns: int) -> StatusReport:
    state = engines.bus.state
    row = ShowRow(
        pid=state.pid,
        uptime_s=round(monotonic() - engines.began, 1),
        rig=state.rig,
        character=state.character,
        stage="STOPPING" if state.stopping else "HALTED" if state.halted else state.stage,
        on_air=state.ready and not state.halted and not state.stopping,
    )
    devices = [DeviceRow(name=d.name, role=d.role, state=d.state, detail=d.detail) for d in state.devices.values()]
    return StatusReport(show=row, services=_services(engines, group), devices=devices, turns=turns)


def _services(engines: "EngineSet", group: "ServiceGroup") -> list[ServiceRow]:
    return [
        ServiceRow(
            name=s.name,
            role=s.role,
            state=s.state,
            pid=s.pid,
            shim_pid=s.shim_pid,
            port=s.port,
            model=engines.launchers[s.name].model,
            device=engines.launchers[s.name].device,
            rss_bytes=s.rss_bytes,
            vram_bytes=engines.meters.vram(s.name),
            restarts=s.restarts,
            adopted=s.adopted,
            last_error=s.last_error,
        )
        for s in group.statuses
    ]


def in_words(report: StatusReport) -> str:
    """For people: a line for the show, one for each service and device."""
    show = report.show
    lines = [
        f"{show.rig} · {show.character} · {_air(show)} · up {show.uptime_s:.0f} s · "
        f"{report.turns} turns · pid {show.pid}"
    ]
    for s in report.services:
        size = f"{s.rss_bytes / 2**20:5.0f} MiB" if s.rss_bytes else " " * 9
        line = f"  {s.name:<10} {s.state:<9} {s.model or '-':<18} {s.device:<5} {size}"
        line += f"  restarts {s.restarts}"
        lines.append(line + (f"  {s.last_error}" if s.last_error else ""))
    for d in report.devices:
        lines.append(f"  {d.role:<10} {d.state:<9} {d.name}" + (f"  {d.detail}" if d.detail else ""))
    return "\n".join(lines)


def _air(show: ShowRow) -> str:
    if show.stage == "HALTED":
        return "HALTED: nobody is answered until: console.py resume"
    return f"{'ON AIR' if show.on_air else 'not ready'} · {show.stage}"
