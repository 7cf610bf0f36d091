"""One slip of a server teaches nothing; one that has no time, or is paid no more, is not asked in other ways."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import nullcontext
from typing import Any

import pytest

from clients.http import EngineClient, RemoteServer
from clients.manners import KnownManners, Manners
from clients.openai_chat import OpenAIChat
from conversation.errors import ConversationError, RequestRefused, TooLong
from conversation.ports import Message, Sampling
from conversation.stages import Stage
from conversation.thinking_deadline import ThinkingDeadline
from profiles.schema import Deadlines
from supervisors.redact import Secret
from tests.fakes.http_server import Asked, head, serving, whole
from tests.fakes.odd_chat import TEXT, Answers, OddChat, Refusal, event, raw, reply, said, streamed, thinking, words

TURN = [Message("system", "You are a skull."), Message("user", "Who are you?")]


async def turn(client: OpenAIChat) -> str:
    return "".join([text async for text in client.stream(TURN, Sampling(), lambda figures: None)])


@pytest.fixture
def no_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clients.openai_chat._WAIT_S", 0.01)


SLIPS: dict[str, tuple[Refusal | None, Answers]] = {
    "500": (said("internal error", 500), streamed),
    "500 without a word": ((500, b""), streamed),
    "400 that names nothing": (said("Bad request"), streamed),
    "an empty 200": (None, raw(b"")),
    "an error inside": (None, raw(b'data: {"error": {"message": "CUDA error"}}\n\n')),
    "hangs up": ((0, b""), streamed),
}


@pytest.mark.parametrize("proven", [True, False])
@pytest.mark.parametrize("slip", SLIPS)
async def test_one_slip_teaches_nothing(slip: str, proven: bool) -> None:
    refusal, wrong = SLIPS[slip]
    server, told = OddChat(), list[str]()
    async with serving(server) as (url, tiny):
        client = OpenAIChat("llm", url, known=KnownManners(told.append))
        if proven:
            assert await turn(client) == TEXT
        server.asked.clear()
        slips = 2 if slip == "hangs up" else 1  # a connection that drops is tried twice as it is
        server.refuses = lambda asked: refusal if len(server.asked) <= slips else None
        server.answers = lambda asked: (wrong if len(server.asked) <= slips else streamed)(asked)
        assert await turn(client) == TEXT
        await client.aclose()
    assert len(server.asked) == slips + 1 and all(asked == server.asked[0] for asked in server.asked)
    assert client.known.manners == Manners() and told == []
    assert not any("models" in asked.path for asked in tiny.asked)


async def test_what_a_refusal_names_is_left_out_at_once() -> None:
    """No second question to one that says what it dislikes."""
    server = OddChat(refuses=lambda asked: said("unknown field cache_prompt") if "cache_prompt" in asked else None)
    async with serving(server) as (url, _):
        client = OpenAIChat("llm", url)
        assert await turn(client) == TEXT
        await client.aclose()
    assert len(server.asked) == 2


async def test_a_server_is_asked_once_for_its_models() -> None:
    server = OddChat(refuses=lambda asked: (500, b""))
    async with serving(server) as (url, tiny):
        client = OpenAIChat("llm", url)
        with pytest.raises(ConversationError):
            await turn(client)
        await client.aclose()
    assert sum("models" in asked.path for asked in tiny.asked) == 1 and len(server.asked) > 3


SPENT = {
    "429": (said("Rate limit reached for model skull-1", 429), 4, "has no time for us"),
    "429 without a word": ((429, b""), 4, "has no time for us"),
    "429, quota": (said("You exceeded your current quota", 429), 1, "quota is used up"),
    "402": (said("Insufficient credits", 402), 1, "quota is used up"),
    "402 without a word": ((402, b""), 1, "quota is used up"),
    "403, quota": (said("insufficient_quota: your quota is over", 403), 1, "quota is used up"),
    "loads for long": (said("Loading model", 503), 4, "503: Loading model"),
}


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize("case", SPENT)
async def test_one_without_time_or_quota_is_not_asked_in_other_ways(case: str) -> None:
    refusal, times, words = SPENT[case]
    server = OddChat(refuses=lambda asked: refusal)
    async with serving(server) as (url, tiny):
        client = OpenAIChat("llm", url)
        with pytest.raises(ConversationError, match=words) as caught:
            await turn(client)
        await client.aclose()
    assert len(server.asked) == len(tiny.asked) == times and all(asked == server.asked[0] for asked in server.asked)
    assert not isinstance(caught.value, RequestRefused), "less of the history would not help"


async def test_a_quota_that_ends_within_an_answer_is_no_matter_of_manners() -> None:
    server = OddChat(raw(b'data: {"error": {"message": "You exceeded your current quota"}}\n\n'))
    async with serving(server) as (url, _):
        client = OpenAIChat("llm", url)
        with pytest.raises(ConversationError, match="quota is used up"):
            await turn(client)
        await client.aclose()
    assert len(server.asked) == 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 407, 409, 413, 422, 429, 500, 503])
async def test_only_a_request_that_could_be_shorter_is_refused(status: int) -> None:
    client = OpenAIChat("llm", "http://127.0.0.1:9")
    with pytest.raises(ConversationError) as caught:
        client.refuse(status, b"no")
    assert isinstance(caught.value, RequestRefused) == (status in (400, 413, 422))
    with pytest.raises(TooLong):
        client.refuse(status, b"the prompt is too long")
    await client.aclose()


@pytest.mark.parametrize("same", [True, False])
async def test_a_key_goes_to_its_own_server_alone(same: bool) -> None:
    """Another port of the same host is another server."""
    async with serving(whole(b"{}")) as (other, there):

        async def moved(asked: Asked) -> AsyncIterator[bytes]:
            to = "/there" if same else other + "/there"
            async for data in whole(b"{}", 200 if asked.path == "/there" else 307, Location=to)(asked):
                yield data

        async with serving(moved) as (url, here):
            client = EngineClient("llm", url)
            client.stage = Stage.THINKING
            client.belongs_to(RemoteServer(url=url, key=Secret("Bearer key-0123456789")))
            await client.post("/here", json={})
            await client.aclose()
    last = (here if same else there).asked[-1]
    assert last.path == "/there" and ("authorization" in last.headers) == same


async def test_a_sign_of_life_while_the_alarm_rings_changes_nothing() -> None:
    """The alarm has gone off, and what it cancels has not left yet."""
    rings = asyncio.Event()

    class Model:
        async def lives(self) -> bool:
            await rings.wait()
            return True

    async def slow() -> Any:
        try:
            await asyncio.sleep(60)
            yield "never"
        finally:
            rings.set()
            await asyncio.sleep(0.05)

    patience = ThinkingDeadline(Deadlines(first_token_s=0.3))
    patience.ask(Model())
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(patience.look_for_life())
        with pytest.raises(TimeoutError):
            await patience.next(slow())
        looking.cancel()


ALWAYS = {
    "500": (said("Internal error, request {}", 500), "gave up|refused"),
    "400 that names nothing": (said("Bad request"), "refused"),
    "hangs up": ((0, b""), "broke off"),
    "no chat": ((404, b"no such page {}"), "has no chat at"),
}


@pytest.mark.parametrize("case", ALWAYS)
async def test_what_no_way_of_asking_mends_is_not_walked_again_at_every_turn(case: str) -> None:
    (status, words), match = ALWAYS[case]
    now, server = 0.0, OddChat()
    server.refuses = lambda asked: (status, words.replace(b"{}", b"%d" % len(server.asked)))
    async with serving(server) as (url, tiny):
        client = OpenAIChat("llm", url, known=KnownManners(clock=lambda: now))

        async def asked_for() -> int:
            before = len(tiny.asked)
            with pytest.raises(ConversationError, match=match):
                await turn(client)
            return len(tiny.asked) - before

        first = await asked_for()
        assert first >= 2
        for _ in range(3):
            assert await asked_for() == (2 if case == "hangs up" else 1)  # a connection that drops is tried twice
        now = 31.0  # it may be another server by now
        assert await asked_for() == first
        server.refuses = lambda asked: said("no system role") if asked["messages"][0]["role"] == "system" else None
        assert await turn(client) == TEXT and await turn(client) == TEXT
        await client.aclose()


async def test_a_server_of_nothing_but_thoughts_is_not_walked_again_either() -> None:
    server = OddChat(thinking(lambda asked: False))
    async with serving(server) as (url, tiny):
        client = OpenAIChat("llm", url)
        counts = []
        for _ in range(3):
            before = len(tiny.asked)
            with pytest.raises(ConversationError, match="thoughts"):
                await turn(client)
            counts.append(len(tiny.asked) - before)
        await client.aclose()
    assert counts[0] > 3 and counts[1:] == [1, 1]


async def test_a_server_that_was_not_well_for_a_moment_keeps_what_it_takes() -> None:
    """Three refusals that name nothing, and the fourth question happens to be a plainer one."""
    server, told = OddChat(), list[str]()
    async with serving(server) as (url, _):
        client = OpenAIChat("llm", url, known=KnownManners(told.append))
        assert await turn(client) == TEXT
        for _ in range(2):  # another moment like that is no habit
            server.asked.clear()
            server.refuses = lambda asked: said("internal error", 500) if len(server.asked) <= 3 else None
            assert await turn(client) == TEXT
            server.refuses = lambda asked: None
            assert await turn(client) == TEXT
            assert server.asked[-1] == server.asked[0] and client.known.manners == Manners() and told == []
        await client.aclose()


async def test_a_server_that_was_exchanged_for_a_plainer_one_is_known_at_the_second_turn() -> None:
    server = OddChat()
    async with serving(server) as (url, _):
        client = OpenAIChat("llm", url)
        assert await turn(client) == TEXT
        server.refuses = lambda asked: said("no", 500) if "seed" in asked else None
        assert await turn(client) == TEXT and await turn(client) == TEXT
        server.asked.clear()
        assert await turn(client) == TEXT and len(server.asked) == 1
        await client.aclose()


BEGUN = b"".join(event({"content": word}) for word in words()[:3])
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HANG_UPS: dict[str, Callable[[bytes], bytes]] = {
    "in good order": lambda sent: head() + sent,
    "in the middle of an event": lambda sent: head() + sent + b'data: {"choi',
    "in the middle of a chunk": lambda sent: CHUNKED + b"%x\r\n" % (len(sent) + 9) + sent,
    "before all that it announced": lambda sent: head(200, Content_Length="5000") + sent,
}


@pytest.mark.parametrize("how", HANG_UPS)
@pytest.mark.parametrize("begun", [True, False])
async def test_nothing_is_said_twice_when_it_hangs_up_in_the_middle(how: str, begun: bool) -> None:
    """Before the first word it is asked again, behind it never."""
    broken = HANG_UPS[how](event({"role": "assistant", "content": ""}) + (BEGUN if begun else b""))
    server, heard = OddChat(), list[str]()
    server.answers = lambda asked: broken if len(server.asked) == 1 else streamed(asked)
    async with serving(server) as (url, _):
        client = OpenAIChat("llm", url)
        client.known.marks_end = True
        with pytest.raises(ConversationError, match="broke off") if begun else nullcontext():
            async for text in client.stream(TURN, Sampling(), lambda figures: None):
                heard.append(text)
        await client.aclose()
    assert "".join(heard) == ("".join(words()[:3]) if begun else TEXT)
    assert len(server.asked) == (1 if begun else 2) and client.known.manners == Manners()


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was waited for, in no time."""
    waits, sleep = list[float](), asyncio.sleep

    async def wait(seconds: float) -> None:
        waits.extend([seconds] if seconds else [])
        await sleep(0)

    monkeypatch.setattr(asyncio, "sleep", wait)
    return waits


RETRY_AFTER = {"0": 2, "1": 2, "2": 2, "5": 2, "6": 1, "3600": 1, "9" * 400: 1, "Wed, 21 Oct 2026 07:28:00 GMT": 2}


@pytest.mark.parametrize("after", RETRY_AFTER)
async def test_a_server_says_how_long_it_has_no_time(after: str, slept: list[float]) -> None:
    """A few seconds are waited for; of more the visitor hears at once."""
    asked = 0

    async def busy(question: Asked) -> AsyncIterator[bytes]:
        nonlocal asked
        asked += 1
        yield reply(429, b"slow down", Retry_After=after) if asked == 1 else streamed(question.json)

    async with serving(busy) as (url, _):
        client = OpenAIChat("llm", url)
        if RETRY_AFTER[after] == 1:
            with pytest.raises(ConversationError, match="has no time for us"):
                await turn(client)
        else:
            assert await turn(client) == TEXT
        await client.aclose()
    assert asked == RETRY_AFTER[after] and all(1 <= seconds <= 5 for seconds in slept)


async def test_all_waiting_for_a_busy_server_stays_within_a_visitors_patience(slept: list[float]) -> None:
    async def busy(question: Asked) -> AsyncIterator[bytes]:
        yield reply(429, b"slow down", Retry_After="4")

    async with serving(busy) as (url, _):
        client = OpenAIChat("llm", url)
        with pytest.raises(ConversationError, match="has no time for us"):
            await turn(client)
        await client.aclose()
    assert slept == [4.0]
