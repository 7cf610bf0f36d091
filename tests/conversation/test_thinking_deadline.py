"""A model that takes long before its first words: it is waited for while it lives, and a few words cover the wait."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from msgspec import structs

from clients.openai_chat import OpenAIChat
from conversation.stages import Outcome, Stage
from profiles.schema import CannedLines
from tests.conversation.harness import PATIENT, Harness, opened
from tests.fakes.http_server import Asked, head, serving

SHORT = structs.replace(PATIENT, first_token_s=0.8, next_token_s=0.8, waiting_s=20.0, filler_s=0.1, thinking_s=5.0)
WAITING = CannedLines().waiting
LOADS_S = 2.0
"""Longer than a model may be silent."""

Bytes = AsyncIterator[bytes]


def line(**delta: str) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta}]}).encode() + b"\n\n"


ANSWER = line(content="I am fine.") + b"data: [DONE]\n\n"


class Slow:
    """A server whose answer takes `loads_s` at the first question; `sign` is what it sends meanwhile."""

    def __init__(
        self, sign: bytes = b"", *, headers: bool = True, healthy: bool = True, loads_s: float = LOADS_S
    ) -> None:
        self.sign, self.headers, self.healthy, self.loads_s = sign, headers, healthy, loads_s
        self.over = asyncio.Event()
        self.questions, self.answered = 0, False

    @property
    def slow(self) -> bool:
        """One that reasons does so, too, when it is asked once more and not to."""
        return not self.answered and (self.questions == 1 or b"reasoning" in self.sign)

    async def __call__(self, asked: Asked) -> Bytes:
        if asked.path != "/v1/chat/completions":
            if not self.healthy:
                await self.over.wait()
            yield head(503) + b'{"error": "Loading model"}'
            return
        self.questions += 1
        if self.headers:
            yield head()
        until = asyncio.get_running_loop().time() + (self.loads_s if self.slow else 0)
        while (left := until - asyncio.get_running_loop().time()) > 0 and not self.over.is_set():
            if self.sign:
                yield self.sign
            try:
                async with asyncio.timeout(min(left, 0.1)):
                    await self.over.wait()
            except TimeoutError:
                continue
        self.answered = True
        yield (b"" if self.headers else head()) + ANSWER


@asynccontextmanager
async def asking(server: Slow, pid: int | None = None, **deadlines: float) -> AsyncIterator[Harness]:
    async with opened(Harness(deadlines=structs.replace(SHORT, **deadlines))) as harness, serving(server) as (url, _):
        client = OpenAIChat("llm", url)
        client.pid = pid
        harness.engines.the_llm = client
        yield harness
        server.over.set()
        await client.aclose()
        await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "server",
    [
        lambda: Slow(headers=False),
        lambda: Slow(),
        lambda: Slow(b": keep-alive\n\n", healthy=False),
        lambda: Slow(line(), healthy=False),
        lambda: Slow(line(content=""), healthy=False),
        lambda: Slow(line(reasoning_content="hmm "), healthy=False),
    ],
    ids=["no bytes", "headers alone", "comments", "empty deltas", "empty words", "reasoning"],
)
async def test_one_that_loads_or_reasons_is_waited_for(server: Callable[[], Slow]) -> None:
    async with asking(server()) as harness:
        ended = await harness.ask(within_s=15)
        assert (ended.outcome, ended.message) == (Outcome.COMPLETED, "")
        assert ended.reply.endswith("I am fine.") and ended.reply.startswith(WAITING)
        assert [m.content for m in harness.history.messages()] == ["who are you?", "I am fine."]
        assert ended.marks.first_audio is not None and ended.marks.first_audio > LOADS_S * 900, "a filler is no answer"
        again = await harness.ask(within_s=15)
        assert (again.outcome, again.reply) == (Outcome.COMPLETED, "I am fine."), "the next turn is as usual"


async def test_thoughts_within_the_words_are_covered_too() -> None:
    async with asking(Slow(loads_s=0.0)) as harness:
        harness.llm.replies, harness.llm.gap_s = ["<think>" + "hm " * 60 + "</think>I am fine."], 0.02
        harness.engines.the_llm = harness.llm
        ended = await harness.ask(within_s=15)
    assert ended.outcome is Outcome.COMPLETED and ended.reply.startswith(WAITING) and ended.reply.endswith("I am fine.")


async def test_one_that_gives_no_sign_of_life_has_its_deadline() -> None:
    async with asking(Slow(headers=False, healthy=False, loads_s=60)) as harness:
        ended = await harness.ask(within_s=15)
    assert (ended.outcome, ended.stage) == (Outcome.FAILED, Stage.THINKING)
    assert "nothing came for 0.8 s, and it gave no sign of life" in ended.message
    assert "smaller model" not in ended.message
    assert ended.reply.endswith("Trouble line.")


SIGNS = [(b"", "signs of life for 1 s"), (line(reasoning_content="h"), "reason")]


@pytest.mark.parametrize(("sign", "word"), SIGNS, ids=["healthy", "reasons"])
async def test_even_a_lively_one_is_not_waited_for_for_ever(sign: bytes, word: str) -> None:
    async with asking(Slow(sign, loads_s=60), waiting_s=1.0) as harness:
        ended = await harness.ask(within_s=15)
    assert ended.outcome is Outcome.FAILED and word in ended.message and ended.reply.endswith("Trouble line.")


async def test_a_press_ends_the_wait_and_a_filler_is_never_remembered() -> None:
    async with asking(Slow(loads_s=60)) as harness:
        async with asyncio.TaskGroup() as tasks:
            asked = tasks.create_task(harness.ask(within_s=15))
            await harness.until(Stage.SPEAKING)
            assert harness.loop.interrupt()
        assert asked.result().outcome is Outcome.INTERRUPTED
        assert harness.history.messages() == []
        assert (await harness.ask(within_s=15)).reply == "I am fine."


@pytest.mark.parametrize(("code", "outcome"), [("while True: pass", Outcome.COMPLETED), ("input()", Outcome.FAILED)])
async def test_a_server_of_ours_must_compute_for_health_alone_says_little(code: str, outcome: Outcome) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=asyncio.subprocess.PIPE)
    try:
        async with asking(Slow(loads_s=4.0), process.pid, first_token_s=1.5) as harness:
            ended = await harness.ask(within_s=30)
    finally:
        process.kill()
        await process.wait()
    assert ended.outcome is outcome


LISTENS = (
    "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); print(s.getsockname()[1], flush=True)"
)


@pytest.mark.parametrize("busy", [True, False])
async def test_one_of_somebody_else_that_cannot_answer_meanwhile_is_seen_to_compute(busy: bool) -> None:
    """It serves one request after another, and computes ours: nobody answers at /health."""
    code = f"{LISTENS}\nwhile {busy}: pass\ninput()"
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdin=pipe, stdout=pipe)
    try:
        assert process.stdout is not None
        client = OpenAIChat("llm", f"http://127.0.0.1:{int(await process.stdout.readline())}")
        assert await client.lives() is busy
        await client.aclose()
    finally:
        process.kill()
        await process.wait()


async def test_no_filler_where_none_is_wanted() -> None:
    async with asking(Slow(), filler_s=0.0) as harness:
        assert (await harness.ask(within_s=15)).reply == "I am fine."


async def test_a_long_wait_hears_several_of_them_and_none_twice() -> None:
    async with asking(Slow(loads_s=2.0)) as harness:
        ended = await harness.ask(within_s=15)
    said = ended.reply.removesuffix("I am fine.").strip()
    assert 2 <= sum(said.count(w) for w in WAITING) == sum(w in said for w in WAITING)
