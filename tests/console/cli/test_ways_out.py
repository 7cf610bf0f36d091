"""Each message of the product names what mends it, and what it names is there: commands, keys, files, keys of a rig."""

import argparse
import ast
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

import msgspec
import pytest

from clients.http import EngineClient as Client
from clients.http import RemoteServer
from clients.ollama import Ollama
from clients.openai_chat import OpenAIChat
from clients.speech import Speech
from clients.whisper_server import WhisperServer
from console.cli.main import parser
from console.tui.input.keymap import ACTS, LOG_ACTS, MODEL_ACTS, RIG_ACTS
from conversation.errors import ConversationError
from launchers import registry
from profiles.catalogue import Model, ModelFile
from profiles.home import CHECKOUT
from profiles.schema import Character, Engine, Rig

ROOMS = ("console", "launchers", "clients", "devices", "conversation", "profiles", "supervisors")
ERRORS = {"ConversationError", "RequestRefused", "TooLong", "ServiceError", "NeedsRepair", "PortTaken", "ProfileError",
          "FetchError", "DeviceError", "CommandError", "NoSound", "NoShow", "BadAddress", "AlreadyRunning",
          "BadHeader"}  # fmt: skip
ROWS = {"PreflightRow", "Requirement", "Alert"}
PROGRAMS = {"PROGRAM"}
OWN_LOGS = {
    "supervisors/health/synthetic_probe.py", "supervisors/health/health_monitor.py",
    "supervisors/service/supervisor.py", "supervisors/service/group.py",
    "launchers/engines/stt_pywhispercpp.py", "clients/http.py",
}  # fmt: skip
"""Speak of the log of an engine of ours; the last only of one (see the tests below)."""
PAGES = {"2": LOG_ACTS, "3": RIG_ACTS, "4": MODEL_ACTS}
OTHERS = {
    "ollama",
    "make",
    "sudo",
    "systemctl",
    "loginctl",
    "journalctl",
    "export",
    "nvidia-smi",
    "docker",
    "uv",
    "pip",
}
"""Commands that are not ours."""


class Message(msgspec.Struct, frozen=True):
    file: str
    line: int
    text: str
    """What is filled in stands there as {...}."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


def rendered(node: ast.expr) -> str | None:
    """A string or an f-string as people read it."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if not isinstance(node, ast.JoinedStr):
        return None
    parts = []
    for part in node.values:
        if isinstance(part, ast.FormattedValue):
            name = ast.unparse(part.value)
            parts.append("console.py" if name in PROGRAMS else "{...}")
        else:
            parts.append(str(ast.literal_eval(part)))
    return "".join(parts)


def texts(path: Path) -> Iterator[Message]:
    """All strings of a module that are no docstrings and no parts of another."""
    tree = ast.parse(path.read_text("utf-8"))
    nodes = list(ast.walk(tree))
    passed_over = {id(v) for n in nodes if isinstance(n, ast.JoinedStr) for v in ast.walk(n) if v is not n}
    passed_over |= {id(n.value) for n in nodes if isinstance(n, ast.Expr)}
    for node in nodes:
        if not isinstance(node, ast.Constant | ast.JoinedStr) or id(node) in passed_over:
            continue
        if (text := rendered(node)) and " " in text:
            yield Message(path.relative_to(CHECKOUT).as_posix(), node.lineno, text)


def called(path: Path) -> Iterator[str]:
    """The strings that errors and rows are made of."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] in ERRORS | ROWS:
            for given in (*node.args, *(k.value for k in node.keywords)):
                if text := rendered(given):
                    yield text


FILES = sorted(path for room in ROOMS for path in (CHECKOUT / room).rglob("*.py"))


@cache
def messages() -> list[Message]:
    """All of them. Read when a case asks: each worker of xdist imports this module, and one runs it."""
    return [message for path in FILES for message in texts(path)]


def found(pattern: str) -> list[tuple[Message, re.Match[str]]]:
    return [(message, match) for message in messages() for match in re.finditer(pattern, message.text)]


def verbs() -> Mapping[str, argparse.ArgumentParser]:
    actions = parser()._subparsers
    assert actions is not None
    choices = actions._group_actions[0].choices
    assert isinstance(choices, dict)
    return choices


def test_the_walk_sees_the_messages_of_the_product() -> None:
    """A walk that finds nothing proves nothing."""
    assert len(messages()) > 900
    assert len([text for path in FILES for text in called(path)]) > 450


def test_every_command_of_ours_is_there_with_its_words_and_flags() -> None:
    known, seen = verbs(), 0
    for message, match in found(r"console\.py (?!\{)(\w[\w-]*)((?: (?:--[\w-]+|[\w.{}-]+))*)"):
        verb, words = match[1], match[2].split()
        if "Written by" in message.text or message.text.startswith("usage"):
            continue
        assert verb in known, message
        seen += 1
        flags = {flag for action in known[verb]._actions for flag in action.option_strings}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= flags, message
        if verb == "models" and words:
            actions = next(action.choices for action in known[verb]._actions if action.dest == "action")
            assert actions is not None and words[0] in actions, message
            assert words[0] == "list" or len(words) > 1, f"it needs an id: {message}"
        if verb in ("restart", "swap") and "as in" not in message.text:
            assert words, f"it needs a name: {message}"
    assert seen > 30
    bare = [
        m
        for m in messages()
        if re.search(r"`?models (verify|fetch|rm)\b", m.text) and "console.py models" not in m.text
    ]
    assert [str(m) for m in bare if not m.file.startswith("console/cli/main.py")] == [], (
        "not without console.py before it"
    )


def test_every_other_command_is_known() -> None:
    """What stands behind "run" or in backticks is a program, ours or one that is named here."""
    seen = 0
    for message, match in found(r"(?:\brun: |`(?=[^` ]+ [^`]+`))([A-Z_]+=\S+ )?(\{\.\.\.\}|[a-z][\w./-]*)"):
        if match[2] in ("console.py", "{...}") or match[2].endswith("console.py"):
            continue
        seen += 1
        assert match[2] in OTHERS, f"{match[2]!r} is no command that is known: {message}"
    targets = set(re.findall(r"^([a-z-]+):", (CHECKOUT / "Makefile").read_text(), re.MULTILINE))
    made = found(r"\b(?:with|run:?|say|type|again:) `?make (?!it\b)([a-z-]+)")
    assert {match[1] for _, match in made} <= targets and made
    assert seen >= 2


def keys(acts: tuple[object, ...]) -> set[str]:
    return {str(getattr(act, "key")).upper() for act in acts} | {str(getattr(act, "shown")) for act in acts}  # noqa: B009


def test_every_key_works_on_the_page_that_is_named() -> None:
    pages = {act.key for act in ACTS if act.action.startswith("see(")}
    seen = 0
    for message, match in found(r"\b(\d), then ([A-Z])\b(?:, then ([A-Z])\b)?|\b(\d), ([A-Z]), then ([A-Z])\b"):
        page, *pressed = (part for part in match.groups() if part)
        assert page in pages and page in PAGES, message
        assert set(pressed) <= keys(PAGES[page]) | keys(ACTS), message
        seen += 1
    for message, match in found(r"\bpage (\d)\b"):
        assert match[1] in pages, message
        seen += 1
    for message, match in found(r"\b[Pp]ress ([A-Z^]+)\b|\bwith ([A-Z])\b(?! )"):
        everywhere = keys(ACTS) | keys(RIG_ACTS) | keys(MODEL_ACTS) | keys(LOG_ACTS)
        assert (match[1] or match[2]) in everywhere, message
        seen += 1
    assert seen > 8


def fields(kind: type) -> set[str]:
    """All keys that a TOML file of this kind may have, at any depth."""
    out: set[str] = set()
    waiting: list[object] = [msgspec.inspect.type_info(kind)]
    while waiting:
        info = waiting.pop()
        if isinstance(info, msgspec.inspect.StructType):
            out |= {field.encode_name for field in info.fields}
            waiting += [field.type for field in info.fields]
        for name in ("types", "item_types"):
            waiting += getattr(info, name, ())
        for name in ("value_type", "item_type"):
            if hasattr(info, name):
                waiting.append(getattr(info, name))
    return out


def test_every_key_of_a_rig_that_is_named_is_one() -> None:
    options = set()
    for role in ("stt", "llm", "tts"):
        for name in registry.names(role):
            module = __import__(f"launchers.{role}_{name}", fromlist=["Launcher"])
            options |= set(module.Launcher.options)
    known = fields(Rig) | fields(Character) | fields(Model) | fields(ModelFile) | fields(Engine) | options | {"extends"}
    seen = 0
    for message, match in found(r"(?<![\w.-])([a-z][a-z_]*) = \"(?!\{\.\.\.\}\")"):
        if not message.file.startswith(("profiles/edit", "console/autostart", "devices/emulators")):
            assert match[1] in known, message
            seen += 1
    for message, match in found(r"([a-z_{.}]+) under \[([a-z_.{}]+)\](?! in /)"):
        assert match[1].startswith("{") or match[1].endswith("}") or match[1] in known, message
        sections = [part for part in match[2].replace("{...}", "").split(".") if part]
        assert set(sections) <= known, message
        seen += 1
    assert seen > 12
    named = {
        word for m in messages() for word in re.findall(r"\b(?:set|correct|give|add|turn) ([a-z]+_[a-z_]+)\b", m.text)
    }
    assert named <= known, named - known


def test_every_file_that_is_named_is_written_or_read_somewhere() -> None:
    source = {path: path.read_text("utf-8") for path in FILES}
    seen = 0
    for message, match in found(r"(?<![\w/*.}-])([a-z_]+\.(?:log|toml|json))\b"):
        others = [p for p, text in source.items() if re.search(rf'["/]{re.escape(match[1])}["/ ]', text)]
        assert others or list(CHECKOUT.rglob(f"profiles/**/{match[1]}")), message
        seen += 1
    assert seen > 2


def test_only_engines_of_ours_have_a_log_to_be_read() -> None:
    speak = found(r"see its log|\{\.\.\.\}'s log|its log says why|\{\.\.\.\}\.log\b|read its log")
    wrong = [str(m) for m, _ in speak if m.file not in OWN_LOGS and "see" in m.text]
    assert wrong == [] and len(speak) > 4


@pytest.mark.parametrize("kind", [OpenAIChat, WhisperServer, Speech, Ollama])
async def test_nothing_said_of_somebody_elses_server_names_what_it_has_not(kind: type[Client]) -> None:
    url = "http://127.0.0.1:9"
    client = Ollama("x", url, "skull:1b") if kind is Ollama else kind("x", url)
    assert client.wrong("sent junk").hint == "see x's log" and client.revive == "restart x"
    client.belongs_to(RemoteServer(url=url, table="engines.x"))
    said = [str(client.wrong("sent junk")), client.look, client.revive]
    for status in (400, 401, 403, 404, 500, 503):
        with pytest.raises(ConversationError) as caught:
            client.refuse(status, b"no")
        said.append(str(caught.value))
    with pytest.raises(ConversationError) as gone:
        await client.get("/health")
    said.append(str(gone.value))
    await client.aclose()
    for line in said:
        assert not re.search(r"\blog\b|\brestart\b", line), line
        assert url in line or "api_key_file under [engines.x]" in line, line
