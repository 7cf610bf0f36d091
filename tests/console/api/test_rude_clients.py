"""The operator API and those who do not keep to it."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from console.api import commands as cmd
from console.api.bus import Bus
from console.api.server import LINE_LIMIT, OperatorServer


class IdleShow:
    """A show that answers whatever is asked."""

    def __init__(self) -> None:
        self.bus = Bus()
        self.forgotten: list[str] = []

    async def execute(self, command: cmd.Command[Any], holder: str) -> Any:
        return {"pid": 1}

    def forget(self, holder: str) -> None:
        self.forgotten.append(holder)


async def said_to(path: Path, data: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    answer = await reader.readline()
    writer.close()
    return answer


@pytest.mark.parametrize(
    "data", [b"hello\n", b"\n", bytes(range(1, 10)) + b"\n", b'{"cmd":"say","text":"\xff"}\n', b"[" * 5000 + b"\n"]
)
async def test_noise_is_answered_plainly(tmp_path: Path, data: bytes) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        server, started = OperatorServer(tmp_path / "s", IdleShow()), asyncio.Event()
        serving = tasks.create_task(server.serve(started))
        await started.wait()
        assert b"not a command" in await said_to(tmp_path / "s", data)
        assert b'"pid":1' in await said_to(tmp_path / "s", b'{"cmd":"status"}\n')
        serving.cancel()


async def test_a_command_without_end_is_refused_and_hung_up(tmp_path: Path) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        server, started = OperatorServer(tmp_path / "s", IdleShow()), asyncio.Event()
        serving = tasks.create_task(server.serve(started))
        await started.wait()
        reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
        writer.write(b"a" * (LINE_LIMIT + 200_000))
        assert b"4 MiB at most" in await reader.readline()
        writer.close()
        serving.cancel()


async def test_a_reader_that_never_reads_does_not_keep_the_show_from_ending(tmp_path: Path) -> None:
    show = IdleShow()
    async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
        server, started = OperatorServer(tmp_path / "s", show), asyncio.Event()
        serving = tasks.create_task(server.serve(started))
        await started.wait()
        _, writer = await asyncio.open_unix_connection(tmp_path / "s", limit=1)
        writer.write(b'{"cmd":"subscribe"}\n' * 1500)  # more snapshots than the socket holds
        await asyncio.sleep(0.5)
        server.hang_up()
        while not show.forgotten:
            await asyncio.sleep(0.01)
        serving.cancel()
        writer.close()
