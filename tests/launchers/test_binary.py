"""Server programs found on the machine that do not run on it: passed over, or held at once, with one plain line."""

import asyncio
import struct
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.engines import services
from console.engines.services import EngineProbes
from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.runtime import openmp, probe_binary
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.loader import load_rig
from profiles.schema import Engine
from supervisors.health.restart_policy import RestartRules
from supervisors.service.group import ServiceGroup
from supervisors.spec import ServiceSpec, ServiceStatus
from supervisors.states import ServiceState
from tests.supervisors.conftest import places_in

_HELP = '[ "$1" = --help ] && exit 0\n'
_LIBRARY = (
    'echo "$0: error while loading shared libraries: libmtmd.so.0: cannot open shared object file" >&2; exit 127\n'
)
_GLIBC = 'echo "$0: /lib/libc.so.6: version \\`GLIBC_2.99\' not found (required by $0)" >&2; exit 1\n'
SERVER = """
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"{}")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"])); said = {"choices": [{"message": {"content": "Hi."}}]}
        body = json.dumps(said | {"text": "skeleton"}).encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words): pass
HTTPServer(("127.0.0.1", int(sys.argv[sys.argv.index("--port") + 1])), Handler).serve_forever()
"""
BROKEN = {
    "SIGILL": ("kill -ILL $$\n", "is built for another processor"),
    "SIGILL behind a shell": ("exit 132\n", "is built for another processor"),
    "SIGILL once it serves": (f"{_HELP}kill -ILL $$\n", "is built for another processor"),
    "another machine's ELF": (None, "is built for another processor"),
    "wrapped for another machine": (f"{_HELP}exec ./other\n", "Exec format error|built for another processor"),
    "a library that is missing": (_LIBRARY, "lacks the library libmtmd.so.0"),
    "a library that it looks for late": (f"{_HELP}{_LIBRARY}", "lacks the library libmtmd.so.0"),
    "a newer C library": (_GLIBC, "other libraries than this machine has (GLIBC_2.99)"),
}
USELESS = {
    "a script that gives up": ("exit 1\n", "exited with code 1"),
    "one that crashes": (f"{_HELP}kill -SEGV $$\n", "killed by SIGSEGV"),
    "one that hangs at --help": ("sleep 60 & wait\n", "does not even answer --help"),
    "one that is asked for help in vain": ("exit 3\n", "exits with 3"),
    "without its interpreter": ("#!/no/such/sh\n", "lacks its interpreter"),
}


def program(folder: Path, name: str, text: str | None) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    ident = b"\x7fELF\x02\x01\x01" + bytes(9)
    foreign = ident + struct.pack("<HHIQQQIHHHHHH", 2, 0xF3F3, 1, 0x1000, 64, 0, 0, 64, 56, 0, 64, 0, 0)
    if text is None:
        path.write_bytes(foreign)
    else:
        path.write_text(text if text.startswith("#!") else f"#!/bin/sh\ncd {folder}\n{text}")
        (folder / "other").write_bytes(foreign)
        (folder / "other").chmod(0o755)
    path.chmod(0o755)
    return path


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LauncherContext:
    """A store of nothing, and a server of our own that is made already."""

    async def here(*_: object) -> None:
        return

    own = tmp_path / "own.py"
    own.write_text(SERVER)
    monkeypatch.setattr(Environments, "ensure", here)
    monkeypatch.setattr(Environments, "python", lambda self, script: Path(sys.executable))
    monkeypatch.setattr(Environments, "script", lambda self, script: own)
    monkeypatch.setattr(openmp, "provide", here)
    monkeypatch.setattr(probe_binary, "_PATIENCE_S", 1.0)
    home = Home(tmp_path / "home")
    return LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))


def launcher(shop: LauncherContext, binary: str, role: str = "llm") -> BaseLauncher:
    engine = {"llm": "llama_cpp", "stt": "whisper_cpp"}[role]
    return registry.launcher("booth.toml", role, role, Engine(engine=engine, binary=binary), shop)  # type: ignore[arg-type]


@asynccontextmanager
async def started(made: BaseLauncher, folder: Path, told: list[ServiceStatus]) -> AsyncIterator[ServiceGroup]:
    rig = load_rig("rehearsal", Home(folder / "home"))
    senses = EngineProbes(busy=lambda _: lambda: False, idle=lambda: True, vram=lambda _: None)
    spec = services.spec(rig, made, senses, 1)
    assert isinstance(spec, ServiceSpec)
    places = places_in(folder)
    rules = RestartRules(base_s=0.01, cap_s=0.02)
    async with ServiceGroup(places, [spec], told.append, rules=rules) as group:
        group.start()
        yield group


@pytest.mark.parametrize("kind", [*BROKEN, *USELESS])
async def test_one_that_was_merely_found_is_left_for_our_own(
    kind: str, shop: LauncherContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text, _ = (BROKEN | USELESS)[kind]
    path = program(tmp_path / "bin", "llama-server", text)
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    made, told = launcher(shop, "auto"), list[ServiceStatus]()
    async with started(made, tmp_path / "show", told) as group:
        await group.wait_ready(timeout=30)
        assert group["llm"].status.restarts <= 1
    said = [one.last_error or "" for one in told if "our own server is used instead" in (one.last_error or "")]
    assert all(line.startswith(f"llm: {path} ") and "\n" not in line for line in said)
    again = launcher(shop, "auto")
    assert again.needs_environment(), "it is not tried again as long as the show lives"
    _, note = await again.chosen_binary()
    assert note == ""


@pytest.mark.parametrize("kind", BROKEN)
async def test_one_that_the_rig_names_is_held_at_once(kind: str, shop: LauncherContext, tmp_path: Path) -> None:
    text, why = BROKEN[kind]
    path = program(tmp_path / "bin", "llama-server", text)
    told: list[ServiceStatus] = []
    async with started(launcher(shop, str(path)), tmp_path / "show", told) as group, asyncio.timeout(30):
        while group["llm"].status.state is not ServiceState.FAILED:
            await asyncio.sleep(0.01)
        status = group["llm"].status
    assert status.restarts == 0 and status.last_error
    assert status.last_error.startswith(f"llm: {path} ") and any(word in status.last_error for word in why.split("|"))
    assert status.last_error.endswith('or say binary = "auto" under [engines.llm]')


async def test_one_that_has_answered_is_not_blamed_for_what_comes_later(
    shop: LauncherContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model that does not fit, in a swap, says nothing of the program."""
    path = program(tmp_path / "bin", "whisper-server", f'{_HELP}exec {sys.executable} {tmp_path}/own.py "$@"\n')
    monkeypatch.setenv("PATH", f"{path.parent}:/usr/bin:/bin")
    made, told = launcher(shop, "auto", "stt"), list[ServiceStatus]()
    async with started(made, tmp_path / "show", told) as group:
        await group.wait_ready(timeout=30)
        assert not made.needs_environment()
        program(tmp_path / "bin", "whisper-server", f"{_HELP}exit 1\n")
        group["stt"].restart()
        async with asyncio.timeout(30):
            while group["stt"].status.restarts < 2:
                await asyncio.sleep(0.01)
    assert not launcher(shop, "auto", "stt").needs_environment()


@pytest.mark.parametrize("kind", [*BROKEN, *USELESS])
async def test_what_is_said_of_it_names_the_cause(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text, why = (BROKEN | USELESS)[kind]
    monkeypatch.setattr(probe_binary, "_PATIENCE_S", 1.0)
    said = await probe_binary.fault(str(program(tmp_path / "bin", "llama-server", text)))
    late = text is not None and (text.startswith(_HELP) or text == "exit 1\n")
    assert said == "" if late else why.split("|")[0] in said
