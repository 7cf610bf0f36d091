"""The canary of a model walks the path of a turn: what its engine cannot take is found out, remembered and told."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from pathlib import Path
from typing import Any

import pytest

from clients.openai_chat import OpenAIChat
from conversation.errors import ConversationError
from conversation.ports import Message, Sampling
from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.schema import Character, Engine, Role, Voice
from supervisors.errors import ServiceError
from supervisors.service.attached import AttachedService
from supervisors.spec import AttachedSpec, ServiceStatus
from supervisors.states import ServiceState
from tests.fakes import odd_chat
from tests.fakes.http_server import serving
from tests.fakes.odd_chat import TEXT, OddChat, event, events, raw, said, streamed, thinking, without

HEAD = [Message("system", "You are a skull."), Message("user", "")]
TURN = [
    Message("system", "You are a skull."),
    Message("assistant", "Step up, step up!"),  # the operator's own lines
    Message("assistant", "Ask the skull!"),
    Message("user", "Who are you?"),
]
FIELDS = ("cache_prompt", "id_slot", "timings_per_token", "repeat_penalty", "seed")


def launcher(url: str, tmp_path: Path, model: str = "") -> BaseLauncher:
    home = Home(tmp_path / "home")
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    engine = Engine(engine="llama_cpp", launch="attach", url=url, model=model)
    made = registry.launcher("booth.toml", "llm", "llm", engine, shop)
    made.warm_with(HEAD, Character(name="Mr. Bones", persona="You are a skull."))
    return made


async def answer(made: BaseLauncher) -> str:
    client = made.connect(made.settings.url)
    assert isinstance(client, OpenAIChat)
    try:
        return "".join([text async for text in client.stream(TURN, Sampling(), lambda figures: None)])
    finally:
        await client.aclose()


def spoils(asked: dict[str, Any]) -> bool:
    """Whether the persona has been lost."""
    return "You are a skull." not in json.dumps(asked["messages"])


def kwargs(asked: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = asked.get("chat_template_kwargs", {})
    return found


REFUSALS = {
    "nothing": (OddChat(), ""),
    "alternate": (OddChat(refuses=odd_chat.alternating), ""),
    "no system, 400": (
        OddChat(refuses=odd_chat.no_system(said("Jinja Exception: System role not supported"))),
        "persona",
    ),
    "no system, 500": (OddChat(refuses=odd_chat.no_system(said("Template error", 500))), "persona"),
    "no system, no word": (OddChat(refuses=odd_chat.no_system((500, b"Internal Server Error"))), "persona"),
    "no system, hangs up": (OddChat(refuses=odd_chat.no_system((0, b""))), "persona"),
    "cache_prompt": (
        OddChat(refuses=without(said("Unrecognized argument: cache_prompt"), "cache_prompt")),
        "cache_prompt",
    ),
    "seed": (OddChat(refuses=without(said("seed must be 0 or greater"), "seed")), "seed"),
    "strict": (OddChat(refuses=odd_chat.pydantic), "cache_prompt, repeat_penalty, seed"),
    "strict without a word": (OddChat(refuses=without((400, b""), *FIELDS)), "cache_prompt, repeat_penalty, seed"),
    "strict in a list": (
        OddChat(refuses=without((400, b'{"detail": "property \'id_slot\' is unsupported"}'), "id_slot")),
        "",
    ),
    "newer length": (
        OddChat(refuses=without(said("Unsupported: 'max_tokens'. Use 'max_completion_tokens' instead."), "max_tokens")),
        "",
    ),
    "temperature": (
        OddChat(refuses=without(said("'temperature' does not support 0.7 with this model."), "temperature")),
        "temperature",
    ),
    "no stream": (OddChat(refuses=without(said("streaming is not supported"), "stream")), "whole answers"),
    "wants parts": (
        OddChat(
            refuses=lambda asked: (
                said("messages.0.content: Input should be a valid list", 422)
                if isinstance(asked["messages"][0]["content"], str)
                else None
            )
        ),
        "",
    ),
    "wants a model": (
        OddChat(refuses=lambda asked: None if asked.get("model") == "fake" else said("model: Field required", 422)),
        '"fake"',
    ),
    "wants a model, 404": (
        OddChat(
            refuses=lambda asked: None if asked.get("model") == "fake" else said("The model '' does not exist", 404)
        ),
        '"fake"',
    ),
    "no v1": (OddChat(paths=("/chat/completions",)), ""),
    "no v1, LM Studio": (
        OddChat(paths=("/chat/completions",), elsewhere=(200, b'{"error": "Unexpected endpoint or method. (POST /)"}')),
        "",
    ),
    "all at once": (
        OddChat(
            thinking(lambda asked: kwargs(asked).get("enable_thinking") is False),
            lambda asked: (
                odd_chat.no_system(said("Only user and assistant roles are supported!"))(asked)
                or without(said("unknown field cache_prompt"), "cache_prompt")(asked)
            ),
        ),
        "asked not to",
    ),
}
THOUGHTS = {
    "template": (OddChat(thinking(lambda asked: kwargs(asked).get("enable_thinking") is False)), "asked not to"),
    "effort none": (
        OddChat(thinking(lambda asked: asked.get("reasoning_effort") == "none", "reasoning")),
        "asked not to",
    ),
    "effort low": (
        OddChat(
            thinking(lambda asked: asked.get("reasoning_effort") == "low", "thinking"),
            lambda asked: (
                said("reasoning_effort: expected low, medium or high")
                if asked.get("reasoning_effort") == "none"
                else None
            ),
        ),
        "asked not to",
    ),
    "in words": (
        OddChat(thinking(lambda asked: asked["messages"][-1]["content"].endswith("/no_think"))),
        "asked not to",
    ),
    "strict": (
        OddChat(
            thinking(lambda asked: asked.get("reasoning_effort") == "none"),
            without(said("chat_template_kwargs: unknown"), "chat_template_kwargs"),
        ),
        "asked not to",
    ),
    "always, but it answers": (OddChat(thinking(lambda asked: False, ends=True)), "visitors wait"),
    "aloud": (OddChat(odd_chat.aloud), "asked not to"),
}
WHOLE = json.dumps({"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}, indent=2).encode()
LINES = events().replace(b"data: ", b"").replace(b"\n\n", b"\n")
PARTS = b"".join(event({"content": [{"type": "text", "text": w}]}) for w in odd_chat.words()) + event({}, "stop")
SLICED = b"".join(b"%x\r\n%s\r\n" % (len(events()[i : i + 7]), events()[i : i + 7]) for i in range(0, len(events()), 7))
ANSWERS = {
    "no [DONE]": raw(events()),
    "at once": odd_chat.at_once,
    "at once, over many lines": raw(WHOLE, "application/json"),
    "at once, as an event": raw(b"data: " + WHOLE.replace(b"\n", b"") + b"\n\n"),
    "as JSON lines": raw(LINES, "application/x-ndjson"),
    "CRLF": raw(events().replace(b"\n", b"\r\n")),
    "CR": raw(events().replace(b"\n", b"\r")),
    "no space": raw(events().replace(b"data: ", b"data:")),
    "BOM": raw(b"\xef\xbb\xbf" + events()),
    "comments": raw(b": ping\n\n" + events().replace(b"\n\n", b"\n\n: OPENROUTER PROCESSING\n\n")),
    "named events": raw(events().replace(b"data: ", b"event: message\nid: 7\nretry: 10\ndata: ")),
    "pings": raw(b"event: ping\ndata: {}\n\nevent: ping\ndata: keep-alive\n\n" + events()),
    "one event over two lines": raw(events().replace(b', "delta"', b',\ndata: "delta"')),
    "no empty lines": raw(events().replace(b"\n\n", b"\n")),
    "null": raw(b'data: {"choices": [{"delta": null}]}\n\ndata: {"choices": null}\n\n' + events()),
    "no choice": raw(
        b'data: {"choices": [], "prompt_filter_results": [{}]}\n\n'
        + events()
        + b'data: {"choices": [], "usage": {}}\n\n'
    ),
    "other timings": raw(b'data: {"choices": [], "timings": {"cache_n": "many"}}\n\n' + events()),
    "parts": raw(PARTS),
    "text": raw(events().replace(b'"delta": {"content": ', b'"text": ').replace(b'"}, "finish', b'", "finish')),
    "message for delta": raw(events().replace(b'"delta"', b'"message"')),
    "no end at all": raw(b"".join(event({"content": w}) for w in odd_chat.words())),
    "packed": odd_chat.packed,
    "HTTP/1.0": lambda asked: streamed(asked).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "sliced": raw(SLICED + b"0\r\n\r\n", Transfer_Encoding="chunked"),
    "last line without an end": raw(events().rstrip()),
    "an empty think block": raw(event({"content": "<think>\n\n</think>\n\n"}) + events()),
}
CASES = {**REFUSALS, **{f"thinks: {k}": v for k, v in THOUGHTS.items()}}
CASES |= {f"answers: {k}": (OddChat(v), "") for k, v in ANSWERS.items()}


def server_of(case: str) -> tuple[OddChat, str]:
    """One that the case may change; and the word that is told of it."""
    server, word = CASES[case]
    own = copy(server)
    own.asked = []
    return own, word


@pytest.mark.parametrize("case", CASES)
async def test_what_an_engine_cannot_take_is_found_out_once_and_told(case: str, tmp_path: Path) -> None:
    server, word = server_of(case)
    told: list[str] = []
    async with serving(server) as (url, _):
        made = launcher(url, tmp_path)
        made.tell = told.append
        server.asked.clear()
        await made.canary(url)
        assert not any(map(spoils, server.asked))
        server.asked.clear()
        assert (await answer(made)).removeprefix("<think>\n\n</think>\n\n") == TEXT
    assert len(server.asked) == (2 if "no end" in case else 1), "it is remembered, and asked so at once"
    assert not spoils(server.asked[0])
    assert (word in " ".join(told)) and bool(word) == bool(told)
    assert not any(mark in " ".join(told) for mark in "{}")


async def test_all_is_asked_for_where_all_is_taken(tmp_path: Path) -> None:
    """The canary asks what a turn asks: nothing less could show what the engine makes of a turn."""
    server = OddChat()
    async with serving(server) as (url, _):
        made = launcher(url, tmp_path)
        await made.canary(url)
        await answer(made)
    canary, turn = server.asked
    assert {**canary, "messages": 0} == {**turn, "messages": 0}
    assert turn.items() >= {"stream": True, "cache_prompt": True, "id_slot": 0, "seed": -1, "max_tokens": 80}.items()
    assert [m["role"] for m in canary["messages"]] == ["system", "user", "assistant", "user"]
    assert [m["role"] for m in turn["messages"]] == ["system", "user", "assistant", "user"]
    assert turn["messages"][2]["content"] == "Step up, step up!\nAsk the skull!"


@pytest.mark.parametrize("case", CASES)
async def test_an_engine_that_changes_in_mid_show_is_found_out_in_the_same_turn(case: str, tmp_path: Path) -> None:
    server, _ = server_of(case)
    kept = server.answers, server.refuses, server.paths
    server.answers, server.refuses, server.paths = streamed, odd_chat.never, ("/v1/chat/completions",)
    async with serving(server) as (url, _tiny):
        made = launcher(url, tmp_path)
        try:
            await made.canary(url)
        finally:
            server.answers, server.refuses, server.paths = kept
        first = await answer(made)
        assert TEXT in first
        server.answers, server.refuses, server.paths = streamed, odd_chat.never, ("/v1/chat/completions",)
        assert await answer(made) == TEXT, "and one that is as it was before is well, too"


@pytest.mark.parametrize(
    ("behind", "path"),
    [
        ("/v1", "/v1/chat/completions"),
        ("/v1/", "/v1/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions"),
        ("/", "/v1/chat/completions"),
        ("/v1/models", "/v1/chat/completions"),
        ("/llm/v1", "/llm/v1/chat/completions"),
        ("/llm/", "/llm/v1/chat/completions"),
        ("/api/paas/v4", "/api/paas/v4/chat/completions"),
        ("/api/paas/v4/chat/completions", "/api/paas/v4/chat/completions"),
    ],
)
async def test_an_address_may_be_written_as_its_server_prints_it(behind: str, path: str, tmp_path: Path) -> None:
    server = OddChat(paths=(path,))
    async with serving(server) as (url, _):
        made = launcher(url + behind, tmp_path)
        await made.canary(made.settings.url)
        assert await answer(made) == TEXT


PAGE = raw(b"<!DOCTYPE html><html><body>Welcome</body></html>", "text/html; charset=utf-8")
USELESS = {
    "only thinks": (OddChat(thinking(lambda asked: False)), ("reasoning", "--reasoning-budget 0")),
    "only thinks, hidden": (OddChat(raw(event({}, "length"))), ("reasoning",)),
    "a web page": (OddChat(PAGE), ("no chat at", "correct its url")),
    "another server": (OddChat(paths=()), ("no chat at", "(404)", "correct its url")),
    "LM Studio, elsewhere": (
        OddChat(paths=(), elsewhere=(200, b'{"error": "Unexpected endpoint or method. (POST /v1)"}')),
        ("no chat at", "correct its url"),
    ),
    "always 500": (OddChat(refuses=lambda asked: (500, b"{{ raise_exception('x') }} at row 7")), ("(500)",)),
    "always 503": (OddChat(refuses=lambda asked: (503, b"<h1>Unavailable</h1>")), ("(503)",)),
    "hangs up": (OddChat(refuses=lambda asked: (0, b"")), ("broke off",)),
    "nothing": (OddChat(raw(b"")), ("broke off",)),
    "not a word": (OddChat(raw(event({"content": "…"}) + event({}, "stop"))), ("without a word",)),
    "an error inside": (OddChat(raw(b'data: {"error": {"message": "CUDA error"}}\n\n')), ("cuda error",)),
    "an error event": (OddChat(raw(b'event: error\ndata: {"message": "no GPU"}\n\n')), ("no gpu",)),
    "an error line": (OddChat(raw(b'error: {"code": 500, "message": "no GPU"}\n\n')), ("no gpu",)),
    "junk": (OddChat(raw(b"data: {junk\n\n")), ("not json",)),
    "too small": (
        OddChat(refuses=lambda asked: said("the request exceeds the available context size. try increasing it")),
        ("longer than the window", "shorten the persona"),
    ),
    "no key": (OddChat(refuses=lambda asked: said("Invalid API Key", 401)), ("key",)),
    "too often": (OddChat(refuses=lambda asked: said("You exceeded your current quota", 402)), ("quota",)),
}


@pytest.mark.parametrize("case", USELESS)
async def test_one_without_an_answer_is_never_ready_and_says_why(case: str, tmp_path: Path) -> None:
    server, expected = USELESS[case]
    async with serving(server) as (url, _):
        with pytest.raises(ServiceError) as caught:
            await launcher(url, tmp_path).canary(url)
        words = str(caught.value)
        assert all(word in words.lower() for word in expected), words
        assert words.startswith("llm: ") and "\n" not in words
        assert not any(mark in words for mark in ("{", "}", "Jinja", "<h", "llm: llm"))
        async with attached(launcher(url, tmp_path)) as (service, seen):
            service.start()
            await until(seen, ServiceState.DEGRADED)
            await asyncio.sleep(0.2)
        assert ServiceState.READY not in [s.state for s in seen]
        assert str(seen[-2].last_error) == words


async def test_a_model_that_the_server_lacks_is_named_beside_those_it_has(tmp_path: Path) -> None:
    server = OddChat(refuses=lambda asked: said(f"model '{asked['model']}' not found", 404), models=("a:1b", "b:2b"))
    async with serving(server) as (url, _):
        with pytest.raises(ServiceError, match='llm: has no model "c:3b"; it has a:1b, b:2b; name one of them'):
            await launcher(url, tmp_path, "c:3b").canary(url)


@pytest.mark.parametrize("status", [404, 405, 401, 501, 200])
async def test_a_server_without_a_word_on_its_health_is_ready_when_it_answers(status: int, tmp_path: Path) -> None:
    server = OddChat(health=status)
    async with serving(server) as (url, _), attached(launcher(url, tmp_path)) as (service, seen):
        service.start()
        await until(seen, ServiceState.READY)
        assert server.asked and ServiceState.DEGRADED not in [s.state for s in seen]


async def test_one_that_loads_is_waited_for(tmp_path: Path) -> None:
    server = OddChat(health=503)
    async with serving(server) as (url, _), attached(launcher(url, tmp_path)) as (service, seen):
        service.start()
        await until(seen, ServiceState.LOADING)
        assert "503" in str(seen[-1].last_error) and not server.asked
        server.health = 200
        await until(seen, ServiceState.READY)
        assert seen[-1].last_error is None
        assert ServiceState.DEGRADED not in [s.state for s in seen]


@pytest.mark.parametrize("refusal", [(429, b"{}"), (503, b'{"error": {"message": "Loading model"}}'), (502, b"busy")])
async def test_one_that_has_no_time_for_a_moment_is_asked_again(refusal: tuple[int, bytes], tmp_path: Path) -> None:
    server = OddChat()
    count = 0

    def refuse(asked: dict[str, Any]) -> tuple[int, bytes] | None:
        nonlocal count
        count += 1
        return refusal if count == 2 else None

    server.refuses = refuse
    async with serving(server) as (url, _):
        made = launcher(url, tmp_path)
        await made.canary(url)
        assert await answer(made) == TEXT
    assert len(server.asked) == 3 and server.asked[1] == server.asked[2]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_one_that_has_moved_is_followed(status: int, tmp_path: Path) -> None:
    there = OddChat()
    async with serving(there) as (new, _):

        async def moved(asked: Any) -> AsyncIterator[bytes]:
            yield odd_chat.reply(status, b"", Location=new + asked.path)

        async with serving(moved) as (url, _tiny):
            made = launcher(url, tmp_path)
            await made.canary(url)
            assert await answer(made) == TEXT


async def test_an_answer_that_stops_is_broken_off_where_others_have_an_end(tmp_path: Path) -> None:
    """Whether this server marks its ends is asked in the moment of doubt."""
    cut = head_and(event({"content": "I am "}))
    server = OddChat()
    async with serving(server) as (url, _):
        made = launcher(url, tmp_path)
        server.answers = lambda asked: cut if asked["max_tokens"] > 1 else streamed(asked)
        with pytest.raises(ConversationError, match="llm broke off in the middle"):
            await answer(made)


@pytest.mark.parametrize(
    ("engine", "role", "answers", "word"),
    [
        ("piper", "tts", raw(b"", "audio/pcm"), "sent no sound"),
        ("piper", "tts", raw(bytes(9600), "audio/pcm"), "sent no sound"),
        ("whisper_cpp", "stt", raw(b'{"text": ""}', "application/json"), "instead of"),
        ("whisper_cpp", "stt", raw(b'{"text": "(wind)"}', "application/json"), "instead of"),
    ],
)
async def test_ears_and_voices_are_ready_only_with_a_word_or_a_sound(
    engine: str, role: Role, answers: odd_chat.Answers, word: str, tmp_path: Path
) -> None:
    server = OddChat(answers)
    server.paths = ("/v1/audio/speech", "/inference")
    server.parsed = False
    home = Home(tmp_path / "home")
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    async with serving(server) as (url, _):
        settings = Engine(engine=engine, launch="attach", url=url)
        made = registry.launcher("booth.toml", role, role, settings, shop)
        with pytest.raises(ServiceError, match=word) as caught:
            await made.canary(url)
        assert "models verify" not in str(caught.value), "no model of ours"
        async with attached(made) as (service, seen):
            service.start()
            await until(seen, ServiceState.DEGRADED)
        assert ServiceState.READY not in [s.state for s in seen]


async def test_the_canary_of_a_voice_speaks_as_fast_as_the_character(tmp_path: Path) -> None:
    server = OddChat(raw(b"\x00\x40" * 2000, "audio/pcm"), paths=("/v1/audio/speech",))
    home = Home(tmp_path / "home")
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    async with serving(server) as (url, _):
        made = registry.launcher("b.toml", "tts", "tts", Engine(engine="piper", launch="attach", url=url + "/v1"), shop)
        made.warm_with(HEAD, Character(name="Mr. Bones", persona="You are a skull.", voice=Voice(speed=1.3)))
        await made.canary(made.settings.url)
    assert server.asked[0]["speed"] == 1.3


def head_and(body: bytes) -> bytes:
    return raw(body)({})


async def until(seen: list[ServiceStatus], state: ServiceState) -> None:
    while not seen or seen[-1].state is not state:
        await asyncio.sleep(0.02)


@asynccontextmanager
async def attached(made: BaseLauncher) -> AsyncIterator[tuple[AttachedService, list[ServiceStatus]]]:
    seen: list[ServiceStatus] = []
    spec = AttachedSpec(
        name="llm", role="llm", base_url=made.settings.url, prepare=made.attach, canary=made.canary, leave=made.leave
    )
    service = AttachedService(spec, seen.append)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(service.run())
        async with asyncio.timeout(30):
            yield service, seen
        service.quit()
