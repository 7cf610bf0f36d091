"""The dummy servers that every peer keeps alive, and how they are asked from outside."""

import asyncio
import json
import sys
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from supervisors.health.probes import free_port

SERVER = Path(__file__).parents[2] / "fakes" / "engine_server.py"
POLL_S = 0.005
_ANSWER_S = 0.5


class Engine(Struct, frozen=True, kw_only=True):
    name: str
    port: int
    flags: tuple[str, ...] = ()

    @property
    def argv(self) -> tuple[str, ...]:
        return (sys.executable, "-S", "-E", str(SERVER), "--port", str(self.port), *self.flags)


def engines(**flags: tuple[str, ...]) -> list[Engine]:
    """Named as given, each on a port of its own."""
    ports = set[int]()
    while len(ports) < len(flags):
        ports.add(free_port())
    return [Engine(name=name, port=port, flags=flags[name]) for name, port in zip(flags, ports, strict=True)]


async def answerer(port: int) -> int | None:
    """The pid of the process that answers /health with 200; None when nobody does."""
    with suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(_ANSWER_S):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"GET /health HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
                head, _, body = (await reader.read()).partition(b"\r\n\r\n")
                if head.split()[1] == b"200":
                    return int(json.loads(body)["pid"])
            finally:
                writer.close()
    return None


async def served_by_another(port: int, before: int | None, within_s: float) -> int | None:
    """Polls until a process other than `before` answers; None when that takes too long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            while (pid := await answerer(port)) in (None, before):
                await asyncio.sleep(POLL_S)
            return pid
    return None
