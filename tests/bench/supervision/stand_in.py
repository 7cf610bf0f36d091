"""A show with nothing but dummy engines, to be killed: `python -m tests.bench.supervision.stand_in ORDER`."""

import asyncio
import hashlib
import signal
import sys
from pathlib import Path

import msgspec
from msgspec import Struct

from supervisors.health.restart_policy import RestartRules
from supervisors.service.group import ServiceGroup
from supervisors.shim import reaper
from supervisors.spec import Command, ServicePaths, ServiceSpec, ServiceStatus
from tests.bench.supervision.engines import Engine
from tests.bench.supervision.reports import mouth


class Order(Struct, frozen=True, kw_only=True):
    folder: str
    reports: str
    engines: list[Engine]
    grace_s: float
    window_s: float
    rules: RestartRules


def places(folder: Path) -> ServicePaths:
    return ServicePaths(
        folder / "state",
        folder / "logs",
        lambda name: Path("/tmp") / f"gb-{hashlib.sha256(f'{folder}{name}'.encode()).hexdigest()[:12]}.sock",
        reaper.token_prefix(folder, "bench"),
    )


def forget(folder: Path, engines: list[Engine]) -> None:
    """The sockets of killed shims lie outside, where paths are short; also those that had no proper name yet."""
    for engine in engines:
        socket = places(folder).socket(engine.name)
        for path in (socket, *socket.parent.glob(f"{socket.name}~*")):
            path.unlink(missing_ok=True)


def _spec(engine: Engine, order: Order) -> ServiceSpec:
    return ServiceSpec(
        name=engine.name,
        role=engine.name,
        command=lambda port: Command(engine.argv),
        port=engine.port,
        stop_grace_s=order.grace_s,
        adopt_window_s=order.window_s,
    )


async def main(order: Order) -> None:
    """Until TERM, which stops all in order."""
    over = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, over.set)
    with mouth(order.reports) as say:

        def tell(status: ServiceStatus) -> None:
            say({"name": status.name, "status": msgspec.to_builtins(status)})

        say({"began": True})
        specs = [_spec(engine, order) for engine in order.engines]
        async with ServiceGroup(places(Path(order.folder)), specs, tell, rules=order.rules) as group:
            group.start()
            await over.wait()


if __name__ == "__main__":
    asyncio.run(main(msgspec.json.decode(sys.argv[1], type=Order)))
