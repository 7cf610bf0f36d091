"""A persona that is longer than the model's window is refused before anything is fetched, and by the engine's count."""

import json
from argparse import Namespace
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from clients.chat import ChatModel
from console.cli import preflight
from console.engines.services import misfit
from conversation import window
from conversation.ports import Message
from launchers import registry
from launchers.base import BaseLauncher
from launchers.context import LauncherContext
from launchers.llm_llama_cpp import Launcher
from launchers.model_launcher import ModelLauncher
from launchers.runtime.environments import Environments
from launchers.store.model_store import ModelStore
from profiles.catalogue import Catalogue
from profiles.home import Home
from profiles.schema import Character, Engine
from supervisors.errors import NeedsRepair, ServiceError
from tests.fakes.http_server import Asked, Script, serving, whole
from tests.launchers.memory.headers import llama, write_gguf

LONG = Character(name="Long", persona="You are a pirate. " * 3000)
SHORT = Character(name="Short", persona="You are a pirate.")
SAID = "persona is about 16,550 tokens, the window 2,048: shorten it or set context = 32768"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path))
    return Home(tmp_path)


def made(home: Home, character: Character, engine: str = "llama_cpp", **settings: object) -> ModelLauncher:
    shop = LauncherContext(home, ModelStore(home, Catalogue.load(home)), Environments(home))
    settings = {"model": "smollm2-135m"} | settings
    launcher = registry.launcher("booth.toml", "llm", "llm", Engine(engine=engine, **settings), shop)  # type: ignore[arg-type]
    assert isinstance(launcher, ModelLauncher)
    launcher.warm_with(window.head(character), character)
    return launcher


class LlamaServer:
    """Counts as it is told, and refuses a prompt of more messages than `most`."""

    def __init__(self, tokens: int, n_ctx: int = 2048, most: int = 99) -> None:
        self.tokens, self.n_ctx, self.most = tokens, n_ctx, most
        self.primed: list[Sequence[Message]] = []

    async def __call__(self, asked: Asked) -> AsyncIterator[bytes]:
        match asked.path:
            case "/props":
                answer: Script = whole(json.dumps({"default_generation_settings": {"n_ctx": self.n_ctx}}).encode())
            case "/apply-template":
                answer = whole(b'{"prompt": "x"}')
            case "/tokenize":
                answer = whole(json.dumps({"tokens": [1] * self.tokens}).encode())
            case _ if len(asked.json["messages"]) > self.most:
                answer = whole(b'{"error": {"type": "exceed_context_size_error"}}', 400)
            case _:
                self.primed.append(asked.json["messages"])
                answer = whole(b'{"choices": [{"message": {"content": "Arr."}}]}')
        async for data in answer(asked):
            yield data


@pytest.mark.parametrize("engine", ["llama_cpp", "ollama"])
async def test_it_is_refused_before_anything_is_fetched(home: Home, engine: str) -> None:
    with pytest.raises(NeedsRepair) as caught:
        await made(home, LONG, engine, model="smollm2-135m").prepare(lambda progress: None)
    assert str(caught.value).startswith(f"llm: {SAID}")
    assert not list(home.root.iterdir())
    assert made(home, LONG, engine, context=32768).misfit(LONG) == ""
    assert made(home, LONG, engine, context=512).misfit(SHORT) == ""


async def test_the_canary_refuses_by_the_engines_own_count_and_counts_once(home: Home) -> None:
    launcher = made(home, SHORT)
    async with serving(LlamaServer(tokens=15_059)) as (url, _):
        with pytest.raises(
            NeedsRepair, match="llm: persona is 15,059 tokens, the window 2,048: shorten it or set context ="
        ):
            await launcher.canary(url)
    async with serving(LlamaServer(tokens=40)) as (url, tiny):
        await launcher.canary(url)
        await launcher.canary(url)
    assert [a.path for a in tiny.asked].count("/tokenize") == 1


async def test_a_servers_window_counts_and_not_the_rigs_where_it_is_somebody_elses(home: Home) -> None:
    launcher = made(home, LONG, launch="attach", url="http://127.0.0.1:9", model="")
    assert launcher.misfit(LONG) == ""
    async with serving(LlamaServer(tokens=15_059, n_ctx=4096)) as (url, _):
        with pytest.raises(NeedsRepair, match="the window 4,096: shorten it or give that server a window of 16384"):
            await launcher.canary(url)
    async with serving(LlamaServer(tokens=15_059, n_ctx=32_768)) as (url, _):
        await launcher.canary(url)


async def test_what_was_said_so_far_is_left_out_rather_than_refused(home: Home) -> None:
    server = LlamaServer(tokens=40, most=4)
    launcher = made(home, SHORT)
    talk = [Message("user", "Who?"), Message("assistant", "A pirate.")] * 4
    launcher.warm_with([*window.head(SHORT)[:-1], *talk, window.head(SHORT)[-1]], SHORT)
    async with serving(server) as (url, _):
        await launcher.canary(url)
    assert [len(messages) for messages in server.primed] == [4]


async def test_a_server_that_does_not_count_is_believed_when_it_refuses(home: Home) -> None:
    async def script(asked: Asked) -> AsyncIterator[bytes]:
        refuses = asked.path == "/v1/chat/completions"
        said = b'{"error": "maximum context length is 4096 tokens"}' if refuses else b"{}"
        async for data in whole(said, 400 if refuses else 404)(asked):
            yield data

    async with serving(script) as (url, _):
        with pytest.raises(NeedsRepair, match="persona is longer than the window: shorten the persona or give"):
            await made(home, SHORT).canary(url)
        with pytest.raises(ServiceError, match="longer than the window"):
            launcher = made(home, SHORT)
            launcher.warm_with([Message("user", "Hello.")])
            await launcher.canary(url)


async def test_a_character_is_measured_before_it_takes_the_stage(home: Home) -> None:
    launcher = made(home, SHORT)
    assert (await misfit({"llm": launcher}, None, LONG)).startswith(f"llm: {SAID}")
    assert await misfit({"llm": launcher}, None, SHORT) == ""
    async with serving(LlamaServer(tokens=3000)) as (url, _):
        llm = launcher.connect(url)
        assert isinstance(llm, ChatModel)
        assert (await misfit({"llm": launcher}, llm, SHORT)).startswith("llm: persona is 3,000 tokens")
        await llm.aclose()


def test_check_says_so(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    (home.profiles / "characters").mkdir(parents=True)
    (home.profiles / "characters" / "long.toml").write_text(f'name = "Long"\npersona = "{LONG.persona}"\n')
    asked = Namespace(rig="quick", character="long", beep=False, sweep=False, json=False)
    assert preflight.check(asked) == 3
    line = next(row for row in capsys.readouterr().out.splitlines() if " character " in row)
    assert (
        line.startswith("✗ character   llm: persona is about 16,550 tokens, the window ")
        and "shorten it or set" in line
    )


async def test_a_model_that_has_just_come_is_asked_for_its_window_as_well(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the show it was not here, or another one was: a swap."""
    file = write_gguf(home.root / "toy.gguf", llama() | {"llama.context_length": 4096})
    launcher, come = made(home, SHORT, context=8192), list[Path]()
    monkeypatch.setattr(Launcher, "files", lambda launcher: come)

    async def prepare(launcher: BaseLauncher, on_progress: object) -> None:
        come.append(file)

    monkeypatch.setattr(BaseLauncher, "prepare", prepare)
    launcher.check_context("booth.toml")
    with pytest.raises(NeedsRepair, match="llm: context is too long: 8192 tokens are more than .*; write 4096 or less"):
        await launcher.prepare(lambda progress: None)
