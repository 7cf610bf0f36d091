"""When a server that is asked for a sign of life is given up, under a clock that we turn: with the times of a show."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from supervisors.errors import ServiceError
from supervisors.health import probes
from supervisors.health.health_monitor import HealthMonitor
from supervisors.shim.process import ShimProcess
from supervisors.spec import Command, ServiceSpec
from tests.support.virtual_time import now, virtual_time

Answer = Callable[[], bytes | None]
WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


class Process:
    """What a Tender knows of the process that it tends."""

    def __init__(self, port: int) -> None:
        self.port, self.pid, self.shim_pid = port, 0, 0
        self.on_rule: Callable[[str], None] = lambda line: None
        self.early_rules: list[str] = []
        self.found_ready, self.last_output = 0.0, 0.0
        self.shim_hangs = self.given_up = False

    async def shim_answers(self, within_s: float) -> bool:
        if self.shim_hangs:
            await asyncio.sleep(within_s)
        return not self.shim_hangs

    def give_up_shim(self) -> None:
        self.given_up = True


@asynccontextmanager
async def tended(answer: Answer, **settings: Any) -> AsyncIterator[tuple[HealthMonitor, Process]]:
    """A server that says what `answer` gives it, or nothing when that is None."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = answer()
        if said is None:
            await reader.read()  # until the prober hangs up
        else:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(said)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, family=socket.AF_INET)
    async with server:
        process = Process(server.sockets[0].getsockname()[1])
        spec = ServiceSpec(name="a", role="a", command=lambda port: Command(()), **settings)
        yield HealthMonitor(spec, cast(ShimProcess, process), now), process


@pytest.fixture(autouse=True)
def no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is none, and computes nothing."""
    monkeypatch.setattr(probes, "tree_work_s", lambda pid: 0.0)


async def given_up(tender: HealthMonitor) -> tuple[float, str]:
    async with asyncio.timeout(3600):
        why = await tender.until_it_is_deaf()
    return now(), why


@virtual_time
@pytest.mark.parametrize("words", [None, b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n", b"", b"nonsense\r\n\r\n"])
async def test_three_probes_in_a_row_that_miss_are_enough(words: bytes | None) -> None:
    """The last of three that overlap is missed 4 s after the first was asked; what is no answer is told at once."""
    async with tended(lambda: WELL if now() < 10.0 else words) as (tender, _):
        at, why = await given_up(tender)
    assert why == "a: no answer to 3 probes of /health in a row"
    assert at == pytest.approx(14.0 if words is None else 12.0, abs=0.01)


@virtual_time
async def test_two_that_miss_and_one_that_answers_begin_anew() -> None:
    async with tended(lambda: None if now() % 10 < 1.5 else WELL) as (tender, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60):
                await tender.until_it_is_deaf()


@virtual_time
async def test_one_that_is_busy_for_us_may_miss_as_many_as_it_likes() -> None:
    busy = True
    async with tended(lambda: None, busy=lambda: busy) as (tender, _), asyncio.TaskGroup() as tasks:
        end = tasks.create_task(given_up(tender))
        await asyncio.sleep(100.5)
        assert not end.done()
        busy = False
    at, why = end.result()
    assert "3 probes" in why and 102.9 <= at <= 103.1


@virtual_time
async def test_canary_that_sings_may_keep_it_from_answering() -> None:
    """A server of one thread is deaf while it answers the canary."""
    singing = False

    async def song(base_url: str) -> None:
        nonlocal singing
        singing = True
        await asyncio.sleep(3.9)
        singing = False

    async with tended(lambda: None if singing else WELL, canary=song, canary_every_s=20.0) as (tender, _):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(120):
                await tender.until_it_is_deaf()


@virtual_time
async def test_silence_to_a_canary_counts_though_health_says_200() -> None:
    async def song(base_url: str) -> None:
        await asyncio.sleep(1e9)

    async with tended(lambda: WELL, canary=song) as (tender, process):
        process.on_rule("CUDA error: an illegal memory access")
        at, why = await given_up(tender)
    assert why == (
        'a: its log says "CUDA error: an illegal memory access", and it did not answer a test request within 4 s'
    )
    assert at == pytest.approx(4.0, abs=0.2)


@virtual_time
async def test_shim_that_hangs_is_given_up_after_three_questions_of_three_seconds() -> None:
    async with tended(lambda: WELL) as (tender, process), asyncio.TaskGroup() as tasks:
        end = tasks.create_task(given_up(tender))
        await asyncio.sleep(1.0)
        process.shim_hangs = True
    assert end.result()[1] == "a: its shim does not answer any more" and process.given_up
    assert end.result()[0] == pytest.approx(15.0 + 9.0, abs=0.01)


@virtual_time
async def test_stall_is_five_minutes_without_a_word_in_the_log_whenever_that_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probes, "owns_port", lambda port, pids: False)
    monkeypatch.setattr(probes, "is_listening", lambda port: False)
    async with tended(lambda: WELL) as (tender, process):
        process.last_output = 100.0
        with pytest.raises(ServiceError, match="opened no port, and said nothing for 300 s"):
            await tender.until_it_listens()
        assert now() == pytest.approx(400.0, abs=0.5)


@virtual_time
@pytest.mark.parametrize(("work", "lives"), [(0.0, False), (0.05, False), (0.5, True)])
async def test_one_that_a_dead_show_left_is_waited_for_while_it_computes(
    monkeypatch: pytest.MonkeyPatch, work: float, lives: bool
) -> None:
    """Deaf for 20 s, while so much of a core is busy; without work three probes of 2.5 s are enough."""
    monkeypatch.setattr(probes, "tree_work_s", lambda pid: work * now())
    monkeypatch.setattr(probes, "owns_port", lambda port, pids: True)
    async with tended(lambda: None if now() < 20.0 else WELL) as (tender, _):
        if lives:
            assert await tender.still_answers()
            assert 20.0 <= now() <= 22.6
        else:
            with pytest.raises(ServiceError, match="no answer to 3 probes of /health in a row"):
                await tender.still_answers()
            assert now() == pytest.approx(7.5, abs=0.01)


@virtual_time
async def test_one_that_a_dead_show_left_is_not_waited_for_longer_than_thirty_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(probes, "tree_work_s", lambda pid: now())
    async with tended(lambda: None) as (tender, _):
        with pytest.raises(ServiceError):
            await tender.still_answers()
    assert 30.0 <= now() <= 32.5
