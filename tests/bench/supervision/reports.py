"""What a supervisor says of its services, on a socket: for all peers heard by the same ear and clock."""

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

Row = dict[str, Any]


class Ear(asyncio.DatagramProtocol):
    """Keeps every report with the moment at which it was heard."""

    def __init__(self) -> None:
        self.heard: list[tuple[float, Row]] = []
        self.on_row: Callable[[Row], None] = lambda row: None

    def datagram_received(self, data: bytes, addr: Any) -> None:
        row = json.loads(data)
        self.heard.append((time.monotonic(), row))
        self.on_row(row)

    async def first(self, since: float, wanted: Callable[[Row], bool], within_s: float) -> float | None:
        """When the first such report was heard; None when none comes."""
        due = since + within_s
        while time.monotonic() < due:
            for at, row in self.heard:
                if at >= since and wanted(row):
                    return at
            await asyncio.sleep(0.002)
        return None


@asynccontextmanager
async def ear(path: Path) -> Any:
    transport, heard = await asyncio.get_running_loop().create_datagram_endpoint(
        Ear, local_addr=str(path), family=socket.AF_UNIX
    )
    try:
        yield heard
    finally:
        transport.close()


@contextmanager
def mouth(path: str) -> Iterator[Callable[[Row], None]]:
    """For the stand-in show; the helpers of the rivals have one of their own, for they know nothing of us."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        pid = os.getpid()
        yield lambda row: _send(sock, path, row | {"by": pid})


def _send(sock: socket.socket, path: str, row: Row) -> None:
    try:
        sock.sendto(json.dumps(row).encode(), path)
    except OSError:
        return  # The bench has gone; its end of us comes.
