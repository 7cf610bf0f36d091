"""One running engine behind its shim, seen from the show."""

import asyncio
import contextlib
import json
import os
import socket
import time
from collections.abc import Callable
from typing import Any

from supervisors.errors import ServiceError
from supervisors.exits import Exit
from supervisors.shim import reaper
from supervisors.shim.shim_handle import ShimHandle
from supervisors.spec import ServicePaths

KILL_PATIENCE_S = 4.0
"""How long after the grace a shim may take to end a tree, before we end the shim."""
LEAVE_PATIENCE_S = 1.0
HELLO_S = 10.0


class ShimRefused(ServiceError):
    """The shim has another owner, or has not noticed yet that its owner is gone."""


class ShimProcess(asyncio.Protocol):
    """Owns the connection to a shim; to lose this object is to lose the engine, which is the point of it."""

    def __init__(
        self, name: str, token: str, port: int, places: ServicePaths, shim: ShimHandle, command_hash: str
    ) -> None:
        self.name, self.token, self.port, self._places = name, token, port, places
        self.command_hash = command_hash
        self.pid = 0
        self.adopted = False
        self.found_ready = 0.0
        """The show before us had found it READY, and its canary to be due within so many seconds; 0 = it had not."""
        self.last_output = time.monotonic()
        self.early_rules: list[str] = []
        """What `on_rule` would have been called with before somebody took it over."""
        self.on_rule: Callable[[str], None] = self.early_rules.append
        """Called with each line of the log that speaks of a trouble after which it may hang."""
        loop = asyncio.get_running_loop()
        self._shim = shim
        self._transport: asyncio.Transport | None = None
        self._answered = asyncio.Event()
        self._hung = False
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
            if self.running and not self._hung:
                self._send({"do": "stop", "grace_s": grace_s})
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(grace_s + KILL_PATIENCE_S):
                        await self.wait_exit()
            await self.bury(0 if self.running else LEAVE_PATIENCE_S)
        except asyncio.CancelledError:
            self.abandon() if self.running else self._bury_now()
            raise
        end = self._exit.result()
        return end if end.shim is None else Exit(shim=self._shim.end)

    async def shim_answers(self, within_s: float) -> bool:
        """A shim that hangs reads no log: once the pipe is full, its engine hangs as well."""
        self._answered.clear()
        self._send({"do": "status"})
        try:
            async with asyncio.timeout(within_s):
                await self._answered.wait()
        except TimeoutError:
            return False
        return True

    def give_up_shim(self) -> None:
        """It will be ended without being asked."""
        self._hung = True

    def tell_ready(self, due_s: float) -> None:
        """The shim remembers it for the show that adopts it. `due_s`: when a canary's answer is due."""
        self._send({"do": "ready", "due_s": due_s})

    def abandon(self) -> None:
        """No time left for a stop: the shim does it alone, at once."""
        self._send({"do": "stop", "grace_s": 0})
        self.let_go()

    def _bury_now(self) -> None:
        """Its tree is gone, and nobody has the time to see its shim off."""
        self._shim.kill()
        self._shim.collect()
        self.let_go()
        self._forget()

    def let_go(self) -> None:
        """Leave it to its shim, and to the show that adopts it."""
        self._hello.cancel()
        self._shim.let_go()
        if self._transport:
            self._transport.close()

    async def bury(self, patience_s: float = 0.0) -> None:
        """Nothing outlives this: a shim that does not leave is killed, and what it kept is found by its token."""
        if self._transport and not self.running:
            self._transport.close()
        due = time.monotonic() + patience_s
        while not self._shim.ended() and time.monotonic() < due:
            await asyncio.sleep(0.005)
        if not self._shim.ended():
            self._shim.kill()
            while not self._shim.ended() and time.monotonic() < due + KILL_PATIENCE_S:
                await asyncio.sleep(0.002)
        if self._transport:
            self._transport.close()
        if not self._shim.left_well:
            await asyncio.to_thread(reaper.sweep, self.token, self.pid)
            self._forget()
        if self.running:
            self._exit.set_result(Exit(shim="stuck"))

    def _forget(self) -> None:
        with contextlib.suppress(OSError):  # their folders may have been cleared away, or be full or closed
            self._places.state_file(self.name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._places.socket(self.name).unlink(missing_ok=True)

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
            self._hear_the_rest()
        if self.running:
            # The engine dies with its shim; what its tree left is swept in `bury`, before anything starts again.
            self._exit.set_result(Exit(shim="lost"))

    def _hear_the_rest(self) -> None:
        """What we wrote just after the shim had left closes the line before all of it is read: how the engine ended."""
        assert self._transport is not None
        with contextlib.suppress(OSError, ValueError):
            while data := os.read(self._transport.get_extra_info("socket").fileno(), 1 << 16):
                self.data_received(data)

    def _understand(self, message: dict[str, Any]) -> None:
        match message["is"]:
            case "hello":
                self.pid, self.found_ready = message["pid"], message["ready"]
                if not self._hello.done():  # else nobody waits for it any more
                    self._hello.set_result(None)
            case "status":
                self._answered.set()
            case "progress":
                self.last_output = time.monotonic()
            case "rule":
                self.on_rule(message["line"])
            case "refused" if not self._hello.done():
                self._hello.set_exception(ShimRefused(self.name, "its shim has another owner"))
            case "failed" if not self._hello.done():
                self._hello.set_exception(ServiceError(self.name, message["message"]))
            case "exited" if self.running:
                self._exit.set_result(Exit(**{key: message[key] for key in ("code", "signal", "stopped", "tail")}))

    def _send(self, message: dict[str, Any]) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(json.dumps(message).encode() + b"\n")

    async def begin(self, ours: socket.socket, order: dict[str, Any]) -> None:
        """Of a shim that has just been launched: returns when the engine has been executed. Raises ServiceError."""
        try:
            await asyncio.get_running_loop().create_unix_connection(lambda: self, sock=ours)
            self._send(order)
            async with asyncio.timeout(HELLO_S):
                await self._hello
        except TimeoutError:
            self._shim.kill()
            await self.bury(LEAVE_PATIENCE_S)
            raise ServiceError(self.name, f"its shim did not come up within {HELLO_S:g} s") from None
        except BaseException:
            self._hello.cancel()
            # By the shim, if it has its order: it collects its engine, whose number we never learnt.
            self._send({"do": "stop", "grace_s": 0})
            await self.bury(LEAVE_PATIENCE_S if self._transport else 0)
            raise

    async def take_over(self, path: str, wishes: dict[str, Any]) -> None:
        """Of a shim whose owner is gone. Raises OSError, Refused."""
        await asyncio.get_running_loop().create_unix_connection(lambda: self, path)
        self._send(wishes)
        await self._hello
        self.adopted = True
