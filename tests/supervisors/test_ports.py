"""Ports: whose they are, who else has them, and servers that somebody else runs."""

import asyncio
import os
import socket
import sys
from collections.abc import Iterator

import pytest

from supervisors.errors import ServiceError
from supervisors.health import probes
from supervisors.redact import Secret
from supervisors.service.attached import AttachedService
from supervisors.service.group import ServiceGroup
from supervisors.spec import AttachedSpec, Command, ServicePaths, ServiceSpec
from supervisors.states import ServiceState
from tests.supervisors.conftest import EAGER, FAKE, Fake, Story
from tests.supervisors.test_faults import held, until


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_who_listens(taken: int) -> None:
    assert probes.owns_port(taken, [os.getpid()])
    assert not probes.owns_port(taken, [os.getppid()])
    assert not probes.is_free(taken) and probes.is_listening(taken)
    assert f"(pid {os.getpid()})" in str(probes.port_holder(taken))
    free = probes.free_port()
    assert probes.is_free(free) and not probes.is_listening(free) and probes.port_holder(free) is None


async def test_taken_port_is_one_line_and_no_loop(places: ServicePaths, fake: Fake, taken: int, story: Story) -> None:
    async with ServiceGroup(places, [fake("a", port=taken)], story) as group:
        group.start()
        status = await until(group, held)
        assert status.last_error and status.last_error.startswith(f"a: port {taken} is taken by ")
        assert f"pid {os.getpid()}" in status.last_error and "\n" not in status.last_error
        with pytest.raises(ServiceError, match="is taken by"):
            await group.wait_ready(timeout=30)
    assert "BACKOFF" not in story.states() and story.told[-2].restarts == 0


async def test_a_stranger_who_answers_does_not_make_us_ready(
    places: ServicePaths, fake: Fake, story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The race for a port: somebody binds it after we chose it, and says 200."""
    port = probes.free_port()
    stranger = await start_fake(port)
    choices = [port]
    monkeypatch.setattr(probes, "free_port", lambda real=probes.free_port: choices.pop() if choices else real())

    def command(given: int) -> Command:
        flags = ["--never-bind"] if given == port else []
        return Command((sys.executable, "-S", str(FAKE), "--port", str(given), *flags))

    async with ServiceGroup(places, [ServiceSpec(name="a", role="a", command=command)], story, rules=EAGER) as group:
        group.start()
        await group.wait_ready(timeout=30)
        status = group["a"].status
        assert status.port != port and f"port {port} is taken by" in str(status.last_error)
        assert f"pid {stranger.pid}" in str(status.last_error)
    assert story.states().count("READY") == 1
    stranger.kill()
    await stranger.wait()


async def start_fake(port: int) -> asyncio.subprocess.Process:
    found = await asyncio.create_subprocess_exec(
        sys.executable, "-S", str(FAKE), "--port", str(port), stdout=asyncio.subprocess.DEVNULL
    )
    async with asyncio.timeout(5):
        while not probes.is_listening(port):
            await asyncio.sleep(0.02)
    return found


async def test_attached_is_probed_and_never_stopped(places: ServicePaths, fake: Fake, story: Story) -> None:
    port = probes.free_port()
    spec = AttachedSpec(name="a", role="llm", base_url=f"http://127.0.0.1:{port}/")
    async with ServiceGroup(places, [spec], story) as group:
        group.start()
        status = await until(group, lambda s: s.state is ServiceState.DEGRADED)
        assert status.last_error == (
            f"a: nothing answers at http://127.0.0.1:{port}/health; start that server or correct its address in the rig"
        )
        theirs = await start_fake(port)
        await group.wait_ready(timeout=30)
        await group.stop()
        assert group["a"].status.state is ServiceState.STOPPED
        assert theirs.returncode is None and probes.is_listening(port)
    theirs.kill()
    await theirs.wait()


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://box", 80), ("https://box/v1", 443), ("http://[::1]:8080", 8080), ("http://me:word@box:81", 81)],
)
async def test_an_attached_one_has_a_port_also_where_its_address_names_none(url: str, port: int) -> None:
    """Without one its clients were never made: it was READY, and the show was not."""
    service = AttachedService(AttachedSpec(name="a", role="llm", base_url=url), lambda status: None)
    assert service.status.port == port


async def test_a_probe_finds_its_way_also_by_ipv6_and_has_the_key() -> None:
    heard: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    for host, shown in (("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")):
        try:
            listening = await asyncio.start_server(answer, host, 0)
        except OSError:  # a machine without IPv6
            assert host == "::1"
            continue
        async with listening as server:
            url = f"{shown}:{server.sockets[0].getsockname()[1]}"
            assert await probes.health(f"http://me:word@{url}/health", Secret("Bearer abc")) == 200
            assert f"Host: {url}\r\nAuthorization: Bearer abc\r\n".encode() in heard[-1] and b"word" not in heard[-1]


async def test_wait_ready_says_who_is_late(places: ServicePaths, fake: Fake) -> None:
    async with ServiceGroup(places, [fake("a", "--never-bind")]) as group:
        group.start()
        with pytest.raises(ServiceError, match=r"a: still STARTING after 0.5 s; see .*a.log"):
            await group.wait_ready(timeout=0.5)
