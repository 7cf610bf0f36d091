"""`check`: everything a show needs, each line fine or with the one command that mends it.

A show that runs tries it all on the path that a visitor takes (console/body/live_preflight.py); else we look.
"""

import asyncio
import os
import re
import socket
import sys
from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from msgspec import Struct

from clients.chat import ChatModel
from console.api import body_commands as body
from console.api import commands as cmd
from console.api.body_status import PreflightRow
from console.api.client import NoShow
from console.body.device_check import connected
from console.engines.fetch_space import disk, nearest_folder
from console.engines.services import launchers, misfit, workshop
from console.host import exit_codes
from console.host.disk_space import places
from console.host.last_show import given
from console.host.run_lock import ShowFile
from console.host.show_finder import DEFAULT_RIG, find, line
from console.host.surroundings import for_stdout
from launchers.base import BaseLauncher
from launchers.model_launcher import ModelLauncher
from profiles.catalogue import Catalogue
from profiles.home import PROGRAM, Home
from profiles.loader import LoadedProfile, load_character, load_rig
from profiles.schema import Character, Rig
from supervisors import redact
from supervisors.errors import ServiceError
from supervisors.health import probes

_WHO = re.compile(r"(\s*[A-Za-z][A-Za-z0-9+.-]*://).*@")


class ValueOrigin(Struct, frozen=True, kw_only=True):
    """Where a value of the rig or the character was set; what is not listed is a default."""

    key: str
    value: Any
    file: str


class Report(Struct, frozen=True, kw_only=True):
    ok: bool
    rows: list[PreflightRow]
    origins: list[ValueOrigin]


def check(arguments: Namespace) -> int:
    """0 when a show could start and answer as things are, 3 when something is missing; a bad profile is 2."""
    home = Home.from_environment()
    catalogue = Catalogue.load(home)
    show = find(Namespace(rig=arguments.rig, character=None), home)
    rig = load_rig(arguments.rig or (DEFAULT_RIG if show is None else show.rig_file), home)
    playing = rig.value.character if show is None else show.character_given
    character = load_character(arguments.character or playing, home)
    made = launchers(rig, workshop(home, catalogue), catalogue, keys=False)
    rows = [
        *_machine(home, rig, character, asyncio.run(_misfit(made, character.value))),
        *(row for launcher in made.values() for row in _engine(launcher, given(rig), running=show is not None)),
    ]
    if show is None:
        folders = places(home, rig.name, home.logs)
        rows += [*connected(rig.value), disk(home, made.values(), catalogue, folders)]
    else:
        rows += asyncio.run(_live(show, body.Preflight(beep=arguments.beep, sweep=arguments.sweep)))
    if not any(row.what == "show" for row in rows):  # a show that is halted has said so itself
        rows.append(_show(show, arguments))
    report = Report(ok=all(r.state in ("ok", "todo") for r in rows), rows=rows, origins=_origins(rig, character))
    print(for_stdout(msgspec.json.encode(report)) if arguments.json else _words(report))
    return exit_codes.DONE if report.ok else exit_codes.NO_ENGINE


async def _misfit(made: Mapping[str, BaseLauncher], character: Character) -> str:
    """Counted by somebody else's server, where one is there and counts; else an estimate."""
    for one in made.values():
        if isinstance(one, ModelLauncher) and one.settings.launch == "attach" and one.catalogued and not one.keyless:
            llm = one.connect(one.settings.url)
            try:
                if isinstance(llm, ChatModel) and (why := await misfit({one.name: one}, llm, character)):
                    return why
            finally:
                await llm.aclose()
    return await misfit(made, None, character)


def _machine(
    home: Home, rig: LoadedProfile[Rig], character: LoadedProfile[Character], misfit: str
) -> list[PreflightRow]:
    detail, _, mend = misfit.rpartition(": ")
    rows = [
        PreflightRow(what="python", state="ok", detail=sys.version.split()[0]),
        PreflightRow(what="rig", state="ok", detail=f"{rig.name} ({rig.file})"),
        PreflightRow(what="character", state="fault", detail=detail, mend=mend)
        if misfit
        else PreflightRow(what="character", state="ok", detail=f"{character.value.name} ({character.file})"),
    ]
    folder = nearest_folder(home)
    if not os.access(folder, os.W_OK):
        rows.append(
            PreflightRow(what="home", state="fault", detail=f"{folder} cannot be written", mend="set GALACTUS_HOME")
        )
    return rows


def _show(show: ShowFile | None, arguments: Namespace) -> PreflightRow:
    if show is not None:
        return PreflightRow(what="show", state="ok", detail=f"running (pid {show.pid})")
    if arguments.beep or arguments.sweep:
        detail = "not running: nothing was heard or moved"
        return PreflightRow(
            what="show", state="missing", detail=detail, mend=f"start it with make show, then {PROGRAM} check"
        )
    return PreflightRow(what="show", state="ok", detail="not running: engines and devices were looked at, not tried")


async def _live(show: ShowFile, command: body.Preflight) -> list[PreflightRow]:
    """Everything tried once, by the show that has it open."""
    try:
        async with line(show, Home.from_environment()) as client:
            return await client.call(command)
    except cmd.CommandError as error:
        return [PreflightRow(what="preflight", state="todo", detail=str(error), mend="check again in a while")]
    except NoShow as error:
        return [PreflightRow(what="preflight", state="fault", detail=str(error), mend=f"{PROGRAM} stop")]


def _engine(launcher: BaseLauncher, rig: str, *, running: bool) -> list[PreflightRow]:
    name, settings, shop = launcher.name, launcher.settings, launcher.workshop
    if launcher.keyless and not running:  # a show that runs has found it, or would not
        return [PreflightRow(what=name, state="fault", detail=launcher.keyless.message, mend=launcher.keyless.hint)]
    if (found := asyncio.run(launcher.look())) is not None:
        return [PreflightRow(what=name, state=f.state, detail=f.detail, mend=f.mend) for f in found] + _port(
            launcher, running
        )
    if settings.launch == "attach":
        return [asyncio.run(_attached(launcher)) if not running else _theirs(launcher)]
    fetch = f"{PROGRAM} models fetch --for-rig {rig}"
    rows = _program(launcher)
    if launcher.needs_environment():
        ready = shop.environments.python(launcher.script) is not None
        state: Literal["ok", "missing"] = "ok" if ready else "missing"
        detail = f"environment {launcher.script} " + ("ready" if ready else "not made yet")
        rows.append(PreflightRow(what=name, state=state, detail=detail, mend="" if ready else fetch))
    if launcher.model:
        stored = shop.store.state(launcher.model)
        good = stored == "stored"
        rows.append(
            PreflightRow(
                what=name,
                state="ok" if good else "missing",
                detail=f"model {launcher.model} {stored}",
                mend="" if good else f"{PROGRAM} models fetch {launcher.model}",
            )
        )
    return rows + _port(launcher, running)


def _program(launcher: BaseLauncher) -> list[PreflightRow]:
    """A server program of this machine, and whether it runs here."""
    try:
        found, note = asyncio.run(launcher.chosen_binary())
    except ServiceError as error:
        return [PreflightRow(what=launcher.name, state="fault", detail=error.message, mend=error.hint)]
    detail = note or (f"program {found}; {launcher.openness}" if found else "")
    mend = f'to close it: binary = "none" under [engines.{launcher.name}]' if found and not note else ""
    return [PreflightRow(what=launcher.name, state="ok", detail=detail, mend=mend)] if detail else []


def _theirs(launcher: BaseLauncher) -> PreflightRow:
    return PreflightRow(what=launcher.name, state="ok", detail=f"somebody else's, at {launcher.settings.url}")


async def _attached(launcher: BaseLauncher) -> PreflightRow:
    """Asked as the show would: whether it is there, and lets us in. What it can do is found out by a show."""
    name, url, theirs = launcher.name, launcher.settings.url, launcher.theirs
    status = await probes.health(url + launcher.health_path, theirs.key if theirs else None)
    if status is None:
        mend = "start that server, or correct its address in the rig"
        return PreflightRow(what=name, state="missing", detail=f"nothing answers at {url}", mend=mend)
    if status in (401, 403) and theirs:
        return PreflightRow(what=name, state="fault", detail=f"the server at {url} {theirs.locked}", mend=theirs.unlock)
    return _theirs(launcher)


def _port(launcher: BaseLauncher, running: bool) -> list[PreflightRow]:
    port = launcher.settings.port
    if not port or running or launcher.settings.launch == "attach" or _free(port):
        return []
    mend = "stop the program that has it, or choose another port in the rig"
    return [PreflightRow(what=launcher.name, state="fault", detail=f"port {port} is taken", mend=mend)]


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _origins(rig: LoadedProfile[Rig], character: LoadedProfile[Character]) -> list[ValueOrigin]:
    return [
        ValueOrigin(key=f"{what}.{key}", value=_shown(loaded.given[key]), file=file)
        for what, loaded in (("rig", rig), ("character", character))
        for key, file in loaded.origins.items()
    ]


def _shown(value: Any) -> Any:
    """An address without the user and the password that may be in it."""
    found = _WHO.match(value) if isinstance(value, str) else None
    return f"{found[1]}{redact.HIDDEN}{value[found.end() - 1 :]}" if found else value


def _words(report: Report) -> str:
    marks = {"ok": "✓", "todo": "·", "missing": "○", "fault": "✗"}
    lines = []
    for row in report.rows:
        lines.append(f"{marks[row.state]} {row.what:<11} {row.detail}" + (f"  →  {row.mend}" if row.mend else ""))
    lines.append("")
    by_file: dict[str, list[ValueOrigin]] = {}
    for origin in report.origins:
        by_file.setdefault(origin.file, []).append(origin)
    for file, origins in by_file.items():
        lines += [f"from {file}:", *(f"    {o.key} = {_short(o.value)}" for o in origins)]
    lines.append("all else is a default")
    return "\n".join(lines)


def _short(value: Any) -> str:
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."
