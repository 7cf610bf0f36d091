"""The client of Ollama's own API, against a little server that speaks it and one that speaks nonsense."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest

from clients.manners import KnownManners
from clients.ollama import Ollama
from clients.ollama_wire import explained, full_name
from conversation.errors import ConversationError, RequestRefused
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from conversation.stages import Stage
from tests.fakes.http_server import Asked, Script, head, pieces, serving, whole
from tests.fakes.ollama_server import BYTES, REPLY
from tests.support.little_ollama import MODEL, LittleOllama

ASK = [Message("system", "You are a skull."), Message("user", "¿qué?")]


@pytest.fixture
def little(tmp_path: Path) -> Iterator[LittleOllama]:
    with LittleOllama(tmp_path) as server:
        yield server


@asynccontextmanager
async def connected(url: str, model: str = MODEL) -> AsyncIterator[Ollama]:
    client = Ollama("llm", url, model, {"num_ctx": 2048})
    try:
        yield client
    finally:
        assert not client.busy
        await client.aclose()


async def reply(client: Ollama, figures: list[ModelFigures] | None = None) -> str:
    told = figures if figures is not None else []
    sampling = Sampling(temperature=0.5, top_p=0.8, repeat_penalty=1.2, seed=7, max_tokens=60)
    return "".join([piece async for piece in client.stream(ASK, sampling, told.append)])


async def failure(client: Ollama) -> ConversationError:
    with pytest.raises(ConversationError) as caught:
        await reply(client)
    assert caught.value.stage is Stage.THINKING and "\n" not in str(caught.value)
    return caught.value


def line(text: str, **more: object) -> bytes:
    return json.dumps({"message": {"content": text}, "done": False, **more}, ensure_ascii=False).encode() + b"\n"


async def test_a_reply_its_figures_and_what_was_asked(little: LittleOllama) -> None:
    figures: list[ModelFigures] = []
    async with connected(little.url) as client:
        assert await reply(client, figures) == REPLY
        assert client.timings is not None and client.timings.prompt_eval_count == 30
    assert figures[-1] == ModelFigures(tokens_per_s=100.0)
    assert all(f.tokens_per_s for f in figures) and len(figures) > 5, "its speed is seen before it tells it"
    asked = little.asked("/api/chat")[0]
    assert (asked["model"], asked["stream"], asked["think"], asked["keep_alive"]) == (MODEL, True, False, -1)
    assert asked["messages"][1] == {"role": "user", "content": "¿qué?"}
    options = {"num_ctx": 2048, "temperature": 0.5, "top_p": 0.8, "repeat_penalty": 1.2, "seed": 7, "num_predict": 60}
    assert asked["options"] == options


async def test_priming_loads_and_asks_for_one_token_with_the_same_options(little: LittleOllama) -> None:
    async with connected(little.url) as client:
        assert await client.loaded() is None
        await client.prime(ASK)
        loaded = await client.loaded()
        assert loaded is not None and (loaded.size, loaded.size_vram, loaded.context_length) == (BYTES, 0, 2048)
    asked = little.asked("/api/chat")[0]
    assert asked["options"] == {"num_ctx": 2048, "num_predict": 1, "temperature": 0.0}
    assert not asked["stream"] and asked["keep_alive"] == -1


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
async def test_slicing_of_the_stream_does_not_matter(size: int) -> None:
    body = b"\n" + line("Héllo") + line(" wörld") + line(" 😀\u2028\u0085.") + line("", done=True, eval_count=1)
    script = pieces(head(), *(body[i : i + size] for i in range(0, len(body), size)))
    async with serving(script) as (url, _), connected(url) as client:
        assert await reply(client) == "Héllo wörld 😀\u2028\u0085."


async def test_load_list_show_and_unload(little: LittleOllama) -> None:
    async with connected(little.url) as client:
        assert await client.version() == "0.0.0-fake"
        assert [m.name for m in await client.models()] == [MODEL] and await client.stored()
        assert (await client.show()).capabilities == ["completion"]
        await client.load()
        assert [m.name for m in await client.running()] == [MODEL]
        await client.unload()
        assert await client.running() == []
    assert [a["keep_alive"] for a in little.asked("/api/generate")] == [-1, 0]


async def test_pulling_tells_how_far_it_is(little: LittleOllama) -> None:
    async with connected(little.url, "ghost:3b") as client:
        assert not await client.stored()
        pull = f"run: OLLAMA_HOST={client.base_url.removeprefix('http://')} ollama pull ghost:3b"
        assert str(await failure(client)) == f'THINKING: Ollama has no model "ghost:3b" here; {pull}'
        lines = [said async for said in client.pull()]
        assert await client.stored()
    assert [said.status for said in lines][0] == "pulling manifest" and lines[-1].status == "success"
    assert max(said.completed for said in lines) == BYTES


@pytest.mark.parametrize(
    ("mood", "word"),
    [
        ("offline", "Ollama does not reach its library"),
        ("unknown", 'Ollama knows no model "ghost:3b"; correct its name'),
        ("break", "llm broke off the download"),
    ],
)
async def test_a_pull_that_fails_is_one_plain_line(little: LittleOllama, mood: str, word: str) -> None:
    little.be(pull=mood)
    async with connected(little.url, "ghost:3b") as client:
        with pytest.raises(ConversationError, match=word):
            _ = [said async for said in client.pull()]


@pytest.mark.parametrize(
    ("moods", "word"),
    [
        (
            {"load_error": "model requires more system memory (5.6 GiB) than is available (3.2 GiB)"},
            "not enough memory",
        ),
        ({"load_error": "llama runner process has terminated: signal: killed"}, "500: "),
        ({"error_after": 2}, "not enough memory"),
        ({"break_after": 2}, "broke off in the middle"),
        ({"die_after": 2}, "broke off in the middle"),
        ({"junk_after": 2}, "not JSON"),
    ],
)
async def test_trouble_is_one_plain_line(little: LittleOllama, moods: dict[str, object], word: str) -> None:
    little.be(**moods)
    async with connected(little.url) as client:
        error = await failure(client)
    assert word in str(error) and not isinstance(error, RequestRefused)


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (whole(b'{"error": "server busy, please try again.  maximum pending requests exceeded"}', 503), "server busy"),
        (whole(b"404 page not found", 404, "text/plain"), "refused the request (404"),
        (pieces(head(), b'{"message": "text"}\n'), "not JSON"),
        (pieces(head(), b'{"error": "odd"}\n'), "gave up (odd)"),
        (pieces(head(), line("I am")), "broke off"),
        (pieces(b"SSH-2.0-OpenSSH\r\n\r\n"), "broke off"),
    ],
)
async def test_what_is_no_answer_is_one_plain_line(script: Script, word: str) -> None:
    async with serving(script) as (url, _), connected(url) as client:
        assert word in str(await failure(client))
    async with serving(script) as (url, _), connected(url) as client:
        with pytest.raises(ConversationError):
            await client.models()


async def test_nobody_there() -> None:
    async with connected("http://127.0.0.1:9") as client:
        assert str(await failure(client)) == "THINKING: llm does not answer; restart llm"


async def test_closing_the_stream_hangs_up(little: LittleOllama) -> None:
    little.be(reply="word " * 2000)
    async with connected(little.url) as client:
        async with aclosing(client.stream(ASK, Sampling(max_tokens=2000), lambda f: None)) as stream:
            assert await anext(stream) == "word"
            assert client.busy
        assert not client.busy
        async with asyncio.timeout(2):
            while not any(row.get("hung_up") for row in little.asked("/api/chat")):
                await asyncio.sleep(0.02)


async def test_a_reader_that_is_cancelled_is_busy_no_more(little: LittleOllama) -> None:
    little.be(hang=True)
    async with connected(little.url) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reply(client), 0.1)


def test_names_are_compared_as_ollama_does() -> None:
    assert full_name("llama3.2") == "llama3.2:latest" == full_name("Llama3.2:latest")
    assert full_name("hf.co/bartowski/Llama-GGUF") == "hf.co/bartowski/llama-gguf:latest"
    assert full_name("localhost:5000/me/skull") == "localhost:5000/me/skull:latest"


@pytest.mark.parametrize(
    ("said", "word"),
    [
        ('model "skull:1b" not found, try pulling it first', "ollama pull skull:1b"),
        ("llama runner process has terminated: cudaMalloc failed: out of memory", "smaller model"),
        ("write /x/blobs/y: no space left on device", "no room on the disk"),
        ("pull model manifest: file does not exist", "correct its name"),
    ],
)
def test_ollamas_words_in_ours(said: str, word: str) -> None:
    plain = explained(said, MODEL)
    assert plain is not None and word in "; ".join(plain)


def chat_line(done: bool = False, **message: str) -> bytes:
    return json.dumps({"message": {"role": "assistant", **message}, "done": done}).encode() + b"\n"


@pytest.mark.parametrize("brief", [True, False])
async def test_a_model_that_cannot_leave_its_thoughts_is_asked_to_be_brief(brief: bool) -> None:
    """Such as gpt-oss, which takes no `think = false`."""

    async def thinker(asked: Asked) -> AsyncIterator[bytes]:
        yield head(200, "application/x-ndjson") + chat_line(thinking="Hmm.") * 3
        words = brief and asked.json["think"] == "low" and asked.json["options"]["num_predict"] > 500
        yield chat_line(content="Boo!") if words else b""
        yield chat_line(done=True, content="")

    told: list[str] = []
    async with serving(thinker) as (url, server):
        client = Ollama("llm", url, MODEL, known=KnownManners(told.append))
        if brief:
            assert await client.word(ASK, Sampling()) == "Boo!"
            assert await reply(client, []) == "Boo!"
        else:
            with pytest.raises(ConversationError, match=r"nothing but thoughts \(reasoning\).*does not think"):
                await client.word(ASK, Sampling())
        await client.aclose()
    assert [a.json["think"] for a in server.asked] == ([False, "low", "low"] if brief else [False, "low"])
    assert len(told) == 1 and "thinks before it speaks" in told[0]
