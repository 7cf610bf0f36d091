"""One running engine behind its shim, seen from the show."""

import asyncio
import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from supervisors import reaper
from supervisors.errors import ServiceError
from supervisors.exits import Exit, return_code
from supervisors.kernel import TOKEN_VARIABLE
from supervisors.spec import Command, Places

SHIM = Path(__file__).with_name("shim.py")
KILL_PATIENCE_S = 4.0
"""How long after the grace a shim may take to end a tree, before we end the shim."""
LEAVE_PATIENCE_S = 1.0


class ShimProcess(asyncio.Protocol):
    """Owns the connection to a shim; whoever loses this object loses the engine, which is the point of it."""

    def __init__(self, name: str, token: str, port: int, places: Places, shim: subprocess.Popen[bytes]) -> None:
        self.name, self.token, self.port, self._places = name, token, port, places
        self.pid = 0
        self.last_output = time.monotonic()
        loop = asyncio.get_running_loop()
        self._shim = shim
        self._transport: asyncio.Transport | None = None
        self._hello: asyncio.Future[None] = loop.create_future()
        self._exit: asyncio.Future[Exit] = loop.create_future()
        self._buffer = b""

    @property
    def shim_pid(self) -> int:
        return self._shim.pid

    @property
    def running(self) -> bool:
        return not self._exit.done()

    async def wait_exit(self) -> Exit:
        return await asyncio.shield(self._exit)

    async def stop(self, grace_s: float) -> Exit:
        """TERM, and KILL after the grace, for the whole tree; returns when nothing of it is left, the shim included."""
        try:
            if self.running:
                self._send({"do": "stop", "grace_s": grace_s})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace_s + KILL_PATIENCE_S):
                        await self.wait_exit()
            await self._bury(0 if self.running else LEAVE_PATIENCE_S)
        except asyncio.CancelledError:
            self._abandon()
            raise
        end = self._exit.result()
        return end if end.shim is None else Exit(shim=return_code(self._shim.returncode))

    def _abandon(self) -> None:
        """No time left for a stop: the shim does it alone, at once."""
        self._send({"do": "stop", "grace_s": 0})
        if self._transport:
            self._transport.close()

    async def _bury(self, patience_s: float) -> None:
        """Nothing outlives this: a shim that does not leave is killed, and what it kept is found by its token."""
        if self._transport and not self.running:
            self._transport.close()
        due = time.monotonic() + patience_s
        while self._shim.poll() is None and time.monotonic() < due:
            await asyncio.sleep(0.005)
        if self._shim.poll() is None:
            self._shim.kill()
            await asyncio.to_thread(self._shim.wait)
        if self._transport:
            self._transport.close()
        if self._shim.returncode:
            await asyncio.to_thread(reaper.sweep, self.token, self.pid)
            self._places.state_file(self.name).unlink(missing_ok=True)
            self._places.socket(self.name).unlink(missing_ok=True)
        if self.running:
            self._exit.set_result(Exit(shim="stuck"))

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._understand(json.loads(line))

    def connection_lost(self, error: Exception | None) -> None:
        if not self._hello.done():
            self._hello.set_exception(ServiceError(self.name, "its shim ended before the service had started"))
        if self.running:
            # The engine dies with its shim; what its tree left is swept in `_bury`, before anything starts again.
            self._exit.set_result(Exit(shim="lost"))

    def _understand(self, message: dict[str, Any]) -> None:
        match message["is"]:
            case "hello":
                self.pid = message["pid"]
                if not self._hello.done():  # else nobody waits for it any more
                    self._hello.set_result(None)
            case "progress":
                self.last_output = time.monotonic()
            case "failed" if not self._hello.done():
                self._hello.set_exception(ServiceError(self.name, message["message"]))
            case "exited" if self.running:
                self._exit.set_result(Exit(**{key: message[key] for key in ("code", "signal", "stopped", "tail")}))

    def _send(self, message: dict[str, Any]) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(json.dumps(message).encode() + b"\n")

    async def _begin(self, ours: socket.socket, order: dict[str, Any]) -> None:
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
            self._send(order)
            await self._hello
        except BaseException:
            self._hello.cancel()
            # By the shim, if it has its order: it collects its engine, whose number we never learnt.
            self._send({"do": "stop", "grace_s": 0})
            await self._bury(LEAVE_PATIENCE_S if self._transport else 0)
            raise


async def spawn(
    name: str, command: Command, places: Places, port: int, *, stop_grace_s: float, adopt_window_s: float = 0.0
) -> ShimProcess:
    """Returns when it has been executed; raises ServiceError when it cannot be. From the main thread only."""
    token = reaper.make_token(places.prefix, name)
    order = _order(name, command, places, port, token)
    order |= {"stop_grace_s": stop_grace_s, "adopt_window_s": adopt_window_s}
    ours, its = socket.socketpair()
    try:
        shim = _launch_shim(name, token, its)
    except OSError as error:
        ours.close()
        raise ServiceError(name, f"no process can be started: {error.strerror}", "close other programs") from error
    finally:
        its.close()
    ours.setblocking(False)
    process = ShimProcess(name, token, port, places, shim)
    await process._begin(ours, order)
    return process


def _launch_shim(name: str, token: str, its: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-E", "-I", str(SHIM), name],
        stdin=its.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {TOKEN_VARIABLE: token},
        start_new_session=True,
    )


def _order(name: str, command: Command, places: Places, port: int, token: str) -> dict[str, Any]:
    argv = list(command.argv)
    return {
        "do": "run",
        "name": name,
        "argv": argv,
        "argv_hash": hashlib.sha256("\0".join(argv).encode()).hexdigest()[:16],
        "env": {**os.environ, **command.env, TOKEN_VARIABLE: token},
        "nice": command.nice,
        "cwd": command.cwd,
        "token": token,
        "port": port,
        "log": str(places.log(name).absolute()),
        "state": str(places.state_file(name).absolute()),
        "socket": str(places.socket(name)),
    }
