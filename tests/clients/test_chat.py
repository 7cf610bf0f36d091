"""The chat client against a server that misbehaves."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from clients.openai_chat import OpenAIChat
from conversation.errors import ConversationError, TooLong
from conversation.events import ModelFigures
from conversation.ports import Message, Sampling
from conversation.stages import Stage
from conversation.window import TokenCount
from tests.fakes.http_server import Asked, Script, head, pieces, serving, whole

ASK = [Message("system", "You are a skull."), Message("user", "¿qué?")]


def sse(*texts: str, done: bool = True) -> bytes:
    lines = [f"data: {json.dumps({'choices': [{'delta': {'content': t}}]}, ensure_ascii=False)}\n\n" for t in texts]
    return ("".join(lines) + ("data: [DONE]\n\n" if done else "")).encode()


async def reply(url: str, figures: list[ModelFigures] | None = None) -> str:
    client = OpenAIChat("llm", url)
    try:
        stream = client.stream(ASK, Sampling(), (figures if figures is not None else []).append)
        return "".join([piece async for piece in stream])
    finally:
        assert not client.busy
        await client.aclose()


async def failure(script: Script) -> str:
    async with serving(script) as (url, _):
        with pytest.raises(ConversationError) as caught:
            await reply(url)
    assert caught.value.stage is Stage.THINKING
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 10_000])
async def test_slicing_of_the_stream_does_not_matter(size: int) -> None:
    body = b": a comment\n\nevent: x\n" + sse("Héllo", " wörld", "", " 😀\u2028\u0085.")
    async with serving(pieces(head(), *(body[i : i + size] for i in range(0, len(body), size)))) as (url, server):
        assert await reply(url) == "Héllo wörld 😀\u2028\u0085."
    asked = server.asked[0].json
    assert asked["messages"][1] == {"role": "user", "content": "¿qué?"}
    assert (asked["stream"], asked["cache_prompt"], asked["id_slot"]) == (True, True, 0)
    assert "model" not in asked


async def test_line_ends_of_any_server_and_a_finish_reason_instead_of_done() -> None:
    body = sse("a", done=False).replace(b"\n", b"\r\n") + b'data:{"choices":[{"delta":{},"finish_reason":"stop"}]}\r\n'
    async with serving(pieces(head(), body)) as (url, _):
        assert await reply(url) == "a"


async def test_timings_become_figures() -> None:
    timings = {"cache_n": 30, "prompt_n": 10, "predicted_n": 5, "predicted_per_second": 41.27, "new": 1}
    body = f"data: {json.dumps({'choices': [], 'timings': timings, 'usage': None})}\n\n".encode() + sse("x")
    figures: list[ModelFigures] = []
    async with serving(pieces(head(), body)) as (url, _):
        assert await reply(url, figures) == "x"
    assert figures == [ModelFigures(tokens_per_s=41.3, kv_hit=0.75)]


@pytest.mark.parametrize(
    ("script", "word"),
    [
        (whole(b'{"error": "no such model"}', 404), "refused the request (404:"),
        (whole(b"<h1>Oh</h1>\n\n<p>dear</p>" * 50, 503, "text/html"), "503"),
        (whole(b"\xff\xfe\x00", 500), "500"),
        (pieces(head(), b"data: {junk\n\n"), "not JSON"),
        (pieces(head(), b"data: [1, 2]\n\n"), "not JSON"),
        (pieces(head(), b'data: {"choices": [{"delta": {"content": 5}}]}\n\n'), "not JSON"),
        (pieces(head(), b'data: {"choices": "\xff"}\n\n'), "not JSON"),
        (pieces(head(), b'data: {"error": {"message": "out of memory"}}\n\n'), "out of memory"),
        (pieces(head(), sse("I am", done=False) + b'data: {"choi'), "broke off"),
        (pieces(head(Content_Length="5000"), sse("I am")), "broke off"),
        (pieces(head(Transfer_Encoding="chunked"), b"5\r\nabc"), "broke off"),
        (pieces(b"SSH-2.0-OpenSSH\r\n\r\n"), "broke off"),
        (pieces(b""), "broke off"),
        (whole(b"[]"), "broke off"),
    ],
)
async def test_what_is_no_answer_is_one_plain_line(script: Script, word: str) -> None:
    assert word in await failure(script)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://no-such-host.invalid:80"])
async def test_nobody_there(url: str) -> None:
    with pytest.raises(ConversationError, match="llm does not answer; restart llm"):
        await reply(url)


@pytest.mark.parametrize("url", ["", "ftp://x", "nonsense"])
async def test_an_address_that_is_none(url: str) -> None:
    with pytest.raises(ConversationError, match="cannot be used"):
        await reply(url)


async def test_a_dead_connection_is_tried_once_more() -> None:
    count = 0

    async def script(asked: Asked) -> AsyncIterator[bytes]:
        nonlocal count
        count += 1
        if count > 1:
            yield head() + sse("again")

    async with serving(script) as (url, server):
        assert await reply(url) == "again"
        assert server.connections == 2


async def endless(asked: Asked) -> AsyncIterator[bytes]:
    yield head()
    while True:
        yield sse("word ", done=False)
        await asyncio.sleep(0.005)


async def test_closing_the_stream_closes_the_connection() -> None:
    async with serving(endless) as (url, server):
        client = OpenAIChat("llm", url)
        async with aclosing(client.stream(ASK, Sampling(), lambda f: None)) as stream:
            assert await anext(stream) == "word "
            assert client.busy
        assert not client.busy
        await asyncio.wait_for(server.closed_early.wait(), 1.0)
        await client.aclose()


async def test_cancelling_the_reader_closes_the_connection() -> None:
    async with serving(endless) as (url, server):
        client = OpenAIChat("llm", url)

        async def read() -> None:
            async with aclosing(client.stream(ASK, Sampling(), lambda f: None)) as stream:
                async for _ in stream:
                    pass

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(read(), 0.05)
        assert not client.busy
        await asyncio.wait_for(server.closed_early.wait(), 1.0)
        await client.aclose()


async def test_priming_asks_for_one_token_of_the_same_prompt() -> None:
    async with serving(whole(b'{"choices": []}')) as (url, server):
        client = OpenAIChat("llm", url, "skull-1b")
        await client.prime(ASK)
        await client.aclose()
    asked = server.asked[0].json
    assert (asked["max_tokens"], asked["model"], len(asked["messages"])) == (1, "skull-1b", 2)
    async with serving(whole(b"busy", 503)) as (url, _):
        client = OpenAIChat("llm", url)
        with pytest.raises(ConversationError, match="503"):
            await client.prime(ASK)
        await client.aclose()


async def test_no_proxy_ever_sees_the_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with serving(pieces(head(), sse("direct"))) as (url, _):
        assert await reply(url) == "direct"


LLAMA = {
    "code": 400,
    "message": "the request exceeds the available context size, try increasing it",
    "type": "exceed_context_size_error",
    "n_prompt_tokens": 15059,
    "n_ctx": 2048,
}
VLLM = "This model's maximum context length is 4096 tokens. However, your messages resulted in 4512 tokens."
STUDIO = "Trying to keep the first 4512 tokens when context the overflows. However, it has context length of only 4096."


@pytest.mark.parametrize(
    ("error", "figures"), [(LLAMA, " (15,059 tokens, the window 2,048)"), (VLLM, ""), (STUDIO, "")]
)
async def test_a_prompt_that_is_too_long_is_told_in_plain_words(error: object, figures: str) -> None:
    async with serving(whole(json.dumps({"error": error}).encode(), 400)) as (url, _):
        with pytest.raises(TooLong) as caught:
            await reply(url)
    assert str(caught.value).startswith(
        f"THINKING: llm: the prompt is longer than the window{figures}; shorten the persona"
    )


async def test_llama_cpp_counts_and_others_are_not_pressed() -> None:
    answers = {
        "/props": {"default_generation_settings": {"n_ctx": 2048}},
        "/apply-template": {"prompt": "<s>You are"},
        "/tokenize": {"tokens": [1, 2, 3]},
    }

    async def script(asked: Asked) -> AsyncIterator[bytes]:
        async for data in whole(json.dumps(answers[asked.path]).encode())(asked):
            yield data

    async with serving(script) as (url, server):
        client = OpenAIChat("llm", url)
        assert await client.counted(ASK) == TokenCount(3, 2048)
        assert server.asked[-1].json["content"] == "<s>You are"
        await client.aclose()
    for other in (whole(b"{}", 404), whole(b'{"error": "Unexpected endpoint"}'), whole(b"<h1>"), whole(b"", 500)):
        async with serving(other) as (url, _):
            client = OpenAIChat("llm", url)
            assert await client.counted(ASK) is None
            await client.aclose()
