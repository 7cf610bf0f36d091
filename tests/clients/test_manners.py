"""One slip of a server teaches nothing; one that has no time, or is paid no more, is not asked in other ways."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clients.http import Engine, Theirs
from clients.manners import Known, Manners
from clients.openai_chat import OpenAIChat
from conversation.errors import ConversationError, Refused, TooLong
from conversation.patience import Patience
from conversation.ports import Message, Sampling
from conversation.stages import Stage
from profiles.schema import Deadlines
from supervisors.redact import Secret
from tests.fakes.http_server import Asked, serving, whole
from tests.fakes.odd_chat import TEXT, Answers, OddChat, Refusal, raw, said, streamed

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
        client = OpenAIChat("llm", url, known=Known(told.append))
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
    assert not isinstance(caught.value, Refused), "less of the history would not help"


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
    assert isinstance(caught.value, Refused) == (status in (400, 413, 422))
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
            client = Engine("llm", url)
            client.stage = Stage.THINKING
            client.belongs_to(Theirs(url=url, key=Secret("Bearer key-0123456789")))
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

    patience = Patience(Deadlines(first_token_s=0.3))
    patience.ask(Model())
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(patience.look_for_life())
        with pytest.raises(TimeoutError):
            await patience.next(slow())
        looking.cancel()
