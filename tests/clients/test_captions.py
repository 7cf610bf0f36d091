"""A picture in words: what is asked of a server that sees, and of those that do not."""

import json
from base64 import b64encode
from collections.abc import AsyncIterator

import pytest

from clients.chat import ChatModel
from clients.ollama import Ollama
from clients.openai_chat import OpenAIChat
from conversation.errors import ConversationError
from tests.fakes.http_server import Asked, Script, head, serving

PICTURE = b"\xff\xd8\xff\xe0 a picture"


def by_path(**answers: tuple[int, object]) -> Script:
    """Path without slashes -> status and JSON; all else is 404."""

    async def script(asked: Asked) -> AsyncIterator[bytes]:
        status, value = answers.get(asked.path.strip("/").replace("/", "_"), (404, {"error": "no such thing"}))
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        yield head(status, "application/json", Content_Length=str(len(body))) + body

    return script


async def looks(client: ChatModel) -> tuple[bool, str]:
    try:
        return await client.sees(), await client.describe(PICTURE, "image/jpeg")
    finally:
        assert not client.busy
        await client.aclose()


async def test_a_llama_cpp_with_a_projector() -> None:
    said = {"choices": [{"message": {"role": "assistant", "content": " A boy in a hat.\n"}}]}
    script = by_path(props=(200, {"modalities": {"vision": True, "audio": False}}), v1_chat_completions=(200, said))
    async with serving(script) as (url, server):
        assert await looks(OpenAIChat("llm", url, "m")) == (True, "A boy in a hat.")
    (content,) = [row["content"] for row in server.asked[1].json["messages"]]
    assert content[1]["image_url"]["url"] == f"data:image/jpeg;base64,{b64encode(PICTURE).decode()}"
    assert server.asked[1].json["model"] == "m" and "stream" not in server.asked[1].json


@pytest.mark.parametrize("props", [(200, {}), (200, {"modalities": {"vision": False}}), (404, {}), (501, {})])
async def test_one_that_does_not_say_that_it_sees_is_blind(props: tuple[int, object]) -> None:
    async with serving(by_path(props=props)) as (url, _):
        client = OpenAIChat("llm", url)
        try:
            assert not await client.sees()
        except ConversationError as error:
            assert props[0] == 501 and "501" in str(error)
        finally:
            await client.aclose()


async def test_a_model_of_ollama() -> None:
    script = by_path(
        api_show=(200, {"capabilities": ["completion", "vision"]}),
        api_chat=(200, {"message": {"content": "Two bats. "}, "done": True}),
    )
    async with serving(script) as (url, server):
        assert await looks(Ollama("llm", url, "llava", {"num_ctx": 2048})) == (True, "Two bats.")
    asked = server.asked[1].json
    assert asked["messages"][0]["images"] == [b64encode(PICTURE).decode()]
    assert asked["options"]["num_ctx"] == 2048, "any other value loads the model again"


@pytest.mark.parametrize("answer", [(200, {"choices": []}), (200, b"nonsense"), (500, {"error": "out of memory"})])
async def test_what_goes_wrong_is_one_line(answer: tuple[int, object]) -> None:
    async with serving(by_path(v1_chat_completions=answer)) as (url, _):
        client = OpenAIChat("llm", url)
        try:
            assert await client.describe(PICTURE, "image/png") == ""
        except ConversationError as error:
            assert answer[1] != {"choices": []} and "\n" not in str(error)
        finally:
            await client.aclose()
