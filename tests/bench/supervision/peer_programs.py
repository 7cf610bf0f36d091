"""supervisord and circus, from the package index into an environment that is thrown away with the bench."""

import asyncio
import sys
import textwrap
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from uv import find_uv_bin

from tests.bench.supervision.engines import Engine
from tests.bench.supervision.peers import GRACE_S, Peer
from tests.bench.supervision.reports import Ear, Row

PINS = ("supervisor==4.3.0", "circus==0.19.0")
_INSTALL_S = 120.0

_LISTENER = """\
import json, socket, sys
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
while True:
    sys.stdout.write("READY\\n"); sys.stdout.flush()
    headers = dict(word.split(":") for word in sys.stdin.readline().split())
    payload = dict(word.split(":") for word in sys.stdin.read(int(headers["len"])).split())
    try:
        row = {"name": payload["processname"], "state": headers["eventname"]}
        sock.sendto(json.dumps(row).encode(), sys.argv[1])
    except OSError:
        pass
    sys.stdout.write("RESULT 2\\nOK"); sys.stdout.flush()
"""
_SUBSCRIBER = """\
import json, socket, sys, zmq
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
events = zmq.Context().socket(zmq.SUB)
events.setsockopt(zmq.SUBSCRIBE, b"watcher.")
events.connect(sys.argv[2])
while True:
    _, name, topic = events.recv_multipart()[0].decode().split(".")
    try:
        sock.sendto(json.dumps({"name": name, "state": topic}).encode(), sys.argv[1])
    except OSError:
        pass
"""


async def install(folder: Path) -> str:
    """Makes the environment; returns why it cannot be had, or nothing."""
    uv, python = find_uv_bin(), folder / "bin" / "python"
    for words in (["venv", "--python", sys.executable, folder], ["pip", "install", "--python", python, *PINS]):
        process = await asyncio.create_subprocess_exec(
            uv, "--quiet", *map(str, words), stderr=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.DEVNULL
        )
        try:
            async with asyncio.timeout(_INSTALL_S):
                _, said = await process.communicate()
        except TimeoutError:
            process.kill()
            return f"the package index did not answer within {_INSTALL_S:g} s"
        if process.returncode:
            return textwrap.shorten(said.decode("utf-8", "replace"), 160) or "uv could not install them"
    return ""


class Supervisord(Peer):
    name = "supervisord"
    setting = "autorestart=true startsecs=0 stopasgroup killasgroup stopwaitsecs=1, an event listener"

    def __init__(self, folder: Path, engines: Sequence[Engine], reports: Path, ear: Ear, environment: Path) -> None:
        super().__init__(folder, engines, reports, ear)
        self._environment, self._config = environment, folder / "supervisord.conf"
        (folder / "listener.py").write_text(_LISTENER)
        self._config.write_text("\n".join([*self._head(), *(self._program(engine) for engine in engines)]))

    def argv(self) -> list[str]:
        return [str(self._environment / "bin" / "supervisord"), "-c", str(self._config)]

    def left_service(self, row: Row, engine: Engine) -> bool:
        return bool(row["name"] == engine.name and row["state"] != "PROCESS_STATE_RUNNING")

    def _head(self) -> list[str]:
        folder = self.folder
        listener = f"{sys.executable} -S -E {folder}/listener.py {self.reports}"
        return [
            f"[supervisord]\nnodaemon=true\nlogfile={folder}/supervisord.log\npidfile={folder}/pid\n",
            f"[eventlistener:listener]\ncommand={listener}\nevents=PROCESS_STATE\nbuffer_size=1000\n",
        ]

    def _program(self, engine: Engine) -> str:
        return (
            f"[program:{engine.name}]\ncommand={' '.join(engine.argv)}\nautorestart=true\nstartsecs=0\n"
            f"startretries=1000000\nstopasgroup=true\nkillasgroup=true\nstopwaitsecs={GRACE_S:g}\n"
            f"redirect_stderr=true\nstdout_logfile={self.folder}/{engine.name}.log\n"
        )


class Circus(Peer):
    name = "circus"
    setting = "check_delay=0.1 (default 5) respawn stop_children graceful_timeout=1 warmup_delay=0, its zmq events"

    def __init__(self, folder: Path, engines: Sequence[Engine], reports: Path, ear: Ear, environment: Path) -> None:
        super().__init__(folder, engines, reports, ear)
        self._python, self._config = environment / "bin" / "python", folder / "circus.ini"
        self._events = f"ipc://{folder}/events"
        (folder / "subscriber.py").write_text(_SUBSCRIBER)
        self._subscriber: asyncio.subprocess.Process | None = None
        self._config.write_text("\n".join([self._head(), *(self._watcher(engine) for engine in engines)]))

    def argv(self) -> list[str]:
        return [str(self._python), "-c", "from circus.circusd import main; main()", str(self._config)]

    async def start(self) -> None:
        if self._subscriber is None:
            # It reconnects by itself, and has no mark: it is no part of what circus starts.
            self._subscriber = await asyncio.create_subprocess_exec(
                self._python, self.folder / "subscriber.py", self.reports, self._events
            )
        await super().start()

    async def end(self) -> int:
        killed = await super().end()
        if self._subscriber is not None:
            with suppress(ProcessLookupError):
                self._subscriber.kill()
            await self._subscriber.wait()
            self._subscriber = None
        return killed

    def left_service(self, row: Row, engine: Engine) -> bool:
        return bool(row["name"] == engine.name)  # The first word after a kill is "reap", or "spawn" of the next.

    def _head(self) -> str:
        return (
            f"[circus]\nendpoint = ipc://{self.folder}/control\npubsub_endpoint = {self._events}\n"
            "check_delay = 0.1\nstatsd = False\nhttpd = False\n"
        )

    def _watcher(self, engine: Engine) -> str:
        streams = "".join(
            f"{stream}_stream.class = FileStream\n{stream}_stream.filename = {self.folder}/{engine.name}.log\n"
            for stream in ("stdout", "stderr")
        )
        return (
            f"[watcher:{engine.name}]\ncmd = {engine.argv[0]}\nargs = {' '.join(engine.argv[1:])}\ncopy_env = True\n"
            f"respawn = True\nmax_retry = -1\nwarmup_delay = 0\ngraceful_timeout = {GRACE_S:g}\n"
            f"stop_children = True\n{streams}"
        )
