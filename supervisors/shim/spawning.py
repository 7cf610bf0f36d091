"""Starts an engine behind a shim of its own."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisors import redact
from supervisors.errors import ServiceError
from supervisors.kernel import TOKEN_VARIABLE
from supervisors.shim import reaper
from supervisors.shim.process import ShimProcess
from supervisors.shim.shim_handle import ChildShim
from supervisors.spec import Command, ServicePaths, ServiceSpec

SHIM = Path(__file__).with_name("shim.py")


class IdleShim:
    """A shim that waits for its order: kept ready, it saves a restart the 60 ms that a Python takes to come up."""

    def __init__(self, places: ServicePaths, name: str) -> None:
        """Raises ServiceError. From the main thread only."""
        self.token = reaper.make_token(places.prefix, name)
        try:
            self.sock, its = socket.socketpair()
            with its:
                try:
                    self.popen = _launch_shim(name, self.token, its)
                except OSError:
                    self.sock.close()
                    raise
        except OSError as error:
            raise ServiceError(name, f"no process can be started: {error.strerror}", "close other programs") from error
        self.sock.setblocking(False)

    @property
    def alive(self) -> bool:
        return self.popen.poll() is None

    def dismiss(self) -> None:
        """It has nothing to lose: gone within a millisecond."""
        self.sock.close()
        self.popen.kill()
        self.popen.wait()


async def spawn(
    spec: ServiceSpec, command: Command, places: ServicePaths, port: int, idle: IdleShim | None = None
) -> ShimProcess:
    """Returns when it has been executed; raises ServiceError when it cannot be. From the main thread only."""
    if idle is not None and not idle.alive:
        idle.dismiss()
        idle = None
    shim = idle or IdleShim(places, spec.key)
    order = _order(spec, command, places, port, shim.token)
    process = ShimProcess(spec.key, shim.token, port, places, ChildShim(shim.popen), order["argv_hash"])
    await process.begin(shim.sock, order)
    return process


def command_hash(command: Command) -> str:
    """Tells whether an engine that runs is the one that would be started now."""
    parts = (*command.argv, *(f"{key}={value}" for key, value in sorted(command.env.items())), command.cwd or "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _plain(environment: Mapping[str, str], withheld: frozenset[str]) -> dict[str, str]:
    """Without what a model server has no business to know; a launcher gives what its engine needs."""
    return {key: value for key, value in environment.items() if not (redact.is_secret(key) or key in withheld)}


def _launch_shim(name: str, token: str, its: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-E", "-I", str(SHIM), name],
        stdin=its.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {TOKEN_VARIABLE: token},
        start_new_session=True,
    )


def _order(spec: ServiceSpec, command: Command, places: ServicePaths, port: int, token: str) -> dict[str, Any]:
    return {
        "do": "run",
        "name": spec.key,
        "argv": list(command.argv),
        "argv_hash": command_hash(command),
        "env": {**_plain(os.environ, places.withheld), **command.env, TOKEN_VARIABLE: token},
        "nice": command.nice,
        "cwd": command.cwd,
        "token": token,
        "port": port,
        "log": str(places.log(spec.key).absolute()),
        "state": str(places.state_file(spec.key).absolute()),
        "socket": str(places.socket(spec.key)),
        "rules": list(spec.log_rules),
        "stop_grace_s": spec.stop_grace_s,
        "adopt_window_s": spec.adopt_window_s,
    }
