"""The shim by itself, asked over its socket as a later show would."""

import asyncio
import json
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from supervisors import kernel
from supervisors.health import probes
from supervisors.shim import named_socket
from supervisors.shim.process import ShimProcess
from supervisors.shim.shim_handle import ShimHandle
from supervisors.shim.spawning import SHIM, spawn
from supervisors.spec import Command, ServicePaths, ServiceSpec
from tests.supervisors.conftest import FAKE, eventually_gone

Line = dict[str, Any]


async def begin(
    places: ServicePaths, *flags: str, window_s: float = 0.0, env: dict[str, str] | None = None
) -> ShimProcess:
    port = probes.free_port()
    command = Command((sys.executable, "-S", "-E", str(FAKE), "--port", str(port), *flags), env or {})
    spec = ServiceSpec(name="a", role="a", command=lambda port: command, stop_grace_s=1.0, adopt_window_s=window_s)
    return await spawn(spec, command, places, port)


class Asker:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, **message: Any) -> Line:
        self.writer.write(json.dumps(message).encode() + b"\n")
        return await self.hear()

    async def hear(self) -> Line:
        async with asyncio.timeout(5):
            while (line := json.loads(await self.reader.readline())).get("is") == "progress":
                pass
        return dict(line)


@pytest.fixture
async def asker(places: ServicePaths) -> AsyncIterator[Any]:
    writers: list[asyncio.StreamWriter] = []

    async def connect() -> Asker:
        reader, writer = await asyncio.open_unix_connection(places.socket("a"))
        writers.append(writer)
        return Asker(reader, writer)

    yield connect
    for writer in writers:
        writer.close()


async def test_starts_in_tens_of_milliseconds(places: ServicePaths) -> None:
    took = []
    for _ in range(5):
        began = time.monotonic()
        process = await begin(places)
        took.append(time.monotonic() - began)
        await process.stop(0.0)
    print(f"spawn to hello, ms: {[round(t * 1000) for t in took]}")
    assert min(took) < 0.3


async def test_one_owner_at_a_time_and_then_the_next(places: ServicePaths, asker: Any) -> None:
    process = await begin(places, window_s=5.0)
    state = json.loads(places.state_file("a").read_text())
    assert state["pid"] == process.pid and state["token"] == process.token and state["port"] == process.port
    assert kernel.is_alive(state["pid"], state["started"]) and kernel.is_alive(state["shim_pid"], state["shim_started"])
    assert state["boot_id"] == kernel.boot_id() and Path(state["log"]) == places.log("a")
    other = await asker()
    assert (await other.ask(do="adopt"))["is"] == "refused"
    assert (await other.ask(do="stop"))["is"] == "refused"
    assert (await other.ask(do="status"))["owned"] is True
    assert process._transport
    process._transport.abort()
    await asyncio.sleep(0.05)
    assert (await other.ask(do="adopt"))["pid"] == process.pid
    ended = await other.ask(do="stop", grace_s=1.0)
    assert ended["is"] == "exited" and ended["stopped"] and ended["signal"] == signal.SIGTERM
    await process.stop(0.0)


async def test_an_exit_while_nobody_owns_it_waits_for_the_next_owner(places: ServicePaths, asker: Any) -> None:
    process = await begin(places, "--crash-after", "0.3", "--exit-code", "7", window_s=5.0)
    assert process._transport
    process._transport.abort()
    await asyncio.sleep(0.8)
    next_show = await asker()
    next_show.writer.write(b'{"do":"adopt"}\n')
    assert (await next_show.hear())["is"] == "hello"
    assert (await next_show.hear())["code"] == 7
    await process.stop(0.0)


async def test_window_passes(places: ServicePaths) -> None:
    process = await begin(places, "--fork-grandchild", window_s=0.5)
    assert process._transport
    process._transport.abort()
    await asyncio.sleep(0.3)
    assert len(probes.tree(process.shim_pid)) == 3
    assert eventually_gone(places.prefix, 1.0) == []
    await process.stop(0.0)


async def test_the_child_inherits_nothing_but_its_environment(places: ServicePaths) -> None:
    leak = os.open(os.devnull, os.O_RDONLY)
    os.set_inheritable(leak, True)
    process = await begin(places, env={"OF_OURS": "1"})
    os.close(leak)
    await asyncio.sleep(0.3)
    proc = Path(f"/proc/{process.pid}")
    environ = proc.joinpath("environ").read_bytes().split(b"\0")
    assert f"GALACTUS_SERVICE={process.token}".encode() in environ and b"OF_OURS=1" in environ
    links = {int(link.name): str(link.readlink()) for link in proc.joinpath("fd").iterdir()}
    assert links[0] == os.devnull and links[1] == links[2] and links[1].startswith("pipe:")
    assert all(link.startswith(("socket:", "anon_inode:")) for number, link in links.items() if number > 2)
    status = proc.joinpath("status").read_text()
    assert "SigBlk:\t0000000000000000" in status
    assert "Max core file size        0                    0" in proc.joinpath("limits").read_text()
    assert (await process.stop(1.0)).signal == signal.SIGTERM


async def test_flood_without_line_ends_is_cut_into_lines(places: ServicePaths) -> None:
    process = await begin(places, "--flood-log", "--no-newline")
    await asyncio.sleep(0.3)
    began = time.monotonic()
    await process.stop(1.0)
    assert time.monotonic() - began < 1.5
    lines = places.log("a").read_bytes().split(b"\n")
    assert max(map(len, lines)) <= 64 * 1024 + 30


async def test_hung_shim_is_replaced_by_force(places: ServicePaths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("supervisors.shim.process.KILL_PATIENCE_S", 0.2)
    process = await begin(places, "--fork-grandchild")
    await asyncio.sleep(0.3)
    os.kill(process.shim_pid, signal.SIGSTOP)
    end = await process.stop(0.1)
    assert end.shim == "killed by SIGKILL"
    assert eventually_gone(places.prefix, 0.0) == []
    assert not places.state_file("a").exists() and not places.socket("a").exists()


async def test_owner_that_never_speaks_costs_nothing(places: ServicePaths) -> None:
    shim = await asyncio.create_subprocess_exec(
        sys.executable,
        "-S",
        "-E",
        "-I",
        str(SHIM),
        "a",
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert await asyncio.wait_for(shim.wait(), 5) is not None


async def test_how_it_ended_is_known_although_the_line_broke_under_our_own_words(places: ServicePaths) -> None:
    """The shim tells the end and leaves; what we write in that moment must not cost us what it said."""
    ours, its = socket.socketpair()
    ours.setblocking(False)
    process = ShimProcess("a", "token", 1, places, Gone(), "hash")
    await asyncio.get_running_loop().create_unix_connection(lambda: process, sock=ours)
    hello = b'{"is": "hello", "pid": 1, "ready": 0}\n'
    its.sendall(hello + b'{"is": "exited", "code": 1, "signal": null, "stopped": false, "tail": []}\n')
    its.close()
    for _ in range(3):
        process.tell_ready(1.0)
    end = await asyncio.wait_for(process.wait_exit(), 5)
    assert end.code == 1 and end.shim is None


class Gone(ShimHandle):
    pid = 1

    def ended(self) -> bool:
        return True

    def kill(self) -> None: ...

    def collect(self) -> None: ...

    def let_go(self) -> None: ...

    @property
    def left_well(self) -> bool:
        return True

    @property
    def end(self) -> str:
        return ""


@pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("planted", ["link", "folder", "link to a folder of another"])
def test_what_another_user_put_in_place_of_the_folder_is_refused(tmp_path: Path, planted: str) -> None:
    real, place = tmp_path / "real", tmp_path / "place"
    real.mkdir()
    if planted == "folder":
        place.mkdir()
    else:
        place.symlink_to(real)
    named_socket.make_folder(str(place))  # what is ours may be a link
    os.chown(real if "another" in planted else place, 12345, -1, follow_symlinks=False)
    with pytest.raises(PermissionError, match="not a folder of ours"):
        named_socket.make_folder(str(place))
