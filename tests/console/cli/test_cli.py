"""The command line by itself: mistakes cost one line, help is for operators, an unread show is told."""

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from console.api import client
from console.api.client import NoShow, OperatorClient
from console.api.command import Handlers
from console.api.commands import USAGE, CommandError, Say, Status
from console.cli.main import main, parser
from console.host import exit_codes
from console.show.command_router import CommandRouter
from profiles.home import CHECKOUT


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["nonsense"], "invalid choice"),
        (["ask"], "--wav"),
        (["ask", "--text", "x", "--timeout", "soon"], "invalid seconds value"),
        (["ask", "--text", "x", "--timeout", "-1"], "between 0 and 3600"),
        (["ask", "--text", "x", "--wav", "y"], "not allowed with"),
        (["say"], "text"),
        (["--rig"], "--rig"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    said = capsys.readouterr()
    assert end.value.code == 2 and said.out == ""
    assert said.err.count("\n") == 1 and hint in said.err and "--help" in said.err, said.err


def test_help_speaks_to_operators() -> None:
    text = parser().format_help()
    assert "Exit codes" in text and "imported" not in text


@pytest.mark.parametrize("words", [["--rig", "a", "status"], ["status", "--rig", "a"]])
def test_rig_goes_before_or_after_the_verb(words: list[str]) -> None:
    assert parser().parse_args(words).rig == "a"


async def test_a_show_that_hangs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_ANSWER_S", 0.2)
    path = tmp_path / "deaf.sock"

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()
        gone.set()

    gone = asyncio.Event()
    async with await asyncio.start_unix_server(deaf, path):
        async with OperatorClient(path) as deaf_show:
            with pytest.raises(NoShow, match="does not answer"):
                await deaf_show.call(Status())
        await gone.wait()
        await asyncio.sleep(0.01)


class Show:
    """Nobody is asked."""

    bus = None
    handlers: Handlers = {}


@pytest.mark.parametrize("text", ["👻", "...", "", "   ", "***", "<b></b>"])
def test_nothing_to_say_is_a_mistake_of_the_caller(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whether a show runs or not: by the command line, and by the operator API that the screen uses."""
    monkeypatch.setenv("GALACTUS_HOME", str(tmp_path))
    assert main(["say", text]) == exit_codes.USAGE
    assert capsys.readouterr().err.count("there is nothing to say in that; give some words") == 1
    show: Any = Show()
    operator = CommandRouter(show, show, show, show, show, show, show)
    with pytest.raises(CommandError, match="there is nothing to say") as caught:
        asyncio.run(operator.execute(Say(text=text), "x"))
    assert caught.value.code == USAGE


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    version = re.search(r'^version = "(.+)"$', (CHECKOUT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert ended.value.code == 0 and version and capsys.readouterr().out == f"Galactus {version[1]}\n"
