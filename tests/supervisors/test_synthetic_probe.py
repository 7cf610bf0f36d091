"""When a server is asked for a real answer, and what its silence, its errors and its work are taken for; to the ms."""

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from supervisors.errors import ServiceError
from supervisors.health import probes
from supervisors.health.synthetic_probe import SyntheticProbe
from supervisors.spec import Command, ServiceSpec
from tests.support.virtual_time import now, virtual_time

EXACTLY = 0.001


class Server:
    """Answers after `takes` seconds; `works`: that part of a core is busy meanwhile."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self.called_off = 0
        self.takes, self.works, self.error = 0.0, 0.0, ""
        self.idle, self.busy = True, False

    async def answer(self, base_url: str) -> None:
        assert base_url == "http://server"
        self.asked.append(now())
        try:
            await asyncio.sleep(self.takes)
        except asyncio.CancelledError:
            self.called_off += 1
            raise
        if self.error:
            raise ServiceError("a", self.error)

    def canary(self, every_s: float = 30.0) -> SyntheticProbe:
        spec = ServiceSpec(
            name="a",
            role="a",
            command=lambda port: Command(()),
            canary=self.answer,
            canary_every_s=every_s,
            idle=lambda: self.idle,
            busy=lambda: self.busy,
        )
        return SyntheticProbe(spec, "http://server", os.getpid(), now)

    async def first(self, every_s: float = 30.0) -> SyntheticProbe:
        canary = self.canary(every_s)
        await canary.first(lambda: False)
        return canary


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    server = Server()
    monkeypatch.setattr(probes, "tree_work_s", lambda pid: server.works * now() if pid == os.getpid() else 0.0)
    return server


async def silent(canary: SyntheticProbe, within_s: float = 3600.0) -> tuple[float, str]:
    """When, and why, it is given up."""
    async with asyncio.timeout(within_s):
        why = await canary.until_silent()
    return now(), why


async def lives(canary: SyntheticProbe, for_s: float, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
    """It is not given up for so long."""
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(for_s), asyncio.TaskGroup() as tasks:
            tasks.create_task(canary.until_silent())
            if meanwhile:
                tasks.create_task(meanwhile())  # type: ignore[arg-type]


@virtual_time
async def test_it_sings_when_idle_and_never_for_a_visitor(server: Server) -> None:
    canary = await server.first()
    server.idle = False
    await lives(canary, 100.2)
    assert server.asked == [0.0], "only the one before READY"
    server.idle = True
    await lives(canary, 95.0)
    assert len(server.asked) == 5 and server.asked[1] <= 100.2 + 0.5
    gaps = [later - at for at, later in zip(server.asked[1:], server.asked[2:], strict=False)]
    assert all(30.0 - EXACTLY <= gap <= 30.5 + EXACTLY for gap in gaps)


@virtual_time
async def test_visitor_who_comes_is_not_kept_waiting(server: Server) -> None:
    canary = await server.first()
    server.takes = 1e9

    async def comes() -> None:
        await asyncio.sleep(31.0)
        server.idle = False
        assert (len(server.asked), server.called_off) == (2, 0)
        await asyncio.sleep(0.1 + EXACTLY)
        assert (len(server.asked), server.called_off) == (2, 1)

    await lives(canary, 300.0, comes)
    assert len(server.asked) == 2, "a canary that was called off says nothing"


@virtual_time
async def test_suspicion_waits_for_a_visitors_request_and_is_not_forgotten(server: Server) -> None:
    canary = await server.first()
    server.takes, server.busy = 1e9, True

    async def leaves() -> None:
        canary.suspect("THINKING failed")
        await asyncio.sleep(20.0)
        assert len(server.asked) == 1
        server.busy = False

    async with asyncio.TaskGroup() as tasks:
        end = tasks.create_task(silent(canary))
        tasks.create_task(leaves())
    at, why = end.result()
    assert why == "THINKING failed, and it did not answer a test request within 4 s"
    assert 24.0 <= at <= 24.3


@virtual_time
async def test_one_that_falls_silent_is_found_by_the_next_song(server: Server) -> None:
    canary = await server.first()
    server.takes = 1e9
    at, why = await silent(canary)
    assert why == "it did not answer a test request within 4 s"
    assert 34.0 <= at <= 34.3 and canary.singing is False


@virtual_time
@pytest.mark.parametrize(("first_takes", "due_s"), [(0.2, 4), (2.0, 6), (20.0, 60)])
async def test_answer_is_due_within_three_times_what_the_first_took(
    server: Server, first_takes: float, due_s: int
) -> None:
    server.takes = first_takes
    canary = await server.first()
    assert canary.due_s == pytest.approx(due_s, abs=EXACTLY)
    server.takes = due_s - 0.2
    await lives(canary, 300.0)
    server.takes = 1e9
    _, why = await silent(canary)
    assert why == f"it did not answer a test request within {due_s} s"


@virtual_time
@pytest.mark.parametrize(
    ("works", "takes", "survives"), [(0.5, 7.0, True), (0.5, 9.0, False), (0.2, 7.0, False), (0.2, 3.9, True)]
)
async def test_one_that_computes_is_given_the_same_time_again(
    server: Server, works: float, takes: float, survives: bool
) -> None:
    canary = await server.first()
    server.takes, server.works = takes, works
    canary.suspect("somebody was impatient")
    if survives:
        await lives(canary, 25.0)
    else:
        at, why = await silent(canary)
        assert why.startswith("somebody was impatient, and it did not answer")
        assert at == pytest.approx(8.0 if works > 0.3 else 4.0, abs=0.3)
    assert len(server.asked) == 2


@virtual_time
async def test_words_alone_end_nobody(server: Server) -> None:
    """A visitor may say such words, and a server may log what it was asked."""
    canary = await server.first()
    canary.suspect('its log says "out of memory"')
    await lives(canary, 20.0)
    assert server.asked == [0.0, 0.0], "it is asked at once, and once"


@virtual_time
@pytest.mark.parametrize("why", ["", "its log says so"])
async def test_refusal_is_asked_again_before_it_counts(server: Server, why: str) -> None:
    canary = await server.first()
    server.error = "500"

    async def recovers() -> None:
        await asyncio.sleep(30.3)
        server.error = ""

    await lives(canary, 45.0, recovers)
    assert len(server.asked) == 3 and server.asked[2] - server.asked[1] == pytest.approx(0.5, abs=EXACTLY)
    server.error = "500"
    if why:
        canary.suspect(why)
    _, said = await silent(canary)
    assert said == f"{why}, and it failed a test request (a: 500)" if why else said.endswith("request (a: 500)")


@virtual_time
async def test_first_song_may_take_as_long_as_its_log_speaks(server: Server) -> None:
    server.takes = 100.0
    canary = server.canary()
    await canary.first(lambda: now() > 200.0)
    server.takes = 1e9
    with pytest.raises(ServiceError, match="did not answer its first request, and said nothing for 300 s"):
        await server.canary().first(lambda: now() > 500.0)
    assert 500.0 < now() <= 501.1 and server.called_off == 1
