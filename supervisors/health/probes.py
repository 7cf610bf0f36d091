"""Questions to a server and about its port."""

import asyncio
import contextlib
import re
import socket
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, urlsplit

import psutil  # type: ignore[import-untyped]

from supervisors import kernel
from supervisors.errors import ServiceError
from supervisors.redact import Secret

if TYPE_CHECKING:
    import ssl

TIMEOUT_S = 2.0
_ANSWER = 4096
_LENGTH = re.compile(rb"^content-length: *(\d{1,9})\r?$", re.IGNORECASE | re.MULTILINE)


class PortTaken(ServiceError):
    """Trying again does not help; somebody has to give way."""


def port_of(address: str) -> int:
    """Of a http:// or https:// URL."""
    url = urlsplit(address)
    return url.port or (443 if url.scheme == "https" else 80)


async def health(address: str, authorization: Secret | None = None) -> int | None:
    """The HTTP status of a http:// or https:// URL, or None when nothing answers in time.

    Asked once a second of each service for the whole evening: on a bare socket it costs 0.2 ms of the processor, on
    asyncio's streams 0.6, by httpx 4.
    """
    url = urlsplit(address)
    target = (url.path or "/") + (f"?{url.query}" if url.query else "")
    key = f"Authorization: {authorization.reveal()}\r\n" if authorization else ""
    host = url.netloc.rpartition("@")[2]
    question = f"GET {target} HTTP/1.1\r\nHost: {host}\r\n{key}Connection: close\r\n\r\n".encode()
    here = url.scheme == "http" and url.hostname == "127.0.0.1"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            answer = await (_ask_here(port_of(address), question) if here else _ask(url, question))
        version, status = answer.split(None, 2)[:2]
        return int(status) if version.startswith(b"HTTP/") else None
    except (OSError, TimeoutError, ValueError):
        return None


def lives(status: int | None) -> bool:
    """Whether a server that is up says so. One that knows no such path is up, too, and not all have the same paths;
    500 and above mean that it loads, or is unwell.
    """
    return status is not None and (status < 500 or status == 501)


async def _ask_here(port: int, question: bytes) -> bytes:
    """All of the answer is read: to hang up on one makes some servers complain in their logs."""
    loop = asyncio.get_running_loop()
    with socket.socket() as sock:
        sock.setblocking(False)
        await loop.sock_connect(sock, ("127.0.0.1", port))
        await loop.sock_sendall(sock, question)
        answer = b""
        while not _whole(answer) and (more := await loop.sock_recv(sock, _ANSWER)):
            answer += more
    return answer


def _whole(answer: bytes) -> bool:
    head, end, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return len(answer) > _ANSWER or (bool(end) and (length is None or len(body) >= int(length[1])))


async def _ask(url: SplitResult, question: bytes) -> bytes:
    """The same of another machine's, which may have a name and a certificate."""
    context = _certificates() if url.scheme == "https" else None
    reader, writer = await asyncio.open_connection(url.hostname, port_of(url.geturl()), ssl=context)
    try:
        writer.write(question)
        return await reader.read(_ANSWER)
    finally:
        writer.close()


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


def tree_work_s(root: int) -> float:
    """Processor time that it has used, or waited for in the queue of a busy machine, seconds; 0 where /proc does not
    tell. A server that gets a tenth of a core is at work all the same; one that hangs neither runs nor queues.
    """
    return sum(kernel.cpu_s(pid) + kernel.run_delay_s(pid) for pid in tree(root))


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


def port_owner(port: int) -> int | None:
    """The pid of who listens there; None where we may not see it. Looks at every process: some 10 ms."""
    return next((process.pid for process in psutil.process_iter() if port in _ports_of(process.pid)), None)


def port_holder(port: int) -> str | None:
    """The same in words: "python3 (pid 123)"."""
    pid = port_owner(port)
    with contextlib.suppress(psutil.Error):
        return f"{psutil.Process(pid).name()} (pid {pid})" if pid is not None else None
    return None


def is_listening(port: int) -> bool:
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
