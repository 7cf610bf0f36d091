"""Starts an engine behind a shim of its own."""

import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from supervisors import reaper, redact
from supervisors.errors import ServiceError
from supervisors.kernel import TOKEN_VARIABLE
from supervisors.process import ShimProcess
from supervisors.shim_handle import ChildShim
from supervisors.spec import Command, Places, ServiceSpec

SHIM = Path(__file__).with_name("shim.py")


async def spawn(spec: ServiceSpec, command: Command, places: Places, port: int) -> ShimProcess:
    """Returns when it has been executed; raises ServiceError when it cannot be. From the main thread only."""
    token = reaper.make_token(places.prefix, spec.name)
    order = _order(spec, command, places, port, token)
    ours, its = socket.socketpair()
    try:
        shim = _launch_shim(spec.name, token, its)
    except OSError as error:
        ours.close()
        raise ServiceError(spec.name, f"no process can be started: {error.strerror}", "close other programs") from error
    finally:
        its.close()
    ours.setblocking(False)
    process = ShimProcess(spec.name, token, port, places, ChildShim(shim), order["argv_hash"])
    await process.begin(ours, order)
    return process


def command_hash(command: Command) -> str:
    """Tells whether an engine that runs is the one that would be started now."""
    parts = (*command.argv, *(f"{key}={value}" for key, value in sorted(command.env.items())), command.cwd or "")
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what a model server has no business to know; a launcher gives what its engine needs."""
    return {key: value for key, value in environment.items() if not redact.is_secret(key)}


def _launch_shim(name: str, token: str, its: socket.socket) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-S", "-E", "-I", str(SHIM), name],
        stdin=its.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {TOKEN_VARIABLE: token},
        start_new_session=True,
    )


def _order(spec: ServiceSpec, command: Command, places: Places, port: int, token: str) -> dict[str, Any]:
    return {
        "do": "run",
        "name": spec.name,
        "argv": list(command.argv),
        "argv_hash": command_hash(command),
        "env": {**_plain(os.environ), **command.env, TOKEN_VARIABLE: token},
        "nice": command.nice,
        "cwd": command.cwd,
        "token": token,
        "port": port,
        "log": str(places.log(spec.name).absolute()),
        "state": str(places.state_file(spec.name).absolute()),
        "socket": str(places.socket(spec.name)),
        "rules": list(spec.log_rules),
        "stop_grace_s": spec.stop_grace_s,
        "adopt_window_s": spec.adopt_window_s,
    }
