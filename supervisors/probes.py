"""Questions to a server and about its port."""

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil  # type: ignore[import-untyped]

from supervisors import kernel
from supervisors.errors import ServiceError

if TYPE_CHECKING:
    import ssl

TIMEOUT_S = 2.0


class PortTaken(ServiceError):
    """Trying again does not help; somebody has to give way."""


async def health(address: str) -> int | None:
    """The HTTP status of a http:// or https:// URL, or None when nothing answers in time.

    Asked once a second of each service for the whole evening: by hand it costs 0.5 ms of the processor, by httpx 4.
    """
    url = urlsplit(address)
    secure = url.scheme == "https"
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            reader, writer = await asyncio.open_connection(
                url.hostname, url.port or (443 if secure else 80), ssl=_certificates() if secure else None
            )
            try:
                head = f"GET {target} HTTP/1.1\r\nHost: {url.netloc}\r\nConnection: close\r\n\r\n"
                writer.write(head.encode())
                version, status = (await reader.readline()).split()[:2]
                await reader.read(4096)  # to hang up on an answer makes some servers complain in their logs
                return int(status) if version.startswith(b"HTTP/") else None
            finally:
                writer.close()
    except (OSError, TimeoutError, ValueError):
        return None


@cache
def _certificates() -> "ssl.SSLContext":
    """40 ms, once; only for engines that somebody runs behind https."""
    import ssl

    return ssl.create_default_context()


def tree(root: int) -> list[int]:
    return [root, *(proc.pid for proc in kernel.descendants(root))]


def tree_rss(root: int) -> int:
    total = 0
    for pid in tree(root):
        with contextlib.suppress(psutil.Error):
            total += kernel.resident(pid) or psutil.Process(pid).memory_info().rss
    return total


def owns_port(port: int, pids: Iterable[int]) -> bool:
    """Whether one of these processes listens there: a 200 from somebody else's server means nothing."""
    numbers = list(pids)
    known = kernel.listens(port, numbers)
    return any(port in _ports_of(pid) for pid in numbers) if known is None else known


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # Old connections that linger do no harm.
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def port_holder(port: int) -> str | None:
    """Who listens there, as "python3 (pid 123)"; None where we may not see it. Looks at every process: some 10 ms."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if port in _ports_of(process.pid):
                return f"{process.name()} (pid {process.pid})"
    return None


def somebody_listens(port: int) -> bool:
    """By a connection: to bind it, even for a moment, could keep our own child from it."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def taken(service: str, port: int) -> PortTaken:
    holder = port_holder(port) or "another program"
    return PortTaken(service, f"port {port} is taken by {holder}", "stop it or give this service another port")


def _ports_of(pid: int) -> set[int]:
    try:
        connections = psutil.Process(pid).net_connections(kind="tcp")
    except psutil.Error:
        return set()
    return {c.laddr.port for c in connections if c.status == psutil.CONN_LISTEN}
